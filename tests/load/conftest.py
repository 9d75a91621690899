"""Servers under load: a patient one and an impatient one that tests share, and one of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.load.server import IMPATIENT, LoadServer
from tests.support.wire import Wire


def complaints(log: str) -> str:
    """What in a server's log should not be there."""
    return "\n".join(line for line in log.splitlines() if " ERROR " in line or "Traceback" in line)


@pytest.fixture(scope="session")
def patient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    with LoadServer(tmp_path_factory.mktemp("patient")) as server:
        yield server


@pytest.fixture(scope="session")
def impatient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    with LoadServer(tmp_path_factory.mktemp("impatient"), limits=IMPATIENT) as server:
        yield server


@pytest.fixture
def server(patient_server: LoadServer) -> Iterator[LoadServer]:
    """A shared server with the usual limits, alone with the test; it serves others afterwards and has no complaint."""
    yield from _checked(patient_server)


@pytest.fixture
def hasty(impatient_server: LoadServer) -> Iterator[LoadServer]:
    """The same with limits that are soon reached."""
    yield from _checked(impatient_server)


def _checked(shared: LoadServer) -> Iterator[LoadServer]:
    before = len(shared.log)
    shared.eventually_alone()
    yield shared
    with Wire(shared.address) as somebody_else:
        somebody_else.ask("ping")
    assert not complaints(shared.log[before:]), shared.log[before:]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., LoadServer]]:
    """Starts a server of the test's own, with the arguments of `LoadServer`; it is stopped in good order afterwards."""
    with ExitStack() as stack:

        def make(**arguments: Any) -> LoadServer:
            return stack.enter_context(LoadServer(tmp_path / "server", **arguments))

        yield make
