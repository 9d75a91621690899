"""A database: its pool of connections, its transactions, and which one the models of a context use.

A statement outside a transaction borrows a connection, runs and is lasting. Inside `with database.transaction()`
everything this context does goes through one connection, until the block ends: whole, or not at all. Which
transaction a statement belongs to is kept in a context variable, so threads and tasks never meet in one.

No statement is sent twice because a connection broke: the caller is told what is known. What is repeated is a whole
transaction that the database has surely undone, whether it is a function's (`run`) or a statement's own.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from . import errors
from .errors import ConnectionLost, Deadlock, ModelError, OrmError, OutcomeUnknown
from .expressions import Raw, plain
from .fields import Table
from .mysql import MysqlBackend
from .pool import Gate, Link, Pool, PoolStats, Result
from .runtime import BlockingRuntime, Runtime
from .sqlite import SqliteBackend, in_one_row, rows_of
from .transactions import Transaction, innermost
from .visits import Visit, Writes

T = TypeVar("T")
log = logging.getLogger(__name__)

POOL_SIZE = 16  # more than two cores can keep busy, few enough for any server's limit
POOL_WAIT = 10.0  # seconds a statement waits for a connection: a person would not wait longer
CONNECT_TIMEOUT = 3.0  # seconds for one host, so that a second and a third one still fit into ten
STATEMENT_TIMEOUT = 6.0  # seconds; with two of grace and a new connection, a hung host is left within ten
IDLE_LIMIT = 60.0  # seconds; servers and firewalls hang up after minutes at the least
AGE_LIMIT = 1800.0  # seconds; so that memory is given back, and a preferred host is used again
SLOW_QUERY = 0.5  # seconds
RERUNS = 5
BACK_OFF = 0.02  # seconds; doubled at each rerun, of which a random part is slept
READING = {"select", "show", "explain", "describe", "pragma", "values", "with"}
BACKENDS: dict[str, type[SqliteBackend] | type[MysqlBackend]] = {"sqlite": SqliteBackend, "mysql": MysqlBackend}

_current: ContextVar[Database | None] = ContextVar("orm_database", default=None)


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
        self.runtime = runtime or BlockingRuntime()
        self.backend = kind(url, self.runtime, connect_timeout, statement_timeout)
        self._pool = Pool(self.backend.open, self.runtime, pool_size, pool_wait, idle_limit, age_limit)
        self.writer = Gate(self.runtime, 1) if self.backend.local else None
        self._writes = Writes(self.runtime, self.writer, pool_wait, self._write) if self.writer is not None else None
        self._pool_wait, self._slow_query = pool_wait, slow_query

    @property
    def dialect(self) -> str:
        """Either "mysql" or "sqlite"."""
        return self.backend.name

    @contextmanager
    def use(self) -> Iterator[Database]:
        """Within the block, the models of this context live in this database."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Transaction]:
        """`with database.transaction():` all of the block, or nothing; inside another one, a savepoint of it."""
        enclosing = self._active()
        if enclosing is not None:
            with enclosing.savepoint():
                yield enclosing
            return
        with self._borrowed(write) as link:
            link.begin(write)
            transaction = Transaction(self, link, write, innermost.get())
            token = innermost.set(transaction)
            try:
                yield transaction
            finally:
                transaction.over = True
                innermost.reset(token)
            transaction.commit()

    def run(self, fn: Callable[..., T], *args: object) -> T:
        """What `fn` returns, run in a transaction; run again where the database surely undid all of it.

        With SQLite it may run in another thread, and share its transaction with other writes."""
        if self._active() is not None:  # the outermost one is run again, for that is what was undone
            return self._whole(fn, *args)
        lasting = self._whole if self._writes is None else self._shared
        return self._repeated(partial(lasting, fn, *args), Deadlock, ConnectionLost)

    def together(self, fn: Callable[..., T], *args: object, write: bool = False) -> T:
        """What `fn` returns, with as few trips as can be. With SQLite all of it is one transaction in another thread,
        which `write` lets it share with other writes; elsewhere its statements are sent one after the other."""
        if not self.backend.local or self._active() is not None:
            return fn(*args)
        if write:
            return self._repeated(partial(self._shared, fn, *args), Deadlock)
        visit = Visit(self, partial(fn, *args))
        with self._borrowed(write=False) as link:
            link.visit(partial(self._read, link, visit))
        return visit.outcome()

    def _whole(self, fn: Callable[..., T], *args: object) -> T:
        with self.transaction():
            return fn(*args)

    def _shared(self, fn: Callable[..., T], *args: object) -> T:
        assert self._writes is not None
        return self._writes.run(Visit(self, partial(fn, *args)))

    def _repeated(self, fn: Callable[[], T], *undone: type[OrmError]) -> T:
        """What `fn` returns; called again after these errors, which say that nothing of it has stayed."""
        for rerun in range(RERUNS):
            try:
                return fn()
            except undone:
                self.runtime.sleep(random.uniform(0, BACK_OFF * 2**rerun))
        return fn()

    def execute(self, sql: str, values: Sequence[object] = ()) -> Result:
        """Run a statement of your own, `?` standing for each value; what it gives is not converted."""
        write = sql.split(None, 1)[0].lower() not in READING
        return self.perform(sql, [plain(value) for value in values], write, raw=True)

    def perform(self, sql: str, values: Sequence[Raw], write: bool, table: Table | None = None,
                raw: bool = False) -> Result:  # fmt: skip
        """Run a statement made by this package, in this context's transaction if there is one."""
        transaction = self._active()
        try:
            if transaction is not None:
                if write and not transaction.write:
                    raise ModelError("this transaction was begun with write=False")
                result = transaction.execute(sql, values, raw)
                transaction.has_written |= write
                return result
            if write and not raw and self._writes is not None:
                return self._repeated(partial(self._shared, self.perform, sql, values, write), Deadlock)
            return self._repeated(partial(self._alone, sql, values, write, raw), Deadlock)
        except errors.UniqueViolation as error:
            if table is not None:
                table.explain(error)
            raise

    def fetch(self, sql: str, values: Sequence[Raw], width: int = 0) -> Sequence[tuple[Any, ...]]:
        """The rows of a SELECT. `width`: how many columns it has, if JSON can hold what they give."""
        if not width or not self.backend.local:
            return self.perform(sql, values, write=False).rows
        return rows_of(self.perform(in_one_row(sql, width), values, write=False))

    def _alone(self, sql: str, values: Sequence[Raw], write: bool, raw: bool) -> Result:
        link = self._borrow(write)
        try:
            link.tainted = raw
            return self.timed(link, sql, values)
        except Exception as error:
            if write and _unknown(error):
                raise OutcomeUnknown(f"a write was broken off: {error}") from error
            raise
        finally:
            self._give_back(link, write)

    def _read(self, link: Link, visit: Visit[Any]) -> None:
        link.begin(write=False)
        visit.attempt(link, write=False)
        self._pool.reset(link)

    def _write(self, visits: Sequence[Visit[Any]]) -> None:
        """All of them in one transaction, by whoever has the right to write."""
        with self._borrowed(write=False) as link:
            link.visit(partial(self._write_over, link, visits))

    def _write_over(self, link: Link, visits: Sequence[Visit[Any]]) -> None:
        all_whole = self._attempt(link, visits)
        if not all_whole and len(visits) > 1:
            self._pool.reset(link)
            all_whole = self._attempt(link, visits, careful=True)
        if all_whole:
            self.timed(link, "COMMIT")

    def _attempt(self, link: Link, visits: Sequence[Visit[Any]], careful: bool = False) -> bool:
        """Whether there was none of them that has done one half and failed."""
        link.begin(write=True)
        for visit in visits:
            if not visit.attempt(link, True, careful):
                self._pool.reset(link)
                raise Deadlock("another write has had the whole transaction undone")
            if visit.half_done:
                return False
        return True

    @contextmanager
    def _borrowed(self, write: bool) -> Iterator[Link]:
        link = self._borrow(write)
        try:
            yield link
        finally:
            self._give_back(link, write)

    def _borrow(self, write: bool) -> Link:
        """A connection; for a write to SQLite, also the right to be the only writer."""
        if not write or self.writer is None:
            return self._pool.take()
        self.writer.enter(self._pool_wait)
        try:
            return self._pool.take()
        except BaseException:
            self.writer.leave()
            raise

    def _give_back(self, link: Link, write: bool) -> None:
        try:
            self._pool.give(link)  # which rolls back what was not committed
        finally:
            if write and self.writer is not None:
                self.writer.leave()

    def timed(self, link: Link, sql: str, values: Sequence[Raw] = ()) -> Result:
        """Run a statement; one that takes long is logged, without its values: they belong to users."""
        started = time.monotonic()  # not the runtime's clock, which may stand still while another thread works
        try:
            return link.execute(sql, values)
        finally:
            if self._slow_query is not None and (seconds := time.monotonic() - started) >= self._slow_query:
                log.warning("slow query, %.3f s: %s", seconds, sql)

    def _active(self) -> Transaction | None:
        """The transaction of this context in this database, if one is open."""
        transaction = innermost.get()
        while transaction is not None and (transaction.database is not self or transaction.over):
            transaction = transaction.outer
        return transaction

    def stats(self) -> PoolStats:
        return self._pool.stats()

    def close(self) -> None:
        """Close idle connections now, lent ones when they come back. Nothing can be asked afterwards."""
        self._pool.close()


def _unknown(error: Exception) -> bool:
    """Whether a statement that ended so may have been done all the same: it was sent, and nobody answered."""
    return error.sent if isinstance(error, ConnectionLost) else not isinstance(error, OrmError)
