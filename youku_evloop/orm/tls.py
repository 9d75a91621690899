"""TLS to the database over any socket that has `recv_into` and `sendall`, an event loop's included.

pymysql asks its `SSLContext` for `wrap_socket`; ours answers with TLS spoken through memory (`ssl.MemoryBIO`).
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from .runtime import Socket

T = TypeVar("T")
RECORD = 16 * 1024 + 512  # one TLS record at its largest


def client_context(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext:
    """Checks the server's certificate and name, against `ca` or else the system's authorities."""
    context = _MemoryContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
    if cert:
        context.load_cert_chain(cert, key)
    return context


class _MemoryContext(ssl.SSLContext):
    def wrap_socket(self, sock: Any, *args: Any, server_hostname: Any = None, **options: Any) -> Any:
        return TlsSocket(self, sock, server_hostname)


class TlsSocket(io.RawIOBase):
    """The socket's own interface, and a raw stream's, with TLS inside."""

    def __init__(self, context: ssl.SSLContext, sock: Socket, server_hostname: str) -> None:
        self._sock, self._incoming, self._outgoing = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.settimeout, self.fileno = sock.settimeout, sock.fileno  # type: ignore[method-assign]
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._buffer = memoryview(bytearray(RECORD))
        self._pump(self._tls.do_handshake)

    def _pump(self, step: Callable[..., T], *args: Any) -> T:
        """Repeat a step of TLS until it needs no more from the other end."""
        while True:
            try:
                result = step(*args)
            except ssl.SSLWantReadError:
                self._flush()
                if count := self._sock.recv_into(self._buffer):
                    self._incoming.write(self._buffer[:count])
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._sock.sendall(data)

    def sendall(self, data: bytes, /) -> None:
        self._pump(self._tls.write, data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            return int(self._pump(self._tls.read, len(buffer), buffer))  # given a buffer, a count
        except ssl.SSLEOFError:
            return 0

    def makefile(self, mode: str, /) -> io.BufferedReader:
        return io.BufferedReader(self)

    def close(self) -> None:
        super().close()
        self._sock.close()
