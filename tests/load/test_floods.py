"""More who knock than there are descriptors for."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from benchmarks.crowd import PING, PONG, Crowd, frame, ping_times
from tests.load.server import LoadServer
from tests.support.server import eventually

DESCRIPTORS = 164
ROOM = 100
"""What they are enough for, after the reserve of 64."""
SHORT_OF_DESCRIPTORS = ("sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh")
LITTLE_CPU = 0.25
"""Seconds for all that follows; a loop that spins takes as many as go by."""


@pytest.fixture
def small(start: Callable[..., LoadServer]) -> LoadServer:
    """A server with few descriptors."""
    return start(launcher=SHORT_OF_DESCRIPTORS, limits={"greeting": 1.0, "accept_pause": 0.1})


def knock(server: LoadServer) -> socket.socket:
    """A connection on which a ping has been sent, let in or not."""
    sock = socket.create_connection((server.host, server.port), 60)
    sock.sendall(PING)
    return sock


def test_those_for_whom_there_is_no_room_are_let_in_when_there_is(small: LoadServer) -> None:
    with Crowd(small.port, small.token()) as crowd, ExitStack() as stack:
        crowd.join(ROOM)
        waiting = [stack.enter_context(knock(small)) for _ in range(20)]
        eventually(lambda: bool(small.lines("accepting nobody", f"{ROOM} connections are open")), "it is full")
        ping_times(crowd.socks[0], 100)
        while waiting:
            crowd.socks.pop().close()
            assert waiting.pop(0).recv(100) == PONG
    eventually(lambda: bool(small.lines("accepting again")), "there is room again")
    assert small.stats()["connections"] == {"reading": 1}


def test_a_flood_that_says_nothing_is_let_go_and_costs_no_cpu(small: LoadServer) -> None:
    with small.wire() as friend, ExitStack() as stack:
        friend.ask("ping")
        before = small.cpu_seconds
        silent = [stack.enter_context(socket.create_connection((small.host, small.port), 60)) for _ in range(ROOM + 30)]
        for sock in silent:  # each in its turn is let in, waited for, and let go
            assert b"timeout" in sock.recv(4096)
            sock.close()
        friend.ask("ping")
        spent = small.cpu_seconds - before
    assert spent < LITTLE_CPU
    assert len(small.lines("accepting nobody")) <= 30, "a line when it is full, not one for each pause"


def test_the_reserve_serves_those_who_are_inside(small: LoadServer) -> None:
    movie = small.hollow_movie(64 * 1024 * 1024)
    with Crowd(small.port, small.token()) as crowd, knock(small):
        crowd.join(ROOM - 1)
        for sock in crowd.socks[:20]:
            sock.sendall(frame(id=1, op="movie.read", movie=movie))
            assert b'"ok":true' in sock.recv(100)
