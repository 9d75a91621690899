"""A database: its pool of connections, its transactions, and which one the models of a context use.

A statement outside a transaction borrows a connection, runs and is lasting. Inside `with database.transaction()`
everything this context does goes through one connection, until the block ends: whole, or not at all. Which
transaction a statement belongs to is kept in a context variable, so threads and tasks never meet in one.

No statement is ever sent twice: where a connection breaks, the caller is told what is known. `run` repeats
a whole transaction, and only one that the database has surely undone.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TypeVar

from . import errors
from .errors import ConnectionLost, Deadlock, ModelError, OrmError, OutcomeUnknown
from .expressions import Raw, plain
from .fields import Table
from .mysql import MysqlBackend
from .pool import Backend, Gate, Link, Pool, PoolStats, Result
from .runtime import BlockingRuntime, Runtime
from .sqlite import SqliteBackend

T = TypeVar("T")
BACKENDS: dict[str, type[SqliteBackend] | type[MysqlBackend]] = {"sqlite": SqliteBackend, "mysql": MysqlBackend}
log = logging.getLogger(__name__)

POOL_SIZE = 16  # more than two cores can keep busy, few enough for any server's limit
POOL_WAIT = 10.0  # seconds a statement waits for a connection: a person would not wait longer
CONNECT_TIMEOUT = 3.0  # seconds for one host, so that a second and a third one still fit into ten
STATEMENT_TIMEOUT = 30.0  # seconds; nothing a user waits for takes that long
IDLE_LIMIT = 60.0  # seconds; servers and firewalls hang up after minutes at the least
AGE_LIMIT = 1800.0  # seconds; so that memory is given back, and a preferred host is used again
SLOW_QUERY = 0.5  # seconds
RERUNS = 5
BACK_OFF = 0.02  # seconds; doubled at each rerun, of which a random part is slept
READING = {"select", "show", "explain", "describe", "pragma", "values", "with"}

_current: ContextVar[Database | None] = ContextVar("orm_database", default=None)
_innermost: ContextVar[Transaction | None] = ContextVar("orm_transaction", default=None)


def current_database() -> Database:
    """The database of this context; `ModelError` outside every `with database.use()`."""
    database = _current.get()
    if database is None:
        raise ModelError("no database is in use here: with database.use(): ...")
    return database


class Database:
    """`sqlite:///relative.db`, `sqlite:////absolute.db`, `mysql://user:password@host[:port][,host2]/name?ssl_ca=...`.

    All times are seconds; `statement_timeout=None` is no limit, and so is `slow_query=None` for the log."""

    def __init__(
        self, url: str, *, runtime: Runtime | None = None, pool_size: int = POOL_SIZE, pool_wait: float = POOL_WAIT,
        connect_timeout: float = CONNECT_TIMEOUT, statement_timeout: float | None = STATEMENT_TIMEOUT,
        idle_limit: float = IDLE_LIMIT, age_limit: float = AGE_LIMIT, slow_query: float | None = SLOW_QUERY,
    ) -> None:  # fmt: skip
        kind = BACKENDS.get(url.partition("://")[0])
        if kind is None:
            raise ModelError("a database URL begins with sqlite:/// or mysql://")
        self.runtime = runtime if runtime is not None else BlockingRuntime()
        self.backend: Backend = kind(url, self.runtime, connect_timeout, statement_timeout)
        self._pool = Pool(self.backend, self.runtime, pool_size, pool_wait, idle_limit, age_limit)
        self._writer = Gate(self.runtime, 1) if self.backend.local else None
        self._pool_wait, self._slow_query = pool_wait, slow_query

    @property
    def dialect(self) -> str:
        """"mysql" or "sqlite"."""
        return self.backend.name

    @contextmanager
    def use(self) -> Iterator[Database]:
        """Within the block, the models of this context live in this database."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    def transaction(self, *, write: bool = True) -> Transaction:
        """`with database.transaction():` all of the block, or nothing; inside another one, a savepoint of it."""
        return Transaction(self, write)

    def run(self, fn: Callable[..., T], *args: object) -> T:
        """What `fn` returns, run in a transaction; run again where the database surely undid all of it."""
        for rerun in range(RERUNS if self.active() is None else 0):
            try:
                with self.transaction():
                    return fn(*args)
            except (Deadlock, ConnectionLost):
                self.runtime.sleep(random.uniform(0, BACK_OFF * 2**rerun))
        with self.transaction():
            return fn(*args)

    def execute(self, sql: str, values: Sequence[object] = ()) -> Result:
        """Run a statement of your own, `?` standing for each value; what it gives is not converted."""
        words = sql.split(None, 1)
        write = not words or words[0].lower() not in READING
        return self.perform(sql, [plain(value) for value in values], write, raw=True)

    def perform(self, sql: str, values: Sequence[Raw], write: bool, table: Table | None = None,
                raw: bool = False) -> Result:  # fmt: skip
        """Run a statement made by this package, in this context's transaction if there is one."""
        transaction = self.active()
        try:
            if transaction is not None:
                return transaction.root.execute(sql, values, raw)
            return self._alone(sql, values, write, raw)
        except errors.UniqueViolation as error:
            if table is not None:
                table.explain(error)
            raise

    def _alone(self, sql: str, values: Sequence[Raw], write: bool, raw: bool) -> Result:
        link = self.borrow(write)
        try:
            return self.timed(link, sql, values, raw)
        except Exception as error:
            if write and unknown(error):
                raise OutcomeUnknown(f"a write was broken off: {error}") from error
            raise
        finally:
            self.give_back(link, write)

    def borrow(self, write: bool) -> Link:
        """A connection; for a write to SQLite, also the right to be the only writer."""
        if self._writer is None or not write:
            return self._pool.take()
        self._writer.enter(self._pool_wait)
        try:
            return self._pool.take()
        except BaseException:
            self._writer.leave()
            raise

    def give_back(self, link: Link, write: bool) -> None:
        try:
            self._pool.give(link)
        finally:
            if self._writer is not None and write:
                self._writer.leave()

    def timed(self, link: Link, sql: str, values: Sequence[Raw], raw: bool = False) -> Result:
        """Run a statement; one that takes long is logged, without its values: they belong to users."""
        if self._slow_query is None:
            return link.execute(sql, values, raw)
        started = self.runtime.now()
        try:
            return link.execute(sql, values, raw)
        finally:
            if (seconds := self.runtime.now() - started) >= self._slow_query:
                log.warning("slow query, %.3f s: %s", seconds, sql)

    def active(self) -> Transaction | None:
        """The innermost transaction of this context in this database, still open."""
        transaction = _innermost.get()
        while transaction is not None and (transaction.database is not self or transaction.root.over):
            transaction = transaction.outer
        return transaction

    def stats(self) -> PoolStats:
        return self._pool.stats()

    def close(self) -> None:
        """Close idle connections now, lent ones when they come back. Nothing can be asked afterwards."""
        self._pool.close()


def unknown(error: Exception) -> bool:
    """Whether a statement that ended so may have been done all the same: nobody answered, and we had asked."""
    return error.sent if isinstance(error, ConnectionLost) else not isinstance(error, OrmError)


class Transaction:
    """One level of a transaction: the outermost holds the connection, the others are savepoints of it."""

    def __init__(self, database: Database, write: bool) -> None:
        self.database, self.write = database, write
        self.outer: Transaction | None = None
        self.root: Transaction = self
        self.over = False
        self._depth = 0
        self._busy = False
        self._failure: OrmError | None = None  # the database has undone everything already, for this reason

    @property
    def nested(self) -> bool:
        return self.root is not self

    def __enter__(self) -> Transaction:
        enclosing = self.database.active()
        self.outer = _innermost.get()
        if enclosing is None:
            self._begin()
        else:
            self.root, self._depth = enclosing.root, enclosing._depth + 1
            self.root.execute(f"SAVEPOINT level_{self._depth}", ())
        self._token: Token[Transaction | None] = _innermost.set(self)
        return self

    def _begin(self) -> None:
        self._link = self.database.borrow(self.write)
        try:
            self._link.begin(self.write)
        except BaseException:
            self.database.give_back(self._link, self.write)
            raise

    def execute(self, sql: str, values: Sequence[Raw], raw: bool = False) -> Result:
        """Run a statement in this transaction, as its outermost level."""
        if self._failure is not None:
            raise OrmError(f"this transaction was undone already: {self._failure}") from self._failure
        if self._busy:
            raise ModelError("two tasks use one transaction at the same time")
        self._busy = True
        try:
            return self.database.timed(self._link, sql, values, raw)
        except (Deadlock, errors.StatementTimeout, errors.Unavailable) as error:
            self._failure = error
            raise
        finally:
            self._busy = False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        _innermost.reset(self._token)
        if self.nested:
            self._leave_savepoint(error)
            return
        self.over = True
        try:
            if error is None:
                self._commit()
        finally:
            self.database.give_back(self._link, self.write)  # which rolls back what was not committed

    def _leave_savepoint(self, error: BaseException | None) -> None:
        if error is None:
            self.root.execute(f"RELEASE SAVEPOINT level_{self._depth}", ())
        elif self.root._failure is None and not self.root._link.broken:
            self.root.execute(f"ROLLBACK TO SAVEPOINT level_{self._depth}", ())

    def _commit(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self.database.timed(self._link, "COMMIT", ())
        except Exception as error:
            undone = isinstance(error, Deadlock | errors.IntegrityError) or self.database.backend.local
            if undone or (isinstance(error, ConnectionLost) and not error.sent):
                raise
            raise OutcomeUnknown(f"a COMMIT was broken off: {error}") from error
