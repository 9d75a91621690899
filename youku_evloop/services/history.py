"""What was looked for is written down before the answer goes out, and the searches of one moment together.

A search by itself would be a commit by itself: with many clients each of the few connections to the database would be
busy waiting for the disk, and the searches themselves would wait for a connection. So while one statement is under way
those that come meanwhile gather, and the first of them writes all in the next one. (With SQLite all writes do so.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from youku_evloop import orm
from youku_evloop.models import SearchHistory

if TYPE_CHECKING:
    from youku_evloop.services.library import Caller, Library


@dataclass(slots=True, eq=False)
class Entry:
    """A search that somebody waits for to be written."""

    row: dict[str, Any]
    is_over: bool = False
    error: Exception | None = None


def remember(library: Library, who: Caller, query: str, is_found: bool) -> None:
    """Add a search to the caller's history; when it returns, it is there. Raises what the database raises."""
    row = {"user_id": who.id, "query": query, "is_found": is_found, "create_time": orm.utcnow()}
    if orm.current_database().backend.local:
        SearchHistory.create(**row)
        return
    entry = Entry(row)
    library.searches.append(entry)
    with library.hold(("searches", "")):
        if not entry.is_over:
            _write(library.searches)
    if entry.error is not None:
        raise entry.error


def _write(waiting: list[Entry]) -> None:
    """All of them; where one cannot be stored, each by itself."""
    together = waiting[:]
    waiting.clear()
    _insert(together)
    if len(together) > 1 and isinstance(together[0].error, orm.IntegrityError):
        for entry in together:
            _insert([entry])


def _insert(entries: list[Entry]) -> None:
    error: Exception | None = None
    try:
        SearchHistory.insert_many([entry.row for entry in entries])
    except Exception as problem:
        error = problem
    for entry in entries:
        entry.is_over, entry.error = True, error
