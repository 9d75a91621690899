"""Where the load goes: which server, how it is reached, and whether this is allowed at all."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final

from client_cli.address import Address
from client_cli.loadtest.line import Line, SecureLink, Traffic
from client_cli.tls import TlsLink, blind_context, fingerprint_of
from client_cli.trust import is_loopback
from youku_evloop.errors import Forbidden, Unreachable, UntrustedServer
from youku_evloop.kernel.loop import Loop

READS: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


def require_permission(server: Address, allowed: str | None) -> None:
    """Raise `Forbidden` for another machine, unless its name was typed once more."""
    if not is_loopback(server.host) and (allowed or "").strip("[]").lower() != server.host:
        raise Forbidden(
            f"{server} is not this machine, and a load test can bring a server down. If it is yours, say so:"
            f" --allow-host {server.host}",
            server=str(server),
        )


class Target:
    """One server; `fingerprint` is that of its certificate, None where it is spoken to in the clear."""

    def __init__(
        self, loop: Loop, server: Address, traffic: Traffic, patience: float, fingerprint: str | None = None
    ) -> None:
        self._loop = loop
        self._server = server
        self._traffic = traffic
        self.patience = patience
        """Seconds of silence after which a request has failed."""
        self._fingerprint = fingerprint
        self._context = None if fingerprint is None else blind_context()
        self._family, self._address = _look_up(server)

    def connect(self) -> Line:
        """A new line; raises `Unreachable`, `TimedOut`, `UntrustedServer`."""
        secure = None if self._context is None else self._secure
        return Line.connect(self._loop, self._family, self._address, self._traffic, self.patience, secure)

    def _secure(self, sock: socket.socket) -> SecureLink:
        assert self._context is not None
        wrapped = self._context.wrap_socket(sock, server_hostname=self._server.host, do_handshake_on_connect=False)
        return _TlsLink(wrapped, str(self._fingerprint))


class _TlsLink(TlsLink):
    def __init__(self, link: ssl.SSLSocket, fingerprint: str) -> None:
        super().__init__(link)
        self._secured = link
        self._expected = fingerprint

    def shake_hands(self) -> bool:
        try:
            self._secured.do_handshake()
        except READS:
            return False
        return True

    def accept(self) -> None:
        seen = fingerprint_of(self._secured)
        if seen != self._expected:
            raise UntrustedServer(f"The server shows the certificate {seen}, and {self._expected} before.")


def _look_up(server: Address) -> tuple[int, tuple[Any, ...]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as problem:
        raise Unreachable(f"There is no host {server.host!r}: {problem.strerror}.", server=str(server)) from None
    return family, address
