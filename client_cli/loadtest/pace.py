"""When visits begin.

*Closed*: each client begins its next visit when its last one is over and it has thought for a while. So a server that
becomes slow gets fewer requests, as from a fixed number of people.

*Open*: visits become due at a fixed rate, whatever the server does, as from people who know nothing of each other. Each
goes to a client that has nothing to do; where there is none it waits for one. Its first request counts from when the
visit was due, and so the time that it waited is part of the latency: a server that stands still for a second shows in
every request that should have been sent in that second (no "coordinated omission", as G. Tene has called it).

Epoll counts in milliseconds, which is too coarse to be on time. So the open pace has its own timer, the interval timer
of the process, whose signal comes into the loop like any other.
"""

from __future__ import annotations

import math
import signal
from collections import deque
from typing import Final

from client_cli.loadtest.crowd import Crowd, Phase, Visitor
from client_cli.loadtest.histogram import Histogram
from client_cli.loadtest.line import Ended

FINEST: Final = 100e-6
"""Seconds between two looks at what is due: at 50,000 a second, five at a time."""


class Closed:
    """See the module. With a ramp the clients begin one after the other."""

    def __init__(self, crowd: Crowd, clients: int, ramp: float) -> None:
        self._crowd = crowd
        self._step = ramp / clients
        self._started = 0

    def next_visit(self, visitor: Visitor) -> float:
        """As soon as it has thought; counted from when it is sent."""
        if visitor.is_new:
            visitor.is_new = False
            visitor.pause(self._started_at())
        else:
            visitor.think()
        if self._crowd.phase is not Phase.RUNNING:
            raise Ended
        return 0.0

    def start(self) -> None:
        """Nothing to do."""

    def drain(self) -> None:
        """Nobody waits for anything here."""

    def _started_at(self) -> float:
        self._started += 1
        return (self._started - 1) * self._step


class Open:
    """See the module. With a ramp the rate rises from 0, steadily."""

    def __init__(self, crowd: Crowd, rate: float, ramp: float) -> None:
        self._crowd = crowd
        self._rate = rate
        self._ramp = ramp
        self._begun = 0.0
        self._count = 0
        self._next = 0.0
        self._idle: deque[Visitor] = deque()
        self._waiting: deque[float] = deque()
        self.delayed = 0
        """Visits for which there was no client when they were due."""
        self.lateness = Histogram()
        """How late visits were begun for which there was one: the tester's own doing."""

    @property
    def due(self) -> int:
        """Visits that became due."""
        return self._count

    @property
    def unserved(self) -> int:
        """Visits that are due and wait for a client."""
        return len(self._waiting)

    def start(self) -> None:
        """The first visit is due now."""
        self._begun = self._next = self._crowd.clock()
        self._crowd.loop.on_signal(signal.SIGALRM, self._tick)
        self._tick()

    def next_visit(self, visitor: Visitor) -> float:
        """Whichever is due for the longest time, waiting for one."""
        if not self._waiting and self._crowd.phase is Phase.RUNNING:
            visitor.due = 0.0
            self._idle.append(visitor)
            visitor.bell.wait()
            if visitor.due:
                return visitor.due
        if not self._waiting or self._crowd.phase is Phase.OVER:
            raise Ended
        return self._waiting.popleft()

    def drain(self) -> None:
        """Nothing becomes due any more."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._idle.clear()

    def _tick(self) -> None:
        if self._crowd.phase is not Phase.RUNNING:
            return
        now = self._crowd.clock()
        while self._next <= now:
            self._hand_out(self._next, now)
            self._count += 1
            self._next = self._begun + self._moment(self._count)
        signal.setitimer(signal.ITIMER_REAL, max(self._next - self._crowd.clock(), FINEST))

    def _hand_out(self, due: float, now: float) -> None:
        if self._idle:
            visitor = self._idle.popleft()
            visitor.due = due
            visitor.bell.wake()
            self.lateness.add(now - due)
        else:
            self._waiting.append(due)
            self.delayed += 1

    def _moment(self, number: int) -> float:
        """Seconds after the beginning at which so many visits were due before."""
        in_ramp = self._rate * self._ramp / 2
        if number < in_ramp:
            return math.sqrt(2 * self._ramp * number / self._rate)
        return self._ramp + (number - in_ramp) / self._rate
