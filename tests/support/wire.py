"""A bare connection that speaks docs/protocol.md: written from that page, with nothing of the client or the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import socket
from types import TracebackType
from typing import Any, Final, Self

PATIENCE: Final = 60.0
"""Seconds without a byte after which a test fails instead of waiting for ever."""

Reply = dict[str, Any]


class Wire:
    """One socket. `events` are those that came between the replies; `last_id` is of the last request."""

    def __init__(self, address: str, token: str | None = None) -> None:
        host, _, port = address.rpartition(":")
        self.sock = socket.create_connection((host, int(port)), PATIENCE)
        self.events: list[Reply] = []
        self.last_id = 0
        if token is not None:
            self.ask("hello", token=token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    # -- bytes

    def send_bytes(self, data: bytes) -> None:
        """Whatever bytes."""
        self.sock.sendall(data)

    def send_payload(self, payload: bytes) -> None:
        """A frame of whatever payload."""
        self.send_bytes(len(payload).to_bytes(4, "big") + payload)

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        data = bytearray()
        while len(data) < count:
            piece = self.sock.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise EOFError(f"the server hung up after {len(data)} of {count} bytes")
            data += piece
        return bytes(data)

    def end(self) -> None:
        """Say that nothing more will come, and go on listening."""
        self.sock.shutdown(socket.SHUT_WR)

    def rest(self) -> bytes:
        """Everything until the server closes its side."""
        data = bytearray()
        while piece := self.sock.recv(1 << 20):
            data += piece
        return bytes(data)

    # -- messages

    def send(self, op: str, body: bytes | None = None, **arguments: Any) -> int:
        """A request, with its body if it has one; answers its id."""
        if body is None:
            return self.announce(op, None, **arguments)
        self.announce(op, len(body), **arguments)
        self.send_bytes(body)
        return self.last_id

    def announce(self, op: str, body: int | None, **arguments: Any) -> int:
        """A request alone, of whose body not a byte has been sent."""
        self.last_id += 1
        fields = {"id": self.last_id, "op": op, **arguments}
        self.send_payload(json.dumps(fields if body is None else {**fields, "body": body}).encode())
        return self.last_id

    def receive(self) -> Reply:
        """The next reply, whichever request it answers."""
        while "event" in (message := self._message()):
            self.events.append(message)
        return message

    def receive_event(self) -> Reply:
        """The next message, which has to be an event."""
        message = self._message()
        assert "event" in message, message
        return message

    def _message(self) -> Reply:
        size = int.from_bytes(self.read(4), "big")
        message = json.loads(self.read(size))
        assert isinstance(message, dict)
        return message

    def request(self, op: str, body: bytes | None = None, **arguments: Any) -> Reply:
        """A request and its reply, good or bad."""
        sent = self.send(op, body, **arguments)
        reply = self.receive()
        assert reply["id"] == sent, reply
        return reply

    def ask(self, op: str, body: bytes | None = None, **arguments: Any) -> Reply:
        """A request that has to be granted."""
        reply = self.request(op, body, **arguments)
        assert reply["ok"] is True, reply
        return reply

    def refused(self, op: str, body: bytes | None = None, **arguments: Any) -> Reply:
        """A request that has to be refused: the error."""
        reply = self.request(op, body, **arguments)
        assert reply["ok"] is False and reply["message"], reply
        return reply

    # -- conversations

    def register(self, name: str, password: str) -> Reply:
        """A new account."""
        return self.request("account.register", name=name, **verifier_of(password))

    def log_in(self, name: str, password: str) -> Reply:
        """The SCRAM-SHA-256 exchange of RFC 5802; the reply of `account.proof`, the server's own proof checked."""
        nonce = secrets.token_urlsafe(18)
        bare = f"n={name},r={nonce}"
        first = self.request("account.login", message=f"n,,{bare}")
        if not first["ok"]:
            return first
        fields = dict(part.split("=", 1) for part in first["message"].split(","))
        assert fields["r"].startswith(nonce)
        salted = _salted(password, base64.b64decode(fields["s"]), int(fields["i"]))
        without_proof = f"c={base64.b64encode(b'n,,').decode()},r={fields['r']}"
        signed = f"{bare},{first['message']},{without_proof}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), signed)
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()
        final = self.request("account.proof", message=f"{without_proof},p={proof}")
        if final["ok"]:
            server_signature = base64.b64encode(_hmac(_hmac(salted, b"Server Key"), signed)).decode()
            assert final["message"] == f"v={server_signature}"
        return final


def verifier_of(password: str, iterations: int = 4096) -> Reply:
    """The arguments of `account.register` that stand for the password; the few rounds are cheap."""
    salt = secrets.token_bytes(16)
    salted = _salted(password, salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    keys = {"stored_key": stored_key, "server_key": _hmac(salted, b"Server Key"), "salt": salt}
    return {"iterations": iterations} | {field: base64.b64encode(key).decode() for field, key in keys.items()}


def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
