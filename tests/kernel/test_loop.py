"""The loop: who is called, and when; `test_faults.py` has what becomes of those who fail."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from functools import partial

import pytest

from tests.support.leaks import holdings
from tests.support.loops import ManualLoop, in_the_loop, patience
from youku_evloop.kernel import Loop, Waiter
from youku_evloop.kernel.loop import EVENTS_A_TURN, READ, WRITE

# -- descriptors


@in_the_loop
def test_a_ready_descriptor_is_reported(loop: ManualLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    received = []
    loop.watch(ours.fileno(), READ, lambda events: received.append((events, ours.recv(10))))
    theirs.send(b"hello")
    loop.settle()
    assert received == [(select.EPOLLIN, b"hello")]
    loop.unwatch(ours.fileno())


@in_the_loop
def test_a_descriptor_is_reported_until_it_is_dealt_with(
    loop: ManualLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    reports: list[int] = []
    loop.watch(ours.fileno(), READ, reports.append)
    theirs.send(b"hello")
    loop.settle()
    assert len(reports) > 1
    loop.unwatch(ours.fileno())


@in_the_loop
def test_what_is_watched_for_can_change(loop: ManualLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    reports: list[int] = []
    loop.watch(ours.fileno(), READ, reports.append)
    loop.settle()
    assert not reports
    loop.change(ours.fileno(), WRITE)
    loop.settle()
    assert set(reports) == {select.EPOLLOUT}
    loop.unwatch(ours.fileno())


@in_the_loop
def test_an_unwatched_descriptor_is_not_reported_even_in_the_same_turn(
    loop: ManualLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    reports = []

    def report(who: socket.socket, other: socket.socket) -> None:
        reports.append(who)
        loop.unwatch(other.fileno())

    loop.watch(ours.fileno(), WRITE, lambda events: report(ours, theirs))
    loop.watch(theirs.fileno(), WRITE, lambda events: report(theirs, ours))
    loop.settle()
    assert len(set(reports)) == 1
    loop.unwatch(reports[0].fileno())


@in_the_loop
def test_a_descriptor_that_was_closed_by_mistake_can_still_be_unwatched(loop: ManualLoop) -> None:
    reader, writer = os.pipe()
    loop.watch(reader, READ, lambda events: None)
    os.close(reader)
    os.close(writer)
    loop.unwatch(reader)


@in_the_loop
def test_more_ready_descriptors_than_a_turn_takes_are_all_reported(loop: ManualLoop) -> None:
    pairs = [os.pipe() for _ in range(EVENTS_A_TURN // 2 + 10)]
    seen: set[int] = set()

    def see(fd: int, _events: int) -> None:
        seen.add(fd)

    for reader, writer in pairs:
        os.write(writer, b"x")
        loop.watch(reader, READ, partial(see, reader))
        loop.watch(writer, WRITE, partial(see, writer))
    loop.settle()
    assert seen == {fd for ends in pairs for fd in ends}
    for fd in seen:
        loop.unwatch(fd)
        os.close(fd)


# -- calls and timers


@in_the_loop
def test_calls_happen_in_order_and_not_at_once(loop: ManualLoop) -> None:
    happened: list[int] = []
    for number in range(3):
        loop.call_soon(happened.append, number)
    assert happened == []
    loop.settle()
    assert happened == [0, 1, 2]


@in_the_loop
def test_a_call_that_calls_itself_again_does_not_keep_others_from_theirs(loop: ManualLoop) -> None:
    turns: list[None] = []

    def again() -> None:
        turns.append(None)
        if len(turns) < 50:
            loop.call_soon(again)

    again()
    happened: list[int] = []
    loop.call_later(0, lambda: happened.append(len(turns)))
    loop.settle()
    assert happened and happened[0] < 50
    while len(turns) < 50:
        loop.settle()


@in_the_loop
def test_a_timer_fires_when_its_time_has_come_and_not_before(loop: ManualLoop) -> None:
    fired: list[str] = []
    loop.call_later(10, fired.append, "ten")
    loop.call_later(5, fired.append, "five")
    loop.advance(4.9)
    assert fired == []
    loop.advance(0.2)
    assert fired == ["five"]
    loop.advance(100)
    assert fired == ["five", "ten"]


@in_the_loop
def test_a_cancelled_timer_does_not_fire(loop: ManualLoop) -> None:
    fired: list[str] = []
    loop.call_later(5, fired.append, "five").cancel()
    loop.advance(10)
    assert fired == []


@in_the_loop
def test_the_clock_of_a_turn_is_its_beginning(loop: ManualLoop) -> None:
    before = loop.now
    loop.clock.now += 3
    assert loop.now == before
    loop.sleep(0)
    assert loop.now == before + 3


def test_a_loop_without_anything_to_do_waits_instead_of_turning(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop()
    turns = []
    poll = loop._epoll.poll

    class Counting:
        def poll(self, timeout: float | None, most: int) -> list[tuple[int, int]]:
            turns.append(timeout)
            return poll(timeout, most)

        def __getattr__(self, name: str) -> object:
            return getattr(epoll, name)

    epoll, loop._epoll = loop._epoll, Counting()  # type: ignore[assignment]
    loop.call_later(0.02, loop.stop)
    with patience():
        loop.run()
    loop.close()
    assert len(turns) <= 3


# -- from outside


@in_the_loop
def test_another_thread_enters_by_posting(loop: ManualLoop) -> None:
    where: list[int] = []
    waiter = Waiter(loop)

    def arrive() -> None:
        where.append(threading.get_ident())
        waiter.wake()

    thread = threading.Thread(target=lambda: loop.post(arrive))
    thread.start()
    assert waiter.wait()
    thread.join()
    assert where == [threading.get_ident()]


@in_the_loop
def test_nothing_that_many_threads_post_is_lost(loop: ManualLoop) -> None:
    arrived: list[int] = []
    done = Waiter(loop)

    def arrive(number: int) -> None:
        arrived.append(number)
        if len(arrived) == 8 * 2000:
            done.wake()

    def post(first: int) -> None:
        for number in range(2000):
            loop.post(arrive, first + number)

    threads = [threading.Thread(target=post, args=(index * 2000,)) for index in range(8)]
    for thread in threads:
        thread.start()
    assert done.wait()
    for thread in threads:
        thread.join()
    assert sorted(arrived) == list(range(16000))
    for index in range(8):
        mine = [number for number in arrived if number // 2000 == index]
        assert mine == sorted(mine)


@in_the_loop
def test_a_signal_is_dealt_with_in_the_loop(loop: ManualLoop) -> None:
    waiter = Waiter(loop)
    loop.on_signal(signal.SIGUSR1, waiter.wake)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert waiter.wait()


def test_the_old_signal_handler_returns_with_the_end_of_the_loop() -> None:
    def old(*_: object) -> None: ...

    before = signal.signal(signal.SIGUSR1, old)
    loop = Loop()
    loop.on_signal(signal.SIGUSR1, loop.stop)
    loop.on_signal(signal.SIGUSR1, loop.stop)
    loop.close()
    assert signal.signal(signal.SIGUSR1, before) is old


def test_a_loop_runs_in_a_thread_that_is_not_the_main_one() -> None:
    happened = []

    def run() -> None:
        loop = Loop()
        loop.call_soon(loop.stop)
        loop.run()
        loop.close()
        happened.append("ran")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert happened == ["ran"]


# -- running


def test_run_task_answers_what_the_task_returns_and_raises_what_it_raises(loop: ManualLoop) -> None:
    def fail() -> None:
        raise LookupError("on purpose")

    assert loop.run_task(lambda number: number + 1, 4) == 5
    with pytest.raises(LookupError):
        loop.run_task(fail)


def test_a_loop_can_be_stopped_and_run_again(loop: ManualLoop) -> None:
    for _ in range(3):
        loop.call_soon(loop.stop)
        loop.run()


def test_what_was_posted_before_the_loop_runs_is_not_lost(loop: ManualLoop) -> None:
    happened: list[str] = []
    loop.post(happened.append, "early")
    loop.post(loop.stop)
    with patience():
        loop.run()
    assert happened == ["early"]


def test_an_interrupt_ends_the_loop(loop: ManualLoop) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    for call in (interrupt, partial(loop.spawn, interrupt)):
        loop.call_soon(call)
        with pytest.raises(KeyboardInterrupt), patience():
            loop.run()


def test_closing_gives_everything_back() -> None:
    before = holdings()
    loop = Loop()
    loop.run_task(loop.in_thread, len, "abc")
    assert holdings().beyond(before)
    loop.close()
    assert not holdings().beyond(before)
