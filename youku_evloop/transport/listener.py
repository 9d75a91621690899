"""The listener: accepts connections, and stops accepting when descriptors run out instead of spinning."""

from __future__ import annotations

import errno
import logging
import os
import resource
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from youku_evloop.config import Limits
from youku_evloop.errors import Forbidden
from youku_evloop.kernel.loop import READ, Loop
from youku_evloop.machine import Name, step
from youku_evloop.transport.channels import Channel, PlainChannel
from youku_evloop.transport.connection import Connection
from youku_evloop.transport.doorkeeper import Newcomer
from youku_evloop.transport.owner import Owner
from youku_evloop.wire.messages import Rejected, Request

log = logging.getLogger(__name__)

RECEIVE_BUFFER: Final = 256 * 1024
"""One for all connections: only one is read at a time. It fits the processor's cache, where the hash finds it again."""
BACKLOG: Final = 4096
OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ListenerState(Name):
    """Whether there is room."""

    ACCEPTING = "accepting"
    PAUSING = "pausing"
    TRYING = "trying again"
    CLOSED = "closed"


class ListenerEvent(Name):
    """What moves the listener on."""

    FULL = "no descriptors left"
    PAUSE_OVER = "pause over"
    ACCEPTED = "somebody accepted"
    CLOSE = "told to accept no more"


S = ListenerState
E = ListenerEvent
LISTENER_TRANSITIONS: Final[Mapping[tuple[ListenerState, ListenerEvent], ListenerState]] = {
    (S.ACCEPTING, E.FULL): S.PAUSING,
    (S.PAUSING, E.PAUSE_OVER): S.TRYING,
    (S.TRYING, E.FULL): S.PAUSING,
    (S.TRYING, E.ACCEPTED): S.ACCEPTING,
    (S.ACCEPTING, E.CLOSE): S.CLOSED,
    (S.PAUSING, E.CLOSE): S.CLOSED,
    (S.TRYING, E.CLOSE): S.CLOSED,
}


class Transport:
    """What all connections of a server share."""

    def __init__(self, loop: Loop, limits: Limits, parse: Callable[[bytes], Request | Rejected]) -> None:
        self.loop = loop
        self.limits = limits
        self.parse = parse
        self.buffer = memoryview(bytearray(RECEIVE_BUFFER))
        self.connections: set[Connection] = set()
        self.newcomers: set[Newcomer] = set()

    @property
    def open_sockets(self) -> int:
        """Peers that take a descriptor."""
        return len(self.connections) + len(self.newcomers)


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS for those who ask for it, and who may do without."""

    context: ssl.SSLContext
    may_be_plain: Callable[[str], bool]


class Listener:
    """Accepts for a transport; `converse` makes the owner of each new connection. `tls` may be replaced at any time."""

    def __init__(
        self, transport: Transport, sock: socket.socket, converse: Callable[[Connection], Owner], tls: Tls | None = None
    ) -> None:
        sock.setblocking(False)
        self.state = S.ACCEPTING
        self._transport = transport
        self._sock = sock
        self._converse = converse
        self.tls = tls
        self._most = most_connections(transport.limits)
        transport.loop.watch(sock.fileno(), READ, self._on_ready)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    def close(self) -> None:
        """Accept no more."""
        if self.state is not S.CLOSED:
            self._advance(E.CLOSE)
            self._transport.loop.unwatch(self._sock.fileno())
            self._sock.close()

    def _pause(self, reason: str) -> None:
        if self.state is S.ACCEPTING:
            log.warning("accepting nobody for now: %s", reason)
        self._advance(E.FULL)
        self._transport.loop.change(self._sock.fileno(), 0)
        self._transport.loop.call_later(self._transport.limits.accept_pause, self._try_again)

    def _try_again(self) -> None:
        if self.state is S.PAUSING:
            self._advance(E.PAUSE_OVER)
            self._transport.loop.change(self._sock.fileno(), READ)

    def _advance(self, event: ListenerEvent) -> None:
        self.state = step(LISTENER_TRANSITIONS, self.state, event)

    def _on_ready(self, _events: int) -> None:
        for _ in range(self._transport.limits.accepts):
            if self._transport.open_sockets >= self._most:
                self._pause(f"{self._most} connections are open")
                return
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in OUT_OF_DESCRIPTORS:
                    self._pause(os.strerror(error.errno or 0))
                    return
                raise
            if self.state is S.TRYING:
                log.info("accepting again")
                self._advance(E.ACCEPTED)
            self._welcome(sock, address)

    def _welcome(self, sock: socket.socket, address: tuple[str, int]) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = address[:2]
        peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self.tls is None:
            self._admit(host, peer, PlainChannel(sock))
        else:
            Newcomer(self._transport, sock, peer, self.tls.context, partial(self._admit, host, peer))

    def _admit(self, host: str, peer: str, channel: Channel) -> None:
        connection = Connection(self._transport, channel, peer)
        connection.owner = self._converse(connection)
        self._transport.connections.add(connection)
        if self.tls is not None and isinstance(channel, PlainChannel) and not self.tls.may_be_plain(host):
            connection.refuse(Forbidden("This server talks to other machines through TLS only: connect with it."))


def most_connections(limits: Limits) -> int:
    """How many the descriptors of this process allow, after those that are kept in reserve."""
    return max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - limits.reserve)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises `OSError` when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock
