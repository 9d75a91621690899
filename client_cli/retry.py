"""When to try again, and how long to wait before (exponential back-off with jitter).

Progress makes everything forgotten: a transfer over a bad link may fail a hundred times, as long as each try moves it
on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from youku_evloop.errors import Unavailable, YoukuError

DEFAULT_RETRIES: Final = 5
"""With the delays below this bridges a server's restart of about ten seconds."""

FIRST_DELAY: Final = 0.5
"""Seconds: long enough for a dropped connection to be more than a hiccup."""

LONGEST_DELAY: Final = 30.0
"""Seconds: whoever watches should not have to wait longer to see that it works again."""

RetryCallback = Callable[[YoukuError, float, int, int], None]
"""Told the error, the delay in seconds, which retry this is (0: a wait that the server asks for), and of how many."""


WaitCallback = Callable[[float], None]
"""Told during a pause, about once a second, how many seconds of it are left, and 0 at its end."""


def no_countdown(_left: float) -> None:
    """For those who do not want to know that either."""


def no_report(_error: YoukuError, _delay: float, _count: int, _limit: int) -> None:
    """For those who do not want to know."""


class Retry:
    """Counts the failures of one operation in a row."""

    def __init__(
        self,
        limit: int = DEFAULT_RETRIES,
        report: RetryCallback = no_report,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        waits: bool = True,
    ) -> None:
        self._limit = limit
        self._report = report
        self._sleep = sleep
        self._jitter = jitter
        self._waits = waits
        self._failures = 0

    def progressed(self) -> None:
        """The operation moved on: the next failure is the first one again."""
        self._failures = 0

    def pause(self, error: YoukuError) -> None:
        """Wait before the next try; raises `error` when there have been enough."""
        self._failures += 1
        if self._failures > self._limit:
            raise error
        delay = self._delay()
        self._report(error, delay, self._failures, self._limit)
        self._sleep(delay)

    def wait(self, error: YoukuError, seconds: float) -> None:
        """Wait for as long as the server has said; raises `error` when it has said so often enough, or nobody waits."""
        self._failures += 1
        if not self._waits or self._failures > self._limit:
            raise error
        self._report(error, seconds, 0, self._limit)
        self._sleep(seconds)

    def _delay(self) -> float:
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self._failures - 1, 16))
        return longest * (0.5 + 0.5 * self._jitter())


def is_temporary(error: YoukuError) -> bool:
    """Whether the same request may succeed a little later, with nothing changed on this side."""
    return isinstance(error, Unavailable)
