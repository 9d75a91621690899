"""Uploads that have to do with each other: one after another, at once, of the same bytes, of nearly the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from blake3 import blake3

from tests.support.proxy import Proxy
from tests.support.sender import SIZE, Sender, downloaded, until_held
from tests.support.server import Person, RunningServer, finish
from tests.support.wire import Wire
from tests.system.conftest import MakeFile, bytes_of, part_of
from youku_evloop.errors import ExitCode


def test_the_newest_connection_takes_an_upload_over(wire: Wire, another_wire: Wire) -> None:
    old = Sender(wire)
    old.create()
    old.write(1000)
    new = Sender(another_wire, old.content)
    assert new.create()["offset"] == 1000
    assert new.upload == old.upload
    assert old.write(2000)["error"] == "superseded"
    assert old.finish()["error"] == "superseded"
    new.write(3000)
    assert new.offset == 3000
    assert old.create()["offset"] == 3000, "and back again"
    assert new.write()["error"] == "superseded"
    old.write()
    assert downloaded(wire, old.finish()["movie"]) == old.content


def test_one_who_is_overtaken_in_the_middle_of_a_body_spoils_nothing(wire: Wire, another_wire: Wire) -> None:
    old = Sender(wire)
    old.create()
    wire.announce("upload.write", SIZE, upload=old.upload, offset=0)
    wire.send_bytes(old.content[:1000])
    until_held(another_wire, old.upload, 1000)
    new = Sender(another_wire, old.content)
    assert new.create()["offset"] == 1000
    wire.send_bytes(old.content[1000:])
    assert wire.receive()["error"] == "superseded"
    new.write()
    assert downloaded(another_wire, new.finish()["movie"]) == new.content


def test_an_upload_that_was_left_is_picked_up_by_writing_to_it(admin: Person, another_wire: Wire) -> None:
    with admin.wire() as left:
        sender = Sender(left)
        sender.create()
        sender.write(1000)
    sender.wire = another_wire
    sender.write()
    assert sender.finish()["ok"]


def test_an_unfinished_upload_goes_on_under_a_new_name_and_new_options(wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire, title="Draft")
    sender.create()
    sender.write(1000)
    again = Sender(another_wire, sender.content, title="Final")
    assert again.create(is_free=False, price=500, description="Better.")["offset"] == 1000
    again.write()
    movie = again.finish()["movie"]
    assert (movie["name"], movie["is_free"], movie["price"]) == ("Final", False, 500)
    assert movie["description"] == "Better."


def test_known_bytes_need_no_transfer_but_their_hash(wire: Wire, server: RunningServer) -> None:
    first = Sender(wire, title="One")
    first.create()
    assert first.known is False
    first.write()
    one = first.finish()["movie"]
    second = Sender(wire, first.content, title="Two")
    second.create()
    assert second.known is True
    two = second.finish()["movie"]
    assert one["id"] != two["id"] and one["hash"] == two["hash"]
    assert downloaded(wire, two) == first.content
    assert not part_of(server, second.upload).exists()


def test_the_command_sends_no_byte_of_what_the_library_has(admin: Person, user: Person, make_file: MakeFile) -> None:
    video = make_file(2_000_000)
    admin.do("upload", video, "--title", "One")
    with Proxy(admin.environment["YOUKU_SERVER"]) as proxy:
        through = {"YOUKU_SERVER": proxy.address, "YOUKU_TOKEN": admin.token}
        movie = admin.do("upload", video, "--title", "Two", **through)["uploaded"][0]["movie"]
        assert sum(line.up for line in proxy.lines) < 64 * 1024
    copy = user.home / "known.avi"
    user.do("download", str(movie["id"]), "-o", copy)
    assert copy.read_bytes() == video.read_bytes()


def test_a_hash_that_is_of_nothing_here_is_no_way_around_the_transfer(wire: Wire) -> None:
    first = Sender(wire, title="One")
    first.create()
    first.write()
    first.finish()
    claimed = Sender(wire, first.content, title="Two")
    claimed.create()
    claimed.hash = "f" * 64
    assert claimed.finish()["error"] == "wrong_offset"
    stranger = Sender(wire, bytes_of(SIZE))
    stranger.create()
    stranger.hash = first.hash
    assert stranger.finish()["error"] == "wrong_offset", "nobody gets a movie for knowing its hash"
    for sender in (claimed, stranger):
        sender.ask("upload.cancel")


def twins(make_file: MakeFile) -> tuple[Path, Path]:
    """Two files that differ where a fingerprint does not look."""
    one = make_file(4_000_000)
    other = one.with_name(f"other-{one.name}")
    content = bytearray(one.read_bytes())
    content[70_000] ^= 1
    other.write_bytes(content)
    return one, other


def test_files_whose_fingerprints_agree_are_still_two_files(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    for video in twins(make_file):
        movie = admin.do("upload", video)["uploaded"][0]["movie"]
        assert movie["hash"] == blake3(video.read_bytes()).hexdigest()


def test_an_upload_resumed_with_a_file_that_only_looks_the_same_is_rejected_and_then_begun_anew(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    one, other = twins(make_file)
    with Proxy(server.address) as proxy:
        proxy.hold_next(up=1_000_000)
        through = {"YOUKU_SERVER": proxy.address, "YOUKU_TOKEN": admin.token}
        process = admin.start("upload", one, "--retry", "0", **through)
        proxy.line(0).until_held()
        proxy.line(0).cut()
        assert finish(process).code == ExitCode.TEMPORARY
    error = admin.fail(ExitCode.INTEGRITY, "upload", other)
    assert "nothing was published" in error["message"]
    movie = admin.do("upload", other)["uploaded"][0]["movie"]
    assert movie["hash"] == blake3(other.read_bytes()).hexdigest()


def test_the_same_title_and_bytes_are_refused_unless_they_are_wanted_again(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    video = make_file(1000)
    movie = admin.do("upload", video)["uploaded"][0]["movie"]
    error = admin.fail(ExitCode.CONFLICT, "upload", video)
    assert (error["error"], error["movie"]) == ("movie_exists", movie["id"])
    assert "--again" in error["message"]
    again = admin.do("upload", video, "--again")["uploaded"][0]["movie"]
    assert again["id"] != movie["id"] and again["hash"] == movie["hash"]


def test_the_same_file_uploaded_twice_at_once_is_one_movie(
    server: RunningServer, admin: Person, other_admin: Person, execute: Callable[..., Any], make_file: MakeFile
) -> None:
    video = make_file(4_000_000)
    digest = blake3(video.read_bytes()).hexdigest()
    with Proxy(server.address) as proxy:
        proxy.hold_next(up=1_000_000)
        through = {"YOUKU_SERVER": proxy.address, "YOUKU_TOKEN": other_admin.token}
        slow = other_admin.start("upload", video, "--json", **through)
        proxy.line(0).until_held()
        first = admin.do("upload", video)
        proxy.line(0).let_go()
        assert finish(slow).document["uploaded"][0]["movie"] == first["uploaded"][0]["movie"]
    assert len(execute(server, "SELECT id FROM movie WHERE file_hash = ?", [digest])) == 1
    assert (server.data / "blobs" / digest[:2] / digest).stat().st_nlink == 1


def test_two_who_finish_the_same_bytes_at_the_same_moment_get_the_same_movie(
    wire: Wire, other_admin: Person, execute: Callable[..., Any], server: RunningServer
) -> None:
    with other_admin.wire() as other_wire:
        one = Sender(wire)
        other = Sender(other_wire, one.content)
        for sender in (one, other):
            sender.create()
            sender.write()
            sender.wire.send("upload.finish", upload=sender.upload, hash=sender.hash)
        assert wire.receive()["movie"] == other_wire.receive()["movie"]
    assert len(execute(server, "SELECT id FROM movie WHERE file_hash = ?", [one.hash])) == 1


def test_two_runs_of_one_command_are_one_upload_of_which_the_newer_wins(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    video = make_file(2_000_000)
    with Proxy(server.address) as proxy:
        proxy.hold_next(up=1_000_000)
        through = {"YOUKU_SERVER": proxy.address, "YOUKU_TOKEN": admin.token}
        older = admin.start("upload", video, "--json", **through)
        proxy.line(0).until_held()
        admin.do("upload", video)
        proxy.line(0).cut()
        outcome = finish(older)
    assert outcome.code == ExitCode.CONFLICT, outcome
    assert outcome.error["error"] in ("superseded", "movie_exists")


def test_room_for_three_is_given_to_three_of_twenty_who_ask_at_once(
    fresh_database: Callable[[], str], tmp_path: Path
) -> None:
    server = RunningServer(tmp_path / "server", fresh_database(), options=["--quota", "10M"])
    server.start()
    try:
        admin = server.create_admin("alice")
        with ExitStack() as open_wires:
            wires = [open_wires.enter_context(admin.wire()) for _ in range(20)]
            for number, wire in enumerate(wires):
                wire.send("upload.create", name=f"Film {number}", size=3 * 1024 * 1024, fingerprint=f"{number:064x}")
            replies = [wire.receive() for wire in wires]
        server.stop()
    finally:
        server.kill()
    refused = [reply["error"] for reply in replies if not reply["ok"]]
    assert refused == ["quota_exceeded"] * 17
