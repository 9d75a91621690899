"""Lists and directories on their way to the library: what goes, what is there, what fails, and all of it again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.client.command import YOUKU, Command, environment_of
from tests.client.peer import Peer
from tests.support.server import LIMIT
from youku_evloop.errors import ExitCode, NoSpace, Unreachable

DATA = os.urandom(300_000)
LIST = "path,title,price\nvideos/a.avi,假期,\nvideos/b.avi,The Feature,9.90\nvideos/c.avi,,\n"


@pytest.fixture
def videos(command: Command) -> Path:
    """A directory with three videos, and a list of them beside it."""
    directory = Path("videos")
    directory.mkdir()
    for name in ("a.avi", "b.avi", "c.avi"):
        (directory / name).write_bytes(DATA + name.encode())
    Path("list.csv").write_text(LIST)
    return directory


def refuse(peer: Peer, title: str, error: Exception) -> None:
    """Let the peer refuse uploads of this title."""

    def look(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.create" and arguments["name"] == title:
            raise error

    peer.before = look


def test_a_list_is_published_as_it_says(command: Command, peer: Peer, videos: Path) -> None:
    document = command("upload", "--from", "list.csv", "--json").document
    shown = [(row["line"], row["path"], row["movie"]["name"]) for row in document["uploaded"]]
    assert shown == [(2, "videos/a.avi", "假期"), (3, "videos/b.avi", "The Feature"), (4, "videos/c.avi", "c.avi")]
    created = [arguments for op, arguments in peer.requests if op == "upload.create"]
    assert [(options["is_free"], options["price"]) for options in created] == [(True, None), (False, 990), (True, None)]


def test_a_list_is_sent_again_without_harm(command: Command, peer: Peer, videos: Path) -> None:
    first = command("upload", "--from", "list.csv", "--json", "--jobs", "3").document
    peer.movies[first["uploaded"][0]["movie"]["id"]]["name"] = "Somebody has given it another title"
    again = command("upload", "--from", "list.csv", "--json", "--jobs", "3").document
    assert (again["uploaded"], again["failed"], len(again["existing"])) == ([], [], 3)
    assert len(peer.movies) == 3
    assert command("upload", "--from", "list.csv", "-q").out.split() == [
        str(row["movie"]["id"]) for row in again["existing"]
    ]


def test_what_failed_goes_when_the_list_is_sent_again(command: Command, peer: Peer, videos: Path) -> None:
    refuse(peer, "The Feature", NoSpace("The disk is full.", needed=2, free=1))
    said = command("upload", "--from", "list.csv")
    assert said.code == ExitCode.TEMPORARY
    rows = [line.split()[0] for line in said.out.splitlines()]
    assert rows == ["RESULT", "uploaded", "failed", "uploaded"]
    assert "youku: videos/b.avi: The disk is full." in said.err
    assert "uploaded: 2, existing: 0, failed: 1." in said.err
    peer.before = lambda op, arguments: None
    said = command("upload", "--from", "list.csv", "--json-lines")
    assert said.code == 0
    assert [json.loads(line)["outcome"] for line in said.out.splitlines()] == ["existing", "uploaded", "existing"]


def test_every_row_is_a_line_of_json_failed_or_not(command: Command, peer: Peer, videos: Path) -> None:
    refuse(peer, "The Feature", NoSpace("The disk is full."))
    said = command("upload", "--from", "list.csv", "--json-lines")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [(row["line"], row["outcome"], row.get("error")) for row in rows] == [
        (2, "uploaded", None), (3, "failed", "no_space"), (4, "uploaded", None),
    ]  # fmt: skip


def test_a_server_that_is_gone_is_not_asked_for_every_row(
    command: Command, peer: Peer, videos: Path, pauses: list[float]
) -> None:
    refuse(peer, "假期", Unreachable("Gone."))
    said = command("upload", "--from", "list.csv", "--json", "--retry", "2")
    assert said.code == ExitCode.TEMPORARY
    assert [row["error"] for row in json.loads(said.out)["failed"]] == ["unreachable"] * 3
    assert len(pauses) == 2
    assert said.err.count("Gone.") == 2 + 1 + 1, "each try, the row, and the end"


def test_rows_that_are_wrong_are_all_named_before_anything_is_sent(command: Command, peer: Peer, videos: Path) -> None:
    Path("list.csv").write_text("path,price\nvideos/a.avi,\nmissing.avi,\nvideos/b.avi,cheap\n")
    said = command("upload", "--from", "list.csv")
    assert said.code == ExitCode.USAGE
    assert said.err.splitlines() == [
        "list.csv, line 3: There is no file missing.avi.",
        "list.csv, line 4: 'cheap' is no price: write yuan, such as 20 or 9.90.",
        "youku: Rows that are wrong: 2 (line 3, 4); nothing was sent.",
    ]
    assert peer.ops() == []
    error = json.loads(command("upload", "--from", "list.csv", "--json").err.splitlines()[-1])
    assert [row["line"] for row in error["rows"]] == [3, 4]


def test_the_report_and_what_is_wrong_are_said_in_chinese(
    command: Command, peer: Peer, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    (videos / ".hidden").touch()
    refuse(peer, "b.avi", NoSpace("The disk is full."))
    said = command("sync", videos)
    assert [line.split()[0] for line in said.out.splitlines()] == ["结果", "已上传", "失败", "已上传"]
    assert "隐藏文件" in said.err and "已上传: 2" in said.err
    Path("list.csv").write_text("path,price\nvideos/a.avi,cheap\n")
    assert "第 2 行：'cheap' 不是价格" in command("upload", "--from", "list.csv").err


def test_with_progress_as_json_all_of_standard_error_is_json(command: Command, peer: Peer, videos: Path) -> None:
    (videos / ".hidden").touch()
    refuse(peer, "b.avi", NoSpace("The disk is full."))
    lines = [json.loads(line) for line in command("sync", videos, "--progress", "json", "--json").err.splitlines()]
    assert {line.get("event") for line in lines} == {"message", "progress", None}
    assert lines[-1]["error"] == "no_space"
    assert {"event": "message", "message": "Skipped videos/.hidden: hidden."} in lines


@pytest.mark.parametrize("besides", ["videos/a.avi", "--title=T", "--charge", "--price=5", "--recursive"])
def test_the_list_says_it_all(command: Command, peer: Peer, videos: Path, besides: str) -> None:
    assert command("upload", "--from", "list.csv", besides).code == ExitCode.USAGE
    assert peer.ops() == []


def test_a_list_that_is_none_is_said(command: Command, peer: Peer, videos: Path) -> None:
    assert command("upload", "--from", "missing.csv").code == ExitCode.NOT_FOUND
    assert command("upload", "--from", "videos").code == ExitCode.USAGE
    assert command("upload").code == ExitCode.USAGE
    Path("huge").touch()
    os.truncate("huge", 2**40)
    assert "no list" in command("upload", "--from", "huge").err


def test_a_list_comes_from_standard_input(peer: Peer, videos: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*YOUKU, "upload", "--from", "-", "--json"],
        input=LIST.encode(), capture_output=True, env=environment_of(tmp_path, peer), timeout=LIMIT, check=True,
    )  # fmt: skip
    assert len(json.loads(done.stdout)["uploaded"]) == 3


def test_ctrl_c_reports_what_went_and_the_rest_goes_next_time(peer: Peer, videos: Path, tmp_path: Path) -> None:
    reached, held = threading.Event(), threading.Event()

    def hold(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.finish" and len(peer.movies) == 1 and not held.is_set():
            reached.set()
            held.wait(LIMIT)

    peer.before = hold
    command = [*YOUKU, "upload", "--from", "list.csv", "--json"]
    environment = environment_of(tmp_path, peer)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert reached.wait(LIMIT)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
            held.set()
    assert process.returncode == ExitCode.INTERRUPTED
    assert [row["path"] for row in json.loads(out)["uploaded"]] == ["videos/a.avi"]
    assert b"goes on where this one was" in err
    again = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert {row["path"] for row in again["existing"]} >= {"videos/a.avi"}
    assert len(peer.movies) == 3


def test_a_directory_is_synced_and_then_there_is_nothing_to_do(command: Command, peer: Peer, videos: Path) -> None:
    (videos / ".hidden").write_bytes(DATA)
    first = command("sync", videos, "--jobs", "2", "--json").document
    assert [row["path"] for row in first["uploaded"]] == ["videos/a.avi", "videos/b.avi", "videos/c.avi"]
    assert [entry["reason"] for entry in first["skipped"]] == ["hidden"]
    again = command("sync", videos, "--json").document
    assert (again["uploaded"], len(again["existing"])) == ([], 3)


def test_a_dry_run_says_what_is_missing_and_sends_nothing(command: Command, peer: Peer, videos: Path) -> None:
    peer.add_movie((videos / "b.avi").read_bytes(), "Under another title")
    document = command("sync", videos, "--dry-run", "--json").document
    assert [row["path"] for row in document["missing"]] == ["videos/a.avi", "videos/c.avi"]
    assert [row["movie"]["name"] for row in document["existing"]] == ["Under another title"]
    assert "upload.create" not in peer.ops()
    said = command("sync", videos, "--dry-run")
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["missing", "existing", "missing"]


def test_a_file_rewritten_with_the_same_size_and_time_is_noticed(command: Command, peer: Peer, videos: Path) -> None:
    command("sync", videos)
    file = videos / "a.avi"
    before = file.stat()
    file.write_bytes(os.urandom(before.st_size))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [row["path"] for row in command("sync", videos, "--json").document["uploaded"]] == ["videos/a.avi"]


def test_bytes_between_the_samples_count_and_a_title_does_not_stop_them(
    command: Command, peer: Peer, videos: Path
) -> None:
    large = bytearray(os.urandom(3_000_000))
    (videos / "a.avi").write_bytes(large)
    command("sync", videos)
    large[100_000] ^= 1  # where no sample looks: the fingerprint stays the same, and so does the title
    (videos / "a.avi").write_bytes(large)
    document = command("sync", videos, "--json").document
    assert [row["path"] for row in document["uploaded"]] == ["videos/a.avi"]
    assert peer.blobs[document["uploaded"][0]["movie"]["id"]] == large


def test_two_files_of_the_same_bytes_are_uploaded_once(command: Command, peer: Peer, videos: Path) -> None:
    for name in ("d.avi", "e.avi", "f.avi"):
        (videos / name).write_bytes(DATA)
    document = command("sync", videos, "--jobs", "6", "--json").document
    assert (len(document["uploaded"]), len(document["existing"]), len(peer.movies)) == (4, 2, 4)


def test_prices_of_what_is_synced_are_said_once(command: Command, peer: Peer, videos: Path) -> None:
    command("sync", videos, "--charge", "--price", "5")
    created = [arguments for op, arguments in peer.requests if op == "upload.create"]
    assert {(options["is_free"], options["price"]) for options in created} == {(False, 500)}
    assert command("sync", videos, "--price", "5").code == ExitCode.USAGE


def test_what_is_no_directory_is_said(command: Command, peer: Peer, videos: Path) -> None:
    assert command("sync", "missing").code == ExitCode.NOT_FOUND
    assert command("sync", videos / "a.avi").code == ExitCode.USAGE
    Path("nothing").mkdir()
    assert command("sync", "nothing", "--json").document == {
        "uploaded": [], "existing": [], "missing": [], "failed": [], "skipped": [],
    }  # fmt: skip
    assert peer.ops() == []
