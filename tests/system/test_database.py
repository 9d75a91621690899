"""The database: a slow one delays nobody who does not wait for it, and one that is away is away for nobody for long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pymysql
import pytest
from blake3 import blake3

from tests.support.mariadb import MariaDB
from tests.support.server import Person, RunningServer, eventually, run
from tests.support.wire import Wire
from tests.system.conftest import MakeFile, bytes_of
from youku_evloop import orm
from youku_evloop.commands import COMMANDS
from youku_evloop.config import Limits
from youku_evloop.errors import ExitCode
from youku_evloop.kernel import Loop, LoopRuntime
from youku_evloop.transport.connection import Connection
from youku_evloop.transport.listener import Listener, Transport, listen
from youku_evloop.wire.frames import encode_frame
from youku_evloop.wire.messages import Rejected, Request, RequestParser

SIZE: Final = 24 * 1024 * 1024


class Echo:
    """A conversation that answers every request with nothing but its id."""

    busy = False
    greeted = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def message_received(self, message: Request | Rejected) -> None:
        self._connection.write(encode_frame({"id": message.id, "ok": True}))

    def input_ended(self) -> None:
        self._connection.finish()

    def connection_closed(self) -> None:
        pass


class Pinger(threading.Thread):
    """A client that pings as long as it is not told to stop; `answered` counts."""

    def __init__(self, address: str) -> None:
        super().__init__(name="pinger")
        self.answered = 0
        self.enough = threading.Event()
        self._wire = Wire(address)

    def run(self) -> None:
        with self._wire as wire:
            while not self.enough.is_set():
                wire.ask("ping")
                self.answered += 1


def test_a_query_that_sleeps_a_second_delays_no_ping(mysql_url: str) -> None:
    """The server's own loop and transport and the ORM, in this process: a task sleeps in the database, pings go on."""
    counts: list[int] = []
    with closing(Loop()) as loop:
        database = orm.Database(mysql_url, runtime=LoopRuntime(loop))
        transport = Transport(loop, Limits(), RequestParser(COMMANDS))
        with closing(listen("127.0.0.1", 0)) as sock:
            listener = Listener(transport, sock, Echo)
            pinger = Pinger("{}:{}".format(*listener.address))

            def sleep_in_the_database() -> tuple[Any, ...]:
                database.execute("SELECT 1")  # the connection is there
                pinger.start()
                while not pinger.answered:
                    loop.sleep(0.01)
                counts.append(pinger.answered)
                slept = database.execute("SELECT SLEEP(1)").rows[0]
                counts.append(pinger.answered)
                pinger.enough.set()
                while transport.connections:
                    loop.sleep(0.01)
                database.close()
                return tuple(slept)

            assert loop.run_task(sleep_in_the_database) == (0,), "the sleep was not broken off"
            pinger.join()
            listener.close()
    before, after = counts
    assert after - before > 20, "pings were answered while the database slept"


@pytest.fixture(scope="module")
def mariadb_of_ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB for these tests alone: they stop it."""
    with MariaDB(tmp_path_factory.mktemp("own-mariadb")) as server:
        yield server


@pytest.fixture(scope="module")
def server_on_it(mariadb_of_ours: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server"), mariadb_of_ours.create_database("youku")) as running:
        yield running


@pytest.fixture(scope="module")
def operator(server_on_it: RunningServer) -> Person:
    return server_on_it.create_admin("alice")


@pytest.fixture
def away(mariadb_of_ours: MariaDB) -> Iterator[Callable[[], None]]:
    """Stops the database; it is back after the test at the latest."""
    yield mariadb_of_ours.kill
    if not mariadb_of_ours.is_running:
        mariadb_of_ours.start()


def test_a_command_that_waits_for_the_database_delays_nobody_else(
    mariadb_of_ours: MariaDB, server_on_it: RunningServer, operator: Person
) -> None:
    """The real server: one command waits for a locked table, until the lock goes; others are answered meanwhile."""
    with (
        closing(pymysql.connect(host="127.0.0.1", port=mariadb_of_ours.port, **credentials(server_on_it))) as lock,
        operator.wire() as waiting,
        operator.wire() as other,
    ):
        lock.cursor().execute("LOCK TABLES movie WRITE")
        waiting.send("movie.list")
        for _ in range(100):
            other.ask("ping")
            other.ask("account.whoami")
        waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"
        eventually(lambda: mariadb_of_ours.execute(waits)[0][0] == 1, "the list waits for the table")
        other.ask("ping")
        lock.cursor().execute("UNLOCK TABLES")
        assert waiting.receive()["ok"]


def credentials(server: RunningServer) -> dict[str, Any]:
    """For a connection of our own to a server's database."""
    url = urlsplit(server.database)
    assert url.username and url.password
    return {"user": url.username, "password": unquote(url.password), "database": url.path[1:]}


