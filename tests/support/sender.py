"""Uploads and downloads by hand, on the bare wire."""

from __future__ import annotations

import os
from typing import Any, Final

from blake3 import blake3

from tests.support.server import eventually
from tests.support.wire import Reply, Wire

SIZE: Final = 300_000


class Sender:
    """Somebody who uploads one file by hand: `SIZE` random bytes, if nothing else is said."""

    def __init__(self, wire: Wire, content: bytes | None = None, title: str = "By hand") -> None:
        self.wire = wire
        self.content = os.urandom(SIZE) if content is None else content
        self.hash = blake3(self.content).hexdigest()
        self.title = title
        self.upload = ""
        self.offset = 0
        self.known = False

    def create(self, **options: Any) -> Reply:
        """Begin, or go on where the server is."""
        size = len(self.content)
        fingerprint = blake3(size.to_bytes(8, "big") + self.content).hexdigest()
        reply = self.wire.request("upload.create", name=self.title, size=size, fingerprint=fingerprint, **options)
        if reply["ok"]:
            self.upload, self.offset, self.known = reply["upload"], reply["offset"], reply["known"]
        return reply

    def write(self, end: int | None = None) -> Reply:
        """From the offset to `end`."""
        body = self.content[self.offset : end]
        reply = self.wire.request("upload.write", body=body, upload=self.upload, offset=self.offset)
        self.offset = reply.get("offset", self.offset)
        return reply

    def finish(self) -> Reply:
        """Publish it."""
        return self.wire.request("upload.finish", upload=self.upload, hash=self.hash)

    def ask(self, op: str) -> Reply:
        """Any command about this upload."""
        return self.wire.request(op, upload=self.upload)


def downloaded(wire: Wire, movie: dict[str, Any]) -> bytes:
    """All of a movie's bytes."""
    return wire.read(wire.ask("movie.read", movie=movie["id"])["body"])


def until_held(wire: Wire, upload: str, offset: int) -> None:
    """Return once the server has so many bytes of the upload."""
    eventually(lambda: bool(wire.ask("upload.status", upload=upload)["upload"]["offset"] == offset), f"{offset} bytes")
