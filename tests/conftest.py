"""Fixtures for everyone: a private MariaDB, once a session, and an empty database of either kind for a test."""

from __future__ import annotations

import signal
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mariadb import MariaDB

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background so, and every program that a test starts would inherit it: then the
    # tests of Ctrl-C would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A running server, shared: do not stop it (make your own for that)."""
    with MariaDB(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(params=["sqlite", "mysql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    yield from _fresh(request.getfixturevalue("mariadb"))


@pytest.fixture
def mysql_url(mariadb: MariaDB) -> Iterator[str]:
    """The URL of a fresh, empty database in the shared MariaDB."""
    yield from _fresh(mariadb)


def _fresh(server: MariaDB) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port of this machine where nobody listens, kept from others."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
