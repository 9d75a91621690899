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
    _require_quota(library, user_id, size)
    free = unpromised(library)
    if size > free:
        raise NoSpace(
            f"The upload needs {size} bytes, the server has {max(free, 0)} that are neither promised to other uploads "
            "nor kept free. Try again when there is room.",
            needed=size,
            free=max(free, 0),
        )


def grow(library: Library, upload: OpenUpload, end: int) -> None:
    """See to it that an upload of unknown size may reach `end`; raises `QuotaExceeded`, `NoSpace`."""
    if upload.size or end <= upload.granted:
        return
    with library.hold(("space", "")):
        more = end - upload.granted
        _require_quota(library, upload.user_id, more)
        free = unpromised(library)
        if more > free:
            raise NoSpace(
                f"The server has no room for another {more} bytes of this upload. What has arrived is kept: repeat it "
                "when there is room.",
                needed=more,
                free=max(free, 0),
            )
        upload.granted = end + max(0, min(STEP, free - more))


def unpromised(library: Library) -> int:
    """Bytes that may still be promised; less than none, where more was promised than is there."""
    unfinished = Upload.select().where(Upload.state.in_(UNFINISHED)).columns(Upload.id, Upload.size).rows()
    return on_disk(library, _unpromised, library, unfinished)


def _unpromised(library: Library, unfinished: list[tuple[str, int]]) -> int:
    room, size_of = library.store.room(), library.store.part_size
    promised = sum(max(size - (size_of(upload_id) or 0), 0) for upload_id, size in unfinished if size)
    growing = [upload for upload in list(library.open_uploads.values()) if not upload.size]
    promised += sum(max(upload.granted - upload.part.size, 0) for upload in growing)
    return room.free - library.keeping.kept_free(room.total) - promised


def _require_quota(library: Library, user_id: int, size: int) -> None:
    quota = library.keeping.quota
    if quota is None:
        return
    used = _used(library, user_id)
    if used + size > quota:
        raise QuotaExceeded(
            f"You may have {quota} bytes here and have {used} (unfinished uploads included); this needs {size} more. "
            "Delete a movie, or cancel an upload.",
            needed=size,
            used=used,
            quota=quota,
        )


def _used(library: Library, user_id: int) -> int:
    published = Movie.select(user_id=user_id, is_delete=False).columns(orm.sum(Movie.file_size)).rows()[0][0] or 0
    mine = Upload.select(user_id=user_id).where(Upload.state.in_(UNFINISHED)).columns(Upload.id, Upload.size).rows()
    return int(published) + on_disk(library, _taken, library, mine)


def _taken(library: Library, unfinished: list[tuple[str, int]]) -> int:
    return sum(size or library.store.part_size(upload_id) or 0 for upload_id, size in unfinished)
