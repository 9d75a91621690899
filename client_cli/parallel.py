"""A download in several parts at once: each range over a connection of its own, into one part file."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

from client_cli.beginning import check_beginning
from client_cli.crew import in_parallel
from client_cli.fetch import fetch
from client_cli.hashing import RunningHash
from client_cli.pace import Pacer
from client_cli.part import PartFile
from client_cli.progress import Phase, Progress, ProgressCallback
from client_cli.ranges import Range, RangeRecord, pieces_of
from client_cli.values import Movie
from youku_evloop.errors import IntegrityFailure, YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

SAVE_EVERY: Final = 16 * 1024 * 1024
"""Bytes that a killed client has to fetch again at most."""


def download_in_parts(
    client: Client,
    movie: Movie,
    part: PartFile,
    record: RangeRecord,
    parts: int,
    progress: ProgressCallback,
    pacer: Pacer,
) -> int:
    """Fetch what is missing over `parts` connections and publish it; how many bytes were there before."""
    ranges = _held(client, movie, part, record, progress)
    resumed_from = sum(one.end - one.start for one in ranges)
    part.check_room(movie.size - resumed_from)
    pieces = pieces_of(movie.size, ranges, parts)
    ledger = Ledger(movie, part, record, ranges, progress)
    try:
        record.save(movie, ranges)  # first, so that no byte is ever without it
        _fetch_all(client, movie, ledger, pieces, parts, pacer)
    finally:
        ledger.close()
    try:
        part.publish(movie.hash, progress)  # out of order nothing could be hashed on the way: it is read once more
    except IntegrityFailure:
        record.remove()
        raise
    record.remove()
    return resumed_from


def _held(client: Client, movie: Movie, part: PartFile, record: RangeRecord, progress: ProgressCallback) -> list[Range]:
    """The ranges that are there, and really the movie's."""
    if record.exists():
        return record.load(movie, part, progress)
    if not part.size:
        return []
    check_beginning(client, movie, part, progress)
    running, size = RunningHash(), part.size
    running.catch_up(part.read_into, size, lambda done: progress(Progress(Phase.CHECKING, done, size)))
    return [Range(0, running)]


class Ledger:
    """What is there, kept by all threads together."""

    def __init__(
        self, movie: Movie, part: PartFile, record: RangeRecord, ranges: list[Range], progress: ProgressCallback
    ) -> None:
        self.part = part
        self._movie = movie
        self._record = record
        self._ranges = ranges
        self._progress = progress
        self._lock = threading.Lock()
        self._done = sum(one.end - one.start for one in ranges)
        self._saved = self._done

    def grow(self, one: Range, data: memoryview) -> None:
        """These bytes of a range have been written."""
        with self._lock:
            one.take(data)
            self._done += len(data)
            if self._done - self._saved >= SAVE_EVERY:
                self._save()
            self._progress(Progress(Phase.TRANSFERRING, self._done, self._movie.size))

    def close(self) -> None:
        """Put down what is there, for another time; nothing where there is nothing."""
        with self._lock:
            if self.part.measure():
                self._save()
            else:
                self._record.remove()

    def _save(self) -> None:
        self._record.save(self._movie, self._ranges)
        self._saved = self._done


class RangeSink:
    """One range of the part file."""

    def __init__(self, ledger: Ledger, one: Range) -> None:
        self._ledger = ledger
        self._range = one

    @property
    def position(self) -> int:
        """Where the range ends so far."""
        return self._range.end

    def append(self, data: memoryview) -> None:
        """Write, then count it as there."""
        self._ledger.part.write_at(data, self._range.end)
        self._ledger.grow(self._range, data)


def _fetch_all(
    client: Client, movie: Movie, ledger: Ledger, pieces: list[tuple[Range, int]], parts: int, pacer: Pacer
) -> None:
    if not pieces:
        return

    def work(client: Client, piece: tuple[Range, int]) -> None:
        fetch(client, movie, RangeSink(ledger, piece[0]), piece[1], pacer)

    with ExitStack() as stack:
        helpers = [stack.enter_context(client.clone()) for _ in range(min(parts, len(pieces)))]
        for _piece, outcome in stack.enter_context(closing(in_parallel(helpers, pieces, work))):
            if isinstance(outcome, YoukuError):
                raise outcome
