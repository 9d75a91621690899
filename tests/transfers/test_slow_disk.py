"""A disk that takes its time: nobody waits for it but the one who asked, and the newest claim wins at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.sender import SIZE, Sender, downloaded, until_held
from tests.support.server import OddServer, Person, eventually
from tests.support.wire import Wire

SYNC_EVERY = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddServer]:
    running = OddServer(tmp_path_factory.mktemp("server"))
    running.oddities = {"keeping": {"sync_every": SYNC_EVERY}}
    with running:
        yield running


@pytest.fixture(scope="module")
def person(server: OddServer) -> Person:
    return server.create_admin("alice")


@pytest.fixture
def wire(person: Person) -> Iterator[Wire]:
    with person.wire() as wire:
        yield wire


@pytest.fixture
def another_wire(person: Person) -> Iterator[Wire]:
    with person.wire() as wire:
        yield wire


def test_bytes_come_in_while_others_are_synced(server: OddServer, wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    server.hold("sync")
    sender.write(SYNC_EVERY)
    server.until_held("sync")
    assert sender.write(2 * SYNC_EVERY)["offset"] == 2 * SYNC_EVERY
    another_wire.ask("ping")
    server.let_go("sync")
    sender.write()
    assert downloaded(wire, sender.finish()["movie"]) == sender.content


def test_a_client_waits_for_a_disk_that_has_fallen_far_behind(
    server: OddServer, wire: Wire, another_wire: Wire
) -> None:
    sender = Sender(wire, os.urandom(5 * SYNC_EVERY))
    sender.create()
    server.hold("sync")
    sender.write(SYNC_EVERY)
    server.until_held("sync")
    body = sender.content[SYNC_EVERY : 4 * SYNC_EVERY]
    sent = wire.send("upload.write", body, upload=sender.upload, offset=SYNC_EVERY)
    until_held(another_wire, sender.upload, 4 * SYNC_EVERY)
    wire.sock.settimeout(0.05)
    with pytest.raises(TimeoutError):
        wire.receive()
    wire.sock.settimeout(None)
    server.let_go("sync")
    assert wire.receive() == {"id": sent, "ok": True, "offset": 4 * SYNC_EVERY}
    sender.ask("upload.cancel")


def test_the_newest_claim_wins_while_the_part_is_synced(server: OddServer, wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    server.hold("sync")
    sender.write(SYNC_EVERY)
    server.until_held("sync")
    sender.wire = another_wire
    assert sender.create()["offset"] == SYNC_EVERY
    assert sender.write(SIZE - 1)["offset"] == SIZE - 1
    assert wire.refused("upload.write", body=b"x", upload=sender.upload, offset=SIZE - 1)["error"] == "superseded"
    server.let_go("sync")
    sender.write()
    assert downloaded(wire, sender.finish()["movie"]) == sender.content


def test_the_newest_claim_wins_though_the_old_connection_is_half_dead(wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    wire.announce("upload.write", SIZE, upload=sender.upload, offset=0)
    wire.send_bytes(sender.content[:1000])  # and never another byte
    until_held(another_wire, sender.upload, 1000)
    sender.wire = another_wire
    assert sender.create()["offset"] == 1000
    sender.write()
    assert downloaded(another_wire, sender.finish()["movie"]) == sender.content


def test_who_comes_back_while_it_is_published_gets_the_movie(server: OddServer, wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    server.hold("sync_directory")
    first = wire.send("upload.finish", upload=sender.upload, hash=sender.hash)
    server.until_held("sync_directory")
    sender.wire = another_wire
    assert sender.create()["offset"] == SIZE
    second = another_wire.send("upload.finish", upload=sender.upload, hash=sender.hash)
    server.let_go("sync_directory")
    answers = wire.receive(), another_wire.receive()
    assert [answer["id"] for answer in answers] == [first, second]
    assert answers[0]["movie"] == answers[1]["movie"]


def test_after_a_restart_bytes_come_in_while_the_hash_catches_up(server: OddServer, person: Person) -> None:
    with person.wire() as wire:
        sender = Sender(wire)
        sender.create()
        sender.write(SIZE // 2)
    server.kill()
    server.hold("read")
    server.start()
    with person.wire() as wire, person.wire() as another_wire:
        sender.wire = wire
        assert sender.create()["offset"] == SIZE // 2
        server.until_held("read")
        assert sender.write()["offset"] == SIZE
        finishing = wire.send("upload.finish", upload=sender.upload, hash=sender.hash)
        another_wire.ask("ping")
        server.let_go("read")
        answer = wire.receive()
        assert answer["id"] == finishing
        assert downloaded(wire, answer["movie"]) == sender.content


def test_who_comes_back_while_the_server_publishes_by_itself_gets_the_movie(tmp_path: Path) -> None:
    server = OddServer(tmp_path)
    server.oddities = {"die_at": 1}
    server.start()
    try:
        admin = server.create_admin("alice")
        with admin.wire() as wire, pytest.raises((EOFError, OSError)):
            sender = Sender(wire)
            sender.create()
            sender.write()
            sender.finish()
        server.kill()
        server.oddities = {}
        server.hold("lock_directory")
        server.start()
        server.until_held("lock_directory")
        with admin.wire() as wire:
            sender.wire = wire
            assert sender.ask("upload.status")["upload"]["state"] == "verifying"
            wire.send("upload.finish", upload=sender.upload, hash=sender.hash)
            server.let_go("lock_directory")
            assert downloaded(wire, wire.receive()["movie"]) == sender.content
        server.stop()
    finally:
        server.kill()


def test_a_download_that_has_begun_goes_on_though_its_movie_is_deleted(wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire, os.urandom(20_000_000))
    sender.create()
    sender.write(10_000_000)
    sender.write()
    movie = sender.finish()["movie"]
    left = wire.ask("movie.read", movie=movie["id"])["body"] - 1000
    first = wire.read(1000)
    another_wire.ask("movie.delete", movie=movie["id"])
    assert first + wire.read(left) == sender.content
    assert not wire.request("movie.read", movie=movie["id"])["ok"]


def test_a_disk_that_is_slow_for_many_at_once_still_delays_nobody_else(server: OddServer, person: Person) -> None:
    with ExitStack() as stack:
        senders = [Sender(stack.enter_context(person.wire()), title=f"slow {number}") for number in range(8)]
        for sender in senders:
            sender.create()
            sender.write()
        server.hold("sync")
        for sender in senders:
            sender.wire.send("upload.finish", upload=sender.upload, hash=sender.hash)
        server.until_held("sync")
        with person.wire() as somebody_else:
            somebody_else.ask("movie.list")
            assert Sender(somebody_else, title="quick").create()["ok"]
        server.let_go("sync")
        assert all(sender.wire.receive()["ok"] for sender in senders)


# -- every operation of the disk that a request may have to wait for

Request = tuple[str, dict[str, Any]]


def to_create(server: OddServer, sender: Sender) -> Request:
    return "upload.create", {"size": SIZE, "fingerprint": sender.hash, "name": "held"}


def to_go_on(server: OddServer, sender: Sender) -> Request:
    """With an upload that nobody has open."""
    sender.create()
    sender.write(1000)
    sender.wire.close()
    eventually(lambda: sender.upload not in open_files(server), "the part is closed")
    return "upload.write", {"upload": sender.upload, "offset": 1000}


def to_finish(server: OddServer, sender: Sender) -> Request:
    sender.create()
    sender.write()
    return "upload.finish", {"upload": sender.upload, "hash": sender.hash}


def to_look(server: OddServer, sender: Sender) -> Request:
    sender.create()
    return "upload.status", {"upload": sender.upload}


def to_read(server: OddServer, sender: Sender) -> Request:
    """A movie that is in no cache."""
    sender.create()
    sender.write()
    movie = sender.finish()["movie"]
    forget(server, sender.hash)
    return "movie.read", {"movie": movie["id"]}


@pytest.mark.parametrize(
    ("operation", "prepare"),
    [
        ("room", to_create),
        ("create", to_create),
        ("sync_directory", to_finish),
        ("open", to_go_on),
        ("size", to_go_on),
        ("sync", to_finish),
        ("make_directory", to_finish),
        ("lock_directory", to_finish),
        ("link", to_finish),
        ("read", to_finish),
        ("unlink", to_finish),
        ("status", to_look),
        ("open_for_reading", to_read),
        ("ask_for", to_read),
    ],
)
def test_only_the_one_who_asked_waits_for_the_disk(
    server: OddServer, person: Person, operation: str, prepare: Callable[[OddServer, Sender], Request]
) -> None:
    with person.wire() as preparing, person.wire() as asking, person.wire() as somebody_else:
        op, arguments = prepare(server, Sender(preparing))
        server.hold(operation)
        try:
            asking.send(op, **arguments)
            server.until_held(operation)
            somebody_else.ask("movie.list")
        finally:
            server.let_go(operation)
        assert asking.receive()["ok"]


def open_files(server: OddServer) -> str:
    """The names of what the server has open."""
    names = []
    for link in Path(f"/proc/{server.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(str(link.readlink()))
    return " ".join(names)


def forget(server: OddServer, digest: str) -> None:
    """Take a blob out of the page cache."""
    fd = os.open(server.data / "blobs" / digest[:2] / digest, os.O_RDONLY)
    try:
        os.fdatasync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
