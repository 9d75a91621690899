"""What a `ping` costs the server, beside the bare loop, which only echoes.

    python -m benchmarks.ping                  five rounds
    python -m benchmarks.ping --quick          few requests, one round: whether it works at all
    python -m benchmarks.ping --json

64 connections, once with a request under way on each, so that the server never rests, and once with one under way in
all, so that it wakes up for every one. CPU is the server's, in seconds for 100,000 requests, so that 1.0 in the column
is 10 microseconds for one; the clients' is not counted.
"""

from __future__ import annotations

import argparse
import select
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Final

from benchmarks.bare import PING_SIZE, PONG
from benchmarks.contestants import Bare
from benchmarks.harness import (
    Row,
    Sample,
    ServerProcess,
    enter_namespace,
    free_port,
    interleave,
    measured,
    print_json,
    print_table,
    rows,
    serving,
)

CONNECTIONS: Final = 64
UNIT: Final = 100_000


@dataclass(frozen=True)
class Dialogue:
    """What is said on one connection: once at first, then request and reply over and over."""

    greeting: bytes
    request: bytes
    reply: bytes


ECHO: Final = Dialogue(b"P" + bytes(8), bytes(PING_SIZE), PONG)
FRAMES: Final = Dialogue(b"", b'\x00\x00\x00\x14{"id":7,"op":"ping"}', b'\x00\x00\x00\x12{"id":7,"ok":true}')


def ping(server: ServerProcess, dialogue: Dialogue, count: int, under_way: int) -> None:
    """Have `count` requests answered, so many at a time."""
    with ExitStack() as stack:
        peers: dict[int, socket.socket] = {}
        epoll = stack.enter_context(select.epoll())
        for _ in range(CONNECTIONS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            sock.sendall(dialogue.greeting)
            peers[sock.fileno()] = sock
            epoll.register(sock.fileno(), select.EPOLLIN)
        _converse(epoll, peers, dialogue, count, under_way)


def _converse(
    epoll: select.epoll, peers: dict[int, socket.socket], dialogue: Dialogue, count: int, under_way: int
) -> None:
    turn = cycle(peers.values())  # each reply makes room for a request on the next connection
    for _ in range(under_way):
        next(turn).sendall(dialogue.request)
    to_send, to_come = count - under_way, count
    while to_come:
        for fd, _ in epoll.poll():
            replies = peers[fd].recv(4096)
            answered, rest = divmod(len(replies), len(dialogue.reply))
            if rest or replies != dialogue.reply * answered:
                raise RuntimeError(f"not the reply to a ping: {replies!r}")
            to_come -= answered
            for _ in range(min(answered, to_send)):
                next(turn).send(dialogue.request)
                to_send -= 1


@contextmanager
def youku(directory: Path) -> Iterator[ServerProcess]:
    """`youku-server run`, as a user gets it."""
    port = free_port()
    command = [sys.executable, "-m", "youku_evloop.cli", "run", "--data", str(directory), "--listen"]
    with serving([*command, f"127.0.0.1:{port}"], port) as server:
        yield server


def race(count: int, rounds: int, under_way: int) -> list[Row]:
    """Both servers, in turns; figures for 100,000 requests."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="youku-benchmark-")))
        echo = stack.enter_context(Bare().serving(directory))
        frames = stack.enter_context(youku(directory / "youku"))
        runs = {
            Bare.name: partial(measured, echo, partial(ping, echo, ECHO, count, under_way)),
            "youku": partial(measured, frames, partial(ping, frames, FRAMES, count, under_way)),
        }
        samples = interleave(runs, rounds)
    scale = UNIT / count
    scaled = {name: [Sample(s.cpu * scale, s.seconds * scale) for s in taken] for name, taken in samples.items()}
    return rows(scaled, Bare.name)


def main() -> None:
    """Parse the options and race."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few requests, one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    enter_namespace("benchmarks.ping")
    count, rounds = (2_000, 1) if options.quick else (UNIT, options.rounds)
    tables = {
        f"ping, {CONNECTIONS} at a time": race(count, rounds, CONNECTIONS),
        "ping, one at a time": race(count, rounds, 1),
    }
    if options.json:
        print_json(tables)
    else:
        for title, table in tables.items():
            print_table(title, table, "/100k")


if __name__ == "__main__":
    main()
