"""How long a connection may wait for what, and whether that was too long (docs/protocol.md, "Limits")."""

from __future__ import annotations

from typing import Final

from youku_evloop.config import Limits
from youku_evloop.machine import Name


class Wait(Name):
    """What a connection is waiting for."""

    GREETING = "its first request"
    IDLE = "another request"
    WORK = "our own reply"
    FRAME = "the rest of a frame"
    BODY = "the rest of a body"
    REPLY = "the client to take its reply"
    LINGER = "the client to close"


FLOWING: Final = frozenset({Wait.FRAME, Wait.BODY, Wait.REPLY})
"""Bytes move meanwhile, and what counts is how many."""


class Patience:
    """What one connection waits for, since when (seconds of the loop's clock), and how many bytes had moved then."""

    __slots__ = ("_mark", "since", "wait")

    def __init__(self, now: float) -> None:
        self.begin(Wait.GREETING, now, 0)

    def begin(self, wait: Wait, now: float, moved: int) -> None:
        """From now on it is waiting for this."""
        self.wait = wait
        self.since = now
        self._mark = moved

    def due(self, busy: bool, limits: Limits) -> float:
        """When to look whether that was too long; `busy`: while a reply is being made."""
        return self.since + self._allowed(busy, limits)

    def is_late(self, now: float, moved: int, busy: bool, limits: Limits) -> bool:
        """Whether it has waited too long, with `moved` bytes so far."""
        if now < self.due(busy, limits) or self.wait is Wait.WORK:
            return False
        return self.wait not in FLOWING or moved - self._mark < limits.least_rate * (now - self.since)

    def _allowed(self, busy: bool, limits: Limits) -> float:
        match self.wait:
            case Wait.REPLY if not busy:  # done with, and only lying there
                return limits.stalled_write
            case Wait.REPLY | Wait.FRAME | Wait.BODY:
                return limits.window
            case Wait.LINGER:
                return limits.linger
            case Wait.IDLE:
                return limits.idle
            case _:  # our own work never takes too long, but what comes after it may be late this soon
                return limits.greeting
