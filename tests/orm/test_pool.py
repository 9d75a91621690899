"""The pool alone, with connections that only pretend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from youku_evloop import orm
from youku_evloop.orm.pool import Gate, Link, Pool, Result


class Clock(orm.BlockingRuntime):
    """Time that a test moves."""

    time = 0.0

    def now(self) -> float:
        return self.time


class FakeLink(Link):
    def __init__(self, now: float) -> None:
        self.broken = self.closed = False
        self.opened = self.used = now
        self.resets = 0
        self.works = True
        self.reset_error: Exception | None = None

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Result:
        return Result((), 0, None)

    def begin(self, write: bool) -> None: ...

    @property
    def in_transaction(self) -> bool:
        return False

    def usable(self, idle: float) -> bool:
        return self.works

    def reset(self) -> None:
        self.resets += 1
        if self.reset_error:
            raise self.reset_error

    def close(self) -> None:
        self.closed = True


class FakeBackend:
    name, local = "fake", False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.links: list[FakeLink] = []
        self.error: Exception | None = None

    def open(self) -> FakeLink:
        if self.error:
            raise self.error
        self.links.append(FakeLink(self.clock.now()))
        return self.links[-1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend(clock: Clock) -> FakeBackend:
    return FakeBackend(clock)


@pytest.fixture
def pool(backend: FakeBackend, clock: Clock) -> Pool:
    return Pool(backend.open, clock, size=2, wait=0.05, idle=60.0, age=600.0)


class Queue:
    """Threads that take from a pool, known to stand in its queue one behind the other."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.served: list[int] = []
        self.threads: list[threading.Thread] = []

    def join(self, number: int, then: Callable[[Any], None]) -> None:
        def work() -> None:
            link = self.pool.take()
            self.served.append(number)
            then(link)

        waiting = self.pool.stats().waiting
        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
        while self.pool.stats().waiting == waiting:
            threading.Event().wait(0.001)

    def finish(self) -> None:
        for thread in self.threads:
            thread.join()


def test_a_connection_is_opened_on_need_and_used_again(pool: Pool, backend: FakeBackend) -> None:
    first = pool.take()
    pool.give(first)
    assert pool.take() is first
    assert pool.take() is not first
    assert len(backend.links) == 2


def test_there_are_never_more_than_the_bound(pool: Pool) -> None:
    pool.take(), pool.take()
    with pytest.raises(orm.Unavailable, match=r"no database connection came free within 0\.05 s"):
        pool.take()
    assert pool.stats() == orm.PoolStats(size=2, in_use=2, idle=0, waiting=0, opened=2)


def test_waiters_are_served_in_the_order_of_their_coming(backend: FakeBackend, clock: Clock) -> None:
    pool = Pool(backend.open, clock, size=1, wait=30.0, idle=60.0, age=600.0)
    link = pool.take()
    queue = Queue(pool)
    for number in range(5):
        queue.join(number, pool.give)
    assert pool.stats().waiting == 5
    pool.give(link)
    queue.finish()
    assert queue.served == [0, 1, 2, 3, 4]
    assert pool.stats() == orm.PoolStats(size=1, in_use=0, idle=1, waiting=0, opened=1)


def test_one_who_comes_late_does_not_pass_those_who_wait(backend: FakeBackend, clock: Clock) -> None:
    pool = Pool(backend.open, clock, size=1, wait=30.0, idle=60.0, age=600.0)
    link = pool.take()
    queue = Queue(pool)
    queue.join(0, pool.give)
    queue.join(1, pool.give)
    pool.give(link)
    pool.give(pool.take())
    queue.finish()
    assert queue.served == [0, 1]


def test_a_broken_connection_is_dropped(pool: Pool) -> None:
    link = pool.take()
    link.broken = True
    pool.give(link)
    assert link.closed  # type: ignore[attr-defined]  # a FakeLink
    assert pool.take() is not link


