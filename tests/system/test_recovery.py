"""What is left of uploads when the server was killed or the machine stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.sender import Sender, downloaded, until_held
from tests.support.server import RunningServer, eventually
from tests.system.conftest import part_of


def test_acknowledged_bytes_outlive_a_killed_server(own_server: RunningServer) -> None:
    admin = own_server.create_admin("alice")
    sender = Sender(admin.wire())
    sender.create()
    for end in (1000, 100_000):
        sender.write(end)
        sender.wire.announce("upload.write", 50_000, upload=sender.upload, offset=end)
        sender.wire.send_bytes(sender.content[end : end + 10_000])
        with admin.wire() as watching:
            until_held(watching, sender.upload, end + 10_000)
        own_server.kill()
        own_server.start()
        sender.wire.close()
        sender.wire = admin.wire()
        assert sender.create()["offset"] == end + 10_000
    sender.write()
    movie = sender.finish()["movie"]
    own_server.kill()
    own_server.start()
    with admin.wire() as wire:
        assert downloaded(wire, movie) == sender.content
    sender.wire.close()


def test_a_part_that_became_a_blob_just_before_the_machine_stopped_is_never_cut(
    own_server: RunningServer, execute: Callable[..., Any]
) -> None:
    admin = own_server.create_admin("alice")
    olga = own_server.create_admin("olga")
    with admin.wire() as wire:
        sender = Sender(wire)
        sender.create()
        sender.write()
    own_server.kill()
    blob = own_server.data / "blobs" / sender.hash[:2] / sender.hash
    blob.parent.mkdir()
    blob.hardlink_to(part_of(own_server, sender.upload))
    execute(own_server, "UPDATE upload SET boot_id = ?, state = ?", ["an earlier one", "verifying"])
    own_server.start()
    with olga.wire() as wire:
        other = Sender(wire, sender.content)
        other.create()
        other.write()
        movie = other.finish()["movie"]
    with admin.wire() as wire:
        sender.wire = wire
        sender.title = "Under another title"
        sender.create()
        assert downloaded(wire, movie) == sender.content
        sender.write()
        sender.finish()
        assert downloaded(wire, movie) == sender.content


def test_parts_and_uploads_that_nobody_needs_are_swept_at_the_start(
    own_server: RunningServer, execute: Callable[..., Any]
) -> None:
    admin = own_server.create_admin("alice")
    with admin.wire() as wire:
        late, current = Sender(wire), Sender(wire)
        for sender in (late, current):
            sender.create()
            sender.write(1000)
    own_server.stop()
    orphan = part_of(own_server, "0" * 32)
    orphan.write_bytes(b"of no upload")
    long_ago = "2020-01-01 00:00:00.000000"
    execute(own_server, "UPDATE upload SET expire_time = ? WHERE id = ?", [long_ago, late.upload])
    own_server.start()
    eventually(lambda: not orphan.exists(), "the sweep is through")
    assert not part_of(own_server, late.upload).exists()
    assert part_of(own_server, current.upload).stat().st_size == 1000
    with admin.wire() as wire:
        assert wire.ask("upload.status", upload=late.upload)["upload"]["state"] == "expired"
        assert [upload["id"] for upload in wire.ask("upload.list")["uploads"]] == [current.upload]
