"""The rows of uploads: whose they are, what state they are in, what the wire shows of them."""

from __future__ import annotations

from typing import Any, Final

from youku_evloop import orm
from youku_evloop.errors import NotFound
from youku_evloop.models import Upload, UploadState
from youku_evloop.services.library import Caller, Library, timestamp

LISTED: Final = 50
"""Unfinished uploads that `upload.list` answers at a time: they fit a frame."""
UNFINISHED: Final = (UploadState.RECEIVING, UploadState.VERIFYING)

OWN: Final = Upload.select(id=orm.Given("id"), user_id=orm.Given("user")).limit(1)


def own(who: Caller, upload_id: str) -> Upload:
    """One of the caller's uploads, in whatever state; raises `NotFound`."""
    row = OWN.given(id=upload_id, user=who.id).first()
    if row is None:
        raise NotFound("There is no such upload of yours; `youku uploads` lists them.", upload=upload_id)
    return row


def unfinished(who: Caller, upload_id: str) -> Upload:
    """One of the caller's uploads that has not ended; raises `NotFound`."""
    row = own(who, upload_id)
    require_unfinished(row)
    return row


def require_unfinished(row: Upload) -> None:
    """Raise `NotFound` for an upload that has ended."""
    if row.state not in UNFINISHED:
        raise NotFound(f"This upload is {row.state.value}; start a new one.", upload=row.id, state=row.state.value)


def all_unfinished(who: Caller, cursor: str | None) -> tuple[list[Upload], str | None]:
    """A page of the caller's unfinished uploads, newest first, and the cursor of the next page: the last one's id."""
    mine = Upload.select(user_id=who.id).where(Upload.state.in_(UNFINISHED))
    mine = mine.order_by(Upload.create_time.desc(), Upload.id.desc())
    rows = mine.after(None if cursor is None else own(who, cursor)).limit(LISTED + 1).all()
    return rows[:LISTED], rows[LISTED - 1].id if len(rows) > LISTED else None


def as_json(library: Library, rows: list[Upload]) -> list[dict[str, Any]]:
    """Uploads as the wire shows them."""
    offsets = library.in_thread(_offsets, library, rows)
    return [
        {
            "id": row.id,
            "name": row.name,
            "size": row.size or None,
            "offset": offset,
            "state": row.state.value,
            "movie": row.movie_id,
            "create_time": timestamp(row.create_time),
            "expire_time": timestamp(row.expire_time),
        }
        for row, offset in zip(rows, offsets, strict=True)
    ]


def _offsets(library: Library, rows: list[Upload]) -> list[int]:
    return [_offset(library, row) for row in rows]


def _offset(library: Library, row: Upload) -> int:
    """A machine that was started again may have lost what was not durable: that, the next claim cuts off."""
    if row.state is UploadState.PUBLISHED:
        return row.size
    size = library.store.part_size(row.id) or 0
    return size if row.boot_id == library.boot_id else min(size, row.durable_offset)
