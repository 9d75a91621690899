"""One upload on the bare wire: every promise of docs/protocol.md about it, on both databases."""

from __future__ import annotations

from blake3 import blake3

from tests.support.sender import SIZE, Sender, downloaded, until_held
from tests.support.server import Person, RunningServer
from tests.support.wire import Wire
from tests.system.conftest import MakeFile, bytes_of, part_of
from youku_evloop.errors import ExitCode


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
    wrong = another_wire.refused("upload.finish", upload=sender.upload, hash="0" * 64)
    assert (wrong["error"], wrong["movie"]) == ("conflict", first["movie"]["id"])
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
    admin.do("uploads", "cancel", sender.upload, "--yes")
    assert sender.upload not in [upload["id"] for upload in admin.do("uploads")["uploads"]]
    assert "cancelled" in admin.fail(ExitCode.NOT_FOUND, "uploads", "cancel", sender.upload, "--yes")["message"]


def test_all_that_is_unfinished_is_listed_however_much_it_is(wire: Wire, admin: Person) -> None:
    marks = [f"{number:064x}" for number in range(120)]
    begun = [wire.ask("upload.create", name="x", size=9, fingerprint=mark)["upload"] for mark in marks]
    listed = [upload["id"] for upload in admin.do("uploads")["uploads"]]
    assert [upload for upload in listed if upload in begun] == begun[::-1]
    assert wire.refused("upload.list", cursor="0" * 32)["error"] == "not_found"
    for upload in begun:
        wire.ask("upload.cancel", upload=upload)


def test_the_beginning_of_an_uploads_id_is_enough_where_only_one_begins_so(wire: Wire, admin: Person) -> None:
    senders = [Sender(wire, title=f"Number {number}") for number in range(17)]  # two ids begin with the same digit
    for sender in senders:
        sender.create()
    ids = [sender.upload for sender in senders]
    first, other = next((one, two) for one in ids for two in ids if one < two and one[0] == two[0])
    several = admin.fail(ExitCode.CONFLICT, "uploads", "cancel", first[0], "--yes")
    assert (several["error"], {first, other} <= set(several["uploads"])) == ("ambiguous", True)
    for nothing in ("", "x", "%"):
        admin.fail(ExitCode.NOT_FOUND, "uploads", "cancel", nothing, "--yes")
    assert admin.do("uploads", "cancel", first[:12].upper(), "--yes") == {"upload": first}
    left = [upload["id"] for upload in admin.do("uploads")["uploads"]]
    assert first not in left and other in left
    for upload in set(ids) - {first}:
        wire.ask("upload.cancel", upload=upload)


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


def test_two_files_of_the_same_bytes_sent_at_once_become_two_movies(admin: Person, make_file: MakeFile) -> None:
    files = [make_file(2_000_000) for _ in range(4)]
    for file in files[1:]:
        file.write_bytes(files[0].read_bytes())
    uploaded = admin.do("upload", *files, "--jobs", "4")["uploaded"]
    assert sorted(row["movie"]["name"] for row in uploaded) == sorted(file.name for file in files)
    assert len({row["movie"]["id"] for row in uploaded}) == 4
