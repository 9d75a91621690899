"""What can be seen of a server from outside: its statistics, its log, its warnings."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.crowd import library
from tests.load.server import LoadServer
from tests.support.server import PASSWORD, eventually
from tests.support.wire import Wire
from youku_evloop.errors import ExitCode
from youku_evloop.models import Session, UserType

MIB = 1024 * 1024
UPLOAD: dict[str, Any] = {"name": "x", "size": 4 * MIB, "fingerprint": "0" * 64}


# -- server.stats


def test_the_statistics_tell_what_has_happened(start: Callable[..., LoadServer]) -> None:
    server = start(limits={"linger": 60.0})
    with server.wire() as wire, Wire(server.address) as another:
        for _ in range(10):
            another.ask("ping")
        another.refused("movie.list")
        another.send_payload(b"[]")
        another.rest()
        wire.ask("movie.list")
        upload = wire.ask("upload.create", **UPLOAD)["upload"]
        wire.ask("upload.write", bytes(MIB), upload=upload, offset=0)
        stats = wire.ask("server.stats")
    assert stats["connections"] == {"reading": 1, "lingering": 1}
    commands = stats["commands"]
    assert {name: row["count"] for name, row in commands.items()} == {
        "hello": 1,
        "ping": 10,
        "movie.list": 2,
        "upload.create": 1,
        "upload.write": 1,
        "(rejected)": 1,
    }
    assert [name for name, row in commands.items() if row["errors"]] == ["movie.list", "(rejected)"]
    for row in commands.values():
        assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]
    assert MIB < stats["bytes_in"] < MIB + 4096
    assert 500 < stats["bytes_out"] < 8192
    assert stats["uptime"] > 0
    assert stats["uploads"] == 1
    assert stats["pool"]["size"] == 16 and stats["pool"]["waiting"] == 0
    assert stats["descriptors"]["used"] < stats["descriptors"]["allowed"]


def test_a_server_at_rest_has_no_task_but_the_one_that_asks(server: LoadServer) -> None:
    stats = server.eventually_has(lambda stats: stats["tasks"] == 1, "what the start left to do is done")
    assert stats["worker_queue"] == stats["pool"]["in_use"] == 0


def test_the_statistics_count_those_who_are_gone(server: LoadServer) -> None:
    before = server.stats()["connections_served"]
    for _ in range(5):
        Wire(server.address).close()
    server.eventually_has(lambda stats: stats["connections_served"] >= before + 6, "all have been counted")


def test_the_loop_measures_how_late_it_is(server: LoadServer) -> None:
    stats = server.eventually_has(lambda stats: stats["loop_lag"]["worst_ms"] > 0, "a first sample")
    assert 0 <= stats["loop_lag"]["median_ms"] <= stats["loop_lag"]["worst_ms"]


def test_only_administrators_see_them(server: LoadServer) -> None:
    with Wire(server.address, server.token("bob", UserType.USER)) as user, Wire(server.address) as stranger:
        assert user.refused("server.stats")["error"] == "forbidden"
        assert stranger.refused("server.stats")["error"] == "not_logged_in"


# -- youku-server stats


def test_the_command_shows_the_same_and_leaves_no_session_behind(start: Callable[..., LoadServer]) -> None:
    server = start(options=["--tls", "auto"])
    with server.wire() as wire:
        wire.ask("ping")
        outcome = server.command("stats", "--json")
        assert outcome.code == ExitCode.OK, outcome
        shown = json.loads(outcome.stdout)
        assert set(shown) == set(wire.ask("server.stats")) - {"id", "ok"} | {"pid"}
    assert shown["pid"] == server.pid
    assert shown["commands"]["ping"]["count"] == 1
    assert shown["connections"] == {"reading": 2}
    with library(server.data):
        assert Session.select().count() == 1, "that of the administrator who was here"


def test_the_command_speaks_to_people_too(server: LoadServer) -> None:
    server.wire().close()
    outcome = server.command("stats")
    assert outcome.code == ExitCode.OK, outcome
    words = outcome.stdout.split()
    for word in ("Connections", "reading;", "Descriptors", "hello", "p99"):
        assert word in words


def test_the_command_needs_an_administrator_to_ask_for(start: Callable[..., LoadServer]) -> None:
    outcome = start().command("stats")
    assert outcome.code == ExitCode.NOT_FOUND
    assert "create-admin" in outcome.stderr


# -- the log


def test_a_line_tells_of_each_command_and_of_each_connection(start: Callable[..., LoadServer]) -> None:
    server = start(options=["--log-format", "json"])
    with server.wire() as wire:
        wire.ask("account.whoami")
        wire.refused("movie.show", movie=99)
        wire.send_payload(b"nonsense")
        wire.rest()
        host, port = wire.sock.getsockname()
    eventually(lambda: '"message":"connection"' in server.log, "its last line")
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("peer") == f"{host}:{port}"]
    commands = [(line["op"], line["user"], line["outcome"]) for line in told if line["message"] == "command"]
    assert commands == [
        ("hello", "alice", "ok"),
        ("account.whoami", "alice", "ok"),
        ("movie.show", "alice", "not_found"),
        ("(rejected)", "alice", "broken_frame"),
    ]
    for line in told:
        assert line["seconds"] >= 0
        assert line["level"] == "INFO" and line["logger"] and re.match(r"\d{4}-\d\d-\d\dT", line["time"])
    assert all(line["bytes"] > 0 for line in told if line["message"] == "command")
    (connection,) = (line for line in told if line["message"] == "connection")
    assert (connection["user"], connection["outcome"]) == ("alice", "broken_frame")
    assert connection["bytes_in"] > 0 and connection["bytes_out"] > 0


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_token_and_no_password_is_ever_in_the_log(
    start: Callable[..., LoadServer], tmp_path: Path, log_format: str
) -> None:
    server = start(options=["--log-format", log_format, "--log-level", "debug"])
    secrets = [server.token(), "nonce-of-a-login", "c2FsdHNhbHRzYWx0", "djEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    with Wire(server.address) as wire:
        wire.ask("hello", token=secrets[0])
        wire.refused("hello", token="wrong-" + secrets[0])
        wire.refused("hello", token=[secrets[0]])
        wire.refused("hello", password=PASSWORD)
        wire.register("carol", PASSWORD)
        wire.log_in("carol", PASSWORD)
        secrets.append(wire.log_in("carol", PASSWORD)["token"])
        wire.refused("account.login", message=f"n,,n=carol,r={secrets[1]}", password=PASSWORD)
        wire.request("account.login", message=f"n,,n=carol,r={secrets[1]}")
        wire.refused("account.proof", message=f"c=biws,r={secrets[1]},p={secrets[3]}")
        keys: dict[str, Any] = {"stored_key": secrets[3], "server_key": secrets[3]}
        wire.refused("account.register", name="", salt=secrets[2], iterations=5000, **keys)
        wire.send_payload(b'{"id":1,"op":"hello","token":"' + secrets[0].encode())
        wire.rest()
    assert server.create_admin("dave", log_in=False)
    eventually(lambda: server.log.count("outcome") >= 10, "its last line")
    for secret in [*secrets, PASSWORD]:
        assert secret not in server.log


SLOW = """
import sys, time
from youku_evloop.services import accounts
from youku_evloop.cli import main
quick = accounts.whoami
def slow(who):
    time.sleep(0.15)
    return quick(who)
