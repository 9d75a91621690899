"""Downloads and uploads of made-up bytes. Some are cut on purpose and resumed; the hash has to be right at the end.

The bytes of an upload are a stretch of random ones, the same over and over, behind a beginning that no other upload
has: nothing is kept of them, they can be made again from any offset, and no two uploads are the same file.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from client_cli.loadtest.crowd import Role, Visitor
from client_cli.loadtest.line import frame
from youku_evloop.errors import IntegrityFailure
from youku_evloop.wire.fingerprint import fingerprint

TAG_SIZE: Final = 32
STRETCH: Final = 1024 * 1024
PIECE: Final = 256 * 1024
"""Bytes sent at a time."""
SEGMENT: Final = 4 * 1024 * 1024
"""Bytes of one `upload.write`, as the client's on a fast link."""

_stretch: Final = memoryview(random.Random(1).randbytes(STRETCH))


@dataclass(frozen=True, slots=True)
class Film:
    """A movie of the test."""

    id: int
    size: int
    hash: str


class Content:
    """Made-up bytes; see the module."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._tag = secrets.token_bytes(TAG_SIZE)[:size]
        self._hasher = blake3()
        self._hashed = 0

    def read(self, length: int, offset: int) -> bytes:
        """Some of them, as `os.pread` does."""
        return b"".join(self.pieces(offset, min(offset + length, self.size)))

    def pieces(self, begin: int, end: int) -> Iterator[memoryview]:
        """Those from `begin` to `end`."""
        if begin < len(self._tag):
            piece = memoryview(self._tag)[begin:end]
            yield piece
            begin += len(piece)
        while begin < end:
            place = begin % STRETCH
            piece = _stretch[place : place + min(PIECE, end - begin)]
            yield piece
            begin += len(piece)

    def hash_to(self, end: int) -> None:
        """Take what comes before `end` into the hash, as far as it is not in it."""
        if end > self._hashed:
            for piece in self.pieces(self._hashed, end):
                self._hasher.update(piece)
            self._hashed = end

    def hash(self) -> str:
        """Of all of them."""
        self.hash_to(self.size)
        return self._hasher.hexdigest()


def cut_within(visitor: Visitor, size: int, kill_rate: float) -> int | None:
    """After how many bytes this transfer is cut; None: it is not."""
    chance = visitor.crowd.chance
    return chance.randrange(size) if kill_rate and chance.random() < kill_rate else None


def download(visitor: Visitor, film: Film, kill_rate: float) -> None:
    """A movie from its first byte to its last; raises `IntegrityFailure` when they are not what they should be."""
    cut = cut_within(visitor, film.size, kill_rate)
    hasher = blake3()
    offset = 0
    while offset < film.size:
        visitor.ask("movie.read", frame("movie.read", movie=film.id, offset=offset))
        offset += _receive(visitor, hasher, (film.size if cut is None else cut) - offset)
        if cut is not None:
            visitor.cut(Role.USER)
            cut = None
    _require(visitor, hasher.hexdigest() == film.hash, "movie.read")


def _receive(visitor: Visitor, hasher: blake3, most: int) -> int:
    """Take `most` bytes of the body, and throw away what came with them."""
    count = 0

    def take(piece: memoryview) -> None:
        nonlocal count
        piece = piece[: most - count]
        hasher.update(piece)
        count += len(piece)

    visitor.receive_body("movie.read", take, most)
    return count


def upload(visitor: Visitor, title: str, size: int, kill_rate: float) -> Film:
    """Publish `size` made-up bytes; raises `IntegrityFailure` when the server has not got what was sent."""
    content = Content(size)
    cut = cut_within(visitor, size, kill_rate)
    create = frame("upload.create", name=title, size=size, fingerprint=fingerprint(size, content.read))
    begun = visitor.ask("upload.create", create, Role.UPLOADER).fields()
    offset = int(begun["offset"])
    while offset < size:
        end = min(offset + SEGMENT, size)
        request = frame("upload.write", upload=begun["upload"], offset=offset, body=end - offset)
        if cut is not None and cut < end:
            _write_some(visitor, request, content, offset, cut)
            visitor.cut(Role.UPLOADER)
            cut = None
            begun = visitor.ask("upload.create", create, Role.UPLOADER).fields()
            offset = int(begun["offset"])
        else:
            content.hash_to(end)
            visitor.ask("upload.write", request, Role.UPLOADER, body=content.pieces(offset, end))
            offset = end
    finish = frame("upload.finish", upload=begun["upload"], hash=content.hash())
    movie = visitor.ask("upload.finish", finish, Role.UPLOADER).fields()["movie"]
    _require(visitor, movie["size"] == size and movie["hash"] == content.hash(), "upload.finish")
    return Film(int(movie["id"]), size, content.hash())


def _write_some(visitor: Visitor, request: bytes, content: Content, offset: int, end: int) -> None:
    """Begin a segment and do not end it."""
    content.hash_to(end)  # as far as it is sent: what arrives of it is not sent again
    visitor.begin("upload.write", request, Role.UPLOADER, content.pieces(offset, end))


def _require(visitor: Visitor, is_right: bool, operation: str) -> None:
    if not is_right:
        problem = IntegrityFailure("The bytes that arrived are not the ones that were sent.")
        visitor.crowd.recorder.failed(operation, problem.code)
        raise problem
    visitor.crowd.recorder.verified += 1
