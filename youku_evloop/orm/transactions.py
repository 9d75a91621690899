"""A transaction: what goes through one connection between BEGIN and COMMIT, and which one a context is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from . import errors
from .errors import Deadlock, ModelError, OrmError, OutcomeUnknown
from .expressions import Raw
from .pool import Link, Result

if TYPE_CHECKING:
    from .database import Database

innermost: ContextVar[Transaction | None] = ContextVar("orm_transaction", default=None)


class Transaction:
    """A connection between BEGIN and COMMIT."""

    def __init__(self, database: Database, link: Link, write: bool, outer: Transaction | None) -> None:
        self.database, self.write, self.outer, self.over = database, write, outer, False
        self.has_written = False
        self._link, self._depth, self._busy = link, 0, False
        self.failure: OrmError | None = None  # the database has undone everything already, for this reason

    def execute(self, sql: str, values: Sequence[Raw] = (), raw: bool = False) -> Result:
        if self.failure is not None:
            raise OrmError(f"this transaction was undone already: {self.failure}") from self.failure
        if self._busy:
            raise ModelError("two tasks use one transaction at the same time")
        self._busy = True
        self._link.tainted |= raw
        try:
            return self.database.timed(self._link, sql, values)
        except (Deadlock, errors.StatementTimeout, errors.Unavailable) as error:
            self.failure = error
            raise
        finally:
            self._busy = False

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._depth += 1
        name = f"level_{self._depth}"
        try:
            self.execute(f"SAVEPOINT {name}")
            yield
            self.execute(f"RELEASE SAVEPOINT {name}")
        except BaseException:
            if self.failure is None and not self._link.broken:
                self.execute(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        finally:
            self._depth -= 1

    def require(self) -> None:
        """Raise the error that has undone it, even where that was swallowed."""
        if self.failure is not None:
            raise self.failure

    def commit(self) -> None:
        self.require()
        try:
            self.database.timed(self._link, "COMMIT")
        except Exception as error:
            if self.database.backend.local or isinstance(error, Deadlock | errors.IntegrityError):
                raise
            if isinstance(error, OrmError) and not getattr(error, "sent", True):
                raise
            raise OutcomeUnknown(f"a COMMIT was broken off: {error}") from error
