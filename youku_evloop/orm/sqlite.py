"""SQLite: a file, in WAL mode, durable at every commit, with many readers and one writer at a time.

Every use of a connection goes through `runtime.call`, one call per statement or per visit, so that an event loop never
waits for the disk. Only one call at a time uses a connection, in whatever thread that runs.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from . import errors
from .expressions import Raw
from .pool import Link, Result
from .runtime import BlockingRuntime, Runtime

T = TypeVar("T")

BUSY_TIMEOUT = 5000  # milliseconds that another process may hold the write lock before we call it a deadlock
STEPS = 10_000  # virtual machine instructions between two looks at the clock: some 0.1 ms
SET_UP = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA synchronous = FULL",  # NORMAL would lose the last commits with the power
    "PRAGMA foreign_keys = ON",
    "PRAGMA case_sensitive_like = ON",  # as MySQL does with our collation
)
ROWS = msgspec.json.Decoder(list[tuple[Any, ...]])
ERRORS: dict[str, type[errors.OrmError]] = {
    "SQLITE_CONSTRAINT_UNIQUE": errors.UniqueViolation, "SQLITE_CONSTRAINT_PRIMARYKEY": errors.UniqueViolation,
    "SQLITE_CONSTRAINT_FOREIGNKEY": errors.ForeignKeyViolation, "SQLITE_CONSTRAINT": errors.IntegrityError,
    "SQLITE_CONSTRAINT_TRIGGER": errors.ForeignKeyViolation,  # of ON DELETE RESTRICT; there are no other triggers
    "SQLITE_BUSY": errors.Deadlock, "SQLITE_LOCKED": errors.Deadlock, "SQLITE_INTERRUPT": errors.StatementTimeout,
    "SQLITE_CANTOPEN": errors.Unavailable, "SQLITE_FULL": errors.DiskFull, "SQLITE_IOERR": errors.Unavailable,
    "SQLITE_READONLY": errors.Unavailable,
}  # fmt: skip


@lru_cache(maxsize=256)
def in_one_row(sql: str, width: int) -> str:
    """The same SELECT of so many columns, with all its rows in one, which `rows_of` takes apart.

    The module `sqlite3` lets go of the interpreter for each row. Where a loop is at work in another thread, it has to
    wait for it each time: a page of 21 rows took twice the CPU of this. A subquery that is aggregated keeps its order
    (rule 16 of SQLite's query flattener).
    """
    names = ", ".join(f"c{number}" for number in range(width))
    return f"WITH page({names}) AS ({sql}) SELECT group_concat(json_array({names})) FROM page"


def rows_of(result: Result) -> list[tuple[Any, ...]]:
    """The rows of a SELECT that was sent `in_one_row`."""
    ((text,),) = result.rows
    return ROWS.decode(f"[{text or ''}]")


class SqliteBackend:
    """`sqlite:///relative.db` or `sqlite:////absolute.db`: a file."""

    name, local = "sqlite", True

    def __init__(self, url: str, runtime: Runtime, connect_timeout: float, statement_timeout: float | None) -> None:
        self.path, self.runtime, self.limit = url.removeprefix("sqlite:///"), runtime, statement_timeout
        if self.path in ("", url, ":memory:"):  # a database in memory would be another one for each connection
            raise errors.ModelError("a SQLite URL is sqlite:///relative.db or sqlite:////absolute.db, a file")

    def open(self) -> Link:
        return self.runtime.call(SqliteLink, self)


class SqliteLink(Link):
    """One connection to a SQLite file, which blocks and is used where the runtime lets it."""

    def __init__(self, backend: SqliteBackend) -> None:
        super().__init__(backend.runtime.now())
        self._call, self._limit, self._deadline = backend.runtime.call, backend.limit, 0.0
        try:
            self._connection = sqlite3.connect(backend.path, isolation_level=None, check_same_thread=False)
            for statement in SET_UP:
                self._connection.execute(statement)
        except sqlite3.Error as error:
            raise errors.Unavailable(f"cannot open {backend.path}: {error}") from error
        self._connection.create_function("LOWER", 1, _lower, deterministic=True)
        if self._limit is not None:
            self._connection.set_progress_handler(lambda: time.monotonic() > self._deadline, STEPS)

    def execute(self, sql: str, values: Sequence[Raw] = ()) -> Result:
        return self._call(self._execute, sql, values)

    def _execute(self, sql: str, values: Sequence[Raw]) -> Result:
        if self._limit is not None:
            self._deadline = time.monotonic() + self._limit  # in a worker thread, where no loop moves its clock
        try:
            cursor = self._connection.execute(sql, values)
            return Result(cursor.fetchall(), cursor.rowcount, cursor.lastrowid)
        except (sqlite3.Error, OverflowError) as error:
            raise _translated(error) from error
        except BaseException:
            self.broken = True
            raise

    def visit(self, fn: Callable[[], T]) -> T:
        result: T = self._call(self._stay, fn)
        return result

    def _stay(self, fn: Callable[[], T]) -> T:
        """`fn` and all its statements in this one call."""
        call, self._call = self._call, BlockingRuntime().call
        try:
            return fn()
        finally:
            self._call = call

    def begin(self, write: bool) -> None:
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def usable(self, idle: float) -> bool:
        return True

    def reset(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")
        self.broken |= self.tainted  # a PRAGMA may have been changed: to open another is quicker than to ask

    def close(self) -> None:
        self._call(self._connection.close)


def _lower(text: Any) -> Any:
    """SQLite's own LOWER knows only ASCII."""
    return text.lower() if isinstance(text, str) else text


def _translated(error: Exception) -> errors.OrmError:
    name, message = getattr(error, "sqlite_errorname", ""), str(error)
    kind = ERRORS.get(name) or ERRORS.get("_".join(name.split("_")[:2]), errors.OrmError)
    if kind is errors.UniqueViolation:  # "... failed: table.column, table.column"
        columns = message.partition(": ")[2].split(", ")
        return errors.UniqueViolation(message, tuple(column.rpartition(".")[2] for column in columns))
    return kind(message)
