"""What many connections cost the server, and what they cost each other.

    benchmarks/run connections

Memory is what the server's resident set grows by, divided by the clients. Times are those of pings that one client
sends, one after the other, from a process that does nothing else; what the others do, they do in other processes.
`idle` measures clients at rest, beside other servers.
"""

from __future__ import annotations

import json
import multiprocessing
import select
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from benchmarks.crowd import (
    PING,
    Crowd,
    add_account,
    add_hollow_movie,
    frame,
    jain,
    ping_times,
    quantile,
    raise_descriptor_limit,
)
from benchmarks.harness import (
    MICROSECONDS,
    MILLISECONDS,
    Bench,
    ServerProcess,
    free_port,
    run_alone,
    serving,
    youku_command,
)
from benchmarks.tables import Table

ENCRYPTED: Final = 2_000
SLOW: Final = 5_000
BULK: Final = 20
PINGS: Final = 5_000
MIB: Final = 1024 * 1024
MOVIE: Final = 64 * 1024 * MIB
UPLOAD: Final = 1024 * MIB
"""More than one of 20 can send in the time, on any machine; all together have to be free on the disk, though."""
BULK_SECONDS: Final = 3.0
SLOW_READ: Final = 4096
SLOW_BUFFER: Final = 16 * 1024
SLOW_PACE: Final = 50
"""Clients that read before the next pause, so that the pauses are long enough to be what they should."""
SHORT_OF_DESCRIPTORS: Final = 600
FULL_SECONDS: Final = 3.0

Figures = tuple[float, ...]
Move = Callable[[socket.socket], int]
"""Moves some bytes on a socket; answers how many."""


def measure(bench: Bench) -> Iterator[Table]:
    """One crowd after the other."""
    raise_descriptor_limit()
    yield encrypted(bench)
    yield slow(bench)
    yield bulk(bench, "downloads", take_movie)
    yield bulk(bench, "uploads", give_bytes)
    yield full(bench)


@contextmanager
def youku(*options: str, launcher: tuple[str, ...] = ()) -> Iterator[tuple[ServerProcess, str, int]]:
    """A server on a fresh library, a token of its administrator, and a large movie."""
    with tempfile.TemporaryDirectory(prefix="youku-benchmark-") as directory:
        data, port = Path(directory), free_port()
        token = add_account(data, "alice")
        movie = add_hollow_movie(data, MOVIE)
        with serving([*launcher, *youku_command(data, port, *options)], port) as process:
            yield process, token, movie


def encrypted(bench: Bench) -> Table:
    """Memory of clients that wait, through TLS."""
    count, first = bench.some(ENCRYPTED, 50), bench.some(200, 10)
    with youku("--tls", "auto") as (server, token, _), Crowd(server.port, token, tls=True) as crowd:
        crowd.join(first)
        before = server.resident_bytes()
        crowd.join(count)
        memory = (server.resident_bytes() - before) / count / 1024
    return Table(f"{count:,} idle connections through TLS", ("KiB each",), {"youku": (memory,)})


def pings(bench: Bench, server: ServerProcess, crowd: Crowd) -> Figures:
    """Times in milliseconds, and the server's CPU for one, in microseconds."""
    count = bench.some(PINGS, 100)
    ping_times(crowd.socks[0], 100)
    cpu = server.cpu_seconds()
    times = ping_times(crowd.socks[0], count)
    return (*quantiles(times), (server.cpu_seconds() - cpu) / count * MICROSECONDS)


def quantiles(times: list[float]) -> Figures:
    """Median and 99th percentile, in milliseconds."""
    return quantile(times, 0.5) * MILLISECONDS, quantile(times, 0.99) * MILLISECONDS


# -- clients that keep the server busy


