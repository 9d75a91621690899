"""The servers that are measured side by side: the bare loop and Youku. `others` has those of others.

A contestant runs a server; a visitor is one client's conversation with it, logged in once, with as many transfers as
the client wants. The client's part is the same raw sockets for everybody: only the few bytes that ask for a transfer
differ.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from blake3 import blake3

from benchmarks.crowd import add_account
from benchmarks.harness import ServerProcess, free_port, serving
from client_cli import Client

BUFFER: Final = 1024 * 1024
SEGMENT: Final = 4 * 1024 * 1024
WINDOW: Final = 4
"""Segments of an upload that are on their way unanswered."""


class Visitor(Protocol):
    """One client's conversation with a server."""

    def download(self, size: int) -> None:
        """Fetch the file, `size` bytes, and drop it."""

    def upload(self, file: Path) -> None:
        """Send the file and wait until the server has it."""


class Contestant(Protocol):
    """A kind of server."""

    name: str

    def serving(self, directory: Path) -> AbstractContextManager[ServerProcess]:
        """Run it on `directory`, where `file` is what it serves."""

    def visiting(self, server: ServerProcess, number: int) -> AbstractContextManager[Visitor]:
        """Come as the client of that number, from 0."""


def connect(server: ServerProcess) -> socket.socket:
    """A connection, with generous time."""
    return socket.create_connection(("127.0.0.1", server.port), 120)


def drop(sock: socket.socket, size: int) -> None:
    """Receive `size` bytes into one buffer, over and over."""
    buffer = memoryview(bytearray(BUFFER))
    while size:
        count = sock.recv_into(buffer, min(size, BUFFER))
        if not count:
            raise EOFError(f"{size} bytes are missing")
        size -= count


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Bytes up to and including `end`, one at a time: only for heads."""
    data = b""
    while not data.endswith(end):
        byte = sock.recv(1)
        if not byte:
            raise EOFError(f"the answer ends with {data!r}")
        data += byte
    return data


def send_file(sock: socket.socket, file: Path) -> None:
    """The whole file."""
    with file.open("rb") as source:
        sock.sendfile(source)


class BareVisitor:
    """One request after the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def download(self, size: int) -> None:
        """D, and the size."""
        self._sock.sendall(b"D" + size.to_bytes(8, "big"))
        drop(self._sock, size)

    def upload(self, file: Path) -> None:
        """U, and the size; one byte comes back."""
        self._sock.sendall(b"U" + file.stat().st_size.to_bytes(8, "big"))
        send_file(self._sock, file)
        drop(self._sock, 1)


class Bare:
    """The bare Python epoll loop."""

    name = "bare loop"
    module = "benchmarks.bare"
    options: tuple[str, ...] = ()

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """`python -m benchmarks.bare`, or what else the class says."""
        port = free_port()
        command = [sys.executable, "-m", self.module, str(port), str(directory), *self.options]
        with serving(command, port) as server:
            yield server

    @contextmanager
    def visiting(self, server: ServerProcess, number: int) -> Iterator[BareVisitor]:
        """A connection."""
        with connect(server) as sock:
            yield BareVisitor(sock)


class CarefulBare(Bare):
    """The same with the least that it takes to receive a file as Youku promises to."""

    name = "bare, careful"
    options = ("--careful",)


class RecordedBare(Bare):
    """The same with the least that it takes to have downloads on record: `benchmarks.recorded`."""

    name = "bare, recorded"
    module = "benchmarks.recorded"

    @contextmanager
    def visiting(self, server: ServerProcess, number: int) -> Iterator[BareVisitor]:
        """A connection, and a token."""
        with connect(server) as sock:
            sock.sendall(b"T" + number.to_bytes(8, "big"))
            drop(sock, 1)
            yield BareVisitor(sock)


