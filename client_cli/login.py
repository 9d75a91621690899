"""The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677): the password is proved and never travels.

Kept apart because the library behind it takes longer to import than most commands run.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from scramp import ScramClient, ScramException, ScramMechanism

from client_cli.connection import Connection
from youku_evloop.errors import BadRequest, LoginFailed

MECHANISM: Final = "SCRAM-SHA-256"
ROUNDS: Final = 600_000
"""PBKDF2 rounds of a new verifier: about 0.2 s for us, and for each guess of whoever steals the database."""

FEWEST_ROUNDS: Final = 4_096
"""RFC 7677's minimum. A server that offers less may be after a proof that is cheap to guess from."""

MOST_ROUNDS: Final = 10_000_000
"""A server that asks for more wants to keep us busy."""

SALT_SIZE: Final = 16


def canonical_name(name: str) -> str:
    """The one spelling of a user's name that registering and logging in both use (NFKC, as SASLprep makes it)."""
    return unicodedata.normalize("NFKC", name)


def verifier(password: str, rounds: int = ROUNDS) -> dict[str, Any]:
    """What `account.register` needs instead of the password: salt, both keys (base64) and the rounds."""
    try:
        salt, stored_key, server_key, iterations = ScramMechanism(MECHANISM).make_auth_info(
            password, iteration_count=rounds, salt=secrets.token_bytes(SALT_SIZE)
        )
    except ScramException as problem:
        raise BadRequest(f"This password cannot be used: {problem}.") from None
    return {
        "salt": b64encode(salt).decode(),
        "stored_key": b64encode(stored_key).decode(),
        "server_key": b64encode(server_key).decode(),
        "iterations": iterations,
    }


def prove(
    connection: Connection, name: str, password: str, on_rounds: Callable[[int], object] = lambda rounds: None
) -> dict[str, Any]:
    """Log `connection` in; the reply of `account.proof`, after the server has proved itself too.

    `on_rounds` is told how many rounds the server asks for, before anything is proved to it.
    """
    scram = _exchange(name, password)
    first = connection.request("account.login", message=scram.get_client_first())
    server_first = str(first.get("message"))
    on_rounds(_check_rounds(server_first))
    try:
        scram.set_server_first(server_first)
        final = connection.request("account.proof", message=scram.get_client_final())
        scram.set_server_final(str(final.get("message")))
    except ScramException as problem:
        raise LoginFailed(
            f"{connection.peer} could not prove that it knows this account ({problem}): it may not be the server that"
            " it claims to be."
        ) from None
    return final


def _exchange(name: str, password: str) -> ScramClient:
    try:
        return ScramClient([MECHANISM], canonical_name(name), password)
    except ScramException as problem:
        raise BadRequest(f"This name or password cannot be used: {problem}.") from None


def _check_rounds(server_first: str) -> int:
    found = re.findall(r"(?:^|,)i=([^,]*)", server_first)  # two of them might be read as one here and the other there
    rounds = int(found[0]) if len(found) == 1 and re.fullmatch(r"[1-9][0-9]{0,11}", found[0]) else 0
    if not FEWEST_ROUNDS <= rounds <= MOST_ROUNDS:
        raise LoginFailed(
            f"The server asks for a proof of {rounds} rounds, which is not between {FEWEST_ROUNDS} and {MOST_ROUNDS}:"
            " not logging in. It may not be the server that it claims to be.",
            iterations=rounds,
        )
    return rounds
