"""Waits that people see: before a free download, between two tries, for an answer that is long in coming."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from tests.client.command import YOUKU, Command, environment_of, on_a_terminal
from tests.client.peer import Peer
from tests.support.server import LIMIT
from youku_evloop.errors import ExitCode, WaitRequired

DATA = b"moving pictures" * 1000


def ask_for_a_wait(peer: Peer, seconds: int) -> list[str]:
    """The first movie that is asked for may begin so much later; the commands that were asked."""
    asked: list[str] = []

    def before(op: str, _arguments: dict[str, Any]) -> None:
        asked.append(op)
        if op == "movie.read" and asked.count(op) == 1:
            raise WaitRequired(f"This download may begin in {seconds} s.", wait=seconds)

    peer.add_movie(DATA)
    peer.before = before
    return asked


def test_people_see_a_countdown_and_then_get_their_movie(peer: Peer, tmp_path: Path) -> None:
    ask_for_a_wait(peer, 2)
    screen = on_a_terminal("download", "1", environment=environment_of(tmp_path, peer), directory=tmp_path)
    assert screen.code == ExitCode.OK
    assert "This download may begin in 2 s. Waiting..." in screen.text
    assert screen.text.index("0:02") < screen.text.index("0:01") < screen.text.index("hash verified")
    assert (tmp_path / "A movie.avi").read_bytes() == DATA


def test_programs_get_the_countdown_as_lines(peer: Peer, tmp_path: Path) -> None:
    ask_for_a_wait(peer, 1)
    done = subprocess.run(
        [*YOUKU, "download", "1", "--progress", "json"],
        env=environment_of(tmp_path, peer),
        cwd=tmp_path,
        capture_output=True,
        timeout=LIMIT,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    waits = [line for line in lines if line["event"] == "waiting"]
    assert [(line["reason"], line["left"], line["total"]) for line in waits] == [("wait", 1.0, 1.0), ("wait", 0.0, 1.0)]
    assert lines[-1]["phase"] == "finishing"


def test_who_does_not_want_to_wait_is_told_for_how_long_it_would_be(command: Command, peer: Peer) -> None:
    asked = ask_for_a_wait(peer, 30)
    said = command("download", "1", "--no-wait", "--json")
    assert (said.code, said.out) == (ExitCode.WAIT, "")
    assert json.loads(said.err)["wait"] == 30
    assert asked.count("movie.read") == 1


def test_ctrl_c_ends_a_wait(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA)
    process = subprocess.Popen(
        [*YOUKU, "download", "1"],
        env=environment_of(tmp_path, peer),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def before(op: str, _arguments: dict[str, Any]) -> None:
        if op == "movie.read":
            raise WaitRequired("This download may begin in 600 s.", wait=600)

    peer.before = before
    with process:
        assert process.stderr is not None
        assert "600 s" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "youku: Stopped. Repeat the same command: it goes on where this one was.\n"
    assert process.returncode == ExitCode.INTERRUPTED


def test_people_see_that_an_answer_is_awaited(peer: Peer, tmp_path: Path) -> None:
    late = threading.Event()

    def before(op: str, _arguments: dict[str, Any]) -> None:
        if op == "movie.list":
            late.wait(1.5)

    peer.before = before
    screen = on_a_terminal("list", environment=environment_of(tmp_path, peer), directory=tmp_path)
    assert screen.code == ExitCode.OK
    assert f"waiting for {peer.address}" in screen.text
