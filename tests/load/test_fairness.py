"""Many who move bytes, and one who only wants to be answered."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.crowd import Crowd, frame, jain, ping_times, quantile
from tests.load.server import LoadServer

BULK = 20
MIB = 1024 * 1024
MOVIE = 4096 * MIB
LEAST_FAIR = 0.8
"""Of Jain's index, on a machine that may be busy with other things; on a quiet one it is over 0.95 (benchmarks)."""


@contextmanager
def somebody_pinging(server: LoadServer) -> Iterator[list[float]]:
    """Pings in the background for as long as the block lasts; afterwards, how long each took, in order of length."""
    times: list[float] = []
    over = threading.Event()

    def ping(crowd: Crowd) -> None:
        while not over.is_set():
            times.extend(ping_times(crowd.socks[0], 10))

    with Crowd(server.port, server.token()) as crowd:
        crowd.join(1)
        thread = threading.Thread(target=ping, args=(crowd,))
        thread.start()
        try:
            yield times
        finally:
            over.set()
            thread.join()
            times.sort()


def received_until(crowd: Crowd, total: int) -> list[int]:
    """How many bytes each of them has got by the time that all together have `total`."""
    shares = dict.fromkeys((sock.fileno() for sock in crowd.socks), 0)
    buffer = bytearray(MIB)
    with select.epoll() as epoll:
        socks = {sock.fileno(): sock for sock in crowd.socks}
        for fd in socks:
            epoll.register(fd, select.EPOLLIN)
        while sum(shares.values()) < total:
            for fd, _ in epoll.poll():
                shares[fd] += socks[fd].recv_into(buffer)
    return list(shares.values())


def test_downloads_share_evenly_and_leave_room_for_a_ping(
    server: LoadServer, capsys: pytest.CaptureFixture[str]
) -> None:
    movie = server.hollow_movie(MOVIE)
    with Crowd(server.port, server.token()) as crowd, somebody_pinging(server) as times:
        crowd.join(BULK)
        for sock in crowd.socks:
            sock.sendall(frame(id=2, op="movie.read", movie=movie))
        began = time.perf_counter()
        shares = received_until(crowd, 200 * BULK * MIB)
        seconds = time.perf_counter() - began
    report(capsys, "downloads", shares, seconds, times)
    assert jain(shares) > LEAST_FAIR


def test_uploads_share_evenly_and_leave_room_for_a_ping(server: LoadServer, capsys: pytest.CaptureFixture[str]) -> None:
    with Crowd(server.port, server.token()) as crowd, somebody_pinging(server) as times:
        crowd.join(BULK)
        uploads = [begun_upload(sock_number, crowd) for sock_number in range(BULK)]
        began = time.perf_counter()
        shares = sent_until(crowd, 12 * BULK * MIB)
        seconds = time.perf_counter() - began
    report(capsys, "uploads", shares, seconds, times)
    assert jain(shares) > LEAST_FAIR
    with server.wire() as wire:
        for upload in uploads:
            wire.ask("upload.cancel", upload=upload)


def begun_upload(number: int, crowd: Crowd) -> str:
    """An upload of which the first segment is announced."""
    sock = crowd.socks[number]
    fingerprint = f"{number:064x}"
    sock.sendall(frame(id=2, op="upload.create", name=f"bulk {number}", size=MOVIE // BULK, fingerprint=fingerprint))
    reply = sock.recv(4096)
    upload = reply.split(b'"upload":"')[1].split(b'"')[0].decode()
    sock.sendall(frame(id=3, op="upload.write", upload=upload, offset=0, body=16 * MIB))
    return upload


def sent_until(crowd: Crowd, total: int) -> list[int]:
    """How many bytes the server has taken of each by the time that it has taken `total`."""
    shares = dict.fromkeys((sock.fileno() for sock in crowd.socks), 0)
    piece = memoryview(bytes(MIB))
    with select.epoll() as epoll:
        socks = {sock.fileno(): sock for sock in crowd.socks}
        for fd, sock in socks.items():
            sock.setblocking(False)
            epoll.register(fd, select.EPOLLOUT)
        while sum(shares.values()) < total:
            for fd, _ in epoll.poll():
                left = 16 * MIB - shares[fd]
                if not left:
                    epoll.unregister(fd)
                    continue
                shares[fd] += socks[fd].send(piece[:left])
    return list(shares.values())


def report(
    capsys: pytest.CaptureFixture[str], what: str, shares: list[int], seconds: float, times: list[float]
) -> None:
    """Print the figures, which no test asserts."""
    with capsys.disabled():
        print(
            f"\n{BULK} {what}: {sum(shares) / seconds / MIB:.0f} MiB/s, Jain index {jain(shares):.3f}; "
            f"p99 of {len(times)} pings beside them {quantile(times, 0.99) * 1000:.1f} ms"
        )
