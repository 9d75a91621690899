"""SCRAM from the client's side, honest servers and dishonest ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from client_cli import login as login_module
from client_cli.client import Client
from client_cli.login import canonical_name, verifier
from tests.client.command import Command
from tests.client.peer import Peer
from tests.client.talk import HANDLERS, TOKEN, Conversation
from youku_evloop.errors import BadRequest, LoginFailed, NameTaken, YoukuError

FEW_ROUNDS = 4096


@pytest.fixture
def stranger(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client that is not logged in, with verifiers that are quick to make."""
    monkeypatch.setattr("client_cli.login.verifier", lambda password: verifier(password, FEW_ROUNDS))
    return Client(peer.address, timeout=10)


def test_whoever_registered_can_log_in(peer: Peer, stranger: Client) -> None:
    with stranger:
        stranger.register("somebody", "correct horse")
        session = stranger.login("somebody", "correct horse")
        assert session.token == TOKEN
        assert stranger.whoami().name == "somebody"


def test_the_password_never_travels(peer: Peer, stranger: Client) -> None:
    with stranger:
        stranger.register("somebody", "correct horse")
        stranger.login("somebody", "correct horse")
    assert "correct horse" not in repr(peer.requests)


@pytest.mark.parametrize(("name", "password"), [("somebody", "wrong"), ("nobody", "correct horse")])
def test_a_wrong_password_and_an_unknown_name_fail_alike(stranger: Client, name: str, password: str) -> None:
    with stranger:
        stranger.register("somebody", "correct horse")
        with pytest.raises(LoginFailed, match="Wrong name or password"):
            stranger.login(name, password)


def test_a_taken_name_is_said(stranger: Client) -> None:
    with stranger:
        stranger.register("somebody", "one")
        with pytest.raises(NameTaken) as caught:
            stranger.register("somebody", "two")
        assert caught.value.facts == {"name": "somebody"}


def test_a_new_verifier_has_the_default_rounds_and_a_salt_of_its_own() -> None:
    first, second = verifier("a password"), verifier("a password")
    assert first["iterations"] == 600_000
    assert first["salt"] != second["salt"]
    assert first["stored_key"] != second["stored_key"]


@pytest.mark.parametrize("rounds", [1, 4_095, 10_000_001, 10**11])
def test_a_server_that_asks_for_too_few_or_too_many_rounds_gets_no_proof(
    peer: Peer, stranger: Client, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    def weakened(self: Conversation, body: int, message: str) -> dict[str, Any]:
        nonce = message.split("r=")[1]
        return {"message": f"r={nonce}more,s=QSXCR+Q6sek8bf92QSXCR+Q6,i={rounds}"}

    _replace(monkeypatch, "account.login", weakened)
    with stranger, pytest.raises(LoginFailed, match=f"{rounds} rounds"):
        stranger.login("somebody", "correct horse")
    assert "account.proof" not in peer.ops()


@pytest.mark.parametrize("counts", ["i=600000,i=1", "i=1,i=600000", "i=0600000", "i=６０００００", "x=1"])
def test_a_count_of_rounds_that_can_be_read_in_two_ways_is_none(
    peer: Peer, stranger: Client, monkeypatch: pytest.MonkeyPatch, counts: str
) -> None:
    def ambiguous(self: Conversation, body: int, message: str) -> dict[str, Any]:
        return {"message": f"r={message.split('r=')[1]}more,s=QSXCR+Q6sek8bf92QSXCR+Q6,{counts}"}

    _replace(monkeypatch, "account.login", ambiguous)
    with stranger, pytest.raises(LoginFailed, match="0 rounds"):
        stranger.login("somebody", "correct horse")
    assert "account.proof" not in peer.ops()


def test_a_server_that_cannot_prove_itself_is_refused(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def forged(self: Conversation, body: int, message: str) -> dict[str, Any]:
        reply = Conversation.proof(self, body, message)
        return {**reply, "message": "v=" + "A" * 43 + "="}

    _replace(monkeypatch, "account.proof", forged)
    with stranger:
        stranger.register("somebody", "correct horse")
        with pytest.raises(LoginFailed, match="could not prove"):
            stranger.login("somebody", "correct horse")
        assert stranger.token is None


def test_a_password_that_no_encoding_allows_is_a_usage_error() -> None:
    with pytest.raises(BadRequest, match="password"):
        verifier("a bell \a rings", FEW_ROUNDS)


def test_a_name_is_spelled_one_way() -> None:
    assert canonical_name("Ａlice") == "Alice"
    assert canonical_name("cafe\u0301") == "caf\u00e9"


def test_errors_of_the_exchange_are_of_our_tree(stranger: Client) -> None:
    with stranger, pytest.raises(YoukuError):
        stranger.login("", "")
    assert login_module.FEWEST_ROUNDS == FEW_ROUNDS


def _replace(
    monkeypatch: pytest.MonkeyPatch, op: str, handler: Callable[[Conversation, int, str], dict[str, Any]]
) -> None:
    monkeypatch.setitem(HANDLERS, op, handler)


def test_a_server_that_asks_for_fewer_rounds_than_before_is_warned_of(
    command: Command, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOUKU_PASSWORD", "secret")
    monkeypatch.setattr("client_cli.login.verifier", partial(verifier, rounds=FEW_ROUNDS + 1000))
    assert command("register", "carol").code == 0
    assert "Careful" not in command("login", "carol").err
    monkeypatch.setattr("client_cli.login.verifier", partial(verifier, rounds=FEW_ROUNDS))
    del peer.accounts["carol"]
    assert command("register", "carol").code == 0
    peer.accounts["CAROL"] = peer.accounts["carol"]
    assert "Careful" in command("login", "CAROL").err  # names are the same in any case
    for _ in range(2):  # it stays strange
        assert f"{FEW_ROUNDS} rounds, and it was {FEW_ROUNDS + 1000} before" in command("login", "carol").err
