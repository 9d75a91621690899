"""A server that all tests share, one of a test's own to be killed and stopped, and people to use them.

Logging in costs a person a good part of a second, so the people of the shared server are shared too: their sessions
stay, and tests that would end one bring somebody of their own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.mariadb import MariaDB
from tests.support.server import Person, RunningServer
from tests.support.wire import Wire
from youku_evloop import orm

MakeFile = Callable[..., Path]

on_sqlite_alone = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
"""For what never comes to the database: it would only be done twice."""


def complaints(log: str) -> str:
    """What in a server's log should not be there."""
    return "\n".join(line for line in log.splitlines() if " ERROR " in line or "Traceback" in line)


@pytest.fixture(scope="session", params=["sqlite", "mysql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The kind of database; everything runs once on each."""
    return str(request.param)


@pytest.fixture(scope="session")
def fresh_database(backend: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Makes an empty database; for SQLite that is the server's default, in its data directory."""
    if backend == "sqlite":
        yield str
        return
    mariadb: MariaDB = request.getfixturevalue("mariadb")
    made: list[str] = []

    def make() -> str:
        made.append(f"system_{uuid.uuid4().hex}")
        return mariadb.create_database(made[-1])

    yield make
    for name in made:
        mariadb.drop_database(name)


@pytest.fixture(scope="session")
def shared_server(
    fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server"), fresh_database()) as running:
        yield running


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """The shared server: do not stop it. Whatever a test does to it, it serves others afterwards without complaint."""
    before = len(shared_server.log)
    yield shared_server
    with Wire(shared_server.address) as somebody_else:
        somebody_else.ask("ping")
    assert not complaints(shared_server.log[before:]), shared_server.log[before:]


@pytest.fixture
def own_server(fresh_database: Callable[[], str], tmp_path: Path) -> Iterator[RunningServer]:
    """A running server for one test alone, to be killed, stopped and started as it likes."""
    running = RunningServer(tmp_path / "server", fresh_database())
    running.start()
    try:
        yield running
    finally:
        running.kill()
    assert not complaints(running.log), running.log


@pytest.fixture(scope="session")
def admin(shared_server: RunningServer) -> Person:
    """An administrator of the shared server."""
    return shared_server.create_admin("alice")


@pytest.fixture(scope="session")
def other_admin(shared_server: RunningServer) -> Person:
    """Another one."""
    return shared_server.create_admin("olga")


@pytest.fixture(scope="session")
def user(shared_server: RunningServer) -> Person:
    """A user of the shared server."""
    return shared_server.register("bob")


@pytest.fixture
def newcomer(server: RunningServer) -> Person:
    """Somebody with a home but without an account, under a name that nobody has."""
    return server.somebody(f"n{uuid.uuid4().hex[:12]}")


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Makes a file of random bytes under a name that is no title yet."""

    def make(size: int, name: str | None = None) -> Path:
        path = tmp_path / (name or f"{uuid.uuid4().hex}.avi")
        path.write_bytes(bytes_of(size))
        return path

    return make


def part_of(server: RunningServer, upload: str) -> Path:
    """Where the server keeps an unfinished upload."""
    return server.data / "parts" / upload


def bytes_of(size: int) -> bytes:
    """Bytes that nobody has seen before."""
    with open("/dev/urandom", "rb") as source:
        return source.read(size)


@pytest.fixture
def execute() -> Callable[..., Any]:
    """Runs a statement in a server's database, past the server."""

    def run(server: RunningServer, sql: str, values: Sequence[object] = ()) -> Sequence[tuple[Any, ...]]:
        database = orm.Database(server.database or f"sqlite:///{server.data / 'youku.db'}")
        try:
            return database.execute(sql, values).rows
        finally:
            database.close()

    return run


@pytest.fixture
def wire(admin: Person, server: RunningServer) -> Iterator[Wire]:
    """A bare connection of the administrator's."""
    with admin.wire() as connection:
        yield connection


@pytest.fixture
def another_wire(admin: Person, server: RunningServer) -> Iterator[Wire]:
    """The same administrator, from elsewhere."""
    with admin.wire() as connection:
        yield connection
