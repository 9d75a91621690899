"""`youku-server check` and `gc`: what is wrong is found and named, what is right is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.little_library import ROOT, Play, Stage, content, hash_of, perform
from tests.support.model_disk import ModelDisk
from tests.support.sender import Sender
from tests.support.server import RunningServer
from youku_evloop.errors import ExitCode
from youku_evloop.models import Upload
from youku_evloop.services import catalogue, uploads
from youku_evloop.services.checking import ProblemKind, check

FILM = content("film", 5_000)
BLOB = ROOT / "blobs" / hash_of(FILM)[:2] / hash_of(FILM)


def change(disk: ModelDisk, path: Path, data: bytes) -> None:
    """Put other bytes into a file, past everything."""
    if disk.contents(path) is not None:
        disk.unlink(path)
    disk.make_directory(path.parent)
    fd = disk.create(path)
    disk.write(fd, memoryview(data), 0)
    disk.close(fd)


def nothing(play: Play, part: Path) -> None:
    pass


def blob_is_gone(play: Play, part: Path) -> None:
    play.stage.disk.unlink(BLOB)


def blob_is_short(play: Play, part: Path) -> None:
    change(play.stage.disk, BLOB, FILM[:-1])


def blob_has_decayed(play: Play, part: Path) -> None:
    change(play.stage.disk, BLOB, FILM[:-1] + b"?")


def part_is_gone(play: Play, part: Path) -> None:
    play.stage.disk.unlink(part)


def part_is_short(play: Play, part: Path) -> None:
    change(play.stage.disk, part, b"")


def stranger_among_blobs(play: Play, part: Path) -> None:
    change(play.stage.disk, BLOB.with_name("notes.txt"), b"")


def stranger_beside_blobs(play: Play, part: Path) -> None:
    change(play.stage.disk, ROOT / "blobs" / "zz" / "x", b"")


def stranger_among_parts(play: Play, part: Path) -> None:
    change(play.stage.disk, part.with_name("x"), b"")


def blob_in_the_wrong_place(play: Play, part: Path) -> None:
    change(play.stage.disk, ROOT / "blobs" / "00" / ("f" * 64), b"")


def blob_that_nobody_swept(play: Play, part: Path) -> None:
    change(play.stage.disk, ROOT / "blobs" / "00" / ("0" * 64), b"")
    uploads.sweep(play.library)
    play.stage.later(days=1, hours=3)


K = ProblemKind


@pytest.mark.parametrize(
    ("harm", "deep", "kinds"),
    [
        (nothing, True, []),
        (blob_is_gone, False, [K.MISSING_BLOB]),
        (blob_is_short, False, [K.BLOB_SIZE]),
        (blob_has_decayed, False, []),
        (blob_has_decayed, True, [K.BLOB_HASH]),
        (part_is_gone, False, [K.MISSING_PART]),
        (part_is_short, False, [K.SHORT_PART]),
        (stranger_among_blobs, False, [K.STRAY_FILE]),
        (stranger_beside_blobs, False, [K.STRAY_FILE]),
        (stranger_among_parts, False, [K.STRAY_FILE]),
        (blob_in_the_wrong_place, False, [K.STRAY_FILE]),
        (blob_that_nobody_swept, False, [K.UNNAMED_BLOB]),
    ],
)
def test_what_is_wrong_is_found(
    stages: Path, harm: Callable[[Play, Path], None], deep: bool, kinds: list[ProblemKind]
) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        play.upload(alice, "film", FILM)
        claim, _ = play.create(alice, "half", content("half", 9_000))
        for offset in (0, 2048, 4096):
            play.write(claim, content("half", 9_000), offset)
        assert Upload.select(id=claim.upload.id).get().durable_offset == 4096
        harm(play, ROOT / "parts" / claim.upload.id)
        report = check(play.library, deep=deep)
        assert [problem.kind for problem in report.problems] == kinds, report.problems
        assert (report.movies, report.uploads) == (1, 1)

    perform(Stage(stages), act)


def test_a_blob_that_cannot_be_read_is_a_problem_and_not_the_end(stages: Path) -> None:
    def act(play: Play) -> None:
        play.upload(play.user("alice"), "film", FILM)

        def fail(operation: str) -> None:
            if operation == "read":
                raise OSError(5, "Input/output error")

        play.stage.disk.before = fail
        report = check(play.library, deep=True)
        assert [problem.kind for problem in report.problems] == [K.UNREADABLE_BLOB]

    perform(Stage(stages), act)


def test_a_blob_that_is_missing_decayed_or_short_is_mended_by_sending_it_again(stages: Path) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        play.upload(alice, "film", FILM)
        for harm in (blob_is_gone, blob_is_short, blob_has_decayed):
            harm(play, ROOT)
            assert check(play.library, deep=True).problems != []
            play.upload(alice, "film", FILM, again=True)
            assert check(play.library, deep=True).problems == []

    perform(Stage(stages), act)


def test_what_waits_to_be_swept_is_no_problem(stages: Path) -> None:
    def act(play: Play) -> None:
        movie = play.upload(play.user("alice"), "film", FILM)
        catalogue.delete(play.library, movie.id)
        play.stage.later(days=31)
        uploads.sweep(play.library)
        change(play.stage.disk, ROOT / "parts" / ("0" * 32), b"left over")
        report = check(play.library)
        assert (report.problems, report.waiting_blobs, report.orphan_parts) == ([], 1, 1)

    perform(Stage(stages), act)


# -- the commands


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        with running.create_admin("alice").wire() as wire:
            sender = Sender(wire)
            sender.create()
            sender.write()
            sender.finish()
        yield running


def document(server: RunningServer, *arguments: str) -> tuple[int, Any]:
    outcome = server.command(*arguments, "--json")
    return outcome.code, json.loads(outcome.stdout)


def test_check_is_content_with_a_sound_library_while_it_is_served(server: RunningServer) -> None:
    assert server.command("check").stdout.endswith("All is well.\n")
    code, report = document(server, "check", "--deep")
    assert (code, report["ok"], report["movies"], report["blobs"]) == (ExitCode.OK, True, 1, 1)


def test_check_ends_with_its_own_exit_code_when_something_is_wrong(server: RunningServer) -> None:
    stray = server.data / "parts" / "stray"
    stray.touch()
    try:
        outcome = server.command("check")
        assert outcome.code == ExitCode.INTEGRITY
        assert outcome.stdout.startswith("stray_file: parts/stray")
        code, report = document(server, "check")
        assert (code, report["ok"]) == (ExitCode.INTEGRITY, False)
        assert report["problems"][0]["kind"] == "stray_file" and report["problems"][0]["subject"] == "parts/stray"
    finally:
        stray.unlink()


def test_gc_removes_what_nobody_needs_beside_the_running_server(server: RunningServer) -> None:
    orphan = server.data / "parts" / ("0" * 32)
    orphan.write_bytes(b"left over")
    code, swept = document(server, "gc", "--dry-run")
    assert (code, swept["parts"], swept["bytes"]) == (ExitCode.OK, ["0" * 32], 9)
    assert orphan.exists()
    assert "9 bytes freed" in server.command("gc").stdout
    assert not orphan.exists()
    assert server.command("check", "--deep").code == ExitCode.OK


def test_gc_leaves_alone_what_the_running_server_has_open(server: RunningServer, tmp_path: Path) -> None:
    admin = server.create_admin("bob")
    with admin.wire() as wire:
        sender = Sender(wire)
        sender.create()
        sender.write(1000)
        assert document(server, "gc")[1]["parts"] == []
        sender.write()
        assert sender.finish()["ok"]


def test_there_has_to_be_a_library(server: RunningServer, tmp_path: Path) -> None:
    outcome = server.command("check", "--data", str(tmp_path))
    assert outcome.code == ExitCode.NOT_FOUND
    assert "--data" in outcome.stderr
    nowhere = tmp_path / "nowhere"
    assert server.command("check", "--data", str(nowhere)).code == ExitCode.NOT_FOUND
    assert not nowhere.exists()
