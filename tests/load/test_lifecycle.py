"""Stops, reloads and restarts, each told to a server that has something to do."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from scripts.hot_restarts import Busy
from tests.load.server import LoadServer, is_alive
from tests.support.server import PROGRAMS, eventually, run
from tests.support.wire import Wire
from youku_evloop.certificates import own_identity
from youku_evloop.errors import ExitCode

MIB = 1024 * 1024


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., LoadServer]]:
    """Makes a server with the arguments of `LoadServer`, not started yet; the process that serves last is ended."""
    with ExitStack() as stack:

        def server(**arguments: Any) -> LoadServer:
            made = LoadServer(tmp_path / "server", **arguments)
            stack.callback(made.kill)
            return made

        yield server


@pytest.fixture
def server(make: Callable[..., LoadServer]) -> LoadServer:
    """One with nothing special about it."""
    server = make()
    server.start()
    return server


# -- stops


def test_one_who_never_finishes_is_not_waited_for_for_ever(start: Callable[..., LoadServer]) -> None:
    server = start(limits={"drain": 1.0})
    movie = server.hollow_movie(256 * MIB)
    with server.wire() as wire:
        wire.ask("movie.read", movie=movie)
        server.signal(signal.SIGTERM)
        assert server.wait() == ExitCode.OK
        with pytest.raises(OSError, match="reset"):
            wire.read(256 * MIB)


# -- SIGHUP


def test_a_log_that_was_moved_away_is_begun_anew(start: Callable[..., LoadServer], tmp_path: Path) -> None:
    log, moved = tmp_path / "youku.log", tmp_path / "youku.log.1"
    server = start(options=["--log-file", str(log)])
    server.wire().close()
    eventually(lambda: "op=hello" in log.read_text(), "a first line")
    log.rename(moved)
    server.signal(signal.SIGHUP)
    eventually(log.exists, "a new log")
    server.wire().close()
    eventually(lambda: "op=hello" in log.read_text(), "a line in the new log")
    assert "reloaded" in log.read_text()
    assert moved.read_text().count("op=hello") == 1


def test_a_new_certificate_serves_those_who_come_after_it(start: Callable[..., LoadServer], tmp_path: Path) -> None:
    used, new = own_identity(tmp_path / "used"), own_identity(tmp_path / "new")
    old = used.fingerprint()
    server = start(options=["--tls-cert", str(used.certificate), "--tls-key", str(used.key)])
    with server.tls_wire() as before:
        used.certificate.write_bytes(new.certificate.read_bytes())
        used.key.write_bytes(new.key.read_bytes())
        server.signal(signal.SIGHUP)
        eventually(lambda: bool(server.lines("reloaded")), "it has understood")
        before.ask("ping")
        with server.tls_wire() as after:
            after.ask("ping")
            assert fingerprint(before) == old
            assert fingerprint(after) == new.fingerprint()


def test_a_certificate_that_cannot_be_used_leaves_the_old_one_in_use(
    start: Callable[..., LoadServer], tmp_path: Path
) -> None:
    used = own_identity(tmp_path / "used")
    server = start(options=["--tls-cert", str(used.certificate), "--tls-key", str(used.key)])
    old = used.fingerprint()
    used.certificate.write_text("no certificate")
    server.signal(signal.SIGHUP)
    eventually(lambda: bool(server.lines("ERROR", "certificate")), "it has noticed")
    with server.tls_wire() as wire:
        assert fingerprint(wire) == old


def fingerprint(wire: Wire) -> str:
    """Of the certificate that the server has shown."""
    assert isinstance(wire.sock, ssl.SSLSocket)
    certificate = wire.sock.getpeercert(binary_form=True)
    assert certificate is not None
    return "sha256:" + hashlib.sha256(certificate).hexdigest()


# -- hot restarts


def test_a_restart_sends_on_who_is_here_and_serves_who_comes(server: LoadServer) -> None:
    with server.wire() as before:
        successor = server.hand_over()
        assert successor != server.pid
        assert before.receive_event()["event"] == "goodbye"
        assert before.rest() == b""
    assert server.wait() == ExitCode.OK
    with server.wire() as after:
        after.ask("account.whoami")
    os.kill(successor, signal.SIGTERM)
    eventually(lambda: not is_alive(successor), "the successor stops as well")


def test_the_command_restarts_and_names_both_processes(server: LoadServer) -> None:
    outcome = server.command("restart")
    assert outcome.code == ExitCode.OK, outcome
    assert outcome.stdout == f"Process {server.serving_pid} has taken over from {server.pid}.\n"
    server.wire().close()


@pytest.mark.parametrize("command", ["restart", "stats"])
def test_a_command_to_a_server_that_does_not_run_says_so(make: Callable[..., LoadServer], command: str) -> None:
    outcome = make().command(command)
    assert outcome.code == ExitCode.NOT_FOUND
    assert "youku-server run" in outcome.stderr


def test_nobody_is_refused_and_every_transfer_comes_to_its_end_over_restarts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = Busy(tmp_path)
    with busy.running():
        for _ in range(5):
            busy.restart()
    tally = busy.tally
    with capsys.disabled():
        print(
            f"\n5 restarts: {tally.served} connections served, {tally.sent_on} sent on, {len(tally.refused)} refused; "
            f"transfers: {tally.uploads + tally.downloads} whole, {tally.resumed} resumed, {len(tally.failed)} failed"
        )
    assert not tally.refused, busy.log
    assert not tally.failed, busy.log
    assert tally.served > 100
    assert tally.uploads and tally.downloads


def test_an_upload_belongs_to_the_old_process_until_that_has_let_go(server: LoadServer) -> None:
    content = os.urandom(3 * MIB)
    create: dict[str, Any] = {"name": "x", "fingerprint": "0" * 64}
    with server.wire() as before:
        upload = before.ask("upload.create", size=len(content), **create)["upload"]
        before.announce("upload.write", MIB, upload=upload, offset=0)
        before.send_bytes(content[: MIB // 2])
        server.hand_over()
        with server.wire() as after:
            refusal = after.refused("upload.create", size=len(content), **create)
            assert refusal["error"] == "unavailable"
            assert "former process" in refusal["message"]
            before.send_bytes(content[MIB // 2 : MIB])
            assert before.receive()["offset"] == MIB
            assert before.rest() == b"", "and by now it has let go"
            assert after.ask("upload.create", size=len(content), **create)["offset"] == MIB
            after.ask("upload.write", content[MIB:], upload=upload, offset=MIB)
            digest = blake3(content).hexdigest()
            assert after.ask("upload.finish", upload=upload, hash=digest)["movie"]["hash"] == digest
    assert server.wait() == ExitCode.OK


def test_a_successor_that_cannot_serve_leaves_everything_as_it_was(
    make: Callable[..., LoadServer], tmp_path: Path
) -> None:
    identity = own_identity(tmp_path)
    server = make(options=["--tls-cert", str(identity.certificate), "--tls-key", str(identity.key)])
    server.start()
    identity.certificate.write_text("no certificate")
    with server.wire() as wire:
        server.signal(signal.SIGUSR2)
        eventually(lambda: bool(server.lines("ERROR", "ended before it served")), "the failure is noticed")
        wire.ask("ping")
        assert server.serving_pid == server.pid
    server.wire().close()
    server.stop()


def test_two_restarts_at_once_are_one(server: LoadServer) -> None:
    for _ in range(3):
        server.signal(signal.SIGUSR2)
    assert server.wait() == ExitCode.OK
    assert len(server.lines("is starting to take over")) == 1
    server.wire().close()


def test_who_is_told_to_stop_while_a_successor_starts_takes_it_along(server: LoadServer) -> None:
    server.signal(signal.SIGUSR2)
    eventually(lambda: bool(server.lines("is starting to take over")), "a successor")
    server.signal(signal.SIGTERM)
    assert server.wait() == ExitCode.OK
    (line,) = server.lines("is starting to take over")
    found = re.search(r"process (\d+)", line)
    assert found is not None
    eventually(lambda: not is_alive(int(found[1])), "the successor is gone")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port))


# -- systemd

SOCKET_ACTIVATION = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0), backlog=100)
waiting = socket.create_connection(listener.getsockname())
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[1])
os.execvp(sys.argv[2], sys.argv[2:])
"""


def test_a_socket_of_systemd_is_served(make: Callable[..., LoadServer]) -> None:
    server = make(launcher=[sys.executable, "-c", SOCKET_ACTIVATION, "1"])
    server.start()
    server.wire().close()
    server.hand_over()
    assert server.wait() == ExitCode.OK
    server.wire().close()


def test_several_sockets_of_systemd_are_refused(make: Callable[..., LoadServer]) -> None:
    launcher = [sys.executable, "-c", SOCKET_ACTIVATION, "2"]
    outcome = run([*launcher, str(PROGRAMS / "youku-server"), "run"], make().environment)
    assert outcome.code == ExitCode.USAGE
    assert "exactly one socket" in outcome.stderr


def test_systemd_is_told_when_clients_are_served_and_by_whom(make: Callable[..., LoadServer], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        server = make(variables={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        server.start()
        assert systemd.recv(1000).decode().split() == ["READY=1", f"MAINPID={server.pid}"]
        successor = server.hand_over()
        assert systemd.recv(1000).decode().split() == ["READY=1", f"MAINPID={successor}"]
