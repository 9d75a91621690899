"""The servers that are measured side by side, each behind the same three verbs: download, upload, and where it runs.

The client's part is the same raw sockets for everybody: only the few bytes that ask for a transfer differ.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from benchmarks.harness import ServerProcess, free_port, serving
from client_cli import Client

BUFFER: Final = 1024 * 1024
SEGMENT: Final = 4 * 1024 * 1024
WINDOW: Final = 4
"""Segments of an upload that are on their way unanswered."""


class Contestant(Protocol):
    """A kind of server."""

    name: str

    def serving(self, directory: Path) -> Any:
        """A context manager that runs it on `directory`, where `file` is what it serves; gives the process."""

    def download(self, server: ServerProcess, size: int) -> None:
        """Fetch the file, `size` bytes, and drop it."""

    def upload(self, server: ServerProcess, file: Path) -> None:
        """Send the file and wait until the server has it."""


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


class Bare:
    """The bare Python epoll loop."""

    name = "bare loop"

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """`python -m benchmarks.bare`."""
        port = free_port()
        with serving([sys.executable, "-m", "benchmarks.bare", str(port), str(directory)], port) as server:
            yield server

    def download(self, server: ServerProcess, size: int) -> None:
        """One request."""
        with connect(server) as sock:
            sock.sendall(b"D" + size.to_bytes(8, "big"))
            drop(sock, size)

    def upload(self, server: ServerProcess, file: Path) -> None:
        """One request."""
        with connect(server) as sock:
            sock.sendall(b"U" + file.stat().st_size.to_bytes(8, "big"))
            send_file(sock, file)
            drop(sock, 1)


class Youku:
    """`youku-server run`, as a user gets it; uploads are verified."""

    name = "youku"

    def __init__(self) -> None:
        self._token = ""
        self._movie = 0
        self._hashes: dict[Path, str] = {}

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """With an administrator, and the file as its first movie."""
        data, port = directory / "youku", free_port()
        os.environ["YOUKU_PASSWORD"] = secrets.token_urlsafe()
        program = [sys.executable, "-m", "youku_evloop.cli"]
        command = [*program, "run", "--data", str(data), "--listen", f"127.0.0.1:{port}", "--log-level", "warning"]
        subprocess.run([*program, "create-admin", "root", "--data", str(data)], check=True, stdout=subprocess.DEVNULL)
        with serving(command, port) as server:
            self._log_in(server, directory / "file")
            yield server

    def _log_in(self, server: ServerProcess, file: Path) -> None:
        with Client(f"127.0.0.1:{server.port}") as client:
            self._token = client.login("root", os.environ["YOUKU_PASSWORD"]).token
            self._movie = client.upload(file).id
            self._hashes[file] = client.movie(self._movie).hash

    def download(self, server: ServerProcess, size: int) -> None:
        """`movie.read`."""
        with self._conversation(server) as (sock, _):
            _send(sock, {"id": 1, "op": "movie.read", "movie": self._movie})
            drop(sock, _reply(sock)["body"])

    def upload(self, server: ServerProcess, file: Path) -> None:
        """`upload.create`, `upload.write` with a few segments on their way, `upload.finish`."""
        mark = secrets.token_hex(32)  # or all clients would go on with one and the same upload
        digest = self._hashes[file]
        size = file.stat().st_size
        with self._conversation(server) as (sock, _), file.open("rb") as source:
            _send(
                sock, {"id": 1, "op": "upload.create", "name": secrets.token_hex(4), "size": size, "fingerprint": mark}
            )
            upload = _reply(sock)["upload"]
            waiting = 0
            for offset in range(0, size, SEGMENT):
                count = min(SEGMENT, size - offset)
                _send(sock, {"id": 2, "op": "upload.write", "upload": upload, "offset": offset, "body": count})
                sock.sendfile(source, offset, count)
                waiting += 1
                if waiting >= WINDOW:
                    _reply(sock)
                    waiting -= 1
            _send(sock, {"id": 3, "op": "upload.finish", "upload": upload, "hash": digest})
            for _ in range(waiting + 1):
                _reply(sock)

    @contextmanager
    def _conversation(self, server: ServerProcess) -> Iterator[tuple[socket.socket, dict[str, Any]]]:
        with connect(server) as sock:
            _send(sock, {"id": 0, "op": "hello", "token": self._token})
            yield sock, _reply(sock)


class Nginx:
    """nginx with sendfile; uploads by PUT (WebDAV)."""

    name = "nginx"

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """One worker, as one core's share."""
        port = free_port()
        uploads = directory / "nginx"
        uploads.mkdir(exist_ok=True)
        configuration = directory / "nginx.conf"
        configuration.write_text(
            f"""
            daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/nginx.log; user root;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_buffer_size 256k;
              client_body_temp_path {directory}/nginx-temp;
              server {{
                listen 127.0.0.1:{port};
                location / {{ root {directory}; }}
                location /nginx/ {{ root {directory}; dav_methods PUT; }}
              }}
            }}"""
        )
        with serving([shutil.which("nginx") or "nginx", "-c", str(configuration)], port) as server:
            yield server

    def download(self, server: ServerProcess, size: int) -> None:
        """GET."""
        with connect(server) as sock:
            sock.sendall(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_until(sock, b"\r\n\r\n")
            drop(sock, size)

    def upload(self, server: ServerProcess, file: Path) -> None:
        """PUT."""
        size = file.stat().st_size
        with connect(server) as sock:
            head = f"PUT /nginx/{secrets.token_hex(4)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
            sock.sendall(head.encode())
            send_file(sock, file)
            answer = read_until(sock, b"\r\n\r\n")
            if b" 201 " not in answer:
                raise RuntimeError(f"nginx answers {answer!r}")


class Pyftpdlib:
    """pyftpdlib with its default asynchronous server and sendfile."""

    name = "pyftpdlib"

    @contextmanager
    def serving(self, directory: Path) -> Iterator[ServerProcess]:
        """Anonymous and allowed to write."""
        port = free_port()
        command = [sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-w", "-d", str(directory)]
        with serving(command, port) as server:
            yield server

    def download(self, server: ServerProcess, size: int) -> None:
        """RETR."""
        with self._session(server) as (control, data):
            self._command(control, "RETR file", b"1")
            drop(data, size)

    def upload(self, server: ServerProcess, file: Path) -> None:
        """STOR, then DELE."""
        name = secrets.token_hex(4)
        with self._session(server) as (control, data):
            self._command(control, f"STOR {name}", b"1")
            send_file(data, file)
            data.close()
            read_until(control, b"\r\n")
            self._command(control, f"DELE {name}", b"2")

    @contextmanager
    def _session(self, server: ServerProcess) -> Iterator[tuple[socket.socket, socket.socket]]:
        with connect(server) as control:
            read_until(control, b"\r\n")
            for command in ("USER anonymous", "PASS x", "TYPE I"):
                self._command(control, command, b"")
            answer = self._command(control, "PASV", b"2").decode()
            found = re.search(r"\((.*)\)", answer)
            assert found is not None
            numbers = [int(number) for number in found[1].split(",")]
            with socket.create_connection(("127.0.0.1", numbers[4] * 256 + numbers[5]), 120) as data:
                yield control, data

    @staticmethod
    def _command(control: socket.socket, text: str, expected: bytes) -> bytes:
        control.sendall(text.encode() + b"\r\n")
        answer = read_until(control, b"\r\n")
        if not answer.startswith(expected):
            raise RuntimeError(f"{text}: {answer!r}")
        return answer


def _send(sock: socket.socket, fields: dict[str, Any]) -> None:
    payload = json.dumps(fields).encode()
    sock.sendall(struct.pack(">I", len(payload)) + payload)


def _reply(sock: socket.socket) -> dict[str, Any]:
    size = struct.unpack(">I", sock.recv(4, socket.MSG_WAITALL))[0]
    reply: dict[str, Any] = json.loads(sock.recv(size, socket.MSG_WAITALL))
    if not reply.get("ok"):
        raise RuntimeError(f"youku answers {reply}")
    return reply
