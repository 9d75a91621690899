"""An upload whose size nobody knows before its end, as from a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from tests.support.sender import Sender, downloaded
from tests.support.server import Person, RunningServer
from tests.support.wire import Wire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Person:
    return server.create_admin("alice")


@pytest.fixture
def wire(admin: Person) -> Iterator[Wire]:
    with admin.wire() as wire:
        yield wire


def begin(wire: Wire, name: str) -> str:
    """The id of a new upload."""
    reply = wire.ask("upload.create", name=name, size=None, fingerprint=None)
    assert (reply["offset"], reply["known"]) == (0, False)
    return str(reply["upload"])


def test_its_size_is_what_has_come_when_it_is_finished(wire: Wire, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    digest = blake3(content).hexdigest()
    upload = begin(wire, "stream")
    for offset in range(0, len(content), 70_000):
        wire.ask("upload.write", content[offset : offset + 70_000], upload=upload, offset=offset)
    shown = wire.ask("upload.list")["uploads"][0]
    assert (shown["id"], shown["size"], shown["offset"]) == (upload, None, 200_000)
    refused = wire.refused("upload.finish", upload=upload, hash=digest)
    assert refused["error"] == "bad_request" and "`size`" in refused["message"]
    assert wire.refused("upload.finish", upload=upload, hash=digest, size=199_999)["error"] == "bad_request"
    refused = wire.refused("upload.finish", upload=upload, hash=digest, size=200_001)
    assert (refused["error"], refused["offset"]) == ("wrong_offset", 200_000)
    movie = wire.ask("upload.finish", upload=upload, hash=digest, size=200_000)["movie"]
    assert wire.ask("upload.finish", upload=upload, hash=digest)["movie"] == movie
    assert downloaded(wire, movie) == content
    again = Sender(wire, content, "as a file")
    assert again.create()["known"]
    assert again.finish()["ok"]


def test_it_goes_on_by_its_id_after_the_server_was_killed(server: RunningServer, admin: Person) -> None:
    content = os.urandom(100_000)
    with admin.wire() as wire:
        upload = begin(wire, "killed")
        wire.ask("upload.write", content[:60_000], upload=upload, offset=0)
    server.kill()
    server.start()
    with admin.wire() as wire:
        assert wire.ask("upload.status", upload=upload)["upload"]["offset"] == 60_000
        wire.ask("upload.write", content[60_000:], upload=upload, offset=60_000)
        movie = wire.ask("upload.finish", upload=upload, hash=blake3(content).hexdigest(), size=100_000)["movie"]
        assert downloaded(wire, movie) == content


def test_of_nothing_there_is_no_movie(wire: Wire) -> None:
    upload = begin(wire, "nothing")
    assert wire.refused("upload.finish", upload=upload, hash="0" * 64, size=0)["error"] == "bad_request"
    wire.ask("upload.cancel", upload=upload)


@pytest.mark.parametrize(("size", "fingerprint"), [(None, "0" * 64), (5, None)])
def test_size_and_fingerprint_are_both_known_or_neither(wire: Wire, size: int | None, fingerprint: str | None) -> None:
    refused = wire.refused("upload.create", name="half", size=size, fingerprint=fingerprint)
    assert refused["error"] == "bad_request" and "both" in refused["message"]


def test_a_full_disk_refuses_it_at_once_and_says_that_it_needs_something(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "server", options=["--keep-free", "1000000T"]) as full:
        with full.create_admin("alice").wire() as wire:
            refused = wire.refused("upload.create", name="stream", size=None, fingerprint=None)
        assert (refused["error"], refused["needed"], refused["free"]) == ("no_space", 1, 0)
