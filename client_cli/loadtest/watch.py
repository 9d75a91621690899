"""Was it the tester? What a test says of a server is worth little where its own loop was the bottleneck.

It was, where the process had hardly any CPU left, or where its loop was late by more than what is measured could hide:
both are taken throughout the test, and the verdict says which and how much. A test that was too short has no verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from client_cli.loadtest.histogram import Histogram
from client_cli.loadtest.pace import Open
from client_cli.loadtest.quantities import say_duration
from client_cli.loadtest.recorder import Recorder
from youku_evloop.kernel.loop import Loop

LEAST: Final = 1.0
"""Seconds of a test before it is judged: in a shorter one all clients begin at once, and that is all that there is."""
EVERY: Final = 0.05
"""Seconds between two looks at how late the loop is."""
BUSY: Final = 0.9
"""Share of one core: what is left then is noise."""
BUSY_WINDOWS: Final = 0.25
"""Share of the windows that may be so before it matters; one always may."""
LATE_SHARE: Final = 0.25
"""Of the latency: from there on it is the tester's own lateness that is measured. Thousands of clients that all have an
answer at once keep any loop busy for some milliseconds, which matter little where an answer took a second."""
COARSE: Final = 0.002
"""Seconds that a timer of epoll may be late in a loop with nothing to do."""


class Watch:
    """Looks at the loop that it runs on."""

    def __init__(self, loop: Loop, clock: Callable[[], float]) -> None:
        self.lags = Histogram()
        self._loop = loop
        self._clock = clock
        self._worst = 0.0
        self._running = False

    def start(self) -> None:
        """From now on."""
        self._running = True
        self._ask_again()

    def stop(self) -> None:
        """No more."""
        self._running = False

    def take_worst(self) -> float:
        """The worst since this was last asked."""
        worst, self._worst = self._worst, 0.0
        return worst

    def _ask_again(self) -> None:
        self._loop.call_later(EVERY, self._look, self._clock() + EVERY)

    def _look(self, due: float) -> None:
        lag = max(self._clock() - due, 0.0)
        self.lags.add(lag)
        self._worst = max(self._worst, lag)
        if self._running:
            self._ask_again()


def reasons(recorder: Recorder, watch: Watch, pace: object) -> list[str]:
    """Why the tester was the bottleneck, as far as it was; none: it was not."""
    found = []
    busy = [window for window in recorder.windows if window.cpu >= BUSY]
    share = cpu_share(recorder)
    if share >= BUSY or len(busy) > max(1, BUSY_WINDOWS * len(recorder.windows)):
        found.append(
            f"it used {share:.0%} of a core, and {BUSY:.0%} or more in {len(busy)} of {len(recorder.windows)} windows"
        )
    median = watch.lags.percentile(0.5)
    typical = recorder.whole.percentile(0.5)
    if recorder.whole.count and median > max(COARSE, LATE_SHARE * typical):
        found.append(
            f"its loop was {say_duration(median)} late at the median, where an answer took {say_duration(typical)}"
        )
    if isinstance(pace, Open) and pace.lateness.count:
        lateness = pace.lateness.percentile(0.99)
        if lateness > max(COARSE, LATE_SHARE * recorder.whole.percentile(0.99)):
            found.append(f"1 % of the visits began {say_duration(lateness)} or more too late though a client was free")
    return found


def cpu_share(recorder: Recorder) -> float:
    """Of one core, over the whole test."""
    return sum(window.cpu * window.length for window in recorder.windows) / recorder.seconds


def cpu(seconds: float, recorder: Recorder) -> dict[str, float | None]:
    """What a process used of one core, and for each request; None where none was answered."""
    requests = recorder.whole.count
    return {
        "cpu_share": round(seconds / recorder.seconds, 4),
        "cpu_per_request": seconds / requests if requests else None,
    }


def as_json(recorder: Recorder, watch: Watch, pace: object) -> dict[str, Any]:
    """For a program; times in seconds."""
    is_judged = recorder.seconds >= LEAST
    why = reasons(recorder, watch, pace) if is_judged else []
    return {
        "was_the_bottleneck": bool(why) if is_judged else None,
        "reasons": why,
        **cpu(cpu_share(recorder) * recorder.seconds, recorder),
        "loop_lag": _lag(watch.lags),
    }


def _lag(lags: Histogram) -> dict[str, float | None]:
    if not lags.count:
        return dict.fromkeys(("p50", "p99", "max"))
    return {"p50": lags.percentile(0.5), "p99": lags.percentile(0.99), "max": lags.largest}
