"""SIGTERM, SIGINT and what else ends a server: what was begun is finished, nothing more is begun."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from typing import Any, Final

import pytest
from blake3 import blake3

from tests.support.proxy import Proxy
from tests.support.server import Person, RunningServer, eventually, finish
from tests.support.wire import Wire
from tests.system.conftest import MakeFile, bytes_of, on_sqlite_alone
from youku_evloop.errors import ExitCode

pytestmark = on_sqlite_alone
SIZE: Final = 24 * 1024 * 1024
"""More than the sockets' buffers take, so that a download is under way as long as nobody reads it."""


@pytest.fixture
def admin(own_server: RunningServer) -> Iterator[Person]:
    """An administrator of this test's own server."""
    yield own_server.create_admin("alice")


def movie_of(admin: Person, make_file: MakeFile) -> tuple[int, bytes]:
    """A published movie, and its bytes."""
    video = make_file(SIZE)
    return int(admin.do("upload", video)["uploaded"][0]["movie"]["id"]), video.read_bytes()


def until_nobody_is_let_in(server: RunningServer) -> None:
    """Return once the server has stopped listening: it has understood."""

    def is_refused() -> bool:
        try:
            socket.create_connection((server.host, server.port)).close()
        except OSError:
            return True
        return False

    eventually(is_refused, "the server stops listening")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_download_under_way_is_finished_before_the_server_stops(
    own_server: RunningServer, admin: Person, make_file: MakeFile, number: signal.Signals
) -> None:
    movie, content = movie_of(admin, make_file)
    with admin.wire() as downloading, admin.wire() as idle:
        reply = downloading.ask("movie.read", movie=movie)
        first = downloading.read(1000)
        own_server.signal(number)
        until_nobody_is_let_in(own_server)
        assert idle.receive_event()["event"] == "goodbye"
        assert idle.rest() == b""
        assert own_server.is_running
        assert first + downloading.read(reply["body"] - 1000) == content
        assert downloading.receive_event()["event"] == "goodbye"
        assert downloading.rest() == b""
    assert own_server.wait() == ExitCode.OK


def test_an_upload_ends_with_the_segment_under_way_and_goes_on_after_the_restart(
    own_server: RunningServer, admin: Person
) -> None:
    content = bytes_of(3000)
    create: dict[str, Any] = {"name": "x", "fingerprint": "0" * 64}
    with admin.wire() as wire:
        upload = wire.ask("upload.create", size=3000, **create)["upload"]
        wire.announce("upload.write", 1000, upload=upload, offset=0)
        wire.send_bytes(content[:500])
        with admin.wire() as watching:
            eventually(
                lambda: watching.ask("upload.status", upload=upload)["upload"]["offset"] == 500, "half a segment"
            )
        own_server.signal(signal.SIGTERM)
        until_nobody_is_let_in(own_server)
        wire.send_bytes(content[500:1000])
        wire.send("upload.write", body=content[1000:2000], upload=upload, offset=1000)
        wire.send("upload.write", body=content[2000:], upload=upload, offset=2000)
        reply = wire.receive()
        assert (reply["ok"], reply["offset"]) == (True, 1000)
        assert [event["event"] for event in wire.events] == ["goodbye"]
        assert wire.rest() == b"", "what came after the goodbye is not begun"
    assert own_server.wait() == ExitCode.OK
    own_server.start()
    with admin.wire() as wire:
        again = wire.ask("upload.create", size=3000, **create)
        assert (again["upload"], again["offset"]) == (upload, 1000)
        wire.ask("upload.write", body=content[1000:], upload=upload, offset=1000)
        movie = wire.ask("upload.finish", upload=upload, hash=blake3(content).hexdigest())["movie"]
        assert movie["size"] == 3000


def test_the_command_bridges_a_restart_in_the_middle_of_an_upload(
    own_server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    video = make_file(SIZE)
    with Proxy(own_server.address) as proxy:
        proxy.hold_next(up=SIZE // 2)
        process = admin.start("upload", video, "--json", YOUKU_SERVER=proxy.address, YOUKU_TOKEN=admin.token)
        proxy.line(0).until_held()
        own_server.signal(signal.SIGTERM)
        until_nobody_is_let_in(own_server)
        proxy.line(0).let_go()
        assert own_server.wait() == ExitCode.OK
        own_server.start()
        outcome = finish(process)
    movie = outcome.document["uploaded"][0]["movie"]
    assert movie["hash"] == blake3(video.read_bytes()).hexdigest()
    assert "going down" in outcome.stderr or "lost" in outcome.stderr


def test_a_second_signal_waits_for_nobody(own_server: RunningServer, admin: Person, make_file: MakeFile) -> None:
    movie, _ = movie_of(admin, make_file)
    with admin.wire() as stuck:
        reply = stuck.ask("movie.read", movie=movie)
        own_server.signal(signal.SIGTERM)
        until_nobody_is_let_in(own_server)
        assert own_server.is_running
        own_server.signal(signal.SIGTERM)
        assert own_server.wait() == ExitCode.OK
        with pytest.raises((EOFError, ConnectionResetError)):
            stuck.read(reply["body"])


def test_requests_that_have_arrived_are_answered_before_the_goodbye_is_final(
    own_server: RunningServer, admin: Person
) -> None:
    with Wire(own_server.address) as wire:
        sent = [wire.send("hello", token=admin.token), *(wire.send("movie.list") for _ in range(10))]
        first = wire.receive()
        own_server.signal(signal.SIGTERM)
        replies = [first]
        with pytest.raises(EOFError):
            while True:
                replies.append(wire.receive())
        assert [reply["id"] for reply in replies] == sent[: len(replies)]
        assert all(reply["ok"] for reply in replies)
    assert own_server.wait() == ExitCode.OK


def test_a_server_that_stopped_has_freed_its_port_and_its_directory(own_server: RunningServer) -> None:
    with Wire(own_server.address) as somebody:
        somebody.ask("ping")
        own_server.signal(signal.SIGTERM)
        assert somebody.receive_event()["event"] == "goodbye"
        assert somebody.rest() == b""
    assert own_server.wait() == ExitCode.OK
    own_server.start()
    with Wire(own_server.address) as somebody:
        somebody.ask("ping")
