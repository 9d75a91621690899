"""What the server counts about itself: commands by name, how long they took, how many failed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

STEPS_A_DOUBLING: Final = 8
"""Buckets between a duration and its double: a percentile is right to 9 %."""
FINEST: Final = 1e-6
"""Seconds; an hour is 32 doublings away."""


class Histogram:
    """Durations in seconds, in buckets that grow geometrically: constant memory, any percentile."""

    __slots__ = ("_buckets", "count", "largest")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.largest = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        bucket = int(math.log2(seconds / FINEST) * STEPS_A_DOUBLING) if seconds > FINEST else 0
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        if seconds > self.largest:
            self.largest = seconds

    def percentile(self, share: float) -> float:
        """The duration that `share` (0 to 1) of all do not exceed; 0 when there are none."""
        left = math.ceil(share * self.count)
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(self.largest, FINEST * math.exp2((bucket + 1) / STEPS_A_DOUBLING))
        return self.largest


@dataclass(slots=True)
class CommandStatistics:
    """One command's share."""

    errors: int = 0
    durations: Histogram = field(default_factory=Histogram)

    def as_json(self) -> dict[str, Any]:
        """As `server.stats` shows it; durations in milliseconds."""
        durations = self.durations
        return {
            "count": durations.count,
            "errors": self.errors,
            "p50_ms": _milliseconds(durations.percentile(0.50)),
            "p99_ms": _milliseconds(durations.percentile(0.99)),
            "max_ms": _milliseconds(durations.largest),
        }


class Statistics:
    """All commands of one server since it started."""

    def __init__(self) -> None:
        self.commands: dict[str, CommandStatistics] = {}
        self.connections_served = 0
        self.bytes_in = 0
        self.bytes_out = 0

    def command_finished(self, name: str, seconds: float, failed: bool) -> None:
        """Count one command."""
        command = self.commands.get(name)
        if command is None:
            command = self.commands[name] = CommandStatistics()
        command.durations.add(seconds)
        command.errors += failed

    def connection_finished(self, bytes_in: int, bytes_out: int) -> None:
        """Count one connection that is over."""
        self.connections_served += 1
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def summary_of_lags(lags: list[float]) -> dict[str, float]:
    """The median and the worst of some samples, in milliseconds."""
    ordered = sorted(lags) or [0.0]
    return {"median_ms": _milliseconds(ordered[len(ordered) // 2]), "worst_ms": _milliseconds(ordered[-1])}
