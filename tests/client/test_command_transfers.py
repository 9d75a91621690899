"""Transfers as people and scripts see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client_cli import text
from tests.client.command import Command
from tests.client.peer import Peer
from youku_evloop.errors import ExitCode

DATA = b"moving pictures" * 10_000


def test_an_upload_and_a_download(command: Command, peer: Peer) -> None:
    Path("holiday.avi").write_bytes(DATA)
    assert command("upload", "holiday.avi").out == "1  holiday.avi  (146.5 KiB)\n"
    assert command("download", "1", "-o", "copy.avi").out == "copy.avi  (146.5 KiB, hash verified)\n"
    assert Path("copy.avi").read_bytes() == DATA
    assert (
        command("download", "1", "-o", "copy.avi").out == "copy.avi is there already, whole and the same (146.5 KiB).\n"
    )


def test_transfers_as_documents(command: Command, peer: Peer) -> None:
    Path("holiday.avi").write_bytes(DATA)
    uploaded = command("upload", "holiday.avi", "--json").document
    assert uploaded["failed"] == []
    assert uploaded["uploaded"][0]["path"] == "holiday.avi"
    assert uploaded["uploaded"][0]["movie"]["size"] == len(DATA)
    Path("holiday.avi.part").write_bytes(DATA[:1000])
    Path("holiday.avi").unlink()
    downloaded = command("download", "1", "--json").document["downloaded"][0]
    assert (downloaded["path"], downloaded["resumed_from"], downloaded["was_there"]) == ("holiday.avi", 1000, False)


def test_options_of_an_upload_travel(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    command("upload", "a.avi", "--charge", "--title", "T", "--price", "9.90", "--vip-price", "0", "--again")
    create = dict(peer.requests)["upload.create"]
    assert (create["name"], create["is_free"], create["price"], create["vip_price"], create["again"]) == (
        "T",
        False,
        990,
        0,
        True,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--price", "1"),
        ("--charge", "--price", "1.234"),
        ("--charge", "--price", "-1"),
        ("--charge", "--price", "NaN"),
        ("--limit-rate", "soon"),
        ("b.avi", "--title", "T"),
        ("--unknown",),
    ],
)
def test_options_that_make_no_sense_are_a_usage_error(command: Command, peer: Peer, arguments: tuple[str, ...]) -> None:
    Path("a.avi").write_bytes(DATA)
    said = command("upload", "a.avi", *arguments)
    assert said.code == ExitCode.USAGE
    assert said.err.startswith("youku: ")
    assert len(said.err.splitlines()) == 1
    assert peer.ops() == []


def test_of_several_uploads_each_is_tried(command: Command, peer: Peer) -> None:
    for name in ("a.avi", "b.avi"):
        Path(name).write_bytes(DATA + name.encode())
    said = command("upload", "a.avi", "missing.avi", ".", "b.avi", "--json")
    assert said.code == ExitCode.NOT_FOUND
    document = json.loads(said.out)
    assert [entry["path"] for entry in document["uploaded"]] == ["a.avi", "b.avi"]
    assert [(entry["path"], entry["error"]) for entry in document["failed"]] == [
        ("missing.avi", "not_found"),
        (".", "bad_request"),
    ]
    assert "2 of 4 failed" in json.loads(said.err.splitlines()[-1])["message"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, ExitCode.NOT_FOUND),
        (lambda path: path.mkdir(), ExitCode.USAGE),
        (lambda path: path.touch(), ExitCode.USAGE),
    ],
)
def test_what_cannot_be_uploaded_has_its_exit_code(command: Command, peer: Peer, make: Any, code: ExitCode) -> None:
    make(Path("thing"))
    assert command("upload", "thing").code == code
    assert peer.requests == []


def test_a_corrupted_part_has_its_exit_code_and_its_way_out(command: Command, peer: Peer) -> None:
    peer.add_movie(DATA)
    Path("A movie.avi.part").write_bytes(b"something else")
    said = command("download", "1")
    assert said.code == ExitCode.INTEGRITY
    assert "A movie.avi.part" in said.err and "--restart" in said.err
    assert command("download", "1", "--restart").code == 0


def test_several_downloads_need_a_directory(command: Command, peer: Peer) -> None:
    for name in ("a.avi", "b.avi"):
        peer.add_movie(name.encode(), name)
    assert command("download", "1", "2", "-o", "one.avi").code == ExitCode.USAGE
    Path("videos").mkdir()
    assert command("download", "1", "2", "-o", "videos").code == 0
    assert sorted(path.name for path in Path("videos").iterdir()) == ["a.avi", "b.avi"]


def test_unfinished_uploads_can_be_seen_and_cancelled(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    peer.cuts = [100_000]
    assert command("upload", "a.avi", "--retry", "0").code == ExitCode.TEMPORARY
    assert command("uploads", "-q").out == "u1\n"
    assert command("uploads", "--json").document["uploads"][0]["size"] == len(DATA)
    assert command("uploads", "cancel", "u1", "--yes").out == "Cancelled upload u1.\n"
    assert command("uploads", "-q").out == ""
    assert command("uploads", "cancel", "u1", "--yes").code == ExitCode.NOT_FOUND


def test_an_upload_that_resumes_says_from_where(command: Command, peer: Peer) -> None:
    data = DATA * 30
    Path("a.avi").write_bytes(data)
    peer.cuts = [len(data) - 1]
    assert "resuming" not in command("upload", "a.avi", "--retry", "0").err
    held = len(peer.parts["u1"])
    assert 0 < held < len(data)
    expected = f"a.avi: the server has {text.size(held)} of {text.size(len(data))} already; resuming from there.\n"
    assert command("upload", "a.avi").err == expected


def test_a_lost_connection_is_retried_and_said(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    peer.cuts = [100_000]
    said = command("upload", "a.avi")
    assert said.code == 0
    assert "was lost" in said.err and "(1 of 5)" in said.err


def test_progress_as_lines_of_json(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    lines = [json.loads(line) for line in command("upload", "a.avi", "--progress", "json").err.splitlines()]
    assert {line["event"] for line in lines} == {"progress"}
    assert lines[-1]["phase"] == "finishing"
    assert any(line["phase"] == "transferring" and line["done"] == len(DATA) for line in lines)


def test_quiet_is_quiet(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    said = command("upload", "a.avi", "-q")
    assert (said.out, said.err) == ("1\n", "")
