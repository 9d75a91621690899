"""How long a connection may wait for what, and whether that was too long (docs/protocol.md, "Limits").

Nothing is done while all is well: the loop's wheel asks when a deadline comes up, and only then is it looked up what
the connection is waiting for now, and whether that began, or moved, since. Only a wait with a nearer deadline than the
one before it is told (`begin`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from youku_evloop.config import Limits
from youku_evloop.machine import Name

if TYPE_CHECKING:
    from youku_evloop.kernel import Loop


class Wait(Name):
    """What a connection is waiting for."""

    GREETING = "its first request"
    IDLE = "another request"
    WORK = "our own reply"
    FRAME = "the rest of a frame"
    BODY = "the rest of a body"
    REPLY = "the client to take its reply"
    LINGER = "the client to close"


REPLY: Final = Wait.REPLY
"""A name of its own: it is asked for at every reply (see transport/states.py)."""
FLOWING: Final = frozenset({Wait.FRAME, Wait.BODY, REPLY})
"""Bytes move meanwhile, and what counts is how many."""


class Subject(Protocol):
    """What patience asks of its connection."""

    active_at: float
    """When its last request came or was answered."""

    @property
    def busy(self) -> bool:
        """Whether a reply is being made."""

    def current_wait(self) -> Wait:
        """What it is waiting for."""

    def moved_for(self, wait: Wait) -> int:
        """The bytes that count while it waits for this: how many have moved so far."""

    def give_up(self, wait: Wait) -> bool:
        """Let go of the client; whether that takes more waiting."""


class Patience:
    """With one connection: what it waits for, since when (seconds of the loop's clock), what had moved by then."""

    __slots__ = ("_limits", "_loop", "_mark", "_since", "_subject", "wait", "wheel_slot")

    def __init__(self, subject: Subject, loop: Loop, limits: Limits) -> None:
        self.wheel_slot = -1
        self._subject = subject
        self._loop = loop
        self._limits = limits
        self.begin(Wait.GREETING)

    def begin(self, wait: Wait) -> None:
        """It is waiting for this now."""
        self._begin(wait)
        self._loop.deadlines.watch(self, self._due(busy=True))

    def end(self) -> None:
        """There is nothing more to wait for."""
        self._loop.deadlines.forget(self)

    def on_deadline(self, now: float) -> float | None:
        """Asked by the wheel: let go of who is late, answer when to ask again."""
        subject = self._subject
        wait, busy = subject.current_wait(), subject.busy
        if wait is not self.wait or self._is_another(wait):
            self._begin(wait)
        elif now >= self._due(busy):
            if self._is_late(now):
                return self._due(busy=False) if subject.give_up(wait) else None
            self._begin(wait)
        return self._due(busy)

    def _begin(self, wait: Wait) -> None:
        self.wait = wait
        self._since = self._subject.active_at if wait is Wait.IDLE else self._loop.now
        self._mark = self._subject.moved_for(wait)

    def _is_another(self, wait: Wait) -> bool:
        """Whether the frame or request that was waited for has come, and this is a later one."""
        return self._subject.active_at > self._since and (wait is Wait.FRAME or wait is Wait.IDLE)

    def _is_late(self, now: float) -> bool:
        """Whether what has waited until its time has waited too long."""
        if self.wait in FLOWING:
            moved = self._subject.moved_for(self.wait) - self._mark
            return moved < self._limits.least_rate * (now - self._since)
        return self.wait is not Wait.WORK

    def _due(self, busy: bool) -> float:
        return self._since + self._allowed(busy)

    def _allowed(self, busy: bool) -> float:
        match self.wait:
            case Wait.REPLY if not busy:  # done with, and only lying there
                return self._limits.stalled_write
            case Wait.REPLY | Wait.FRAME | Wait.BODY:
                return self._limits.window
            case Wait.LINGER:
                return self._limits.linger
            case Wait.IDLE:
                return self._limits.idle
            case _:  # our own work never takes too long, but what comes after it may be late this soon
                return self._limits.greeting
