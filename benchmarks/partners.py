"""Servers to talk with: for each how it is started, how a client introduces itself, what it asks and what it is told.

The client is the same for all: it knows a greeting, one request, and how to see where the first reply ends. From then
on every reply has to be as long as that one.
"""

from __future__ import annotations

import select
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.bare import PING_SIZE, PONG
from benchmarks.contestants import Bare
from benchmarks.crowd import add_account, frame
from benchmarks.harness import BASELINE, Sample, ServerProcess, free_port, measured, serving, youku_command

PATIENCE: Final = 120.0
MOST_CLIENTS: Final = 20_000
Size = Callable[[bytes], int]


@dataclass(frozen=True)
class Talk:
    """What a client says. `size` of bytes that begin with a reply: its length, or 0 where that cannot be seen yet."""

    request: bytes
    told: bytes
    size: Size
    greet: Callable[[socket.socket], None]


@dataclass(frozen=True)
class Partner:
    """A running server, and how one talks with it."""

    server: ServerProcess
    talk: Talk

    def asking(self, request: Mapping[str, Any], told: bytes) -> Partner:
        """The same, Youku, of whom something else is asked."""
        return replace(self, talk=replace(self.talk, request=frame(id=7, **request), told=told))

    def connect(self) -> socket.socket:
        """A client that has introduced itself."""
        sock = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.talk.greet(sock)
        return sock

    def reply_size(self, sock: socket.socket) -> int:
        """The length of the reply to the request, which is what it should be."""
        sock.sendall(self.talk.request)
        reply = read_reply(sock, self.talk.size)
        if self.talk.told not in reply:
            raise RuntimeError(f"{self.talk.request!r} was answered by {reply!r}")
        return len(reply)


Opening = Callable[[Path], AbstractContextManager[Partner]]


def read_reply(sock: socket.socket, size: Size) -> bytes:
    """One reply; the peer may send nothing behind it."""
    data = b""
    while not (length := size(data)) or len(data) < length:
        piece = sock.recv(65536)
        if not piece:
            raise EOFError(f"the server hung up after {data!r}")
        data += piece
    if len(data) > length:
        raise RuntimeError(f"more than a reply: {data!r}")
    return data


def of_frame(data: bytes) -> int:
    """Four bytes of length, and so many more."""
    return 4 + int.from_bytes(data[:4], "big") if len(data) >= 4 else 0


def of_line(data: bytes) -> int:
    """To the end of the line."""
    return data.find(b"\n") + 1


def of_http(data: bytes) -> int:
    """A head, and the body that it announces."""
    head, end, _ = data.partition(b"\r\n\r\n")
    if not end:
        return 0
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return len(head + end) + int(fields[b"content-length"])


def of_pong(_: bytes) -> int:
    """Always the same."""
    return len(PONG)


# -- clients


def converse(partner: Partner, connections: int, count: int, under_way: int) -> Sample:
    """Have `count` requests answered over so many connections, so many at a time; what that cost the server."""
    with ExitStack() as stack:
        peers = {}
        epoll = stack.enter_context(select.epoll())
        for _ in range(connections):
            sock = stack.enter_context(partner.connect())
            peers[sock.fileno()] = sock
            epoll.register(sock.fileno(), select.EPOLLIN)
        size = partner.reply_size(next(iter(peers.values())))
        return measured(partner.server, lambda: _exchange(epoll, peers, partner.talk.request, size, count, under_way))


def _exchange(
    epoll: select.epoll, peers: Mapping[int, socket.socket], request: bytes, size: int, count: int, under_way: int
) -> None:
    turn = cycle(peers.values())  # each reply makes room for a request on the next connection
    received = dict.fromkeys(peers, 0)
    for _ in range(under_way):
        next(turn).sendall(request)
    to_send, to_come = count - under_way, count
    while to_come:
        for fd, _ in epoll.poll(PATIENCE, len(peers)):
            received[fd] += len(peers[fd].recv(65536))
            answered, received[fd] = divmod(received[fd], size)
            to_come -= answered
            for _ in range(min(answered, to_send)):
                next(turn).send(request)
                to_send -= 1


def round_trips(partner: Partner, sock: socket.socket, count: int) -> list[float]:
    """How long each of so many requests took, one after the other, in seconds, shortest first."""
    times, size = [], partner.reply_size(sock)
    for _ in range(count):
        began = time.perf_counter()
        sock.send(partner.talk.request)
        received = len(sock.recv(65536))
        times.append(time.perf_counter() - began)
        while received < size:
            received += len(sock.recv(65536))
    return sorted(times)


# -- servers


def say(sock: socket.socket, line: bytes, size: Size, told: bytes = b"") -> None:
    """Send, and demand an answer that has `told` in it."""
    if line:
        sock.sendall(line)
    reply = read_reply(sock, size)
    if told not in reply:
        raise RuntimeError(f"{line!r} was answered by {reply!r}")


