"""What a `ping` costs the server, beside the bare loop, which only echoes.

    python -m benchmarks.ping                  five rounds
    python -m benchmarks.ping --quick          few requests, one round: whether it works at all
    python -m benchmarks.ping --json

64 connections with one request under way each. CPU is the server's, in seconds for 100,000 requests, so that the column
reads as tens of microseconds for one; the clients' is not counted.
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


def ping(server: ServerProcess, dialogue: Dialogue, count: int) -> None:
    """Have `count` requests answered."""
    with ExitStack() as stack:
        peers: dict[int, socket.socket] = {}
        epoll = stack.enter_context(select.epoll())
        for _ in range(CONNECTIONS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            sock.sendall(dialogue.greeting)
            peers[sock.fileno()] = sock
            epoll.register(sock.fileno(), select.EPOLLIN)
        _converse(epoll, peers, dialogue, count)


def _converse(epoll: select.epoll, peers: dict[int, socket.socket], dialogue: Dialogue, count: int) -> None:
    for sock in peers.values():
        sock.sendall(dialogue.request)
    to_send, to_come = count - len(peers), count
    while to_come:
        for fd, _ in epoll.poll():
            reply = peers[fd].recv(4096)
            if reply != dialogue.reply:
                raise RuntimeError(f"not the reply to a ping: {reply!r}")
            to_come -= 1
            if to_send > 0:
                peers[fd].send(dialogue.request)
                to_send -= 1


@contextmanager
def youku(directory: Path) -> Iterator[ServerProcess]:
    """`youku-server run`, as a user gets it."""
    port = free_port()
    command = [sys.executable, "-m", "youku_evloop.cli", "run", "--data", str(directory), "--listen"]
    with serving([*command, f"127.0.0.1:{port}"], port) as server:
        yield server


def race(count: int, rounds: int) -> list[Row]:
    """Both servers, in turns; figures for 100,000 requests."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="youku-benchmark-")))
        echo = stack.enter_context(Bare().serving(directory))
        frames = stack.enter_context(youku(directory / "youku"))
        runs = {
            Bare.name: partial(measured, echo, partial(ping, echo, ECHO, count)),
            "youku": partial(measured, frames, partial(ping, frames, FRAMES, count)),
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
    table = race(*((2_000, 1) if options.quick else (UNIT, options.rounds)))
    if options.json:
        print_json({"ping": table})
    else:
        print_table(f"ping over {CONNECTIONS} connections", table, "/100k")


if __name__ == "__main__":
    main()
