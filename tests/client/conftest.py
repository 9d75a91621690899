"""Fixtures for the client's tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from client_cli import client as client_module
from client_cli.client import Client
from client_cli.retry import Retry
from tests.client.peer import TOKEN, Peer


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A server that keeps the protocol's promises, in a thread."""
    with Peer() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients pause between their tries; nobody really waits."""
    taken: list[float] = []
    monkeypatch.setattr(client_module, "Retry", partial(Retry, sleep=taken.append))
    return taken


@pytest.fixture
def youku(peer: Peer, pauses: list[float]) -> Iterator[Client]:
    """A logged-in client of the peer that does not wait between its tries."""
    with Client(peer.address, token=TOKEN, timeout=10) as client:
        yield client