@contextmanager
def bare(directory: Path) -> Iterator[Partner]:
    """The bare loop, which answers every 32 bytes with the same ones."""
    greeting = b"P" + bytes(8)
    with Bare().serving(directory) as server:
        yield Partner(server, Talk(bytes(PING_SIZE), PONG, of_pong, lambda sock: sock.sendall(greeting)))


@contextmanager
def bare_json(directory: Path) -> Iterator[Partner]:
    """The bare loop, with the least that it takes to answer a ping of Youku's."""
    greeting = b"J" + bytes(8)
    talk = Talk(frame(id=7, op="ping"), b'"ok":true', of_frame, lambda sock: sock.sendall(greeting))
    with Bare().serving(directory) as server:
        yield Partner(server, talk)


@contextmanager
def youku(
    directory: Path, request: Mapping[str, Any] = {"op": "ping"}, told: bytes = b'"ok":true', url: str = ""
) -> Iterator[Partner]:
    """`youku-server run`, as a user gets it; its clients have logged in."""
    data, port = directory / "youku", free_port()
    hello = frame(id=1, op="hello", token=add_account(data, "alice", url=url))
    talk = Talk(frame(id=7, **request), told, of_frame, lambda sock: say(sock, hello, of_frame, b'"ok":true'))
    with serving(youku_command(data, port), port, {"YOUKU_DATABASE": url} if url else None) as server:
        yield Partner(server, talk)


@contextmanager
def nginx(directory: Path) -> Iterator[Partner]:
    """nginx, which answers from its configuration: one worker, and connections that may live as long as they like.

    `worker_rlimit_nofile`, `worker_connections` and `keepalive_requests` as nginx's documentation of its core and of
    ngx_http_core_module has them for many and lasting connections.
    """
    port, configuration = free_port(), directory / "ping.conf"
    configuration.write_text(
        f"""
        daemon off; worker_processes 1; pid {directory}/ping.pid; error_log {directory}/ping.log;
        worker_rlimit_nofile {MOST_CLIENTS};
        events {{ worker_connections {MOST_CLIENTS}; }}
        http {{
          access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type application/json;
          server {{
            listen 127.0.0.1:{port} backlog=4096;
            location = /ping {{ return 200 '{{"ok":true}}'; }}
          }}
        }}"""
    )
    with serving([shutil.which("nginx") or "nginx", "-c", str(configuration)], port) as server:
        yield Partner(server, over_http("/ping"))


def over_http(path: str, told: bytes = b'"ok":true') -> Talk:
    """A GET; the first one is the introduction."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    return Talk(request, told, of_http, lambda sock: say(sock, request, of_http, told))


@contextmanager
def aiohttp(directory: Path, path: str = "/ping", told: bytes = b'"ok":true', url: str = "") -> Iterator[Partner]:
    """aiohttp, and aiomysql where there is a database."""
    with _peer("web", *([url] if url else [])) as server:
        yield Partner(server, over_http(path, told))


@contextmanager
def streams(directory: Path) -> Iterator[Partner]:
    """asyncio's streams, echoing lines."""
    with _peer("streams") as server:
        yield Partner(server, Talk(b"ping\n", b"ping\n", of_line, lambda sock: say(sock, b"ping\n", of_line)))


@contextmanager
def pyftpdlib(directory: Path) -> Iterator[Partner]:
    """pyftpdlib; FTP's ping is NOOP."""

    def log_in(sock: socket.socket) -> None:
        say(sock, b"", of_line, b"220 ")
        say(sock, b"USER anonymous\r\n", of_line, b"331 ")
        say(sock, b"PASS x\r\n", of_line, b"230 ")

    with _peer("ftp", str(directory)) as server:
        yield Partner(server, Talk(b"NOOP\r\n", b"200 ", of_line, log_in))


@contextmanager
def _peer(name: str, *arguments: str) -> Iterator[ServerProcess]:
    port = free_port()
    with serving([sys.executable, "-m", f"benchmarks.peers.{name}", str(port), *arguments], port) as server:
        yield server


def talkers() -> dict[str, Opening]:
    """All that are installed here, by name."""
    found: dict[str, Opening] = {BASELINE: bare, "youku": youku}
    if shutil.which("nginx"):
        found["nginx"] = nginx
    if find_spec("pyftpdlib"):
        found["pyftpdlib"] = pyftpdlib
    found["asyncio streams"] = streams
    if find_spec("aiohttp") and find_spec("aiomysql"):
        found["aiohttp"] = aiohttp
    return found


@contextmanager
def all_open(openings: Mapping[str, Opening]) -> Iterator[dict[str, Partner]]:
    """All of them at once, each in a directory of its own."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="youku-benchmark-")))
        partners = {}
        for name, opening in openings.items():
            home = directory / name.replace(" ", "-")
            home.mkdir()
            partners[name] = stack.enter_context(opening(home))
        yield partners
