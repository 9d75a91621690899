"""What happened in a test: how long everything took, what failed, how much moved; altogether and window by window.

The whole test is the sum of its windows. A window is a fraction of a second or a second, so that the report can show
what changed when.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from client_cli.loadtest.histogram import Histogram
from client_cli.loadtest.line import Traffic

PERCENTILES: Final = (0.5, 0.9, 0.99)
"""Of each window."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of the test; times in seconds from its beginning, or as they took."""

    begin: float
    end: float
    answered: int
    failed: int
    received: int
    sent: int
    percentiles: tuple[float, ...]
    slowest: float
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
        return self.answered / self.length

    @property
    def median(self) -> float | None:
        """What half of the answers took at most; None: there were none."""
        return self.percentiles[0] if self.answered else None

    @property
    def p99(self) -> float | None:
        """The same for 99 % of them."""
        return self.percentiles[-1] if self.answered else None


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
            answered=together.count,
            failed=self._failed,
            received=self.traffic.received - self._received,
            sent=self.traffic.sent - self._sent,
            percentiles=tuple(map(together.percentile, PERCENTILES)),
            slowest=together.largest,
            cpu=(cpu - self._cpu) / length,
            lag=lag,
        )
        self._took.clear()
        self._failed = 0
        self._sent, self._received = self.traffic.sent, self.traffic.received
        self._window_began = self.ended = now
        self._cpu = cpu
        self.windows.append(window)
        return window

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
