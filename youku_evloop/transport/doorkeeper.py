"""The doorkeeper of a port that serves TLS and plain frames alike: it looks at a connection's first byte.

A frame begins with 0x00, a TLS handshake with 0x16, so one look tells them apart. The handshake is done here, step by
step as bytes arrive; only then is there a connection, and that need not know.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from youku_evloop.kernel.loop import READ, WRITE
from youku_evloop.machine import Name, step
from youku_evloop.transport.channels import Channel, PlainChannel, TlsChannel
from youku_evloop.wire.frames import TLS_HANDSHAKE

if TYPE_CHECKING:
    from youku_evloop.transport.listener import Transport

log = logging.getLogger(__name__)


class DoorState(Name):
    """How far a newcomer is."""

    KNOCKING = "knocking"
    HANDSHAKING = "handshaking"
    GONE = "gone"


class DoorEvent(Name):
    """What happens at the door."""

    TLS_SEEN = "first byte is TLS"
    ADMITTED = "a connection was made of it"
    REFUSED = "it failed or took too long"


DOOR_TRANSITIONS: Final[Mapping[tuple[DoorState, DoorEvent], DoorState]] = {
    (DoorState.KNOCKING, DoorEvent.TLS_SEEN): DoorState.HANDSHAKING,
    (DoorState.KNOCKING, DoorEvent.ADMITTED): DoorState.GONE,
    (DoorState.KNOCKING, DoorEvent.REFUSED): DoorState.GONE,
    (DoorState.HANDSHAKING, DoorEvent.ADMITTED): DoorState.GONE,
    (DoorState.HANDSHAKING, DoorEvent.REFUSED): DoorState.GONE,
}


class Newcomer:
    """An accepted socket of which nothing is known yet. `admit(channel)` is called with what it turned out to be."""

    __slots__ = ("_admit", "_context", "_fd", "_peer", "_sock", "_transport", "state", "wheel_slot")

    def __init__(
        self,
        transport: Transport,
        sock: socket.socket,
        peer: str,
        context: ssl.SSLContext,
        admit: Callable[[Channel], object],
    ) -> None:
        self.state = DoorState.KNOCKING
        self.wheel_slot = -1
        self._transport = transport
        self._sock = sock
        self._peer = peer
        self._fd = sock.fileno()  # wrapping in TLS keeps it; what fails while wrapping has lost it
        self._context = context
        self._admit = admit
        transport.newcomers.add(self)
        transport.loop.watch(self._fd, READ, self._on_ready)
        transport.loop.deadlines.watch(self, transport.loop.now + transport.limits.greeting)

    def close(self, reason: object) -> None:
        """Turn it away."""
        if self.state is not DoorState.GONE:
            self._leave(DoorEvent.REFUSED)
            self._sock.close()
            log.info("%s was turned away at the door: %s", self._peer, reason)

    def on_deadline(self, now: float) -> float | None:
        """Asked by the wheel when the time for a greeting is over."""
        self.close("it took too long")
        return None

    def _on_ready(self, _events: int) -> None:
        try:
            if self.state is DoorState.KNOCKING:
                self._look()
            if self.state is DoorState.HANDSHAKING:
                self._shake_hands()
        except BlockingIOError:
            return
        except OSError as problem:  # ssl.SSLError is one
            self.close(problem)

    def _look(self) -> None:
        first = self._sock.recv(1, socket.MSG_PEEK)
        if not first:
            self.close("it hung up")
        elif first[0] == TLS_HANDSHAKE:
            self._sock = self._context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
            self.state = step(DOOR_TRANSITIONS, self.state, DoorEvent.TLS_SEEN)
        else:
            self._leave(DoorEvent.ADMITTED)
            self._admit(PlainChannel(self._sock))

    def _shake_hands(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._transport.loop.change(self._fd, READ)
        except ssl.SSLWantWriteError:
            self._transport.loop.change(self._fd, WRITE)
        else:
            self._leave(DoorEvent.ADMITTED)
            self._admit(TlsChannel(self._sock))

    def _leave(self, event: DoorEvent) -> None:
        self.state = step(DOOR_TRANSITIONS, self.state, event)
        self._transport.newcomers.discard(self)
        self._transport.loop.deadlines.forget(self)
        self._transport.loop.unwatch(self._fd)
