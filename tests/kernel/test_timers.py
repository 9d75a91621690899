"""Timers in a heap, deadlines in a wheel."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from youku_evloop.kernel.timers import COMPACT_ABOVE, DeadlineWheel, TimerHeap

TICK = DeadlineWheel.TICK


def fire(heap: TimerHeap, now: float) -> None:
    for fn, args in heap.due(now):
        fn(*args)


# -- the heap


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=60), st.lists(st.integers(0, 8), max_size=10))
def test_timers_fire_in_order_each_once_and_never_early(timers: list[tuple[int, bool]], steps: list[int]) -> None:
    heap, now = TimerHeap(), 0
    fired: list[tuple[int, int]] = []
    made = [heap.add(when, fired.append, (when, number)) for number, (when, _) in enumerate(timers)]
    for timer, (_, cancelled) in zip(made, timers, strict=True):
        if cancelled:
            timer.cancel()
    for step in [*steps, 100]:
        now += step
        fire(heap, now)
        assert all(when <= now for when, _ in fired)
    expected = sorted((when, number) for number, (when, cancelled) in enumerate(timers) if not cancelled)
    assert fired == expected
    assert len(heap) == 0 and heap.next_time() is None


def test_the_next_time_is_that_of_the_first_live_timer() -> None:
    heap = TimerHeap()
    first = heap.add(3, print)
    heap.add(5, print)
    assert heap.next_time() == 3
    first.cancel()
    assert heap.next_time() == 5


def test_a_timer_that_is_made_while_others_fire_waits_for_the_next_turn() -> None:
    heap = TimerHeap()
    fired: list[int] = []

    def again() -> None:
        fired.append(len(fired))
        heap.add(1, again)

    heap.add(1, again)
    fire(heap, 1)
    assert fired == [0]
    fire(heap, 1)
    assert fired == [0, 1]


def test_a_timer_can_cancel_those_behind_it() -> None:
    heap = TimerHeap()
    fired: list[int] = []
    timers = [heap.add(2, fired.append, number) for number in range(200)]

    def cancel_all() -> None:
        for timer in timers:
            timer.cancel()

    heap.add(1, cancel_all)
    fire(heap, 5)
    assert fired == []


def test_cancelling_twice_or_after_firing_is_harmless() -> None:
    heap = TimerHeap()
    fired: list[int] = []
    timer, other = heap.add(1, fired.append, 1), heap.add(1, fired.append, 2)
    other.cancel()
    other.cancel()
    fire(heap, 1)
    timer.cancel()
    assert fired == [1] and len(heap) == 0


def test_cancelled_timers_do_not_pile_up() -> None:
    heap = TimerHeap()
    for number in range(100_000):
        heap.add(1000 + number, print).cancel()
    assert len(heap._heap) <= 2 * COMPACT_ABOVE


def test_a_cancelled_timer_keeps_nothing() -> None:
    class Thing:
        pass

    heap, thing = TimerHeap(), Thing()
    reference = weakref.ref(thing)
    heap.add(1, id, thing).cancel()
    del thing
    assert reference() is None


# -- the wheel


class Clockwork:
    """A wheel, its clock and its ticks."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.heap = TimerHeap()
        self.wheel = DeadlineWheel(self._call_later, lambda: self.now)

    def _call_later(self, delay: float, fn: Callable[..., object]) -> object:
        return self.heap.add(self.now + delay, fn)

    def pass_time(self, seconds: float) -> None:
        """All at once, as in a loop that stood still."""
        self.now += seconds
        fire(self.heap, self.now)

    def pass_slowly(self, seconds: float, step: float = 0.25) -> None:
        """As in a loop that goes on."""
        for _ in range(int(seconds / step)):
            self.pass_time(step)


class Item:
    """Wants to be asked at some time; says when it was, and when to ask again."""

    def __init__(self, answer: Callable[[float], float | None] = lambda now: None) -> None:
        self.wheel_slot = -1
        self.asked: list[float] = []
        self._answer = answer

    def on_deadline(self, now: float) -> float | None:
        self.asked.append(now)
        return self._answer(now)


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


