"""The pool: a bounded number of connections, lent to one user at a time, waiters served in order.

Threads may share it, and so may tasks of one event loop: no lock is held over anything that can wait.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import OrmError, Unavailable
from .expressions import Raw
from .runtime import Runtime, Waiter


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: rows of a query; matched or inserted rows, and the last number given, of a write."""

    rows: Sequence[tuple[Any, ...]]
    count: int
    last_id: int | None


class Link(Protocol):
    """One connection to a database. `broken` is set once it must not be used again.

    A `raw` statement may have changed the session, which `reset` then makes new."""

    broken: bool
    opened: float
    used: float

    def execute(self, sql: str, values: Sequence[Raw], raw: bool = False) -> Result: ...
    def begin(self, write: bool) -> None: ...
    def usable(self, idle: float) -> bool: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


class Backend(Protocol):
    """A kind of database."""

    name: str
    local: bool  # a library in this process: one writer at a time, and an error at COMMIT means not committed

    def open(self) -> Link: ...


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
            if waiter not in self.queue:
                return False
            self.queue.remove(waiter)
            return True

    def leave(self) -> None:
        with self._lock:
            if not self.queue:
                self.free += 1
                return
            waiter = self.queue.popleft()
        waiter.wake()


class Pool:
    """Times are seconds. A connection idle for `idle`, or `age` old, is closed instead of lent or kept."""

    def __init__(self, backend: Backend, runtime: Runtime, size: int, wait: float, idle: float, age: float) -> None:
        self._backend, self._runtime = backend, runtime
        self._size, self._wait, self._idle_limit, self._age_limit = size, wait, idle, age
        self._gate = Gate(runtime, size)
        self._idle: deque[Link] = deque()
        self._opened = 0
        self._closed = False

    def take(self) -> Link:
        """A connection that worked when last seen; `Unavailable` when none can be had in time."""
        if self._closed:
            raise Unavailable("the database was closed")
        self._gate.enter(self._wait)
        try:
            return self._warm() or self._open()
        except BaseException:
            self._gate.leave()
            raise

    def _warm(self) -> Link | None:
        """The connection used last, so that the others can grow old enough to be closed."""
        while self._idle:
            try:
                link = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            now = self._runtime.now()
            if self._fresh(link, now) and link.usable(now - link.used):
                return link
            link.close()
        return None

    def _fresh(self, link: Link, now: float) -> bool:
        return now - link.used < self._idle_limit and now - link.opened < self._age_limit

    def _open(self) -> Link:
        link = self._backend.open()
        self._opened += 1
        return link

    def give(self, link: Link) -> None:
        """Take a connection back: reset and kept, or closed."""
        try:
            if not link.broken:
                self._reset(link)
            link.used = now = self._runtime.now()
            if link.broken or self._closed or not self._fresh(link, now):
                link.close()
            else:
                self._idle.append(link)
            self._drop_stale(now)
        finally:
            self._gate.leave()

    def _reset(self, link: Link) -> None:
        try:
            link.reset()
        except OrmError:
            link.broken = True

    def _drop_stale(self, now: float) -> None:
        """Close the connection that has been idle longest, if for too long."""
        if self._idle and not self._fresh(self._idle[0], now):
            try:
                stale = self._idle.popleft()
            except IndexError:  # another thread was quicker
                return
            stale.close()

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def stats(self) -> PoolStats:
        gate = self._gate
        return PoolStats(self._size, self._size - gate.free, len(self._idle), len(gate.queue), self._opened)