def test_a_connection_is_reset_when_it_comes_back_and_dropped_if_that_fails(pool: Pool, backend: FakeBackend) -> None:
    pool.give(pool.take())
    assert backend.links[0].resets == 1
    backend.links[0].reset_error = orm.ConnectionLost("x")
    pool.give(pool.take())
    assert backend.links[0].closed
    assert pool.stats().in_use == pool.stats().idle == 0


def test_a_connection_that_died_while_idle_is_replaced(pool: Pool, backend: FakeBackend) -> None:
    pool.give(pool.take())
    backend.links[0].works = False
    assert pool.take() is backend.links[1]
    assert backend.links[0].closed


def test_a_connection_idle_too_long_is_closed(pool: Pool, backend: FakeBackend, clock: Clock) -> None:
    first, second = pool.take(), pool.take()
    pool.give(first)
    pool.give(second)
    clock.time = 59.0
    pool.give(pool.take())  # the second one: used last, so taken first
    clock.time = 60.0
    pool.give(pool.take())
    assert [link.closed for link in backend.links] == [True, False]


def test_a_connection_grown_too_old_is_closed(pool: Pool, backend: FakeBackend, clock: Clock) -> None:
    link = pool.take()
    clock.time = 600.0
    pool.give(link)
    assert backend.links[0].closed
    assert pool.stats().idle == 0


def test_a_place_is_not_lost_when_no_connection_can_be_opened(pool: Pool, backend: FakeBackend) -> None:
    backend.error = orm.Unavailable("down")
    for _ in range(5):
        with pytest.raises(orm.Unavailable, match="down"):
            pool.take()
    backend.error = None
    pool.give(pool.take())
    assert pool.stats().in_use == 0


def test_a_closed_pool_lends_nothing_and_closes_what_comes_back(pool: Pool, backend: FakeBackend) -> None:
    lent, idle = pool.take(), pool.take()
    pool.give(idle)
    pool.close()
    assert backend.links[1].closed
    pool.give(lent)
    assert backend.links[0].closed
    with pytest.raises(orm.Unavailable, match="closed"):
        pool.take()


class Handed:
    """A waiter whose wait ends just as, or before, the place is handed over."""

    def __init__(self, gate: Gate, outcome: BaseException | None, handed: bool) -> None:
        self.gate, self.outcome, self.handed = gate, outcome, handed

    def wait(self, timeout: float | None, /) -> bool:
        if self.handed:
            self.gate.leave()
        if self.outcome:
            raise self.outcome
        return False

    def wake(self) -> None: ...


@pytest.mark.parametrize("handed", [True, False])
@pytest.mark.parametrize("outcome", [None, KeyboardInterrupt()])
def test_a_place_is_neither_lost_nor_doubled_when_a_wait_ends_badly(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, outcome: BaseException | None, handed: bool
) -> None:
    gate = Gate(clock, 1)
    gate.enter(1.0)
    monkeypatch.setattr(clock, "waiter", lambda: Handed(gate, outcome, handed))
    entered = False
    try:
        gate.enter(1.0)
        entered = True
    except (KeyboardInterrupt, orm.Unavailable):
        pass
    assert entered == (handed and outcome is None)
    if entered or not handed:
        gate.leave()
    assert (gate.free, len(gate.queue)) == (1, 0)


def test_threads_share_a_pool_without_ever_sharing_a_connection(backend: FakeBackend, clock: Clock) -> None:
    pool = Pool(backend.open, clock, size=3, wait=30.0, idle=60.0, age=600.0)
    lent: set[int] = set()
    clashes: list[int] = []

    def work() -> None:
        for _ in range(200):
            link = pool.take()
            if id(link) in lent:
                clashes.append(id(link))
            lent.add(id(link))
            lent.discard(id(link))
            pool.give(link)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clashes == []
    assert pool.stats().in_use == pool.stats().waiting == 0
    assert pool.stats().opened <= 3
