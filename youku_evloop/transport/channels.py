"""Channels: the bytes of a connection, in the clear or through TLS, behind the same few non-blocking operations.

Each raises `BlockingIOError` when the socket is not ready, and `OSError` when the peer is gone; reading answers 0 at
the end of the stream.
"""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import struct
import sys
import termios
from contextlib import suppress
from typing import ClassVar, Final, Protocol

FILE_CHUNK: Final = 64 * 1024
"""Bytes of a file that are encrypted at once: four TLS records, about what a socket buffer takes."""

AT_ONCE: Final = struct.pack("ii", 1, 0)
"""For SO_LINGER: on, for no time."""


class Channel(Protocol):
    """What a connection asks of the way to its peer."""

    empties: ClassVar[bool]
    """Whether a read that brings less than was asked for has emptied the socket."""

    def fileno(self) -> int:
        """The descriptor."""

    def recv_into(self, buffer: memoryview, count: int, /) -> int:
        """Read at most `count` bytes."""

    def send(self, data: bytes, /) -> int:
        """Write; answers how many bytes were taken."""

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """Write from a file; answers how many bytes were taken, 0 when the file is at its end."""

    def cork(self, corked: bool) -> None:
        """From now on let only whole packets leave; or all that is left, and whatever comes at once."""

    def pending(self) -> bool:
        """Whether bytes wait here of which the descriptor's readiness says nothing."""

    def unacknowledged(self) -> int:
        """How many of the bytes that were taken have not reached the peer."""

    def end_output(self) -> None:
        """Say that nothing more will be written."""

    def abandon(self) -> None:
        """Have `close` drop what is under way to the peer, which the kernel would otherwise keep and offer for long."""

    def close(self) -> None:
        """Give the descriptor back."""


class PlainChannel(socket.socket):
    """Bytes in the clear; a file goes from the page cache to the socket without passing through this process.

    It is a socket instead of having one: reading and sending are the socket's own, with nothing in between.
    """

    __slots__ = ()
    empties: ClassVar[bool] = True

    def __init__(self, sock: socket.socket) -> None:
        """Takes the descriptor over."""
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.setblocking(False)

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """Write from a file, by sendfile(2)."""
        return os.sendfile(self.fileno(), fd, offset, count)

    def cork(self, corked: bool) -> None:
        """Whole packets only (tcp(7), TCP_CORK), or whatever there is."""
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, corked)

    def pending(self) -> bool:
        """Never: what is here is in the socket."""
        return False

    def unacknowledged(self) -> int:
        """How many of the bytes that were taken have not reached the peer."""
        return _unacknowledged(self)

    def end_output(self) -> None:
        """Say that nothing more will be written."""
        self.shutdown(socket.SHUT_WR)

    def abandon(self) -> None:
        """Have `close` drop what is under way to the peer."""
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)


class TlsChannel:
    """Bytes through TLS, after its handshake. OpenSSL reads and writes whole records, so some wait inside it."""

    __slots__ = ("_sock",)
    empties: ClassVar[bool] = False

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """The descriptor."""
        return self._sock.fileno()

    def recv_into(self, buffer: memoryview, count: int) -> int:
        """Read at most `count` bytes, of one record."""
        try:
            return self._sock.recv_into(buffer, count)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def send(self, data: bytes) -> int:
        """Write; what was refused has to be offered again unchanged, which a write queue does anyway."""
        try:
            return self._sock.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """Read from the file and encrypt, chunk after chunk."""
        sent = 0
        try:
            while sent < count and (data := os.pread(fd, min(count - sent, FILE_CHUNK), offset + sent)):
                sent += self.send(data)
        except BlockingIOError:
            if not sent:
                raise
        return sent

    def cork(self, corked: bool) -> None:
        """Whole packets only (tcp(7), TCP_CORK), or whatever there is."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, corked)

    def pending(self) -> bool:
        """Whether a part of a record has been decrypted and not been read."""
        return self._sock.pending() > 0

    def unacknowledged(self) -> int:
        """How many of the bytes that were taken have not reached the peer, in their encrypted form."""
        return _unacknowledged(self._sock)

    def end_output(self) -> None:
        """Say that nothing more will be written, in TLS (so that it cannot be forged) and below it.

        What still comes is only dropped, so it is not decrypted any more.
        """
        with suppress(ssl.SSLError):  # it has been sent; that the peer's own has not come yet is the usual "failure"
            self._sock.unwrap()
        with suppress(ValueError):
            self._sock.shutdown(socket.SHUT_WR)

    def abandon(self) -> None:
        """Have `close` drop what is under way to the peer."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)

    def close(self) -> None:
        """Give the descriptor back."""
        self._sock.close()


def _unacknowledged(sock: socket.socket) -> int:
    """Bytes in a socket's send queue (tcp(7), SIOCOUTQ, which is the same as TIOCOUTQ)."""
    return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
