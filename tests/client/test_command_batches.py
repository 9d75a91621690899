"""Several transfers at once, pipes and directories, as people and scripts see them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.client.command import YOUKU, Command, environment_of, on_a_terminal
from tests.client.peer import Peer
from tests.client.talk import LATER, TIME
from tests.support.server import LIMIT
from youku_evloop.errors import ExitCode, NoSpace

DATA = os.urandom(300_000)


def piped(peer: Peer, directory: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`youku` between two pipes."""
    return subprocess.run(
        [*YOUKU, *arguments],
        input=given, capture_output=True, env=environment_of(directory, peer), cwd=directory, timeout=LIMIT,
    )  # fmt: skip


def test_a_movie_goes_to_a_pipe_and_nothing_else_does(peer: Peer, tmp_path: Path) -> None:
    movie = peer.add_movie(DATA)
    peer.cuts = [100_000]
    done = piped(peer, tmp_path, "download", str(movie), "-o", "-")
    assert (done.returncode, done.stdout) == (0, DATA)
    assert b"hash verified" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_movie_in_a_pipe_has_its_exit_code(peer: Peer, tmp_path: Path) -> None:
    movie = peer.add_movie(DATA)
    peer.blobs[movie] = DATA[::-1]
    done = piped(peer, tmp_path, "download", str(movie), "-o", "-", "-q")
    assert done.returncode == ExitCode.INTEGRITY
    assert b"throw it away" in done.stderr


@pytest.mark.parametrize("arguments", [("--json",), ("--json-lines",), ("2",), ("--parts", "2")])
def test_what_standard_output_cannot_hold_is_a_usage_error(
    command: Command, peer: Peer, arguments: tuple[str, ...]
) -> None:
    assert command("download", "1", "-o", "-", *arguments).code == ExitCode.USAGE
    assert peer.ops() == []


def test_a_movie_is_not_poured_on_a_terminal(peer: Peer, tmp_path: Path) -> None:
    movie = peer.add_movie(DATA)
    environment = environment_of(tmp_path, peer)
    screen = on_a_terminal("download", str(movie), "-o", "-", environment=environment, directory=tmp_path)
    assert screen.code == ExitCode.USAGE
    assert "nothing to read" in screen.text


def test_a_pipe_is_uploaded(peer: Peer, tmp_path: Path) -> None:
    done = piped(peer, tmp_path, "upload", "-", "--title", "Piped", "--json", given=DATA)
    document = json.loads(done.stdout)
    assert (document["uploaded"][0]["path"], document["uploaded"][0]["movie"]["name"]) == ("-", "Piped")
    assert peer.blobs[1] == DATA


@pytest.mark.parametrize("arguments", [("-",), ("-", "a.avi"), ("-", "--title", "T", "--recursive")])
def test_a_pipe_has_a_title_and_is_alone(command: Command, peer: Peer, arguments: tuple[str, ...]) -> None:
    Path("a.avi").write_bytes(DATA)
    assert command("upload", *arguments).code == ExitCode.USAGE
    assert peer.ops() == []


def test_several_at_once_end_in_one_document_in_their_order(command: Command, peer: Peer) -> None:
    names = [f"{number}.avi" for number in range(6)]
    for name in names:
        Path(name).write_bytes(DATA + name.encode())
    document = command("upload", *names, "--jobs", "3", "--json").document
    assert [entry["path"] for entry in document["uploaded"]] == names
    assert peer.connections <= 3
    Path("there").mkdir()
    ids = [str(entry["movie"]["id"]) for entry in document["uploaded"]]
    said = command("download", *ids, "99", "-o", "there", "--jobs", "4", "--json")
    assert said.code == ExitCode.NOT_FOUND
    assert [entry["movie"]["id"] for entry in json.loads(said.out)["downloaded"]] == list(map(int, ids))
    assert [entry["movie"] for entry in json.loads(said.out)["failed"]] == [99]
    assert sorted(path.name for path in Path("there").iterdir()) == names
    assert all((Path("there") / name).read_bytes() == DATA + name.encode() for name in names)


