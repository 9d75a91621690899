"""Callbacks that fail or take too long: they are logged by name, and the others go on."""

from __future__ import annotations

import socket

import pytest

from tests.support.loops import ManualLoop, in_the_loop
from youku_evloop.kernel.loop import WRITE


@in_the_loop
def test_whoever_fails_is_logged_and_the_others_go_on(
    loop: ManualLoop, pair: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    ours, _ = pair

    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    def fail_once(_events: int) -> None:
        loop.unwatch(ours.fileno())
        fail()

    happened: list[str] = []
    loop.watch(ours.fileno(), WRITE, fail_once)
    loop.call_soon(fail)
    loop.call_soon(happened.append, "call")
    loop.call_later(0, fail)
    loop.call_later(0, happened.append, "timer")
    loop.spawn(fail)
    loop.spawn(happened.append, "task")
    loop.settle()
    assert sorted(happened) == ["call", "task", "timer"]
    assert sum("on purpose" in str(record.exc_info) for record in caplog.records) == 4


@in_the_loop
def test_a_callback_that_keeps_the_loop_is_named(loop: ManualLoop, caplog: pytest.LogCaptureFixture) -> None:
    def dawdle() -> None:
        loop.clock.now += 0.5

    loop.call_soon(dawdle)
    loop.settle()
    assert "stood still for 500 ms in" in caplog.text and "dawdle" in caplog.text


@in_the_loop
def test_a_task_that_keeps_the_loop_is_named_by_its_label(loop: ManualLoop, caplog: pytest.LogCaptureFixture) -> None:
    def dawdle() -> None:
        loop.tasks.set_label("movie.list")
        loop.sleep(0)
        loop.clock.now += 0.5

    loop.spawn(dawdle)
    loop.settle()
    assert "in movie.list" in caplog.text


@in_the_loop
def test_many_steps_that_keep_the_loop_together_are_told_with_the_longest(
    loop: ManualLoop, caplog: pytest.LogCaptureFixture
) -> None:
    def hurry(seconds: float, label: str) -> None:
        loop.tasks.set_label(label)
        loop.clock.now += seconds

    for seconds, label in ((0.04, "ping"), (0.06, "movie.list"), (0.05, "movie.show")):
        loop.call_soon(hurry, seconds, label)
    loop.settle()
    assert "a turn of the loop took 150 ms, the longest step of it 60 ms in movie.list" in caplog.text


@in_the_loop
def test_a_loop_that_is_always_late_says_so_once_a_second(loop: ManualLoop, caplog: pytest.LogCaptureFixture) -> None:
    def dawdle(rest: int) -> None:
        loop.clock.now += 0.3
        if rest:
            loop.call_soon(dawdle, rest - 1)

    loop.call_soon(dawdle, 9)
    loop.settle()
    assert 2 <= caplog.text.count("stood still") <= 3, "of ten times in three seconds"


@in_the_loop
def test_lag_is_how_late_a_timer_fires(loop: ManualLoop) -> None:
    loop.measure_lag()
    loop.advance(0.25)
    loop.advance(1.25)
    assert list(loop.lags) == [0.0, 1.0]
