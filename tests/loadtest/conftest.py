"""A server to be loaded, and an administrator of it who types `youku loadtest`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loadtest.runs import files_in, left_in
from tests.support.server import Person, RunningServer


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(shared_server: RunningServer) -> Person:
    return shared_server.create_admin("alice")


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """The shared one; a test leaves nothing in it and gives it no reason to complain."""
    before = len(shared_server.log)
    yield shared_server
    log = shared_server.log[before:]
    assert " ERROR " not in log and "Traceback" not in log, log


@pytest.fixture
def nothing_is_left(server: RunningServer, admin: Person) -> Iterator[None]:
    """Whatever a test was, afterwards the library is as before."""
    before = left_in(server), files_in(server)
    yield
    assert (left_in(server), files_in(server)) == before
