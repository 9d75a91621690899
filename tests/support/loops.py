"""A loop to test in: its clock stands still until the test moves it, and the test itself is one of its tasks.

    @in_the_loop
    def test_something(loop: TestLoop) -> None:
        loop.advance(31)

So a test waits for what happens, never for time to pass. What never happens ends a test after `PATIENCE`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from types import FrameType
from typing import Any, Final

from tests.support.leaks import assert_at_rest
from youku_evloop.kernel import Loop

PATIENCE: Final = 30.0
"""Real seconds after which a test that waits for what never happens fails; reached only by a failing test."""
TURNS: Final = 8
"""Turns of the loop in which everything that can happen has happened: bytes on loopback arrive at once."""


class NeverHappened(BaseException):
    """The test waited for too long; no `except Exception` on the way may swallow it."""


class ManualClock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ManualLoop(Loop):
    """A loop with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        super().__init__(clock=self.clock)

    def settle(self) -> None:
        """Return when everything that can happen without more time has happened. From a task."""
        for _ in range(TURNS):
            self.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass, after what can happen before it, and everything happen that is due. From a task."""
        self.settle()
        self.clock.now += seconds
        self.settle()


@contextmanager
def manual_loop() -> Iterator[ManualLoop]:
    """A loop, closed afterwards; nothing may be under way in it then."""
    loop = ManualLoop()
    try:
        yield loop
        assert_at_rest(loop)
    finally:
        loop.close()


def in_the_loop(test: Callable[..., None]) -> Callable[..., None]:
    """Run the test as a task of its loop: of the fixture `loop`, which it need not ask for itself."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        loop: Loop = next(value for value in _loops(fixtures))
        with patience():
            loop.run_task(lambda: test(**fixtures))

    assert signature(test).parameters, "the test needs a fixture that has a loop"
    return run


def _loops(fixtures: dict[str, Any]) -> Iterator[Loop]:
    for value in fixtures.values():
        if isinstance(value, Loop):
            yield value
        elif isinstance(found := getattr(value, "loop", None), Loop):
            yield found


@contextmanager
def patience() -> Iterator[None]:
    """Raise `NeverHappened` in a block that takes longer than `PATIENCE`."""

    def fail(_signum: int, _frame: FrameType | None) -> None:
        raise NeverHappened(f"the test did not end within {PATIENCE:.0f} s")

    previous = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
