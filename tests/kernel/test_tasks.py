"""Tasks and waiters: who waits, who wakes, and that nobody is resumed twice."""

from __future__ import annotations

import contextvars
import weakref
from collections.abc import Callable
from functools import partial

import pytest
from greenlet import getcurrent

from tests.support.loops import ManualLoop, in_the_loop, patience
from youku_evloop.kernel import Loop, Waiter
from youku_evloop.kernel.tasks import PARKED_WORKERS, WaitingOnTheHub

color: contextvars.ContextVar[str] = contextvars.ContextVar("color", default="none")


def test_a_task_begins_at_once_when_the_loop_itself_starts_it(loop: ManualLoop) -> None:
    happened: list[str] = []

    def start() -> None:
        loop.spawn(happened.append, "task")
        happened.append("after")
        loop.stop()

    loop.call_soon(start)
    loop.run()
    assert happened == ["task", "after"]


@in_the_loop
def test_a_task_that_another_task_starts_begins_in_the_next_step(loop: ManualLoop) -> None:
    happened: list[str] = []
    loop.spawn(happened.append, "task")
    assert happened == []
    loop.settle()
    assert happened == ["task"]


@in_the_loop
def test_while_a_task_waits_others_run(loop: ManualLoop) -> None:
    happened: list[str] = []

    def work(name: str, seconds: float) -> None:
        happened.append(f"{name} begins")
        loop.sleep(seconds)
        happened.append(f"{name} ends")

    loop.spawn(work, "slow", 5)
    loop.spawn(work, "fast", 1)
    loop.advance(1)
    loop.advance(5)
    assert happened == ["slow begins", "fast begins", "fast ends", "slow ends"]


def test_the_hub_may_not_wait(loop: ManualLoop) -> None:
    problems: list[Exception] = []

    def attempt(wait: Callable[[], object]) -> None:
        try:
            wait()
        except WaitingOnTheHub as problem:
            problems.append(problem)

    for wait in (partial(loop.sleep, 1), Waiter(loop).wait, partial(loop.in_thread, len, "")):
        loop.call_soon(attempt, wait)
    loop.call_soon(loop.stop)
    loop.run()
    assert len(problems) == 3


def test_nobody_waits_in_a_loop_that_has_never_run(loop: ManualLoop) -> None:
    with pytest.raises(WaitingOnTheHub):
        loop.sleep(1)


@in_the_loop
def test_workers_are_used_again(loop: ManualLoop) -> None:
    workers = set()
    for _ in range(5):
        loop.spawn(lambda: workers.add(getcurrent()))
        loop.settle()
    assert len(workers) == 1


@in_the_loop
def test_a_parked_worker_keeps_nothing_of_its_last_task(loop: ManualLoop) -> None:
    class Thing:
        pass

    thing = Thing()
    reference = weakref.ref(thing)
    loop.spawn(id, thing)
    loop.settle()
    del thing
    assert reference() is None


@in_the_loop
def test_after_a_burst_only_so_many_workers_are_kept(loop: ManualLoop) -> None:
    for _ in range(PARKED_WORKERS + 100):
        loop.spawn(loop.sleep, 1)
    loop.settle()
    assert loop.tasks.active > PARKED_WORKERS
    loop.advance(1)
    assert len(loop.tasks._parked) == PARKED_WORKERS
    assert loop.tasks.active == 1  # this one


def test_tasks_inherit_the_context_in_which_the_loop_runs(loop: ManualLoop) -> None:
    token = color.set("red")
    try:
        assert loop.run_task(color.get) == "red"
    finally:
        color.reset(token)


@in_the_loop
def test_a_context_variable_that_one_task_sets_is_not_seen_by_another(loop: ManualLoop) -> None:
    seen: list[str] = []

    def paint() -> None:
        color.set("blue")
        loop.sleep(1)

    loop.spawn(paint)
    loop.settle()
    loop.spawn(lambda: seen.append(color.get()))
    loop.settle()
    assert seen == ["none"]
    loop.advance(1)


@in_the_loop
def test_a_context_variable_does_not_outlive_its_task(loop: ManualLoop) -> None:
    seen: list[str] = []
    loop.spawn(color.set, "blue")
    loop.settle()
    loop.spawn(lambda: seen.append(color.get()))
    loop.settle()
    assert seen == ["none"]


# -- waiters


@in_the_loop
def test_a_waiter_waits_until_it_is_woken(loop: ManualLoop) -> None:
    waiter = Waiter(loop)
    loop.call_soon(waiter.wake)
    assert waiter.wait()


@in_the_loop
def test_a_waiter_that_was_woken_before_does_not_wait(loop: ManualLoop) -> None:
    waiter = Waiter(loop)
    waiter.wake()
    assert waiter.wait(0)


@in_the_loop
def test_waking_twice_is_waking_once(loop: ManualLoop) -> None:
    waiter = Waiter(loop)
    loop.call_soon(waiter.wake)
    loop.call_soon(waiter.wake)
    assert waiter.wait()
    assert not waiter.wait(0)


@in_the_loop
def test_a_waiter_gives_up_after_its_time(loop: ManualLoop) -> None:
    answers: list[bool] = []
    waiter = Waiter(loop)
    loop.spawn(lambda: answers.append(waiter.wait(5)))
    loop.advance(4)
    assert answers == []
    loop.advance(1)
    assert answers == [False]


@in_the_loop
def test_who_is_woken_in_the_very_moment_of_giving_up_is_resumed_once(loop: ManualLoop) -> None:
    answers: list[bool] = []
    waiter = Waiter(loop)

    def wait() -> None:
        answers.append(waiter.wait(5))
        loop.sleep(1)
        answers.append(waiter.wait(0))

    loop.spawn(wait)
    loop.settle()
    loop.call_later(5, waiter.wake)  # made later, so it is called after the timer that gives up
    loop.advance(5)
    loop.advance(1)
    assert answers == [False, True]  # the wake-up was not lost, and not counted twice


@in_the_loop
def test_a_wake_just_before_giving_up_counts(loop: ManualLoop) -> None:
    answers: list[bool] = []
    waiter = Waiter(loop)
    loop.call_later(5, waiter.wake)
    loop.spawn(lambda: answers.append(waiter.wait(5)))
    loop.settle()
    loop.advance(5)
    assert answers == [True]


@in_the_loop
def test_a_waiter_can_be_used_again(loop: ManualLoop) -> None:
    waiter = Waiter(loop)
    for _ in range(3):
        loop.call_soon(waiter.wake)
        assert waiter.wait(10)
        assert not waiter.wait(0)
    loop.advance(20)  # no timer of those before does anything now


def test_a_wait_ends_with_real_time_too() -> None:
    loop = Loop()
    with patience():
        assert loop.run_task(Waiter(loop).wait, 0.01) is False
    loop.close()
