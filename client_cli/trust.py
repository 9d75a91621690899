"""Which server is the right one: when TLS is used, and which certificate is believed. Knows no socket and no TLS.

A certificate is believed when it is the one that was asked for (`--fingerprint`), or the one that was seen at this
address before, or when an authority that this machine trusts vouches for it and the host's name, or when this address
has never been seen before. What was seen is kept in `known_servers`, a line for each address:

    library.example:9685 sha256:0123...
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from client_cli.address import Address
from client_cli.state import locked, read_small, replace, state_directory
from youku_evloop.errors import BadRequest, Forbidden, UntrustedServer

FILE_NAME: Final = "known_servers"

FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{64}")

SayCallback = Callable[[str], None]


def silently(_line: str) -> None:
    """For those who do not want to be told of new servers."""


class TlsMode(Enum):
    """`--tls`."""

    AUTO = "auto"
    """For every host but this machine, and for this machine where a certificate is known or demanded."""
    ON = "on"
    OFF = "off"


def parse_fingerprint(text: str) -> str:
    """`sha256:` and 64 lower-case digits, also from upper case and from pairs with colons; raises `BadRequest`."""
    kind, colon, digits = text.strip().lower().partition(":")
    fingerprint = f"{kind}{colon}{digits.replace(':', '')}"
    if not FINGERPRINT.fullmatch(fingerprint):
        raise BadRequest(
            f"{text!r} is no fingerprint: it is `sha256:` and 64 hexadecimal digits, as `youku-server run` prints it."
        )
    return fingerprint


def is_loopback(host: str) -> bool:
    """Whether the host is this machine for certain: by its address, not by what a name may resolve to."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class KnownServers:
    """The fingerprints of servers that were seen before, by address. Comments and foreign lines stay as they are."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or state_directory()
        self.path = self._directory / FILE_NAME

    def find(self, server: Address) -> str | None:
        """The fingerprint of the server at that address, or None; raises `BadRequest` when its line is damaged."""
        for number, line in enumerate(self._lines(), 1):
            if _is_about(line, server):
                words = line.split()
                if len(words) < 2 or not FINGERPRINT.fullmatch(words[1]):
                    raise BadRequest(f"{self.path} is damaged in line {number}: mend the line, or remove it.")
                return words[1]
        return None

    def add(self, server: Address, fingerprint: str) -> str:
        """Remember a server that is not known yet; the fingerprint known from now on, for somebody may be first."""
        with locked(self._directory, "servers"):
            known = self.find(server)
            if known is None:
                self._write([*self._lines(), f"{server} {fingerprint}"])
            return known or fingerprint

    def put(self, server: Address, fingerprint: str) -> None:
        """Remember a server, in the place of what was known of it."""
        with locked(self._directory, "servers"):
            if self.find(server) != fingerprint:
                others = [line for line in self._lines() if not _is_about(line, server)]
                self._write([*others, f"{server} {fingerprint}"])

    def _lines(self) -> list[str]:
        try:
            return read_small(self.path).decode(errors="surrogateescape").splitlines()
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise Forbidden(f"{self.path} cannot be read: {problem.strerror}.") from None

    def _write(self, lines: list[str]) -> None:
        replace(self.path, "".join(f"{line}\n" for line in lines))


def _is_about(line: str, server: Address) -> bool:
    words = line.split()
    return bool(words) and words[0] == str(server)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe: `fingerprint` is the only right one where it is given; `say` is told of new servers."""

    mode: TlsMode = TlsMode.AUTO
    fingerprint: str | None = None
    known: KnownServers = field(default_factory=KnownServers)
    say: SayCallback = silently

    def __post_init__(self) -> None:
        if self.mode is TlsMode.OFF and self.fingerprint is not None:
            raise BadRequest("A fingerprint is checked by TLS: leave out --fingerprint, or --tls off.")

    def wants_tls(self, server: Address) -> bool:
        """Whether to speak TLS with the server at that address."""
        if self.mode is not TlsMode.AUTO:
            return self.mode is TlsMode.ON
        return self.fingerprint is not None or not is_loopback(server.host) or self.known.find(server) is not None

    def accept(self, server: Address, seen: str, is_vouched_for: Callable[[], bool]) -> None:
        """Believe the certificate, and remember it, or raise `UntrustedServer`.

        `seen` is its fingerprint. `is_vouched_for` asks, at the price of a handshake, whether an authority vouches for
        it.
        """
        if self.fingerprint is not None:
            if seen != self.fingerprint:
                raise self._is_not_demanded(server, seen)
            self.known.put(server, seen)
            return
        known = self.known.find(server)
        if known == seen:
            return
        if is_vouched_for():
            self.known.put(server, seen)
        elif known is not None or self.known.add(server, seen) != seen:
            raise self._has_changed(server, known or "another one", seen)
        else:
            self.say(
                f"{server} is new here: from now on it is known by its certificate, {seen}. Its operator can tell you"
                " whether that is right."
            )

    def _is_not_demanded(self, server: Address, seen: str) -> UntrustedServer:
        return UntrustedServer(
            f"{server} shows the certificate {seen}, but {self.fingerprint} was demanded (--fingerprint,"
            " YOUKU_FINGERPRINT). Nothing was sent to it.",
            server=str(server),
            expected=self.fingerprint,
            actual=seen,
        )

    def _has_changed(self, server: Address, known: str, seen: str) -> UntrustedServer:
        path = self.known.path
        return UntrustedServer(
            f"{server} is not the server that it was: it shows the certificate {seen}, known is {known}. Nothing was"
            " sent to it, for somebody may stand in between. If its operator says that the new certificate is right,"
            f" repeat the command with --fingerprint {seen}, or remove the line of {server} from {path}.",
            server=str(server),
            expected=known,
            actual=seen,
            file=str(path),
        )
