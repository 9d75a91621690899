"""The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677) for thousands of logins a second.

What costs a client so much, deriving the salted key from the password, is done once: the salt and the rounds of a
made-up user never change, and the RFC lets a client keep what it derived. All made-up users of a test have one
password, which nobody knows, and one salt, so it is done once for all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from typing import Any, Final

from youku_evloop.errors import LoginFailed

ROUNDS: Final = 4_096
"""The fewest that a server takes. The password is 256 random bits: more rounds would protect nothing."""
SALT_SIZE: Final = 16
HEADER: Final = "n,,"
CHANNEL: Final = "c=biws"
"""Base64 of the header: no channel binding."""


class Keys:
    """What a test's users prove that they know. Made anew for each test."""

    def __init__(self) -> None:
        self.salt = secrets.token_bytes(SALT_SIZE)
        salted = hashlib.pbkdf2_hmac("sha256", secrets.token_bytes(32), self.salt, ROUNDS)
        self.client_key = _hmac(salted, b"Client Key")
        self.stored_key = hashlib.sha256(self.client_key).digest()
        self.server_key = _hmac(salted, b"Server Key")

    def verifier(self) -> dict[str, Any]:
        """What `account.register` wants."""
        return {
            "salt": b64encode(self.salt).decode(),
            "stored_key": b64encode(self.stored_key).decode(),
            "server_key": b64encode(self.server_key).decode(),
            "iterations": ROUNDS,
        }


class Exchange:
    """One login; `name` has nothing in it that SCRAM would have to escape."""

    def __init__(self, keys: Keys, name: str) -> None:
        self._keys = keys
        self._bare = f"n={name},r={secrets.token_urlsafe(18)}"
        self._auth = b""

    def first(self) -> str:
        """The client-first message."""
        return HEADER + self._bare

    def final(self, server_first: str) -> str:
        """The client-final message; raises `LoginFailed` when the server asks for other keys than these."""
        given = dict(part.partition("=")[::2] for part in server_first.split(","))
        if given.get("s") != b64encode(self._keys.salt).decode() or given.get("i") != str(ROUNDS):
            raise LoginFailed("The server does not know the user that it has just made.")
        without_proof = f"{CHANNEL},r={given.get('r', '')}"
        self._auth = f"{self._bare},{server_first},{without_proof}".encode()
        signature = _hmac(self._keys.stored_key, self._auth)
        proof = bytes(a ^ b for a, b in zip(self._keys.client_key, signature, strict=True))
        return f"{without_proof},p={b64encode(proof).decode()}"

    def check(self, server_final: str) -> None:
        """Raises `LoginFailed` when the server does not know the account either."""
        expected = _hmac(self._keys.server_key, self._auth)
        if not server_final.startswith("v=") or b64decode(server_final[2:]) != expected:
            raise LoginFailed("The server could not prove that it knows the account.")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
