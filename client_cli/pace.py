"""Speed: a limit that the person asked for, and the size of the pieces that suits a link."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from youku_evloop.errors import BadRequest

SLOWEST_RATE: Final = 2 * 1024
"""Bytes per second: the server gives up on a body that makes less than half of this."""

SLICES_PER_SECOND: Final = 20
"""How evenly a limited transfer flows, and how often its progress moves."""

SMALLEST_SLICE: Final = 512
LARGEST_SLICE: Final = 256 * 1024
"""Bytes read, hashed and moved at a time: they stay in the processor's cache between the three."""

SMALLEST_SEGMENT: Final = 64 * 1024
FIRST_SEGMENT: Final = 512 * 1024
LARGEST_SEGMENT: Final = 4 * 1024 * 1024
"""Bytes of one `upload.write`. Four in flight are the 16 MiB that a cut connection may cost at most."""

QUICK: Final = 0.5
SLOW: Final = 4.0
"""Seconds until a segment is acknowledged: below the first the next one is larger, above the second smaller."""

UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def parse_rate(text: str) -> int:
    """Bytes per second from `500k`, `2.5M`, `1G` or a plain number; raises `BadRequest`."""
    number, unit = text.strip(), ""
    if number[-1:].upper() in ("K", "M", "G"):
        number, unit = number[:-1], number[-1].upper()
    try:
        rate = float(number) * UNITS[unit]
    except ValueError:
        raise BadRequest(f"{text!r} is no rate: write bytes per second, such as 500k, 2.5M or 1G.") from None
    if not SLOWEST_RATE <= rate < float("inf"):
        raise BadRequest(f"A rate is at least {SLOWEST_RATE // 1024}k (the server gives up on slower transfers).")
    return int(rate)


class Pacer:
    """Holds a transfer, or several at once, to `rate` bytes per second together; None: as fast as it goes."""

    def __init__(
        self,
        rate: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep
        self._due = clock()
        self.slice = LARGEST_SLICE if rate is None else _clamp(rate // SLICES_PER_SECOND, SMALLEST_SLICE, LARGEST_SLICE)

    def spend(self, count: int) -> None:
        """Account for `count` bytes that have just moved; sleeps when they came too early."""
        if self.rate is None:
            return
        with self._lock:
            now = self._clock()
            self._due = due = max(self._due, now - 1 / SLICES_PER_SECOND) + count / self.rate
        if due > now:
            self._sleep(due - now)


Rate = int | Pacer | None
"""How fast a transfer may be: bytes per second, a pacer that it shares with others, or as fast as it goes."""


def pacer_for(rate: Rate) -> Pacer:
    """The pacer of a transfer."""
    return rate if isinstance(rate, Pacer) else Pacer(rate)


def shared_pacer(text: str | None, transfers: int) -> Pacer:
    """For so many transfers at once what was said to `--limit-rate`; raises `BadRequest`."""
    if text is None:
        return Pacer()
    rate = parse_rate(text)
    if rate < SLOWEST_RATE * transfers:
        raise BadRequest(
            f"{transfers} at once need at least {SLOWEST_RATE * transfers // 1024}k together: raise --limit-rate, or do"
            " less at once."
        )
    return Pacer(rate)


class SegmentSize:
    """How much one `upload.write` carries: large on a fast link, small on a slow one, so that a cut costs little."""

    def __init__(self, rate: int | None = None) -> None:
        self._largest = LARGEST_SEGMENT if rate is None else _clamp(rate, SMALLEST_SEGMENT, LARGEST_SEGMENT)
        self.bytes = min(FIRST_SEGMENT, self._largest)

    def acknowledged_after(self, seconds: float) -> None:
        """Learn from how long a segment took from its first byte to its acknowledgement."""
        if seconds < QUICK:
            self.bytes = min(self.bytes * 2, self._largest)
        elif seconds > SLOW:
            self.bytes = max(self.bytes // 2, SMALLEST_SEGMENT)

    def cut(self) -> None:
        """A connection was lost: what it lets through may be less than a segment."""
        self.bytes = max(self.bytes // 2, SMALLEST_SEGMENT)


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
