"""A runtime whose sockets can be made to fail at a chosen statement: before it, after it, or before its answer."""

from __future__ import annotations

import enum
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from youku_evloop import orm


class When(enum.Enum):
    BEFORE = "before the statement is sent"
    SENT = "when it has been sent, which may or may not be before it is done"
    ANSWERED = "when the answer is here, which is then lost"


@dataclass
class Trip:
    """Do `then`, once, at the first statement that contains `text`."""

    text: bytes
    when: When
    then: Callable[[], Any]
    tripped: bool = False


class TripRuntime(orm.BlockingRuntime):
    def __init__(self) -> None:
        self.trip: Trip | None = None
        self.sent: list[bytes] = []

    def set(self, text: str, when: When, then: Callable[[], Any]) -> Trip:
        self.trip = Trip(text.encode(), when, then)
        return self.trip

    def connect(self, host: str, port: int, timeout: float) -> orm.Socket:
        sock = super().connect(host, port, timeout)
        assert isinstance(sock, socket.socket)
        return TripSocket(sock, self)


class TripSocket:
    def __init__(self, sock: socket.socket, runtime: TripRuntime) -> None:
        self._sock, self._runtime = sock, runtime
        self.settimeout, self.makefile, self.close = sock.settimeout, sock.makefile, sock.close
        self.recv_into, self.fileno = sock.recv_into, sock.fileno

    def sendall(self, data: bytes, /) -> None:
        self._runtime.sent.append(bytes(data))
        trip = self._runtime.trip
        if trip is None or trip.tripped or trip.text not in data:
            self._sock.sendall(data)
            return
        trip.tripped = True
        if trip.when is When.BEFORE:
            trip.then()
            raise BrokenPipeError("tripped")
        self._sock.sendall(data)
        if trip.when is When.ANSWERED:
            select.select([self._sock], [], [])
            self._sock.recv(1 << 20)
        trip.then()
