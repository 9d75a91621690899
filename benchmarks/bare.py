"""The bare loop: the least that a Python epoll server can do for a transfer, as the measure of everybody else.

`python -m benchmarks.bare PORT DIRECTORY`. A connection sends 1 byte and 8 bytes of length: `D` gets that many bytes of
DIRECTORY/file by sendfile, `U` sends that many bytes, which are written to a file there, and gets one byte back;
`P` gets fixed replies, one for each 32 bytes it sends; `J` is answered as Youku answers a ping, frame by frame: JSON
that is checked against a type, and JSON back. No other checks, no limits, no names.

With `--careful`, what `U` sends is also hashed (BLAKE3), synced, given a second name, and that synced too: what it
takes at the least to answer that a file was received whole and cannot be lost any more.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

BUFFER: Final = 256 * 1024
TURN: Final = 1024 * 1024
PING_SIZE: Final = 32
PONG: Final = b"x" * 24

Handler = Callable[[int], None]


class Ping(msgspec.Struct, tag_field="op", tag="ping", forbid_unknown_fields=True):
    """The only request of `J`."""

    id: int


decode: Final = msgspec.json.Decoder(Ping).decode
encode: Final = msgspec.json.Encoder().encode


class BareServer:
    """One epoll, one dictionary of callbacks."""

    def __init__(self, port: int, directory: Path, *, careful: bool = False) -> None:
        self._directory = directory
        self._careful = careful
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self._buffer = memoryview(bytearray(BUFFER))
        self._uploads = 0
        self._watch(self._listener, select.EPOLLIN, self._accept)

    def run(self) -> None:
        """Until the process is ended."""
        poll, handlers = self._epoll.poll, self._handlers
        while True:
            for fd, events in poll():
                handlers[fd](events)

    def _watch(self, sock: socket.socket, events: int, handler: Handler) -> None:
        self._epoll.register(sock.fileno(), events)
        self._handlers[sock.fileno()] = handler

    def _accept(self, _events: int) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch(sock, select.EPOLLIN, lambda events: self._begin(sock))

    def _begin(self, sock: socket.socket) -> None:
        head = sock.recv(9)
        if len(head) < 9:
            self._close(sock)
            return
        kind, length = head[:1], int.from_bytes(head[1:], "big")
        if kind == b"D":
            self._send(sock, length)
        elif kind == b"U":
            self._receive(sock, length)
        else:
            answer = self._pong if kind == b"P" else self._answer
            self._handlers[sock.fileno()] = lambda events: answer(sock)

    def _send(self, sock: socket.socket, length: int) -> None:
        file = os.open(self._directory / "file", os.O_RDONLY)
        position = 0

        def on_ready(_events: int) -> None:
            nonlocal position
            try:
                position += os.sendfile(sock.fileno(), file, position, min(TURN, length - position))
            except BlockingIOError:
                return
            if position == length:
                os.close(file)
                self._sent(sock, length)

        self._epoll.modify(sock.fileno(), select.EPOLLOUT)
        self._handlers[sock.fileno()] = on_ready

    def _sent(self, sock: socket.socket, _length: int) -> None:
        self._epoll.modify(sock.fileno(), select.EPOLLIN)
        self._handlers[sock.fileno()] = lambda events: self._begin(sock)

    def _receive(self, sock: socket.socket, length: int) -> None:
        self._uploads += 1
        path = self._directory / f"upload-{self._uploads}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        left = length
        running = blake3() if self._careful else None

        def on_ready(_events: int) -> None:
            nonlocal left
            budget = TURN
            while left and budget > 0:
                try:
                    count = sock.recv_into(self._buffer, min(BUFFER, left))
                except BlockingIOError:
                    return
                os.write(file, self._buffer[:count])
                if running is not None:
                    running.update(self._buffer[:count])
                left -= count
                budget -= count
            if not left:
                if running is not None:
                    self._keep(file, path, running.hexdigest())
                os.close(file)
                path.unlink()
                sock.send(b"!")
                self._handlers[sock.fileno()] = lambda events: self._begin(sock)

        self._handlers[sock.fileno()] = on_ready

    def _keep(self, file: int, path: Path, digest: str) -> None:
        os.fdatasync(file)
        kept = path.with_name(f"{path.name}-{digest}")
        kept.hardlink_to(path)
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)
        kept.unlink()

    def _pong(self, sock: socket.socket) -> None:
        data = sock.recv(4096)
        if data:
            sock.send(PONG * (len(data) // PING_SIZE))
        else:
            self._close(sock)

    def _answer(self, sock: socket.socket) -> None:
        data, replies, at = sock.recv(4096), [], 0
        while at < len(data):  # whole frames: these clients send no half ones
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            payload = encode({"id": decode(data[at + 4 : end]).id, "ok": True})
            replies.append(len(payload).to_bytes(4, "big") + payload)
            at = end
        if data:
            sock.send(b"".join(replies))
        else:
            self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        self._epoll.unregister(sock.fileno())
        del self._handlers[sock.fileno()]
        sock.close()


if __name__ == "__main__":
    BareServer(int(sys.argv[1]), Path(sys.argv[2]), careful="--careful" in sys.argv).run()