accounts.whoami = slow
del sys.argv[0]
main()
"""
"""A server of which one command keeps the loop for longer than it should."""


def test_a_command_that_keeps_the_loop_is_named_in_a_warning(start: Callable[..., LoadServer]) -> None:
    server = start(launcher=[sys.executable, "-c", SLOW])
    with server.wire() as wire:
        wire.ask("ping")

        def named() -> list[str]:
            wire.ask("account.whoami")  # again: only one warning a second is given, and a busy machine may have had it
            return re.findall(r"the loop stood still for (\d+) ms in account\.whoami", server.log)

        eventually(lambda: bool(named()), "the warning")
        assert int(named()[0]) >= 100


# -- limits


def test_limits_can_be_set_by_option_and_by_environment(start: Callable[..., LoadServer]) -> None:
    server = start(limits={"pipeline": 5}, variables={"YOUKU_LIMITS": "idle=7 turn=4096"})
    with Wire(server.address) as wire:
        assert wire.ask("hello")["max_pipeline"] == 5


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("patience=5", "no limit 'patience'"),
        ("idle", "is a number, as in idle=5"),
        ("pipeline=2.5", "is a whole number"),
        ("idle=0", "more than 0"),
        ("idle=-1", "more than 0"),
        ("idle=nan", "more than 0"),
        ("idle=inf", "at most"),
        ("write_low=9999999", "must not fall"),
    ],
)
def test_what_is_no_sensible_limit_is_refused_with_the_reason(tmp_path: Path, limit: str, reason: str) -> None:
    outcome = LoadServer(tmp_path).command("run", "--limit", limit)
    assert outcome.code == ExitCode.USAGE
    assert reason in outcome.stderr
    assert not list(tmp_path.iterdir())
