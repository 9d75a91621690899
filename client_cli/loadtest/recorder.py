"""What happened in a test: how long everything took, what failed, how much moved; altogether and window by window.

The whole test is the sum of its windows. A window is a fraction of a second or a second, so that the report can show
what changed when. In a long test there are too many for a plot: then each two become one, and again, and again.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from client_cli.loadtest.histogram import Histogram
from client_cli.loadtest.line import Traffic

MOST_WINDOWS: Final = 480
"""Kept, an even number: more than that no plot can show."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of the test; times in seconds from its beginning, or as they took."""

    begin: float
    end: float
    took: Histogram
    failed: int
    received: int
    sent: int
    cpu: float
    """Share of one core that the tester had."""
    lag: float
    """How late its loop was at worst."""

    @property
    def length(self) -> float:
        """Seconds; never 0."""
        return max(self.end - self.begin, 1e-9)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.took.count / self.length

    def percentile(self, share: float) -> float | None:
        """What `share` of the answers took at most; None: there were none."""
        return self.took.percentile(share) if self.took.count else None

    def and_then(self, other: Window) -> Window:
        """This one and the next as one."""
        took = Histogram()
        took.merge(self.took)
        took.merge(other.took)
        return Window(
            begin=self.begin,
            end=other.end,
            took=took,
            failed=self.failed + other.failed,
            received=self.received + other.received,
            sent=self.sent + other.sent,
            cpu=(self.cpu * self.length + other.cpu * other.length) / (self.length + other.length),
            lag=max(self.lag, other.lag),
        )


@dataclass(slots=True)
class Tally:
    """One operation, or one scenario: how long it took where it went well, and why not where it did not."""

    took: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """How many did not go well."""
        return self.errors.total()


class Recorder:
    """Counts; the clock starts with `start` and what was counted before is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.traffic = Traffic()
        self.operations: dict[str, Tally] = {}
        self.visits: dict[str, Tally] = defaultdict(Tally)
        self.windows: list[Window] = []
        self._together = self._in_last = 1
        """How many windows are one by now, and of how many the last one is made."""
        self.whole = Histogram()
        self.cuts = 0
        """Transfers that were cut on purpose, each time."""
        self.verified = 0
        """Transfers whose hash was right at the end."""
        self.start()

    def start(self) -> None:
        """The test begins now."""
        self.began = self.ended = self._window_began = self.clock()
        self.operations.clear()
        self.visits.clear()
        self.whole = Histogram()
        self._took: dict[str, Histogram] = defaultdict(Histogram)
        self._failed = 0
        self.traffic.sent = self.traffic.received = 0
        self._sent = self._received = 0
        self._cpu = time.process_time()

    def took(self, operation: str, seconds: float) -> None:
        """One request was answered."""
        self._took[operation].add(seconds)

    def failed(self, operation: str, code: str) -> None:
        """One was not, or not well."""
        self._tally(operation).errors[code] += 1
        self._failed += 1

    def visited(self, scenario: str, seconds: float) -> None:
        """One run through a scenario went well."""
        self.visits[scenario].took.add(seconds)

    def visit_failed(self, scenario: str, code: str) -> None:
        """One ended early."""
        self.visits[scenario].errors[code] += 1

    def close_window(self, lag: float) -> Window:
        """What happened since the last one; to be called until the end."""
        now, cpu = self.clock(), time.process_time()
        together = Histogram()
        for operation, took in self._took.items():
            self._tally(operation).took.merge(took)
            together.merge(took)
        self.whole.merge(together)
        length = max(now - self._window_began, 1e-9)
        window = Window(
            begin=self._window_began - self.began,
            end=now - self.began,
            took=together,
            failed=self._failed,
            received=self.traffic.received - self._received,
            sent=self.traffic.sent - self._sent,
            cpu=(cpu - self._cpu) / length,
            lag=lag,
        )
        self._took.clear()
        self._failed = 0
        self._sent, self._received = self.traffic.sent, self.traffic.received
        self._window_began = self.ended = now
        self._cpu = cpu
        self._keep(window)
        return window

    def _keep(self, window: Window) -> None:
        if self.windows and self._in_last < self._together:
            self.windows[-1] = self.windows[-1].and_then(window)
            self._in_last += 1
        else:
            self.windows.append(window)
            self._in_last = 1
        if len(self.windows) == MOST_WINDOWS and self._in_last == self._together:
            pairs = zip(self.windows[::2], self.windows[1::2], strict=True)
            self.windows = [first.and_then(second) for first, second in pairs]
            self._together *= 2
            self._in_last = self._together

    @property
    def seconds(self) -> float:
        """How long the test took, to the end of its last window."""
        return max(self.ended - self.began, 1e-9)

    @property
    def errors(self) -> Counter[str]:
        """How often each code came."""
        return sum_of(tally.errors for tally in self.operations.values())

    def _tally(self, operation: str) -> Tally:
        tally = self.operations.get(operation)
        if tally is None:
            tally = self.operations[operation] = Tally()
        return tally


def sum_of(counters: Iterable[Counter[str]]) -> Counter[str]:
    """All of them together."""
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total