class YoukuVisitor:
    """A conversation with Youku: `movie.read`, and uploads with a few segments on their way."""

    def __init__(self, sock: socket.socket, movie: int, hashes: dict[Path, str]) -> None:
        self._sock, self._movie, self._hashes = sock, movie, hashes

    def download(self, size: int) -> None:
        """`movie.read`."""
        _send(self._sock, {"id": 1, "op": "movie.read", "movie": self._movie})
        drop(self._sock, _reply(self._sock)["body"])

    def upload(self, file: Path) -> None:
        """`upload.create`, `upload.write` with a few segments on their way, `upload.finish`."""
        sock, size = self._sock, file.stat().st_size
        mark = secrets.token_hex(32)  # a fingerprint of its own, or it would go on with an upload of before
        _send(sock, {"id": 1, "op": "upload.create", "name": secrets.token_hex(4), "size": size, "fingerprint": mark})
        upload = _reply(sock)["upload"]
        waiting = 0
        with file.open("rb") as source:
            for offset in range(0, size, SEGMENT):
                count = min(SEGMENT, size - offset)
                _send(sock, {"id": 2, "op": "upload.write", "upload": upload, "offset": offset, "body": count})
                sock.sendfile(source, offset, count)
                waiting += 1
                if waiting >= WINDOW:
                    _reply(sock)
                    waiting -= 1
        _send(sock, {"id": 3, "op": "upload.finish", "upload": upload, "hash": self._hash_of(file)})
        for _ in range(waiting + 1):
            _reply(sock)

    def _hash_of(self, file: Path) -> str:
        """Of the whole file; taken once, for it is the client's business."""
        if file not in self._hashes:
            self._hashes[file] = blake3(file.read_bytes()).hexdigest()
        return self._hashes[file]


class Youku:
    """`youku-server run`, as a user gets it; uploads are verified. Every client has an account of its own."""

    def __init__(self, clients: int = 1, database: str = "") -> None:
        """`database`: the URL of an empty one in MariaDB; without, it is SQLite."""
        self.name = "youku, MariaDB" if database else "youku"
        self._clients = clients
        self._database = database
        self._tokens: list[str] = []
        self._movie = 0
        self._hashes: dict[Path, str] = {}

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """With an administrator, and the file as its first movie."""
        data, port = directory / self.name, free_port()
        os.environ["YOUKU_PASSWORD"] = secrets.token_urlsafe()
        program = [sys.executable, "-m", "youku_evloop.cli"]
        where = ["--data", str(data), *(["--database", self._database] if self._database else [])]
        command = [*program, "run", *where, "--listen", f"127.0.0.1:{port}", "--log-level", "warning"]
        subprocess.run([*program, "create-admin", "root", *where], check=True, stdout=subprocess.DEVNULL)
        self._tokens = [add_account(data, f"client{number}", url=self._database) for number in range(self._clients)]
        with serving(command, port) as server:
            self._publish(server, directory / "file")
            for blob in (data / "blobs").rglob("*"):
                if blob.is_file():
                    from_the_disk(blob)
            yield server

    def _publish(self, server: ServerProcess, file: Path) -> None:
        with Client(f"127.0.0.1:{server.port}") as client:
            client.login("root", os.environ["YOUKU_PASSWORD"])
            self._movie = client.upload(file).id

    @contextmanager
    def visiting(self, server: ServerProcess, number: int) -> Iterator[YoukuVisitor]:
        """A connection, and `hello`."""
        with connect(server) as sock:
            _send(sock, {"id": 0, "op": "hello", "token": self._tokens[number]})
            _reply(sock)
            yield YoukuVisitor(sock, self._movie, self._hashes)


def from_the_disk(file: Path) -> None:
    """Have the page cache hold a file as it comes from the disk, in large pieces, not in those it was written in."""
    with file.open("rb") as source:
        os.fsync(source.fileno())
        os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while source.read(BUFFER):
            pass


def _send(sock: socket.socket, fields: dict[str, Any]) -> None:
    payload = json.dumps(fields).encode()
    sock.sendall(struct.pack(">I", len(payload)) + payload)


def _reply(sock: socket.socket) -> dict[str, Any]:
    size = struct.unpack(">I", sock.recv(4, socket.MSG_WAITALL))[0]
    reply: dict[str, Any] = json.loads(sock.recv(size, socket.MSG_WAITALL))
    if not reply.get("ok"):
        raise RuntimeError(f"youku answers {reply}")
    return reply