@given(st.lists(st.floats(0, 40), min_size=1, max_size=20), st.floats(0, 1), st.sampled_from([0.1, 0.25, 0.9, 1.7]))
def test_everyone_is_asked_once_never_early_and_at_most_two_ticks_late(
    delays: list[float], phase: float, step: float
) -> None:
    clockwork = Clockwork()
    clockwork.now += phase
    items = [Item() for _ in delays]
    due = [clockwork.now + delay for delay in delays]
    for item, when in zip(items, due, strict=True):
        clockwork.wheel.watch(item, when)
    clockwork.pass_slowly(50, step)
    for item, when in zip(items, due, strict=True):
        assert len(item.asked) == 1
        assert when <= item.asked[0] <= when + 2 * TICK + 2 * step


def test_who_answers_with_a_time_is_asked_again_then(clockwork: Clockwork) -> None:
    item = Item(lambda now: now + 10 if now < 1025 else None)
    clockwork.wheel.watch(item, 1010)
    clockwork.pass_slowly(60)
    assert len(item.asked) == 3


def test_a_deadline_that_comes_nearer_is_kept(clockwork: Clockwork) -> None:
    item = Item()
    clockwork.wheel.watch(item, 1300)
    clockwork.wheel.watch(item, 1005)
    clockwork.pass_slowly(10)
    assert len(item.asked) == 1
    clockwork.pass_slowly(400)
    assert len(item.asked) == 1


def test_the_forgotten_is_never_asked_and_nothing_of_it_is_kept(clockwork: Clockwork) -> None:
    item = Item()
    clockwork.wheel.watch(item, 1300)
    clockwork.wheel.watch(item, 1200)
    clockwork.wheel.forget(item)
    reference = weakref.ref(item)
    del item
    gc.collect()
    assert reference() is None
    clockwork.pass_slowly(400)


def test_a_wheel_without_items_stands_still(clockwork: Clockwork) -> None:
    clockwork.wheel.watch(Item(), 1003)
    clockwork.pass_slowly(10)
    assert len(clockwork.heap) == 0


def test_a_wheel_that_stood_still_for_long_asks_in_time_again(clockwork: Clockwork) -> None:
    clockwork.wheel.watch(Item(), 1003)
    clockwork.pass_slowly(10)
    clockwork.now += 5000
    item = Item()
    clockwork.wheel.watch(item, clockwork.now + 2)
    clockwork.pass_slowly(5)
    assert len(item.asked) == 1


def test_a_deadline_in_the_past_is_asked_for_soon(clockwork: Clockwork) -> None:
    clockwork.now += 500
    item = Item()
    clockwork.wheel.watch(item, clockwork.now - 300)
    clockwork.pass_slowly(3)
    assert len(item.asked) == 1


def test_after_a_loop_stood_still_everybody_late_is_asked(clockwork: Clockwork) -> None:
    items = [Item() for _ in range(50)]
    for number, item in enumerate(items):
        clockwork.wheel.watch(item, 1000 + number)
    clockwork.pass_time(100)
    assert all(len(item.asked) == 1 for item in items)


def test_one_that_fails_does_not_stop_the_wheel(clockwork: Clockwork, caplog: pytest.LogCaptureFixture) -> None:
    def fail(now: float) -> float:
        raise RuntimeError("on purpose")

    others = [Item(), Item()]
    clockwork.wheel.watch(others[0], 1005)
    clockwork.wheel.watch(Item(fail), 1005)
    clockwork.wheel.watch(others[1], 1008)
    clockwork.pass_slowly(20)
    assert [len(item.asked) for item in others] == [1, 1]
    assert "on purpose" in caplog.text


def test_one_that_is_forgotten_by_another_in_the_same_tick_is_not_asked(clockwork: Clockwork) -> None:
    items: list[Item] = []

    def forget_the_others(now: float) -> None:
        for item in items:
            if not item.asked:
                clockwork.wheel.forget(item)

    items += [Item(forget_the_others) for _ in range(3)]
    for item in items:
        clockwork.wheel.watch(item, 1005)
    clockwork.pass_slowly(20)
    assert sum(len(item.asked) for item in items) == 1


def test_moving_a_deadline_costs_no_memory(clockwork: Clockwork) -> None:
    item = Item()
    for number in range(10_000):
        clockwork.wheel.watch(item, 1001 + number % 60)
    assert sum(map(len, clockwork.wheel._buckets.values())) == 1
