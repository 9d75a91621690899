"""Uploads on the bare wire: every promise of docs/protocol.md about them, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from blake3 import blake3

from tests.support.proxy import Proxy
from tests.support.server import Person, RunningServer, eventually, finish
from tests.support.wire import Reply, Wire
from tests.system.conftest import MakeFile, bytes_of
from youku_evloop.errors import ExitCode

SIZE: Final = 300_000


class Sender:
    """Somebody who uploads one file by hand."""

    def __init__(self, wire: Wire, content: bytes | None = None, title: str = "By hand") -> None:
        self.wire = wire
        self.content = bytes_of(SIZE) if content is None else content
        self.hash = blake3(self.content).hexdigest()
        self.title = title
        self.upload = ""
        self.offset = 0
        self.known = False

    def create(self, **options: Any) -> Reply:
        size = len(self.content)
        fingerprint = blake3(size.to_bytes(8, "big") + self.content).hexdigest()
        reply = self.wire.request("upload.create", name=self.title, size=size, fingerprint=fingerprint, **options)
        if reply["ok"]:
            self.upload, self.offset, self.known = reply["upload"], reply["offset"], reply["known"]
        return reply

    def write(self, end: int | None = None) -> Reply:
        """From the offset to `end`."""
        body = self.content[self.offset : end]
        reply = self.wire.request("upload.write", body=body, upload=self.upload, offset=self.offset)
        self.offset = reply.get("offset", self.offset)
        return reply

    def finish(self) -> Reply:
        return self.wire.request("upload.finish", upload=self.upload, hash=self.hash)

    def ask(self, op: str) -> Reply:
        return self.wire.request(op, upload=self.upload)


@pytest.fixture
def wire(admin: Person, server: RunningServer) -> Iterator[Wire]:
    with admin.wire() as connection:
        yield connection


@pytest.fixture
def another_wire(admin: Person, server: RunningServer) -> Iterator[Wire]:
    """The same administrator, from elsewhere."""
    with admin.wire() as connection:
        yield connection


def downloaded(wire: Wire, movie: dict[str, Any]) -> bytes:
    return wire.read(wire.ask("movie.read", movie=movie["id"])["body"])


def part_of(server: RunningServer, upload: str) -> Path:
    return server.data / "parts" / upload


def test_an_upload_in_pieces_becomes_a_movie(wire: Wire, server: RunningServer) -> None:
    sender = Sender(wire)
    assert sender.create()["offset"] == 0
    for end in (1, 2, 70_000, SIZE):
        assert sender.write(end) == {"id": wire.last_id, "ok": True, "offset": end}
    movie = sender.finish()["movie"]
    assert (movie["hash"], movie["size"]) == (sender.hash, SIZE)
    assert downloaded(wire, movie) == sender.content
    assert not part_of(server, sender.upload).exists()


def test_finishing_again_answers_the_same_movie(wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    first = sender.finish()
    assert sender.finish()["movie"] == first["movie"]
    sender.wire = another_wire
    assert sender.finish()["movie"] == first["movie"]
    assert sender.ask("upload.status")["upload"]["state"] == "published"
    assert sender.ask("upload.status")["upload"]["movie"] == first["movie"]["id"]


def test_writes_can_be_pipelined(wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    offsets = range(0, SIZE, 10_000)
    for offset in offsets:
        wire.send("upload.write", sender.content[offset : offset + 10_000], upload=sender.upload, offset=offset)
    wire.send("upload.finish", upload=sender.upload, hash=sender.hash)
    assert [wire.receive()["offset"] for _ in offsets] == [offset + 10_000 for offset in offsets]
    assert downloaded(wire, wire.receive()["movie"]) == sender.content


def test_a_wrong_offset_is_refused_with_the_right_one(wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write(1000)
    for offset in (0, 999, 1001, SIZE, 2**62):
        error = wire.refused("upload.write", body=b"x", upload=sender.upload, offset=offset)
        assert (error["error"], error["offset"]) == ("wrong_offset", 1000)
    sender.write()
    assert sender.finish()["ok"]


def test_more_than_the_size_is_refused_and_none_of_it_kept(wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    too_much = sender.content + b"x"
    assert wire.refused("upload.write", body=too_much, upload=sender.upload, offset=0)["error"] == "bad_request"
    assert sender.ask("upload.status")["upload"]["offset"] == 0
    sender.write()
    assert sender.finish()["ok"]


def test_a_write_without_a_body_is_answered(wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    assert wire.ask("upload.write", upload=sender.upload, offset=0)["offset"] == 0
    sender.ask("upload.cancel")


def test_finishing_too_early_says_where_to_go_on(wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write(1000)
    error = sender.finish()
    assert (error["error"], error["offset"]) == ("wrong_offset", 1000)
    sender.write()
    assert sender.finish()["ok"]


def test_bytes_that_changed_on_the_way_are_never_published(wire: Wire, server: RunningServer) -> None:
    sender = Sender(wire)
    sender.create()
    good, sender.content = sender.content, bytes_of(SIZE)
    sender.write()
    error = sender.finish()
    assert (error["error"], error["expected"]) == ("integrity", sender.hash)
    assert error["actual"] == blake3(sender.content).hexdigest()
    assert not part_of(server, sender.upload).exists()
    assert sender.ask("upload.status")["upload"]["state"] == "rejected"
    assert sender.finish()["error"] == "not_found"
    assert wire.refused("upload.write", body=b"x", upload=sender.upload, offset=0)["error"] == "not_found"
    sender.content = good
    assert sender.create()["offset"] == 0
    sender.write()
    assert sender.finish()["movie"]["hash"] == sender.hash


def test_a_cancelled_upload_is_gone(wire: Wire, another_wire: Wire, server: RunningServer) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write(1000)
    assert sender.upload in [upload["id"] for upload in wire.ask("upload.list")["uploads"]]
    assert another_wire.ask("upload.cancel", upload=sender.upload)["upload"]["state"] == "cancelled"
    assert not part_of(server, sender.upload).exists()
    for reply in (sender.write(2000), sender.finish(), sender.ask("upload.cancel")):
        assert reply["error"] == "not_found"
    assert sender.upload not in [upload["id"] for upload in wire.ask("upload.list")["uploads"]]
    first = sender.upload
    assert sender.create()["offset"] == 0
    assert sender.upload != first
    sender.ask("upload.cancel")


def test_the_command_lists_what_is_unfinished_and_cancels_it(wire: Wire, admin: Person) -> None:
    sender = Sender(wire, title="Half a film")
    sender.create()
    sender.write(SIZE // 2)
    found = {upload["id"]: upload for upload in admin.do("uploads")["uploads"]}[sender.upload]
    assert (found["name"], found["offset"], found["state"]) == ("Half a film", SIZE // 2, "receiving")
    admin.do("uploads", "cancel", sender.upload)
    assert sender.upload not in [upload["id"] for upload in admin.do("uploads")["uploads"]]


def test_an_upload_that_is_cancelled_while_its_bytes_come_in_ends_there(wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire)
    sender.create()
    wire.announce("upload.write", SIZE, upload=sender.upload, offset=0)
    wire.send_bytes(sender.content[:1000])
    until_held(another_wire, sender.upload, 1000)
    another_wire.ask("upload.cancel", upload=sender.upload)
    wire.send_bytes(sender.content[1000:])
    assert wire.receive()["error"] == "not_found"
    wire.ask("ping")


def until_held(wire: Wire, upload: str, offset: int) -> None:
    """Return once the server has so many bytes of the upload."""
    eventually(lambda: bool(wire.ask("upload.status", upload=upload)["upload"]["offset"] == offset), f"{offset} bytes")


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


@pytest.mark.parametrize("length", [0, 1, SIZE - 1, SIZE])
def test_any_range_of_a_movie_can_be_read_and_any_beginning_compared(wire: Wire, length: int) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    movie = sender.finish()["movie"]["id"]
    reply = wire.ask("movie.read", movie=movie, offset=SIZE - length)
    assert (reply["size"], reply["hash"], reply["offset"], reply["body"]) == (SIZE, sender.hash, SIZE - length, length)
    assert wire.read(length) == sender.content[SIZE - length :]
    wire.ask("movie.read", movie=movie, offset=0, length=length)
    assert wire.read(length) == sender.content[:length]
    prefix = wire.ask("movie.hash", movie=movie, length=length)["hash"]
    assert prefix == blake3(sender.content[:length]).hexdigest()
    for offset, beyond in ((SIZE + 1, None), (-1, None), (SIZE - length, length + 1), (0, -1)):
        assert wire.refused("movie.read", movie=movie, offset=offset, length=beyond)["error"] == "bad_request"
    assert wire.refused("movie.hash", movie=movie, length=SIZE + 1)["error"] == "bad_request"


def test_what_was_taken_is_on_record(
    wire: Wire, user: Person, execute: Callable[..., Any], server: RunningServer
) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    movie = sender.finish()["movie"]["id"]
    with user.wire() as reader:
        reader.ask("movie.read", movie=movie, length=1000)
        reader.read(1000)
        reader.ask("movie.read", movie=movie, offset=1000)
        reader.read(SIZE - 1000)
        reader.ask("ping")
    rows = execute(server, "SELECT bytes_sent, completed FROM download_record WHERE movie_id = ?", [movie])
    assert list(rows) == [(SIZE, 1)], "a download that goes on is one line"


def test_a_download_that_has_begun_goes_on_when_the_movie_is_deleted(wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire, bytes_of(24_000_000))
    sender.create()
    while sender.offset < len(sender.content):
        sender.write(sender.offset + 8_000_000)
    movie = sender.finish()["movie"]["id"]
    reply = another_wire.ask("movie.read", movie=movie)
    wire.ask("movie.delete", movie=movie)
    assert another_wire.read(reply["body"]) == sender.content
    assert another_wire.refused("movie.read", movie=movie)["error"] == "not_found"


def test_a_movie_whose_bytes_are_lost_says_so(wire: Wire, user: Person, server: RunningServer) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    movie = str(sender.finish()["movie"]["id"])
    (server.data / "blobs" / sender.hash[:2] / sender.hash).unlink()
    error = user.fail(ExitCode.INTEGRITY, "download", movie, "-o", user.home / "lost.avi")
    assert "administrator" in error["message"]
    assert not (user.home / "lost.avi").exists()
    wire.ask("movie.delete", movie=int(movie))


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