@contextmanager
def elsewhere(work: Callable[..., Any], *arguments: Any) -> Iterator[Connection]:
    """`work(pipe, *arguments)` in a process of its own, which says when it is ready and is told when to end."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=work, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        assert ours.recv() == "ready"
        yield ours
    finally:
        with suppress(BrokenPipeError):  # it has told what it had to tell, and is gone
            ours.send("end")
        process.join()


def slow(bench: Bench) -> Table:
    """A ping beside clients that each take a few KiB of a download now and then."""
    count = bench.some(SLOW, 50)
    with youku() as (server, token, movie), Crowd(server.port, token) as pinger:
        pinger.join(1)
        alone = pings(bench, server, pinger)
        with elsewhere(read_slowly, server.port, token, movie, count):
            beside = pings(bench, server, pinger)
    title, columns = f"a ping beside {count:,} slow downloads", ("p50 ms", "p99 ms", "CPU µs")
    return Table(title, columns, {"alone": alone, "beside them": beside}, bars="p99 ms")


def read_slowly(pipe: Connection, port: int, token: str, movie: int, count: int) -> None:
    """Each of `count` clients takes a little of its download about once a second."""
    with Crowd(port, token) as crowd:
        crowd.join(count)
        for sock in crowd.socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
            sock.sendall(frame(id=2, op="movie.read", movie=movie))
        pipe.send("ready")
        for number, sock in enumerate(cycle(crowd.socks)):
            sock.recv(SLOW_READ)
            if number % SLOW_PACE == 0 and pipe.poll(SLOW_PACE / count):
                return


def bulk(bench: Bench, what: str, work: Callable[..., None]) -> Table:
    """How evenly transfers share, and a ping beside them."""
    seconds = bench.some(BULK_SECONDS, 0.1)
    with youku() as (server, token, movie), Crowd(server.port, token) as pinger:
        pinger.join(1)
        with elsewhere(work, server.port, token, movie, seconds) as pipe:
            times = []
            while not pipe.poll():
                times += ping_times(pinger.socks[0], 10)
            shares = pipe.recv()
    columns = ("p50 ms", "p99 ms", "Jain's index", "MiB/s of all")
    figures = (*quantiles(sorted(times)), jain(shares), sum(shares) / MIB / seconds)
    return Table(f"a ping beside {BULK} {what}", columns, {"beside them": figures})


def take_movie(pipe: Connection, port: int, token: str, movie: int, seconds: float) -> None:
    """Tell how many bytes each download has brought in so many seconds."""
    with Crowd(port, token) as crowd:
        crowd.join(BULK)
        for sock in crowd.socks:
            sock.sendall(frame(id=2, op="movie.read", movie=movie))
        buffer = bytearray(MIB)
        share_out(pipe, crowd, seconds, select.EPOLLIN, lambda sock: sock.recv_into(buffer))


def give_bytes(pipe: Connection, port: int, token: str, movie: int, seconds: float) -> None:
    """Tell how many bytes of each upload went out in so many seconds."""
    segment = 16 * MIB
    with Crowd(port, token) as crowd:
        crowd.join(BULK)
        streams = {}
        for number, sock in enumerate(crowd.socks):
            sock.sendall(frame(id=2, op="upload.create", name="x", size=UPLOAD, fingerprint=f"{number:064x}"))
            reply = json.loads(sock.recv(4096)[4:])
            if not reply["ok"]:
                raise RuntimeError(reply["message"])
            upload = reply["upload"]
            streams[sock.fileno()] = Stream(upload, segment)
            sock.setblocking(False)
        share_out(pipe, crowd, seconds, select.EPOLLOUT, lambda sock: streams[sock.fileno()].send(sock))


class Stream:
    """The bytes of one upload: segments of zeros, one after the other."""

    def __init__(self, upload: str, segment: int) -> None:
        self._upload = upload
        self._segment = bytes(segment)
        self._offset = 0
        self._left = memoryview(b"")

    def send(self, sock: socket.socket) -> int:
        """As many of them as the socket takes now."""
        if not self._left:
            size = len(self._segment)
            head = frame(id=3, op="upload.write", upload=self._upload, offset=self._offset, body=size)
            self._left = memoryview(head + self._segment)
            self._offset += size
        sent = sock.send(self._left[:MIB])
        self._left = self._left[sent:]
        return sent


def share_out(pipe: Connection, crowd: Crowd, seconds: float, events: int, move: Move) -> None:
    """Move bytes on all sockets for so long; answer how many each had, once the connections have found their pace."""
    with select.epoll() as epoll:
        socks = {sock.fileno(): sock for sock in crowd.socks}
        for fd in socks:
            epoll.register(fd, events)
        pipe.send("ready")
        for duration in (seconds / 4, seconds):
            shares = dict.fromkeys(socks, 0)
            until = time.perf_counter() + duration
            while time.perf_counter() < until:
                for fd, _ in epoll.poll():
                    shares[fd] += move(socks[fd])
        pipe.send(list(shares.values()))


# -- more clients than descriptors


def full(bench: Bench) -> Table:
    """CPU while nobody more can be let in, and how soon somebody can be when others have gone."""
    limited = ("sh", "-c", f'ulimit -n {SHORT_OF_DESCRIPTORS}; exec "$@"', "sh")
    seconds = bench.some(FULL_SECONDS, 0.1)
    with youku(launcher=limited) as (server, token, _), ExitStack() as stack:
        crowd = stack.enter_context(Crowd(server.port, token))
        crowd.join(SHORT_OF_DESCRIPTORS - 64)  # what is in reserve
        waiting = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        waiting.sendall(PING)
        cpu = server.cpu_seconds()
        time.sleep(seconds)
        cpu = server.cpu_seconds() - cpu
        began = time.perf_counter()
        crowd.socks.pop().close()
        waiting.recv(100)
        recovery = time.perf_counter() - began
        figures = (len(crowd.socks) + 1, cpu / seconds * 100, recovery * MILLISECONDS)
    return Table("out of descriptors", ("clients", "CPU %", "recovery ms"), {"youku": figures})


if __name__ == "__main__":
    run_alone(__file__)
