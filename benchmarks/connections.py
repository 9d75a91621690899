"""What many connections cost the server, and what they cost each other.

    python -m benchmarks.connections               about a minute
    python -m benchmarks.connections --quick       a tenth of the clients: whether it works at all
    python -m benchmarks.connections --json
    python -m benchmarks.connections --limit turn=262144       with other limits of the server

Memory is what the server's resident set grows by, divided by the clients. Times are those of pings that one client
sends, one after the other, from a process that does nothing else; what the others do, they do in other processes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import select
import socket
import sys
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
    cpu_seconds,
    frame,
    jain,
    ping_times,
    quantile,
    raise_descriptor_limit,
    resident,
)
from benchmarks.harness import ServerProcess, enter_namespace, free_port, serving

IDLE: Final = 10_000
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

Figures = dict[str, Any]
Move = Callable[[socket.socket], int]
"""Moves some bytes on a socket; answers how many."""


class Bench:
    """Runs servers on fresh libraries."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.scale = 0.1 if options.quick else 1.0
        self._limits = [f"--limit={limit}" for limit in options.limit]

    def some(self, count: int) -> int:
        """So many, or fewer where all is smaller."""
        return int(count * self.scale)

    @contextmanager
    def server(self, *options: str, launcher: tuple[str, ...] = ()) -> Iterator[tuple[ServerProcess, str, int]]:
        """A server, a token of its administrator, and a large movie."""
        with tempfile.TemporaryDirectory(prefix="youku-benchmark-") as directory:
            data, port = Path(directory), free_port()
            command = [sys.executable, "-m", "youku_evloop.cli", "run", "--data", directory, "--log-level", "warning"]
            listen = [f"--listen=127.0.0.1:{port}", *self._limits, *options]
            token = add_account(data, "alice")
            movie = add_hollow_movie(data, MOVIE)
            with serving([*launcher, *command, *listen], port) as process:
                yield process, token, movie


# -- clients at rest


def idle(bench: Bench) -> Figures:
    """Memory of clients that have logged in and wait, and a ping beside them."""
    count = bench.some(IDLE)
    with bench.server() as (server, token, _), Crowd(server.port, token) as crowd, Crowd(server.port, token) as pinger:
        pinger.join(1)
        crowd.join(bench.some(500))  # what a crowd needs once, whatever its size
        before, alone = resident(server.pid), pings(bench, server, pinger)
        crowd.join(count)
        memory = (resident(server.pid) - before) / count
        return {
            "clients": count,
            "bytes_each": memory,
            "ping_alone": alone,
            "ping_beside": pings(bench, server, pinger),
        }


def encrypted(bench: Bench) -> Figures:
    """The same through TLS."""
    count = bench.some(ENCRYPTED)
    with bench.server("--tls", "auto") as (server, token, _), Crowd(server.port, token, tls=True) as crowd:
        crowd.join(bench.some(200))
        before = resident(server.pid)
        crowd.join(count)
        return {"clients": count, "bytes_each": (resident(server.pid) - before) / count}


def pings(bench: Bench, server: ServerProcess, crowd: Crowd) -> Figures:
    """Times in milliseconds, and the server's CPU for one, in microseconds."""
    count = bench.some(PINGS)
    ping_times(crowd.socks[0], 100)
    cpu = cpu_seconds(server.pid)
    times = ping_times(crowd.socks[0], count)
    return {
        "p50_ms": quantile(times, 0.5) * 1000,
        "p99_ms": quantile(times, 0.99) * 1000,
        "cpu_us": (cpu_seconds(server.pid) - cpu) / count * 1e6,
    }


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


def slow(bench: Bench) -> Figures:
    """A ping beside clients that each take a few KiB of a download now and then."""
    count = bench.some(SLOW)
    with bench.server() as (server, token, movie), Crowd(server.port, token) as pinger:
        pinger.join(1)
        alone = pings(bench, server, pinger)
        with elsewhere(read_slowly, server.port, token, movie, count):
            return {"clients": count, "ping_alone": alone, "ping_beside": pings(bench, server, pinger)}


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


def bulk_down(bench: Bench) -> Figures:
    """Downloads beside a ping."""
    return bulk(bench, take_movie)


def bulk_up(bench: Bench) -> Figures:
    """Uploads beside a ping."""
    return bulk(bench, give_bytes)


def bulk(bench: Bench, work: Callable[..., None]) -> Figures:
    """How evenly transfers share, and a ping beside them."""
    with bench.server() as (server, token, movie), Crowd(server.port, token) as pinger:
        pinger.join(1)
        with elsewhere(work, server.port, token, movie, BULK_SECONDS * bench.scale) as pipe:
            times = []
            while not pipe.poll():
                times += ping_times(pinger.socks[0], 10)
            shares = pipe.recv()
        times.sort()
        rate = sum(shares) / MIB / (BULK_SECONDS * bench.scale)
        ping = {"p50_ms": quantile(times, 0.5) * 1000, "p99_ms": quantile(times, 0.99) * 1000}
        return {"transfers": BULK, "jain": jain(shares), "mib_per_second": rate, "ping_beside": ping}


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


def full(bench: Bench) -> Figures:
    """CPU while nobody more can be let in, and how soon somebody can be when others have gone."""
    limited = ("sh", "-c", f'ulimit -n {SHORT_OF_DESCRIPTORS}; exec "$@"', "sh")
    with bench.server(launcher=limited) as (server, token, _), ExitStack() as stack:
        crowd = stack.enter_context(Crowd(server.port, token))
        crowd.join(SHORT_OF_DESCRIPTORS - 64)  # what is in reserve
        waiting = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        waiting.sendall(PING)
        cpu = cpu_seconds(server.pid)
        time.sleep(FULL_SECONDS)
        cpu = cpu_seconds(server.pid) - cpu
        began = time.perf_counter()
        crowd.socks.pop().close()
        waiting.recv(100)
        recovery = time.perf_counter() - began
        return {"clients": len(crowd.socks), "cpu_per_second": cpu / FULL_SECONDS, "recovery_seconds": recovery}


MEASUREMENTS: Final = {
    "idle": idle,
    "encrypted": encrypted,
    "slow": slow,
    "downloads": bulk_down,
    "uploads": bulk_up,
    "full": full,
}


def print_figures(name: str, figures: Figures) -> None:
    """For people."""
    flat: dict[str, Any] = {}
    for key, value in figures.items():
        flat |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {key: value}
    print(f"\n{name}")
    for key, value in flat.items():
        print(f"    {key:<24}{value:>14,.3f}" if isinstance(value, float) else f"    {key:<24}{value:>14,}")
    sys.stdout.flush()


def main() -> None:
    """Parse the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the clients and of the time")
    parser.add_argument("--only", choices=list(MEASUREMENTS), action="append", help="may be repeated")
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=NUMBER", help="of the server")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    enter_namespace("benchmarks.connections")
    most, bench = raise_descriptor_limit(), Bench(options)
    if most < bench.some(IDLE):
        sys.exit(f"{bench.some(IDLE)} clients need more descriptors than this process may have: see `ulimit -H -n`.")
    found = {}
    for name in options.only or MEASUREMENTS:
        found[name] = MEASUREMENTS[name](bench)
        if not options.json:
            print_figures(name, found[name])
    if options.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
