"""The pool: a bounded number of connections, lent to one user at a time, waiters served in order.

Threads may share it, and so may tasks of one event loop: no lock is held over anything that can wait.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import Unavailable
from .expressions import Raw
from .runtime import Runtime, Waiter

T = TypeVar("T")


@dataclass(slots=True)  # not frozen: one is made for every statement, and that would take four times as long
class Result:
    """What a statement gave: rows of a query; matched or inserted rows, and the last number given, of a write."""

    rows: Sequence[tuple[Any, ...]]
    count: int
    last_id: int | None


class Link(ABC):
    """One connection to a database. `broken` is set once it must not be used again."""

    broken = tainted = False  # tainted: a statement of the caller's own may have changed the session

    def __init__(self, now: float) -> None:
        self.opened = self.used = now

    @abstractmethod
    def execute(self, sql: str, values: Sequence[Raw] = ()) -> Result: ...
    def visit(self, fn: Callable[[], T]) -> T:
        """What `fn` returns, run where this connection waits for its answers: all of its statements in one go."""
        return fn()

    @abstractmethod
    def begin(self, write: bool) -> None: ...
    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether one is open, as far as the database has said."""

    @abstractmethod
    def usable(self, idle: float) -> bool:
        """Whether it still stands, having been idle for so many seconds."""

    @abstractmethod
    def reset(self) -> None:
        """Roll back what is open, and make a tainted session new."""

    @abstractmethod
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The pool at one moment: connections lent and idle, users waiting, and connections opened so far."""

    size: int
    in_use: int
    idle: int
    waiting: int
    opened: int


class Gate:
    """A fair semaphore: places are handed over in the order in which they were asked for."""

    def __init__(self, runtime: Runtime, places: int) -> None:
        self._runtime, self._lock = runtime, threading.Lock()
        self.free = places
        self.queue: deque[Waiter] = deque()

    def enter(self, timeout: float) -> None:
        """Take a place; `Unavailable` when none came free within `timeout` seconds."""
        with self._lock:
            if self.free:
                self.free -= 1
                return
            waiter = self._runtime.waiter()
            self.queue.append(waiter)
        try:
            if waiter.wait(timeout):
                return
        except BaseException:
            if not self._forget(waiter):
                self.leave()
            raise
        if self._forget(waiter):
            raise Unavailable(f"no database connection came free within {timeout:g} s")

    def _forget(self, waiter: Waiter) -> bool:
        """Give up waiting; False if the place had been handed over meanwhile."""
        with self._lock:
            waits = waiter in self.queue
            if waits:
                self.queue.remove(waiter)
            return waits

    def leave(self) -> None:
        with self._lock:
            if not self.queue:
                self.free += 1
                return
            waiter = self.queue.popleft()
        waiter.wake()


class Pool:
    """Times are seconds. A connection idle for `idle`, or `age` old, is closed instead of lent or kept."""

    def __init__(self, open_link: Callable[[], Link], runtime: Runtime, size: int, wait: float, idle: float,
                 age: float) -> None:  # fmt: skip
        self._open, self._now, self._gate = open_link, runtime.now, Gate(runtime, size)
        self._size, self._wait, self._idle_limit, self._age_limit = size, wait, idle, age
        self._idle: deque[Link] = deque()  # that used last at the end: taken first, so that the others can grow old
        self._opened = 0
        self._closed = False

    def take(self) -> Link:
        """A connection that worked when last seen; `Unavailable` when none can be had in time."""
        self._gate.enter(self._wait)
        try:
            if self._closed:
                raise Unavailable("the database was closed")
            now = self._now()
            while (link := self._pop(self._idle.pop)) is not None:
                if self._fresh(link, now) and link.usable(now - link.used):
                    return link
                link.close()
            link = self._open()
            self._opened += 1
            return link
        except BaseException:
            self._gate.leave()
            raise

    def give(self, link: Link) -> None:
        """Take a connection back: reset and kept, or closed."""
        try:
            self.reset(link)
            link.used = now = self._now()
            if link.broken or self._closed or not self._fresh(link, now):
                link.close()
            else:
                self._idle.append(link)
            if self._idle and not self._fresh(self._idle[0], now) and (stale := self._pop(self._idle.popleft)):
                stale.close()
        finally:
            self._gate.leave()

    def reset(self, link: Link) -> None:
        """Bring a connection back to where it was when it was lent, or have it dropped when it comes back."""
        try:
            if not link.broken:
                link.reset()
        except Exception:
            link.broken = True

    def _fresh(self, link: Link, now: float) -> bool:
        return now - link.used < self._idle_limit and now - link.opened < self._age_limit

    def _pop(self, end: Callable[[], Link]) -> Link | None:
        """The connection at one end, unless another thread was quicker."""
        try:
            return end()
        except IndexError:
            return None

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        self._closed = True
        while (link := self._pop(self._idle.pop)) is not None:
            link.close()

    def stats(self) -> PoolStats:
        gate = self._gate
        return PoolStats(self._size, self._size - gate.free, len(self._idle), len(gate.queue), self._opened)
