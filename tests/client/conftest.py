"""Fixtures for the client's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from client_cli.client import Client
from client_cli.login import FEWEST_ROUNDS, verifier
from tests.client.command import Command
from tests.client.peer import Peer
from tests.client.talk import TOKEN


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A server that keeps the protocol's promises, in a thread."""
    with Peer() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients pause between their tries; nobody really waits."""
    taken: list[float] = []
    monkeypatch.setattr(Client, "_pause", lambda client, seconds: taken.append(seconds))
    return taken


@pytest.fixture
def youku(peer: Peer, pauses: list[float]) -> Iterator[Client]:
    """A logged-in client of the peer that does not wait between its tries."""
    with Client(peer.address, token=TOKEN, timeout=10) as client:
        yield client


@pytest.fixture
def command(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pauses: list[float]
) -> Command:
    """`youku`, for somebody who is logged in at the peer, in an empty directory and with a home of their own."""
    for name in [name for name in os.environ if name.startswith(("YOUKU_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YOUKU_SERVER", peer.address)
    monkeypatch.setenv("YOUKU_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr("client_cli.login.verifier", partial(verifier, rounds=FEWEST_ROUNDS))
    return Command(capsys)