def test_one_that_fails_does_not_stop_the_others(command: Command, peer: Peer) -> None:
    for name in ("a.avi", "b.avi", "c.avi"):
        Path(name).write_bytes(DATA + name.encode())

    def refuse(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.create" and arguments["name"] == "a.avi":
            raise NoSpace("The disk is full.", needed=2, free=1)

    peer.before = refuse
    said = command("upload", "a.avi", "b.avi", "c.avi", "--jobs", "2", "--json")
    assert said.code == ExitCode.TEMPORARY
    assert [entry["path"] for entry in json.loads(said.out)["uploaded"]] == ["b.avi", "c.avi"]
    assert json.loads(said.out)["failed"][0]["error"] == "no_space"


def test_a_directory_is_uploaded_with_all_below_it(command: Command, peer: Peer) -> None:
    below = Path("videos") / "sub"
    below.mkdir(parents=True)
    (Path("videos") / ".git").mkdir()
    for path in (Path("videos/b.avi"), Path("videos/a.avi"), below / "c.avi", Path("videos/.git/config")):
        path.write_bytes(DATA + str(path).encode())
    (below / "empty.avi").touch()
    os.mkfifo(below / "fifo")
    (below / "up").symlink_to("..")
    (below / "circle").symlink_to("circle")
    document = command("upload", "videos", "--recursive", "--json").document
    assert [entry["path"] for entry in document["uploaded"]] == ["videos/a.avi", "videos/b.avi", "videos/sub/c.avi"]
    assert [(entry["path"], entry["reason"]) for entry in document["skipped"]] == [
        ("videos/.git", "hidden"),
        ("videos/sub/circle", "not readable"),
        ("videos/sub/empty.avi", "empty"),
        ("videos/sub/fifo", "no regular file"),
        ("videos/sub/up", "a link to a directory"),
    ]


def test_a_directory_may_be_as_deep_as_paths_are_long(command: Command, peer: Peer) -> None:
    deepest = Path("videos").joinpath(*["d"] * 1500)
    place = os.open(".", os.O_RDONLY)
    for name in deepest.parts:
        os.mkdir(name, dir_fd=place)
        below = os.open(name, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    (deepest / "a.avi").write_bytes(DATA)
    uploaded = command("upload", "videos", "--recursive", "--json").document["uploaded"]
    assert [entry["path"] for entry in uploaded] == [str(deepest / "a.avi")]
    subprocess.run(["rm", "-r", "videos"], check=True)  # as deep as no function of Python's goes


def test_what_was_skipped_is_said_and_nothing_left_is_an_error(command: Command, peer: Peer) -> None:
    Path("videos").mkdir()
    Path("videos/a.avi").write_bytes(DATA)
    Path("videos/.b.avi").write_bytes(DATA)
    assert "Skipped videos/.b.avi: hidden." in command("upload", "videos", "--recursive").err
    Path("videos/a.avi").unlink()
    assert command("upload", "videos", "--recursive").code == ExitCode.NOT_FOUND


def test_uploads_without_a_size_are_listed(command: Command, peer: Peer) -> None:
    upload = {"state": "receiving", "create_time": TIME, "expire_time": LATER, "movie": None, "fingerprint": ""}
    peer.uploads["u1"] = {**upload, "id": "u1", "name": "Piped", "size": None}
    peer.parts["u1"] = bytearray(b"12345")
    assert command("uploads").out.splitlines()[1].split()[:4] == ["u1", "5", "-", "receiving"]
    assert command("uploads", "--json").document["uploads"][0]["size"] is None


def test_ctrl_c_stops_all_jobs(peer: Peer, tmp_path: Path) -> None:
    held, under_way = threading.Event(), threading.Semaphore(0)

    def hold(op: str, arguments: dict[str, Any]) -> None:
        if op == "movie.read" and not held.is_set():
            under_way.release()
            held.wait(LIMIT)

    movies = [str(peer.add_movie(DATA, f"{number}.avi")) for number in range(3)]
    peer.before = hold
    with subprocess.Popen(
        [*YOUKU, "download", *movies, "--jobs", "3"],
        env=environment_of(tmp_path, peer), cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert all(under_way.acquire(timeout=LIMIT) for _ in movies)
            process.send_signal(signal.SIGINT)
            _out, said = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
            held.set()
    assert process.returncode == ExitCode.INTERRUPTED
    assert said.decode() == "youku: Stopped. Repeat the same command: it goes on where this one was.\n"


def test_people_see_a_bar_for_each_job(peer: Peer, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=LIMIT)

    def meet(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.finish":
            both.wait()

    for name in ("a.avi", "b.avi"):
        (tmp_path / name).write_bytes(DATA + name.encode())
    peer.before = meet
    environment = environment_of(tmp_path, peer)
    screen = on_a_terminal("upload", "a.avi", "b.avi", "--jobs", "2", environment=environment, directory=tmp_path)
    assert screen.code == 0
    bars = [line for line in screen.lines if "━" in line]
    assert any("a.avi" in line for line in bars)
    assert any("b.avi" in line for line in bars)


def test_lines_about_several_files_name_their_own(command: Command, peer: Peer) -> None:
    for name in ("a.avi", "b.avi"):
        Path(name).write_bytes(DATA + name.encode())
    said = command("upload", "a.avi", "b.avi", "--jobs", "2", "--progress", "json")
    lines = [json.loads(line) for line in said.err.splitlines()]
    for name in ("a.avi", "b.avi"):
        own = [line for line in lines if line["file"] == name and line["phase"] == "transferring"]
        assert own[-1]["done"] == own[-1]["total"] == len(DATA) + len(name)
