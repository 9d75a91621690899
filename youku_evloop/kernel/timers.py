"""Time for the loop: exact timers in a heap, coarse deadlines in a wheel.

`TimerHeap` serves what must happen at its time and is often cancelled (a query that may take so long). A cancelled
timer stays in the heap until its time or until cancelled ones are the majority; then the heap is built anew, so that
cancelling costs O(1) and the heap stays proportional to what is live.

`DeadlineWheel` serves thousands of connections of which almost none ever miss their deadline. An item sits in the
bucket of one second; nothing is done while its deadline moves further away, for the item is asked again when its
bucket comes up ("no, now later than that"). Only a deadline that comes *nearer* has to be told to the wheel.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

log = logging.getLogger(__name__)

COMPACT_ABOVE: Final = 64
"""Cancelled timers that are not worth a rebuild."""


class Timer:
    """One call in the future; made by `TimerHeap.add`."""

    __slots__ = ("_heap", "args", "fn", "when")

    def __init__(self, heap: TimerHeap, when: float, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when = when
        self.fn: Callable[..., object] | None = fn
        self.args = args
        self._heap = heap

    def cancel(self) -> None:
        """Make it never happen; harmless when it has happened already."""
        if self.fn is not None:
            self.fn, self.args = None, ()
            self._heap.note_cancelled()


class TimerHeap:
    """Timers by time, and by order of making where times are equal."""

    __slots__ = ("_cancelled", "_heap", "_made")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []  # tuples compare without a function of Python's
        self._made = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def add(self, when: float, fn: Callable[..., object], *args: Any) -> Timer:
        """A timer for `fn(*args)` at `when` (seconds of the loop's clock)."""
        self._made += 1
        timer = Timer(self, when, fn, args)
        heapq.heappush(self._heap, (when, self._made, timer))
        return timer

    def next_time(self) -> float | None:
        """When the next live timer is due; None: there is none."""
        while self._heap and self._heap[0][2].fn is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[tuple[Callable[..., object], tuple[Any, ...]]]:
        """Take out, in order, the calls whose time has come; those added meanwhile wait for the next turn."""
        last_made = self._made
        while (when := self.next_time()) is not None and when <= now and self._heap[0][1] <= last_made:
            _, _, timer = heapq.heappop(self._heap)
            fn, args = timer.fn, timer.args
            timer.fn, timer.args = None, ()
            if fn is not None:
                yield fn, args

    def note_cancelled(self) -> None:
        """Called by a timer of this heap."""
        self._cancelled += 1
        if self._cancelled > COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].fn is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0


class HasDeadline(Protocol):
    """What the wheel asks of an item."""

    wheel_slot: int

    def on_deadline(self, now: float) -> float | None:
        """Act if the deadline has passed; answer when to ask again, or None to be forgotten."""


class DeadlineWheel:
    """Deadlines to the second, for many items; never early, and at most two ticks late."""

    TICK: Final = 1.0
    FORGOTTEN: Final = -1

    def __init__(self, call_later: Callable[..., object], now: Callable[[], float]) -> None:
        self._call_later = call_later
        self._now = now
        self._buckets: dict[int, set[HasDeadline]] = {}
        self._last_slot = int(now() / self.TICK)
        self._ticking = False

    def watch(self, item: HasDeadline, when: float) -> None:
        """Ask `item` at `when`, instead of when it would have been asked."""
        self.forget(item)
        if not self._ticking:
            self._ticking = True
            self._last_slot = int(self._now() / self.TICK) - 1  # nobody was there to be asked meanwhile
            self._call_later(self.TICK, self._tick)
        item.wheel_slot = slot = max(int(when / self.TICK) + 1, self._last_slot + 1)
        self._buckets.setdefault(slot, set()).add(item)

    def forget(self, item: HasDeadline) -> None:
        """Never ask `item` again, and keep nothing of it."""
        bucket = self._buckets.get(item.wheel_slot)
        if bucket is not None:
            bucket.discard(item)
        item.wheel_slot = self.FORGOTTEN

    def _tick(self) -> None:
        now = self._now()
        for slot in range(self._last_slot + 1, int(now / self.TICK) + 1):
            self._last_slot = slot
            for item in self._buckets.pop(slot, ()):
                if item.wheel_slot == slot:  # not forgotten or moved by one that was asked before it
                    self._ask(item, now)
        self._ticking = bool(self._buckets)
        if self._ticking:
            self._call_later(self.TICK, self._tick)

    def _ask(self, item: HasDeadline, now: float) -> None:
        item.wheel_slot = self.FORGOTTEN
        try:
            again = item.on_deadline(now)
        except Exception:  # one that fails must not stop the wheel for all others
            log.exception("the deadline of %r failed", item)
            return
        if again is not None:
            self.watch(item, again)
