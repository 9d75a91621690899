"""What happens to load tests: servers that stall, die and come back, testers that are told to stop, or killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client_cli.loadtest.conductor import ECHO
from tests.loadtest.runs import SMALL, left_in
from tests.support.server import Person, RunningServer, eventually, finish
from youku_evloop.errors import ExitCode

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of the test's own, which may be dead at its end."""
    server = RunningServer(tmp_path / "server")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def under_way(person: Person, *options: str) -> subprocess.Popen[str]:
    """A load test that has said for the first time how it goes."""
    running = person.start("loadtest", *options, "--progress", "json")
    assert running.stderr is not None
    running.stderr.readline()
    return running


def stall(server: RunningServer, running: subprocess.Popen[str]) -> float:
    """Let the server stand still until the tester has said thrice that nothing is answered; for how many seconds."""
    assert running.stderr is not None
    json.loads(running.stderr.readline())
    began = time.monotonic()
    server.signal(signal.SIGSTOP)
    try:
        silent = 0
        while silent < 3:
            silent += json.loads(running.stderr.readline())["rate"] == 0
    finally:
        server.signal(signal.SIGCONT)
    return time.monotonic() - began


def slower(found: Any, seconds: float) -> int:
    """How many answers took longer than that."""
    return sum(count for begin, _, count in found["distribution"] if begin > seconds)


def test_in_the_open_model_a_stall_shows_in_all_that_should_have_been_asked_meanwhile(
    server: RunningServer, admin: Person
) -> None:
    options = ("--clients", "2", "--rate", "200", "--requests", "400", "--progress", "json", "--json")
    running = admin.start("loadtest", *options)
    stall(server, running)
    found = json.loads(finish(running).stdout)
    assert found["errors"] == 0
    assert (found["requests"], found["arrivals"]["unserved"]) == (400, 0)
    assert found["arrivals"]["delayed"] > 50
    assert slower(found, 0.1) > 50


def test_in_the_closed_model_it_shows_once_for_each_client(server: RunningServer, admin: Person) -> None:
    options = ("--clients", "2", "--think", "5ms", "--requests", "400", "--progress", "json", "--json")
    running = admin.start("loadtest", *options)
    seconds = stall(server, running)
    found = json.loads(finish(running).stdout)
    assert found["requests"] == 400
    assert slower(found, seconds / 2) <= 2
    assert found["arrivals"] is None


def test_what_is_due_and_never_answered_is_an_error(server: RunningServer, admin: Person) -> None:
    options = ("--clients", "2", "--rate", "50", "--duration", "1s", "--timeout", "1.5", "--json")
    running = under_way(admin, *options)
    server.signal(signal.SIGSTOP)
    try:
        found = json.loads(finish(running).stdout)
    finally:
        server.signal(signal.SIGCONT)
    assert sum(found["error_codes"].get(code, 0) for code in ("unanswered", "timeout")) == 2
    assert found["requests"] + found["errors"] == found["arrivals"]["due"]


def test_a_server_that_dies_is_counted_and_survived(mortal: RunningServer) -> None:
    running = under_way(mortal.somebody("stranger"), "--clients", "3", "--duration", "0.6s", "--json")
    mortal.kill()
    outcome = finish(running)
    found = json.loads(outcome.stdout)
    assert outcome.code == ExitCode.OK
    assert found["requests"] > 0 and found["error_codes"].keys() == {"unreachable"}


def test_a_server_that_has_said_goodbye_is_not_hammered(mortal: RunningServer) -> None:
    options = ("--clients", "3", "--think", "20ms", "--duration", "0.6s", "--json")
    running = under_way(mortal.somebody("stranger"), *options)
    mortal.stop()
    found = finish(running).document
    assert found["error_codes"].keys() == {"unreachable"}
    assert found["errors"] <= 15  # each client comes back twice a second, and not after each thought


def test_a_server_that_restarts_at_the_end_of_a_test_is_waited_for(mortal: RunningServer) -> None:
    alice = mortal.create_admin("alice")
    running = under_way(alice, *SMALL, "--scenario", "browse", "--duration", "0.4s", "--json")
    mortal.kill()
    mortal.start()
    found = finish(running).document
    assert found["removed"]["left_behind"] is None
    assert left_in(mortal) == {}


def test_what_cannot_be_removed_is_said(mortal: RunningServer) -> None:
    running = under_way(mortal.create_admin("alice"), *SMALL, "--scenario", "browse", "--duration", "0.4s")
    mortal.kill()
    outcome = finish(running)
    assert outcome.code == ExitCode.TEMPORARY
    assert "--clean-up" in outcome.stderr


def test_a_second_ctrl_c_ends_the_removing_too(server: RunningServer, admin: Person) -> None:
    before = len(server.log)
    running = admin.start("loadtest", *SMALL, "--scenario", "browse", "--duration", "1h", "--timeout", "30")
    eventually(lambda: "op=movie.show" in server.log[before:], "load")
    server.signal(signal.SIGSTOP)
    try:
        running.send_signal(signal.SIGINT)
        eventually(lambda: not signals_pending(running.pid), "the first one is taken")
        taken = time.monotonic()
        eventually(lambda: time.monotonic() > taken + 2 * ECHO, "a second one is another")
        running.send_signal(signal.SIGINT)
        outcome = finish(running)
    finally:
        server.signal(signal.SIGCONT)
    assert outcome.code == ExitCode.INTERRUPTED
    assert "Tester:" in outcome.stdout and "--clean-up" in outcome.stderr
    admin.do("loadtest", "--clean-up")


def test_a_signal_that_comes_twice_at_once_is_one(server: RunningServer, admin: Person) -> None:
    before = len(server.log)
    running = admin.start("loadtest", *SMALL, "--scenario", "browse", "--duration", "1h")
    eventually(lambda: "op=movie.show" in server.log[before:], "load")
    running.send_signal(signal.SIGTERM)
    eventually(lambda: not signals_pending(running.pid), "the first one is taken")
    running.send_signal(signal.SIGTERM)
    outcome = finish(running)
    assert outcome.code == ExitCode.INTERRUPTED
    assert "--clean-up" not in outcome.stderr


def signals_pending(pid: int) -> bool:
    """Whether the process has still to see a signal."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    return int(status["ShdPnd"], 16) != 0


def test_what_a_killed_tester_left_is_found_and_removed(server: RunningServer, admin: Person) -> None:
    before = len(server.log)
    running = admin.start("loadtest", *SMALL, "--scenario", "mixed", "--duration", "1h")
    eventually(lambda: "op=upload.finish" in server.log[before:] and "op=movie.show" in server.log[before:], "load")
    running.kill()
    finish(running)
    admin.do("upload", _a_file(admin.home), "--title", "loadtest-is-no-test")
    removed = admin.do("loadtest", "--clean-up")
    assert removed["users"] == 2 and removed["movies"] >= 2
    kept = admin.do("list")["movies"]
    assert [movie["name"] for movie in kept] == ["loadtest-is-no-test"]
    admin.do("delete", str(kept[0]["id"]), "--yes")
    admin.do("delete", str(kept[0]["id"]), "--purge", "--yes")


def _a_file(directory: Path) -> Path:
    file = directory / "a.avi"
    file.write_bytes(b"bytes")
    return file
