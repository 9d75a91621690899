"""What a connection asks of the way to its server, and the plain one; the one through TLS is in `tls.py`."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Protocol


class Link(Protocol):
    """Bytes both ways. Raises `BlockingIOError` where it would have to wait, `OSError` when the server is gone."""

    def fileno(self) -> int:
        """The descriptor, to wait for."""

    def send(self, data: memoryview, *, more: bool) -> int:
        """How many bytes were taken; what was refused has to be offered again. `more`: others follow at once."""

    def recv_into(self, buffer: memoryview) -> int:
        """How many bytes came; 0 at the end of the stream."""

    def pending(self) -> bool:
        """Whether bytes wait here of which the descriptor's readiness says nothing."""

    def abort(self) -> None:
        """End the stream from another thread: whoever waits for bytes learns of it."""

    def close(self) -> None:
        """Hang up; may be repeated."""


class PlainLink:
    """Bytes in the clear."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._link = link

    def fileno(self) -> int:
        """The descriptor."""
        return self._link.fileno()

    def send(self, data: memoryview, *, more: bool) -> int:
        """As much as there is room for."""
        return self._link.send(data, socket.MSG_MORE if more else 0)

    def recv_into(self, buffer: memoryview) -> int:
        """As much as is here."""
        return self._link.recv_into(buffer)

    def pending(self) -> bool:
        """Never: what is here is in the socket."""
        return False

    def abort(self) -> None:
        """End it both ways."""
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        self._link.close()