def test_without_its_database_the_server_says_so_and_goes_on_when_it_is_back(
    mariadb_of_ours: MariaDB, server_on_it: RunningServer, operator: Person, away: Callable[[], None]
) -> None:
    newcomer = server_on_it.somebody("newcomer")
    with operator.wire() as connected:
        connected.ask("movie.list")
        away()
        error = connected.refused("movie.list")
        assert error["error"] == "unavailable"
        assert "again" in error["message"]
        connected.ask("ping")
        with Wire(server_on_it.address) as stranger:
            stranger.ask("ping")
            for reply in (
                stranger.register("newcomer", "a password"),
                stranger.log_in("newcomer", "a password"),
                stranger.request("hello", token=operator.token),
            ):
                assert reply["error"] == "unavailable"
        for command in (["list"], ["login", "alice"], ["upload", operator.session_file]):
            error = operator.fail(ExitCode.TEMPORARY, *command, "--retry", "0")
            assert error["error"] == "unavailable"
        newcomer.fail(ExitCode.TEMPORARY, "register", "newcomer", "--retry", "0")
        mariadb_of_ours.start()
        connected.ask("movie.list")
    newcomer.do("register", "newcomer")
    assert operator.do("whoami")["user"]["name"] == "alice"


def test_an_upload_under_way_goes_on_without_the_database_and_is_finished_when_it_is_back(
    mariadb_of_ours: MariaDB, operator: Person, away: Callable[[], None]
) -> None:
    content = bytes_of(300_000)
    digest = blake3(content).hexdigest()
    with operator.wire() as wire:
        upload = wire.ask("upload.create", name="Through it all", size=len(content), fingerprint=digest)["upload"]
        wire.ask("upload.write", body=content[:100_000], upload=upload, offset=0)
        away()
        wire.ask("upload.write", body=content[100_000:], upload=upload, offset=100_000)
        for _ in range(2):
            assert wire.refused("upload.finish", upload=upload, hash=digest)["error"] == "unavailable"
        mariadb_of_ours.start()
        movie = wire.ask("upload.finish", upload=upload, hash=digest)["movie"]
        assert wire.ask("upload.finish", upload=upload, hash=digest)["movie"] == movie
        assert wire.read(wire.ask("movie.read", movie=movie["id"])["body"]) == content


def test_a_download_under_way_goes_on_without_the_database_and_so_does_its_conversation(
    mariadb_of_ours: MariaDB, operator: Person, away: Callable[[], None], make_file: MakeFile
) -> None:
    video = make_file(SIZE)
    movie = operator.do("upload", video)["uploaded"][0]["movie"]["id"]
    with operator.wire() as wire:
        reply = wire.ask("movie.read", movie=movie)
        first = wire.read(1000)
        away()
        assert first + wire.read(reply["body"] - 1000) == video.read_bytes()
        wire.ask("ping")
        mariadb_of_ours.start()
        wire.ask("movie.show", movie=movie)


def test_the_command_waits_for_a_database_that_comes_back(
    mariadb_of_ours: MariaDB, operator: Person, away: Callable[[], None]
) -> None:
    with operator.wire() as wire:
        wire.ask("ping")
    away()
    process = operator.start("list", "--json", "--progress", "none")
    assert process.stderr is not None
    assert "Trying again" in process.stderr.readline()
    mariadb_of_ours.start()
    stdout, _ = process.communicate()
    assert process.returncode == ExitCode.OK
    assert "movies" in stdout


def test_a_server_whose_database_is_away_does_not_start_and_says_why(
    mariadb_of_ours: MariaDB, server_on_it: RunningServer, away: Callable[[], None], tmp_path: Path
) -> None:
    away()
    outcome = run(
        ["youku-server", "run", "--listen", "127.0.0.1:0"], {**server_on_it.environment, "YOUKU_DATA": str(tmp_path)}
    )
    assert outcome.code == ExitCode.TEMPORARY
    assert "--database" in outcome.stderr and "Traceback" not in outcome.stderr
    assert str(mariadb_of_ours.port) in outcome.stderr


def test_a_server_stops_although_its_database_does_not_answer(mariadb_of_ours: MariaDB, tmp_path: Path) -> None:
    running = RunningServer(tmp_path / "server", mariadb_of_ours.create_database("hung"))
    running.start()
    try:
        admin = running.create_admin("alice")
        with admin.wire() as wire:
            mariadb_of_ours.pause()
            wire.send("movie.list")
            with Wire(running.address) as other:
                other.ask("ping")
            running.signal(signal.SIGTERM)
            assert wire.receive_event()["event"] == "goodbye"
            running.signal(signal.SIGTERM)
            assert running.wait() == ExitCode.OK
    finally:
        mariadb_of_ours.resume()
        running.kill()
