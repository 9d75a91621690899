"""A loop for each test, and nothing left of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.leaks import nothing_left_open
from tests.support.loops import ManualLoop, manual_loop


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After each test descriptors and threads are as before."""
    with nothing_left_open():
        yield


@pytest.fixture
def loop(nothing_left: None) -> Iterator[ManualLoop]:
    """A loop whose clock stands still."""
    with manual_loop() as loop:
        yield loop


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected; the first one does not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs
