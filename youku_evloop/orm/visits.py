"""Visits: functions of several statements that are run where a SQLite connection works; and writes that share a COMMIT.

A statement alone is a call to a worker thread and back, which costs many times what a small statement costs. A `Visit`
is a function with its context, all of whose statements are run over there in one go.

Writes that come at the same time share one transaction, and so one sync of the disk. Who finds nobody waiting leads: it
waits until it may write, and those who come meanwhile join it. Then all are carried out, one after the other. Nobody is
answered before the COMMIT. Where one has the database undo the whole transaction, the others are told so (`Deadlock`),
and run again.

One that fails leaves the others as they were. Nearly always it has changed nothing by then, and there is nothing to do.
Otherwise all of them are undone and carried out again, now each under a savepoint, which every write would pay for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .pool import Gate, Link
from .runtime import Runtime, Waiter
from .transactions import Transaction, innermost

if TYPE_CHECKING:
    from .database import Database

T = TypeVar("T")


class Visit(Generic[T]):
    """A function that does database work and nothing else, and what became of it."""

    def __init__(self, database: Database, fn: Callable[[], T]) -> None:
        self._database, self._fn = database, fn
        self._context, self._outer = copy_context(), innermost.get()
        self._result: T | None = None
        self.error: BaseException | None = None
        self.half_done = False

    def attempt(self, link: Link, write: bool, careful: bool = False) -> bool:
        """Run the function in the transaction that the connection is in; whether that stands afterwards.

        `careful`: it stands without what a function that failed has done, which otherwise is `half_done`."""
        self.error = None
        transaction = Transaction(self._database, link, write, self._outer)
        try:
            with transaction.savepoint() if careful else nullcontext():
                self._result = self._context.run(self._inside, transaction)
            transaction.require()
        except BaseException as error:
            self.error = error
        finally:
            transaction.over = True
        self.half_done = self.error is not None and transaction.has_written and not careful
        return transaction.failure is None and not link.broken and link.in_transaction

    def _inside(self, transaction: Transaction) -> T:
        innermost.set(transaction)
        return self._fn()

    def fail(self, error: BaseException) -> None:
        """Nothing of it has stayed, for this reason; unless it has one of its own."""
        self.error = self.error or error

    def outcome(self) -> T:
        """What the function returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]  # there is one, where there is no error


class Batch:
    """Writes that will share a transaction, the leader's first; and what wakes the others."""

    def __init__(self, leader: Visit[Any]) -> None:
        self.visits: list[Visit[Any]] = [leader]
        self.waiters: list[Waiter] = []


class Writes:
    """The writes to one file. `carry_out` does them; what it raises is the end of all without an error of their own."""

    def __init__(self, runtime: Runtime, gate: Gate, wait: float,
                 carry_out: Callable[[Sequence[Visit[Any]]], None]) -> None:  # fmt: skip
        self._runtime, self._gate, self._wait, self._carry_out = runtime, gate, wait, carry_out
        self._lock = threading.Lock()
        self._joinable: Batch | None = None

    def run(self, visit: Visit[T]) -> T:
        """What the function returned, once that is lasting."""
        batch, waiter = self._join(visit)
        if waiter is None:
            self._lead(batch)
        else:
            waiter.wait(None)  # the leader waits only as long as it may, and wakes us whatever comes of it
        return visit.outcome()

    def _join(self, visit: Visit[Any]) -> tuple[Batch, Waiter | None]:
        """The batch that the write is in; and, for all but its leader, what to wait for."""
        with self._lock:
            batch = self._joinable
            if batch is None:
                batch = self._joinable = Batch(visit)
                return batch, None
            waiter = self._runtime.waiter()
            batch.visits.append(visit)
            batch.waiters.append(waiter)
            return batch, waiter

    def _lead(self, batch: Batch) -> None:
        try:
            self._gate.enter(self._wait)
            try:
                self._close(batch)
                self._carry_out(batch.visits)
            finally:
                self._gate.leave()
        except BaseException as error:
            self._close(batch)
            for visit in batch.visits:
                visit.fail(error)
        finally:
            for waiter in batch.waiters:
                waiter.wake()

    def _close(self, batch: Batch) -> None:
        """From here on nobody joins it."""
        with self._lock:
            if self._joinable is batch:
                self._joinable = None
