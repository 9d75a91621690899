"""A link between client and server that can be counted, held up and cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Final, Self

PIECE: Final = 64 * 1024
PATIENCE: Final = 60.0
SEEN: Final = 64 * 1024
"""Bytes that a line remembers."""


class Line:
    """One connection through the link: `up` bytes went to the server, `down` bytes came from it.

    `seen` is the beginning of both directions. After `up_limit` (`down_limit`) bytes nothing more goes that way, and
    `reached` is set.
    """

    def __init__(self, client: socket.socket, server: socket.socket, up_limit: int | None, down_limit: int | None):
        self.up = self.down = 0
        self.seen = bytearray()
        self.reached = threading.Event()
        self._ends = client, server
        self._limits = {"up": up_limit, "down": down_limit}
        self._released = threading.Event()
        self._is_over = False
        self._pumps = [
            threading.Thread(target=self._pump, args=(client, server, "up"), name="proxy up"),
            threading.Thread(target=self._pump, args=(server, client, "down"), name="proxy down"),
        ]

    def begin(self) -> None:
        """Let bytes flow."""
        for pump in self._pumps:
            pump.start()

    def _pump(self, source: socket.socket, target: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(self._room(way)):
                target.sendall(piece)
                setattr(self, way, getattr(self, way) + len(piece))
                self.seen += piece[: max(SEEN - len(self.seen), 0)]
                if self._room(way) == 0:
                    self.reached.set()
                    self._released.wait()
                    if self._is_over:
                        return
                    self._limits[way] = None
        if self.reached.is_set():
            self._released.wait()  # who is held up does not learn of an end either
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _room(self, way: str) -> int:
        limit = self._limits[way]
        return PIECE if limit is None else min(PIECE, limit - int(getattr(self, way)))

    def until_held(self) -> None:
        """Return once it stands still."""
        assert self.reached.wait(PATIENCE), f"only {self.up} bytes went up and {self.down} down"

    def let_go(self) -> None:
        """Let bytes flow again."""
        self._released.set()

    def cut(self) -> None:
        """End it in both directions; whatever was let through arrives.

        The server first: once it has hung up too, it has taken everything that it will ever get.
        """
        client, server = self._ends
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        self._is_over = True
        self._released.set()
        self._pumps[1].join(PATIENCE)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        self.close()

    def close(self) -> None:
        """Give everything back."""
        self._is_over = True
        self._released.set()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for pump in self._pumps:
            if pump.ident is not None:
                pump.join(PATIENCE)
        for end in self._ends:
            end.close()


class Proxy:
    """Listens on a port of its own and passes everything on to `target` (HOST:PORT)."""

    def __init__(self, target: str) -> None:
        self.lines: list[Line] = []
        self._target = target
        self._plans: list[tuple[int | None, int | None]] = []
        self._arrived = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self._acceptor = threading.Thread(target=self._accept, name="proxy")

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for line in self.lines:
            line.close()

    def hold_next(self, *, up: int | None = None, down: int | None = None) -> None:
        """The next connection stands still after so many bytes."""
        self._plans.append((up, down))

    def line(self, number: int) -> Line:
        """The connection of that number, from 0, as soon as it is there."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.lines) > number, PATIENCE), "nobody connected"
        return self.lines[number]

    def _accept(self) -> None:
        host, _, port = self._target.rpartition(":")
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                try:
                    server = socket.create_connection((host, int(port)))
                except OSError:
                    client.close()
                    continue
                up, down = self._plans.pop(0) if self._plans else (None, None)
                line = Line(client, server, up, down)
                line.begin()
                with self._arrived:
                    self.lines.append(line)
                    self._arrived.notify_all()
