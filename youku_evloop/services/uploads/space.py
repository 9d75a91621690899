"""Room on the disk: what is free, what has been promised to uploads, what a user may take.

Promised is what unfinished uploads have still to receive. One whose size is not known is promised room in steps, as it
grows; those promises are kept in memory, for they need to outlive nothing.
"""

from __future__ import annotations

from typing import Final

from youku_evloop import orm
from youku_evloop.errors import NoSpace, QuotaExceeded
from youku_evloop.models import Movie, Upload
from youku_evloop.services.disk import on_disk
from youku_evloop.services.library import Library
from youku_evloop.services.uploads.claims import OpenUpload
from youku_evloop.services.uploads.rows import UNFINISHED

STEP: Final = 64 * 1024 * 1024
"""Bytes that an upload of unknown size is promised at a time, where there are so many."""


def require(library: Library, user_id: int, size: int) -> None:
    """Raise `QuotaExceeded` or `NoSpace` unless another `size` bytes of this user can come.

    Whoever calls holds the lock `space` until the promise can be seen.
    """
    _left(library, user_id, size)


def grow(library: Library, upload: OpenUpload, end: int) -> None:
    """See to it that an upload of unknown size may reach `end`; raises `QuotaExceeded`, `NoSpace`."""
    if upload.size or end <= upload.granted:
        return
    with library.hold(("space", "")):
        left = orm.current_database().together(_left, library, upload.user_id, end - upload.granted)
        upload.granted = end + min(STEP, left)


def _left(library: Library, user_id: int, size: int) -> int:
    """What could still be promised to this user after another `size` bytes; raises `QuotaExceeded`, `NoSpace`."""
    left = []
    if (quota := library.keeping.quota) is not None:
        used = _used(library, user_id)
        if used + size > quota:
            raise QuotaExceeded(
                f"You may have {quota} bytes here and have {used} (unfinished uploads included); this needs {size} "
                "more. Delete a movie, or cancel an upload.",
                needed=size,
                used=used,
                quota=quota,
            )
        left.append(quota - used - size)
    free = _unpromised(library)
    if size > free:
        raise NoSpace(
            f"The upload needs {size} bytes, the server has {max(free, 0)} that are neither promised to other uploads "
            "nor kept free. Try again when there is room.",
            needed=size,
            free=max(free, 0),
        )
    return min([*left, free - size])


def _unpromised(library: Library) -> int:
    """Bytes that may still be promised; less than none, where more was promised than is there."""
    unfinished = Upload.select().where(Upload.state.in_(UNFINISHED)).columns(Upload.id, Upload.size).rows()
    return on_disk(library, _free_beyond, library, unfinished)


def _free_beyond(library: Library, unfinished: list[tuple[str, int]]) -> int:
    """Bytes that are free beyond what is kept free and what these uploads have still to receive."""
    room = library.store.room()
    promised = sum(max(_claimed(library, *upload) - _size(library, upload[0]), 0) for upload in unfinished)
    return room.free - library.keeping.kept_free(room.total) - promised


def _used(library: Library, user_id: int) -> int:
    """What the user's movies take, and what their unfinished uploads may come to take."""
    published = Movie.select(user_id=user_id, is_delete=False).columns(orm.sum(Movie.file_size)).rows()[0][0] or 0
    mine = Upload.select(user_id=user_id).where(Upload.state.in_(UNFINISHED)).columns(Upload.id, Upload.size).rows()
    return int(published) + on_disk(library, _claimed_by, library, mine)


def _claimed_by(library: Library, unfinished: list[tuple[str, int]]) -> int:
    return sum(_claimed(library, *upload) for upload in unfinished)


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
