"""An honest server in a thread, for the library's own tests: the protocol of docs/protocol.md over memory.

It keeps its promises, and breaks them where a test says so: `before` sees every request and may raise an error to be
answered or `HangUp`; `cuts` are numbers of body bytes after which a connection drops, one a connection.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from blake3 import blake3

from tests.client.talk import TIME, Conversation


class Peer:
    """The server; `requests` are what it was asked, as (op, arguments)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.before: Callable[[str, dict[str, Any]], None] = lambda op, arguments: None
        self.cuts: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.movies: dict[int, dict[str, Any]] = {}
        self.deleted: dict[int, dict[str, Any]] = {}
        self.blobs: dict[int, bytes] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, bytearray] = {}
        self.claims: dict[str, Conversation] = {}
        self.accounts: dict[str, tuple[bytes, bytes, bytes, int]] = {}
        self.connections = 0
        self.lock = threading.Lock()
        self._conversations: list[Conversation] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for conversation in self._conversations:
            conversation.drop()
        for thread in self._threads:
            thread.join()

    def add_movie(self, data: bytes, name: str = "A movie.avi", **fields: Any) -> int:
        """Publish `data`; the movie's id."""
        number = len(self.movies) + 1
        self.blobs[number] = data
        self.movies[number] = {
            "id": number,
            "name": name,
            "description": "",
            "size": len(data),
            "hash": blake3(data).hexdigest(),
            "is_free": True,
            "price": 0,
            "vip_price": 0,
            "create_time": TIME,
            "uploader": "admin",
            **fields,
        }
        return number

    def publish(self, upload: str, data: bytes | None = None) -> int:
        """Make a movie of what was uploaded (or of the same bytes from elsewhere); its id."""
        number = self.add_movie(bytes(self.parts[upload]) if data is None else data, self.uploads[upload]["name"])
        self.uploads[upload] |= {"movie": number, "state": "published", "fingerprint": ""}
        return number

    def ops(self) -> list[str]:
        """The commands that were asked, without the greetings."""
        return [op for op, _ in self.requests if op != "hello"]

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            conversation = Conversation(self, link, self.cuts.pop(0) if self.cuts else None)
            self._conversations.append(conversation)
            self._start(conversation.run)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target)
        self._threads.append(thread)
        thread.start()
