"""Clients that keep the server waiting: each is told so and let go, and nobody else notices. Limits are short here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.server import Person, RunningServer
from tests.support.wire import Reply, Wire

SHORT: Final = [f"--limit={name}=1" for name in ("greeting", "window", "linger", "stalled_write")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server"), options=[*SHORT, "--limit=idle=2"]) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Person:
    return server.create_admin("alice")


def last_words(wire: Wire) -> Reply:
    """What the server says before it hangs up."""
    reply = wire.receive()
    assert wire.rest() == b""
    return reply


def test_everybody_who_keeps_the_server_waiting_is_let_go_with_the_reason(server: RunningServer, admin: Person) -> None:
    silent, dribbling, undecided, idle = (Wire(server.address) for _ in range(4))
    dribbling.send_bytes(b"\x00\x00")
    undecided.ask("account.login", message="n,,n=alice,r=abcdef")
    idle.ask("ping")
    bodiless, headless = admin.wire(), admin.wire()
    upload = bodiless.ask("upload.create", name="x", size=5000, fingerprint="0" * 64)["upload"]
    bodiless.announce("upload.write", 5000, upload=upload, offset=0)
    bodiless.send_bytes(b"\0" * 500)
    headless.send_bytes(b"\x00\x00\x01\x00{")
    with admin.wire() as lively:
        for wire in (silent, dribbling, undecided, bodiless, headless, idle):
            error = last_words(wire)
            assert (error["id"], error["error"]) == (None, "timeout")
            assert "again" in error["message"]
            wire.close()
            lively.ask("ping")
        assert lively.ask("upload.status", upload=upload)["upload"]["offset"] == 500, "what came is kept"


def test_one_who_does_not_take_the_replies_is_let_go(server: RunningServer, admin: Person) -> None:
    with admin.wire() as greedy, pytest.raises(OSError, match=r"reset|pipe"):
        while True:
            greedy.send("hello", client="x" * 1000)
