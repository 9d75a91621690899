"""Where a server listens: `HOST:PORT` as people write it. Knows no socket."""

from __future__ import annotations

from typing import Final, NamedTuple

from youku_evloop.errors import BadRequest

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9685
DEFAULT_SERVER: Final = f"{DEFAULT_HOST}:{DEFAULT_PORT}"
MAX_PORT: Final = 65_535


class Address(NamedTuple):
    """A host (a name, or an IP address without brackets) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """`HOST:PORT`, `HOST` alone (port 9685) or `[IPv6]:PORT`; raises `BadRequest` for anything else."""
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise _malformed(text)
        port = rest[1:] if rest else str(DEFAULT_PORT)
    else:
        host, colon, port = text.partition(":")
        port = port if colon else str(DEFAULT_PORT)
    if not _is_host(host) or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= MAX_PORT:
        raise _malformed(text)
    return Address(host.lower(), int(port))


def _is_host(host: str) -> bool:
    return bool(host) and not any(mark.isspace() or mark in "/@[]?#" for mark in host)


def _malformed(text: str) -> BadRequest:
    return BadRequest(
        f"{text!r} is no server address: write HOST:PORT, for example {DEFAULT_SERVER} (--server, YOUKU_SERVER).",
        server=text,
    )
