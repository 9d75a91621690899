"""Worker threads: what blocks happens there, and its result comes back to the task."""

from __future__ import annotations

import threading
import time
import weakref

import pytest

from tests.support.loops import ManualLoop, in_the_loop, patience
from youku_evloop.kernel import Loop, LoopRuntime
from youku_evloop.kernel.tasks import WaitingOnTheHub


@in_the_loop
def test_the_result_comes_back(loop: ManualLoop) -> None:
    thread = loop.in_thread(threading.get_ident)
    assert thread != threading.get_ident()
    assert LoopRuntime(loop).call(divmod, 7, 2) == (3, 1)


@in_the_loop
def test_what_it_raises_is_raised_in_the_task(loop: ManualLoop) -> None:
    with pytest.raises(ZeroDivisionError):
        loop.in_thread(divmod, 1, 0)


@in_the_loop
def test_even_what_is_no_ordinary_exception_comes_back(loop: ManualLoop) -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        loop.in_thread(leave)
    assert loop.in_thread(len, "abc") == 3


@in_the_loop
def test_while_a_thread_works_the_loop_goes_on(loop: ManualLoop) -> None:
    gate = threading.Event()
    happened: list[str] = []

    def work() -> None:
        loop.in_thread(gate.wait)
        happened.append("worked")

    loop.spawn(work)
    loop.settle()
    happened.append("loop went on")
    gate.set()
    while len(happened) < 2:
        loop.in_thread(time.sleep, 0)
    assert happened == ["loop went on", "worked"]


@in_the_loop
def test_there_are_never_more_threads_than_were_asked_for(loop: ManualLoop) -> None:
    gate, started = threading.Event(), threading.Semaphore(0)
    threads: set[int] = set()
    done: list[None] = []

    def block() -> None:
        threads.add(threading.get_ident())
        started.release()
        gate.wait()

    def work() -> None:
        loop.in_thread(block)
        done.append(None)

    for _ in range(50):
        loop.spawn(work)
    loop.settle()
    for _ in range(4):
        started.acquire()
    assert loop.workers.unfinished == 50
    gate.set()
    while len(done) < 50:
        loop.in_thread(time.sleep, 0)
    assert len(threads) == 4


def test_a_thread_starts_only_when_it_is_needed() -> None:
    before = threading.active_count()
    loop = Loop()
    assert threading.active_count() == before
    loop.run_task(loop.in_thread, len, "")
    loop.run_task(loop.in_thread, len, "")
    assert threading.active_count() == before + 1
    loop.close()
    assert threading.active_count() == before


def test_the_hub_may_not_wait_for_a_thread_and_no_job_is_left_of_it(loop: ManualLoop) -> None:
    problems: list[Exception] = []

    def ask() -> None:
        try:
            loop.in_thread(len, "")
        except WaitingOnTheHub as problem:
            problems.append(problem)
        loop.stop()

    loop.call_soon(ask)
    with patience():
        loop.run()
        loop.run_task(loop.in_thread, len, "")
    assert len(problems) == 1
    assert loop.workers.unfinished == 0


def test_a_worker_keeps_nothing_of_its_last_job(loop: ManualLoop) -> None:
    class Thing:
        pass

    things = [Thing()]
    reference = weakref.ref(things[0])
    loop.run_task(lambda: loop.in_thread(id, things.pop()))
    loop.run_task(loop.in_thread, len, "")
    assert reference() is None


@in_the_loop
def test_what_a_job_wants_run_in_a_thread_is_run_right_there(loop: ManualLoop) -> None:
    def job() -> tuple[int, int]:
        return threading.get_ident(), loop.in_thread(threading.get_ident)

    outer, inner = loop.in_thread(job)
    assert outer == inner != threading.get_ident()
