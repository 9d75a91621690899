"""Room on the disk: what is free, what has been promised to uploads, what a user may take.

Promised is what unfinished uploads have still to receive. One whose size is not known is promised room in steps, as it
grows; those promises are kept in memory, for they need to outlive nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from youku_evloop import orm
from youku_evloop.errors import NoSpace, QuotaExceeded
from youku_evloop.models import Movie, Upload
from youku_evloop.services.disk import on_disk
from youku_evloop.services.library import Library
from youku_evloop.services.promises import Promise
from youku_evloop.services.uploads.claims import OpenUpload
from youku_evloop.services.uploads.rows import UNFINISHED

PROMISED: Final = Upload.select().where(Upload.state.in_(UNFINISHED)).columns(orm.sum(Upload.size))
EACH: Final = Upload.select().where(Upload.state.in_(UNFINISHED)).columns(Upload.id, Upload.size)
STEP: Final = 64 * 1024 * 1024
"""Bytes that an upload of unknown size is promised at a time, where there are so many."""


def require(library: Library, upload_id: str, user_id: int, size: int) -> None:
    """Raise `QuotaExceeded` or `NoSpace` unless a new upload can have so much.

    Whoever calls settles the promise (`Library.promises`) once the row is there for all to see.
    """
    _left(library, Promise(upload_id, user_id, size), size or 1)  # one of unknown size has a byte at least


def grow(library: Library, upload: OpenUpload, end: int) -> None:
    """See to it that an upload of unknown size may reach `end`; raises `QuotaExceeded`, `NoSpace`."""
    if upload.size or end <= upload.granted:
        return
    with library.hold(("grow", "")):  # one at a time, for each asks for more than it may get
        promise = Promise(upload.id, upload.user_id, end + STEP)
        try:
            left = orm.current_database().together(_left, library, promise, end - upload.granted)
            upload.granted = end + min(STEP, left)
        finally:
            library.promises.settle(upload.id)


def _left(library: Library, promise: Promise, size: int) -> int:
    """What could still be promised after `size` more bytes; raises `QuotaExceeded`, `NoSpace`."""
    earlier = library.promises.ask(promise)
    left = []
    if (quota := library.keeping.quota) is not None:
        mine = [other for other in earlier if other.user_id == promise.user_id]
        used = _used(library, promise.user_id, mine)
        if used + size > quota:
            raise QuotaExceeded(
                f"You may have {quota} bytes here and have {used} (unfinished uploads included); this needs {size} "
                "more. Delete a movie, or cancel an upload.",
                needed=size,
                used=used,
                quota=quota,
            )
        left.append(quota - used - size)
    free = _unpromised(library, earlier, size)
    if size > free:
        raise NoSpace(
            f"The upload needs {size} bytes, the server has {max(free, 0)} that are neither promised to other uploads "
            "nor kept free. Try again when there is room.",
            needed=size,
            free=max(free, 0),
        )
    return min([*left, free - size])


def _unpromised(library: Library, asked: Sequence[Promise], size: int) -> int:
    """Bytes that may still be promised; less than none, where more was promised than is there.

    First as if nothing had come of any upload, which the database sums up: where even so there is room for `size`,
    nobody needs to know how much more there is, and no upload is looked at by itself.
    """
    whole = PROMISED.given().rows()[0][0] or 0
    growing = sum(upload.granted for upload in list(library.open_uploads.values()) if not upload.size)
    least = on_disk(library, _free, library) - int(whole) - growing - sum(promise.end for promise in asked)
    if least >= size:
        return least
    return on_disk(library, _free_beyond, library, EACH.rows(), asked)


def _free(library: Library) -> int:
    """Bytes that are free beyond what is kept free."""
    disk = library.store.room()
    return disk.free - library.keeping.kept_free(disk.total)


def _free_beyond(library: Library, unfinished: list[tuple[str, int]], asked: Iterable[Promise]) -> int:
    """Bytes that are free beyond what is kept free and what these uploads have still to receive."""
    claims = _claims(library, unfinished, asked)
    return _free(library) - sum(max(claim - _size(library, upload_id), 0) for upload_id, claim in claims.items())


def _used(library: Library, user_id: int, asked: Iterable[Promise]) -> int:
    """What the user's movies take, and what their unfinished uploads may come to take."""
    published = Movie.select(user_id=user_id, is_delete=False).columns(orm.sum(Movie.file_size)).rows()[0][0] or 0
    mine = Upload.select(user_id=user_id).where(Upload.state.in_(UNFINISHED)).columns(Upload.id, Upload.size).rows()
    return int(published) + sum(on_disk(library, _claims, library, mine, asked).values())


def _claims(library: Library, unfinished: list[tuple[str, int]], asked: Iterable[Promise]) -> dict[str, int]:
    """What each upload may come to take, by its id; one that has just got its row is counted once."""
    claims = {upload_id: _claimed(library, upload_id, size) for upload_id, size in unfinished}
    for upload_id, _user_id, end in asked:
        claims[upload_id] = max(claims.get(upload_id, 0), end)
    return claims


def _claimed(library: Library, upload_id: str, size: int) -> int:
    """What an upload may come to take: all of it, or where that is not known, what has been promised to it."""
    if size:
        return size
    growing = library.open_uploads.get(upload_id)
    return growing.granted if growing is not None else _size(library, upload_id)


def _size(library: Library, upload_id: str) -> int:
    """Bytes that have come; nobody has to ask the disk about a part that is open here."""
    growing = library.open_uploads.get(upload_id)
    return growing.part.size if growing is not None else library.store.part_size(upload_id) or 0
