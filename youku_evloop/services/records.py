"""The download history: one's own, and everybody's for administrators."""

from __future__ import annotations

from typing import Any

from youku_evloop import orm
from youku_evloop.models import DownloadRecord
from youku_evloop.services import users
from youku_evloop.services.library import Caller, page, timestamp


def as_json(record: DownloadRecord) -> dict[str, Any]:
    """A record as the wire shows it; user and movie must be joined. A deleted movie still has its name."""
    return {
        "id": record.id,
        "user": record.user.name,
        "movie": record.movie_id,
        "name": record.movie.name,
        "deleted": record.movie.is_delete,
        "size": record.movie.file_size,
        "bytes_sent": record.bytes_sent,
        "completed": record.completed,
        "create_time": timestamp(record.create_time),
    }


def of_caller(who: Caller, limit: int, cursor: str | None) -> tuple[list[DownloadRecord], str | None]:
    """A page of the caller's records, newest first, and the cursor of the next page."""
    return page(DownloadRecord.select(user_id=who.id), _whole(), DownloadRecord.id, limit, cursor)


def of_all(
    user: str | None, movie_id: int | None, limit: int, cursor: str | None
) -> tuple[list[DownloadRecord], str | None]:
    """A page of everybody's records, or of one user, or of one movie; raises `NotFound` for an unknown user."""
    query = DownloadRecord.select()
    if user is not None:
        query = query.where(user_id=users.find(user).id)
    if movie_id is not None:
        query = query.where(movie_id=movie_id)
    return page(query, _whole(), DownloadRecord.id, limit, cursor)


def _whole() -> orm.Query[DownloadRecord]:
    return DownloadRecord.select().join(DownloadRecord.user, DownloadRecord.movie)
