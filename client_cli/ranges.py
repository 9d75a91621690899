"""Which ranges of a part file are there: a record beside it, so that a download in several parts can go on.

The record (`<name>.part.map`) names the movie by its hash, and each range with the hash of its bytes. It is replaced
as a whole, after the bytes that it speaks of were written; when the download goes on, every range is read and compared
with its hash, and one that a crash has spoiled is fetched again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from client_cli.hashing import RunningHash
from client_cli.part import PartFile, unusable
from client_cli.progress import Phase, Progress, ProgressCallback
from client_cli.values import Movie
from youku_evloop.errors import IntegrityFailure

SUFFIX: Final = ".map"
VERSION: Final = 1

SMALLEST_PIECE: Final = 1024 * 1024
"""Bytes: below this another connection costs more than it brings."""


class Range:
    """The bytes from `start` to `end` that are there; they grow at the end."""

    __slots__ = ("_running", "start")

    def __init__(self, start: int, running: RunningHash | None = None) -> None:
        self.start = start
        self._running = running or RunningHash(start)

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self._running.position

    def hexdigest(self) -> str:
        """Of its bytes."""
        return self._running.hexdigest()

    def take(self, data: memoryview) -> None:
        """The next bytes are there."""
        self._running.take(self.end, data)


class RangeRecord:
    """The record beside the part file at `part_path`."""

    def __init__(self, part_path: Path) -> None:
        self.path = part_path.with_name(part_path.name + SUFFIX)

    def exists(self) -> bool:
        """Whether somebody began a download in parts here."""
        return self.path.exists()

    def remove(self) -> None:
        """It is not needed any more."""
        self.path.unlink(missing_ok=True)

    def save(self, movie: Movie, ranges: Sequence[Range]) -> None:
        """These ranges are there."""
        entries = [[one.start, one.end, one.hexdigest()] for one in ranges if one.end > one.start]
        document = {"version": VERSION, "hash": movie.hash, "size": movie.size, "ranges": entries}
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            fresh.write_text(json.dumps(document) + "\n")
            fresh.replace(self.path)
        except OSError as problem:
            raise unusable(self.path, problem) from None

    def load(self, movie: Movie, part: PartFile, progress: ProgressCallback) -> list[Range]:
        """The ranges whose bytes are really there; raises `IntegrityFailure` when they are of another movie."""
        document = self._read()
        if (document.get("version"), document.get("hash"), document.get("size")) != (VERSION, movie.hash, movie.size):
            raise IntegrityFailure(
                f"{part.path} was begun for other bytes than those of movie {movie.id} ({movie.name}): repeat with"
                " --restart to throw it away and start over.",
                path=str(part.path),
                movie=movie.id,
            )
        return _really_there(part, document.get("ranges"), movie.size, progress)

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_bytes())
        except OSError as problem:
            raise unusable(self.path, problem) from None
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


def _really_there(part: PartFile, entries: Any, size: int, progress: ProgressCallback) -> list[Range]:
    found: list[Range] = []
    checked, total = 0, sum(end - start for start, end, _hash in entries)
    for start, end, expected in sorted(entries):
        if start < (found[-1].end if found else 0) or not start < end <= min(size, part.size):
            continue
        running = RunningHash(start)

        def tell(position: int, begun: int = checked - start) -> None:
            progress(Progress(Phase.CHECKING, begun + position, total))

        running.catch_up(part.read_into, end, tell)
        checked += end - start
        if running.hexdigest() == expected:
            found.append(Range(start, running))
    return found


def pieces_of(size: int, ranges: list[Range], count: int) -> list[tuple[Range, int]]:
    """What is missing, as about `count` pieces of one size: a range to grow, and the offset until which.

    Ranges that begin in the middle of what is missing are added to `ranges`.
    """
    gaps: list[tuple[Range, int]] = []
    position = 0
    for one in sorted(ranges, key=lambda one: one.start):
        if one.start > position:
            gaps.append((_range_until(ranges, position), one.start))
        position = one.end
    if position < size:
        gaps.append((_range_until(ranges, position), size))
    missing = sum(until - one.end for one, until in gaps)
    step = max(-(-missing // count), SMALLEST_PIECE)
    return [piece for one, until in gaps for piece in _split(ranges, one, until, step)]


def _range_until(ranges: list[Range], position: int) -> Range:
    """The range that ends there; an empty one where none does."""
    for one in ranges:
        if one.end == position:
            return one
    ranges.append(Range(position))
    return ranges[-1]


def _split(ranges: list[Range], first: Range, until: int, step: int) -> list[tuple[Range, int]]:
    pieces, one = [], first
    while until - one.end > step:
        pieces.append((one, one.end + step))
        one = Range(one.end + step)
        ranges.append(one)
    return [*pieces, (one, until)]
