"""Clients that mean no good, or have fallen apart: the server loses nothing over them, and nobody else notices."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest

from benchmarks.crowd import PING, PONG, Crowd, frame, ping_times, quantile
from tests.load.server import LoadServer, rest_of
from tests.support.server import eventually
from tests.support.wire import PATIENCE, Wire

MIB = 1024 * 1024
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time: closing sends RST."""
UPLOAD: dict[str, Any] = {"name": "x", "size": 64 * MIB, "fingerprint": "0" * 64}


def reset(sock: socket.socket) -> None:
    """End the connection as a machine does that knows nothing of it any more."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def dribble(wire: Wire, data: bytes) -> None:
    """Send bytes one by one, slowly, until the server has something to say."""
    wire.sock.settimeout(0.02)  # the pace: slow for a machine
    try:
        for byte in cycle(data):
            wire.send_bytes(bytes([byte]))
            try:
                wire.sock.recv(1, socket.MSG_PEEK)
                return
            except TimeoutError:
                continue
    finally:
        wire.sock.settimeout(PATIENCE)


# -- slowness


@pytest.mark.parametrize("greeted", [False, True])
def test_a_frame_that_comes_byte_by_byte_without_end_is_not_waited_for(hasty: LoadServer, greeted: bool) -> None:
    with Wire(hasty.address) as wire:
        if greeted:
            wire.ask("ping")
        wire.send_bytes((60_000).to_bytes(4, "big"))
        dribble(wire, b"{")
        assert [message["error"] for message in rest_of(wire)] == ["timeout"]


def test_a_body_that_comes_byte_by_byte_without_end_is_not_waited_for_and_what_came_of_it_is_kept(
    hasty: LoadServer,
) -> None:
    with hasty.wire() as wire, hasty.wire() as another:
        upload = wire.ask("upload.create", **UPLOAD)["upload"]
        wire.send_bytes(frame(id=2, op="upload.write", upload=upload, offset=0, body=MIB))
        dribble(wire, b"x")
        assert [message["error"] for message in rest_of(wire)] == ["timeout"]
        assert another.ask("upload.status", upload=upload)["upload"]["offset"] > 0
        another.ask("upload.cancel", upload=upload)


def test_a_download_that_nobody_takes_is_ended(hasty: LoadServer) -> None:
    movie = hasty.hollow_movie(256 * MIB)
    before = len(hasty.lines("outcome=timeout"))
    with hasty.wire() as wire:
        wire.send("movie.read", movie=movie)
        eventually(lambda: len(hasty.lines("outcome=timeout")) > before, "its end")
        with pytest.raises(OSError, match="reset"):
            wire.read(256 * MIB)


def test_a_download_that_is_taken_slowly_goes_on(hasty: LoadServer) -> None:
    movie, size = hasty.hollow_movie(256 * MIB), 32 * MIB
    with hasty.wire() as wire:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        wire.ask("movie.read", movie=movie, length=size)
        for _ in range(60):
            size -= len(wire.read(4_000))  # many times the rate that is asked for, and yet
            time.sleep(0.05)  # seconds go by before the server's socket has room again
        assert len(wire.read(size)) == size


# -- lies and floods of words


def test_garbage_of_every_kind_is_answered_with_the_reason(server: LoadServer) -> None:
    chance = random.Random(7)
    for _ in range(100):
        with Wire(server.address) as wire:
            wire.send_bytes(bytes([chance.randint(1, 255)]) + chance.randbytes(chance.randint(3, 3000)))
            assert [message["error"] for message in rest_of(wire)] == ["broken_frame"]


def test_the_reason_arrives_however_much_the_client_goes_on_sending(server: LoadServer) -> None:
    with Wire(server.address) as wire:
        wire.send_bytes(b"GET / HTTP/1.1\r\n" + bytes(8 * MIB))
        (error,) = rest_of(wire)
        assert error["error"] == "broken_frame"
        assert "HTTP" in error["message"]


def test_requests_without_end_leave_room_for_others(server: LoadServer, capsys: pytest.CaptureFixture[str]) -> None:
    over = threading.Event()

    def pipeline(sock: socket.socket) -> None:
        while not over.is_set():
            sock.sendall(PING * 1000)
            left = 1000 * len(PONG)
            while left:
                left -= len(sock.recv(left))

    with Crowd(server.port, server.token()) as crowd, Crowd(server.port, server.token()) as another:
        crowd.join(2)
        another.join(1)
        threads = [threading.Thread(target=pipeline, args=(sock,)) for sock in crowd.socks]
        for thread in threads:
            thread.start()
        times = ping_times(another.socks[0], 300)
        over.set()
        for thread in threads:
            thread.join()
    with capsys.disabled():
        print(f"\np99 of a ping beside 2 clients that pipeline without end: {quantile(times, 0.99) * 1000:.1f} ms")


# -- broken connections


def connected(wire: Wire, movie: int) -> None:
    """Nothing said."""


def in_a_header(wire: Wire, movie: int) -> None:
    """Two bytes of four."""
    wire.send_bytes(b"\x00\x00")


def in_a_frame(wire: Wire, movie: int) -> None:
    """Some bytes of a hundred."""
    wire.send_bytes(b"\x00\x00\x00\x64{")


def logged_in(wire: Wire, movie: int) -> None:
    """A quiet conversation."""
    wire.ask("ping")


def logging_in(wire: Wire, movie: int) -> None:
    """Between the two steps."""
    wire.ask("account.login", message="n,,n=nobody,r=abcdef")


def in_a_body(wire: Wire, movie: int) -> None:
    """An upload's first bytes."""
    upload = wire.ask("upload.create", **UPLOAD)["upload"]
    wire.send_bytes(frame(id=9, op="upload.write", upload=upload, offset=0, body=MIB) + b"first bytes")


def in_a_download(wire: Wire, movie: int) -> None:
    """A reply that has begun."""
    wire.ask("movie.read", movie=movie)


def in_many_requests(wire: Wire, movie: int) -> None:
    """Some of them wait for the database."""
    wire.send_bytes(frame(id=1, op="movie.list") * 500)


def having_ended(wire: Wire, movie: int) -> None:
    """Half closed, with requests under way."""
    wire.send_bytes(frame(id=1, op="movie.list") * 10)
    wire.end()


def having_been_refused(wire: Wire, movie: int) -> None:
    """The server has said its last word and waits for the client to go."""
    wire.send_bytes(b"nonsense")
    wire.receive()


SITUATIONS = [
    connected,
    in_a_header,
    in_a_frame,
    logged_in,
    logging_in,
    in_a_body,
    in_a_download,
    in_many_requests,
    having_ended,
    having_been_refused,
]


@pytest.mark.parametrize("leave", [reset, socket.socket.close])
@pytest.mark.parametrize("situation", SITUATIONS, ids=[situation.__name__ for situation in SITUATIONS])
def test_one_who_breaks_off_leaves_nothing_behind(
    server: LoadServer, situation: Callable[[Wire, int], None], leave: Callable[[socket.socket], None]
) -> None:
    movie = server.hollow_movie(256 * MIB)
    server.eventually_alone()
    before = server.descriptors
    for _ in range(5):
        wire = server.wire() if situation is not connected else Wire(server.address)
        situation(wire, movie)
        leave(wire.sock)
    server.eventually_alone()
    stats = server.eventually_has(lambda stats: stats["tasks"] == 1 and not stats["uploads"], "their tasks are over")
    assert stats["worker_queue"] == 0
    eventually(lambda: server.descriptors <= before, "their descriptors are back")
