"""The way to a server through TLS: the handshake, and nothing that is sent before the certificate is believed.

A handshake is made without authorities first, because most servers of this kind made their certificate themselves.
Only where the certificate is not known yet, or has changed, a second one asks whether the machine's authorities vouch
for it.

Kept apart because the library behind it takes a while to import.
"""

from __future__ import annotations

import hashlib
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from client_cli.address import Address
from client_cli.trust import Trust
from youku_evloop.errors import TimedOut, Unreachable, UntrustedServer

IS_NO_TLS: Final = "WRONG_VERSION_NUMBER"
"""How OpenSSL says that an answer is no record of TLS; a server without it answers a ClientHello in frames."""

Dial = Callable[[], socket.socket]
"""Makes a connection to the server, or raises `Unreachable`."""


class TlsLink:
    """Bytes through TLS. OpenSSL moves one record at a time (16 KiB); reading goes on until the buffer is full."""

    def __init__(self, link: ssl.SSLSocket) -> None:
        self._link = link

    def fileno(self) -> int:
        """The descriptor."""
        return self._link.fileno()

    def send(self, data: memoryview, *, more: bool) -> int:
        """One record, where there is room for it."""
        try:
            return self._link.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def recv_into(self, buffer: memoryview) -> int:
        """As much as is here, of as many records as it takes."""
        count = 0
        try:
            while count < len(buffer) and (more := self._link.recv_into(buffer[count:])):
                count += more
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not count:
                raise BlockingIOError from None
        return count

    def pending(self) -> bool:
        """Whether a part of a record has been decrypted and not been read."""
        return self._link.pending() > 0

    def abort(self) -> None:
        """End it both ways, below TLS, whose state belongs to the thread that uses it."""
        with suppress(OSError):
            socket.socket.shutdown(self._link, socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up; every body says its own length, so nobody is misled where the end of the stream is forged."""
        self._link.close()


def link_through_tls(server: Address, trust: Trust, dial: Dial, timeout: float) -> TlsLink:
    """Connect, shake hands within `timeout` seconds, and believe the certificate; raises `UntrustedServer`."""
    link = _shake_hands(dial(), server, blind_context(), timeout)
    try:
        seen = fingerprint_of(link)
        trust.accept(server, seen, lambda: _is_vouched_for(server, seen, dial, timeout))
    except BaseException:
        link.close()
        raise
    return TlsLink(link)


def fingerprint_of(link: ssl.SSLSocket) -> str:
    """`sha256:` and 64 digits: of the certificate that the other side showed."""
    return "sha256:" + hashlib.sha256(link.getpeercert(binary_form=True) or b"").hexdigest()


def blind_context() -> ssl.SSLContext:
    """TLS 1.2 or newer with any certificate: what it is worth is decided afterwards, by its fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_vouched_for(server: Address, fingerprint: str, dial: Dial, timeout: float) -> bool:
    """Whether an authority that this machine trusts vouches for that certificate and the server's name."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        with _shake_hands(dial(), server, context, timeout) as link:
            return fingerprint_of(link) == fingerprint
    except ssl.SSLCertVerificationError:
        return False


def _shake_hands(link: socket.socket, server: Address, context: ssl.SSLContext, timeout: float) -> ssl.SSLSocket:
    """Raises `ssl.SSLCertVerificationError` where the context asks for more than the server has."""
    try:
        link.setblocking(False)
        link = secured = context.wrap_socket(link, server_hostname=server.host, do_handshake_on_connect=False)
        _handshake(secured, server, time.monotonic() + timeout)
    except ssl.SSLCertVerificationError:
        link.close()
        raise
    except OSError as problem:
        link.close()
        raise _failure(server, problem) from None
    except BaseException:
        link.close()
        raise
    return secured


def _handshake(link: ssl.SSLSocket, server: Address, deadline: float) -> None:
    while True:
        try:
            link.do_handshake()
        except ssl.SSLWantReadError:
            _wait(link, select.POLLIN, server, deadline)
        except ssl.SSLWantWriteError:
            _wait(link, select.POLLOUT, server, deadline)
        else:
            return


def _wait(link: ssl.SSLSocket, event: int, server: Address, deadline: float) -> None:
    poll = select.poll()
    poll.register(link, event)
    if not poll.poll(max(deadline - time.monotonic(), 0.0) * 1000):
        raise TimedOut(f"{server} took the connection but did not finish the TLS handshake.", server=str(server))


def _failure(server: Address, problem: OSError) -> Unreachable | UntrustedServer:
    if not isinstance(problem, ssl.SSLError) or isinstance(problem, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Unreachable(f"{server} closed the connection during the TLS handshake.", server=str(server))
    if problem.reason == IS_NO_TLS:
        message = (
            f"{server} answers, but without TLS, so it cannot prove who it is. Nothing was sent to it. If it is yours,"
            " start it with --tls auto; if you know that nobody can listen on the way, say --tls off."
        )
    else:
        message = f"There is no TLS (1.2 or newer) with {server}: {problem.reason or problem}. Nothing was sent to it."
    return UntrustedServer(message, server=str(server))
