"""Looking into the running server from its own machine: `youku-server stats`.

Whoever can read the data directory and the database may do this, so it needs no password: it gives one of the
administrators a session of a minute, asks with that, and takes it back.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from youku_evloop.errors import NotFound, Unreachable, from_reply
from youku_evloop.models import User, UserType
from youku_evloop.process import Address
from youku_evloop.services import accounts
from youku_evloop.wire.frames import NEED_DATA, FrameDecoder, encode_frame
from youku_evloop.wire.messages import Reply, parse_reply

PATIENCE: Final = 10.0
SESSION: Final = timedelta(minutes=1)
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What a server listens on to be reached at every address, and where to reach it from the same machine."""


def server_stats(address: Address) -> dict[str, Any]:
    """The reply to `server.stats`; the database is the ambient one. Raises `NotFound`, `Unreachable`."""
    with _session() as token, _connect(address) as sock:
        conversation = _Conversation(sock)
        conversation.ask({"id": 1, "op": "hello", "client": "youku-server stats", "token": token})
        stats = conversation.ask({"id": 2, "op": "server.stats"})
    return {"pid": address.pid, **{name: value for name, value in stats.items() if name not in ("id", "ok")}}


@contextmanager
def _session() -> Iterator[str]:
    administrator = User.select(user_type=UserType.ADMIN, is_locked=False).order_by(User.id).first()
    if administrator is None:
        raise NotFound("Only administrators may see this, and there is none: run `youku-server create-admin NAME`.")
    token, session = accounts.open_session(administrator, SESSION)
    try:
        yield token
    finally:
        session.delete()


@contextmanager
def _connect(address: Address) -> Iterator[socket.socket]:
    host = EVERYWHERE.get(address.host, address.host)
    try:
        with socket.create_connection((host, address.port), PATIENCE) as sock:
            if address.fingerprint is None:
                yield sock
            else:
                with _encrypted(sock, address.fingerprint) as encrypted:
                    yield encrypted
    except OSError as error:
        raise Unreachable(f"The server at {host}:{address.port} does not answer: {error}.") from None


def _encrypted(sock: socket.socket, fingerprint: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the server has written down which certificate is its own
    encrypted = context.wrap_socket(sock)
    digest = hashlib.sha256(encrypted.getpeercert(binary_form=True) or b"").hexdigest()
    if not hmac.compare_digest(f"sha256:{digest}", fingerprint):
        raise Unreachable("Somebody else answers at the server's address: its certificate is another one.")
    return encrypted


class _Conversation:
    """Blocking requests, one after the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._decoder: FrameDecoder[Reply] = FrameDecoder(parse_reply)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply's fields; raises the error that the server answers."""
        self._sock.sendall(encode_frame(request))
        while (reply := self._next()).get("id") != request["id"]:
            if reply.get("ok") is False:
                break
        if not reply["ok"]:
            raise from_reply(reply)
        return reply

    def _next(self) -> dict[str, Any]:
        while (message := self._decoder.next_message()) is NEED_DATA:
            data = self._sock.recv(65536)
            if not data:
                raise Unreachable("The server hung up. It may be stopping.")
            self._decoder.feed(data)
        return message.fields


def as_text(stats: dict[str, Any]) -> str:
    """`server.stats` for people."""
    connections, lag, pool = stats["connections"], stats["loop_lag"], stats["pool"]
    states = ", ".join(f"{count} {state}" for state, count in sorted(connections.items())) or "none"
    used, allowed = stats["descriptors"]["used"], stats["descriptors"]["allowed"]
    facts = {
        "Process": f"{stats['pid']}, up for {timedelta(seconds=int(stats['uptime']))}",
        "Connections": f"{states}; {stats['connections_served']} before",
        "Bytes": f"{stats['bytes_in']:,} in, {stats['bytes_out']:,} out",
        "Loop lag": f"{lag['median_ms']} ms median, {lag['worst_ms']} ms worst of the last minute",
        "Tasks": f"{stats['tasks']} under way; {stats['worker_queue']} jobs with the worker threads",
        "Database": f"{pool['in_use']} of {pool['size']} connections in use, {pool['waiting']} waiting for one",
        "Descriptors": f"{used} of {allowed}",
        "Uploads": f"{stats['uploads']} in progress",
    }
    lines = [f"{name:<12} {fact}" for name, fact in facts.items()]
    return "\n".join([*lines, "", *_command_lines(stats["commands"])])


def _command_lines(commands: dict[str, dict[str, Any]]) -> list[str]:
    columns = ("count", "errors", "p50_ms", "p99_ms", "max_ms")
    width = max((len(name) for name in commands), default=0)
    head = f"{'Command':<{width}}" + "".join(f"{column.replace('_', ' '):>12}" for column in columns)
    most_used = sorted(commands.items(), key=lambda item: (-item[1]["count"], item[0]))
    return [
        head,
        *(f"{name:<{width}}" + "".join(f"{row[column]:>12}" for column in columns) for name, row in most_used),
    ]
