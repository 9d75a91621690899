"""Fetching one movie: resumed onto bytes that are really its own, hashed on the way, complete or not there at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from client_cli.beginning import check_beginning
from client_cli.fetch import fetch
from client_cli.hashing import RunningHash
from client_cli.names import file_name_from
from client_cli.pace import Pacer, Rate, pacer_for
from client_cli.part import PartFile, unusable
from client_cli.progress import Phase, Progress, ProgressCallback
from client_cli.ranges import RangeRecord
from client_cli.values import Movie
from youku_evloop.errors import Conflict, IntegrityFailure, NotFound

if TYPE_CHECKING:
    from client_cli.client import Client


@dataclass(frozen=True, slots=True)
class Download:
    """What came of it: `resumed_from` bytes were here before; all of them, and untouched, when `was_there`."""

    movie: Movie
    path: Path
    resumed_from: int
    was_there: bool


def download(
    client: Client,
    movie: Movie,
    target: str | Path | None,
    *,
    restart: bool,
    force: bool,
    progress: ProgressCallback,
    limit_rate: Rate,
    parts: int,
) -> Download:
    """See `Client.download`."""
    path = target_path(movie, target)
    if _is_there(movie, path, force, progress):
        return Download(movie, path, movie.size, was_there=True)
    with PartFile(path) as part:
        record = RangeRecord(part.path)
        if restart:
            part.clear()
        if not part.size:
            record.remove()
        if parts > 1 or record.exists():
            from client_cli.parallel import download_in_parts

            resumed_from = download_in_parts(client, movie, part, record, parts, progress, pacer_for(limit_rate))
        else:
            resumed_from = _download_in_order(client, movie, part, progress, pacer_for(limit_rate))
    return Download(movie, path, resumed_from, was_there=False)


def target_path(movie: Movie, target: str | Path | None) -> Path:
    """Where the movie goes: `target` itself, or under a safe form of its title where `target` is a directory."""
    name = file_name_from(movie.name, otherwise=f"movie-{movie.id}")
    if target is None:
        return Path(name)
    path = Path(target)
    if path.is_dir():
        return path / name
    if str(target).endswith("/"):
        raise NotFound(f"There is no directory {path}: make it, or name another place with -o.", path=str(path))
    return path


class PartSink:
    """A part file that grows from its beginning, and says how far it is."""

    def __init__(self, part: PartFile, total: int, progress: ProgressCallback) -> None:
        self._part = part
        self._total = total
        self._progress = progress

    @property
    def position(self) -> int:
        """The size of the part file."""
        return self._part.size

    def append(self, data: memoryview) -> None:
        """Write, and tell."""
        self._part.append(data)
        self._progress(Progress(Phase.TRANSFERRING, self._part.size, self._total))


def _download_in_order(client: Client, movie: Movie, part: PartFile, progress: ProgressCallback, pacer: Pacer) -> int:
    """From where the part file ends to the end of the movie; how many bytes were there before."""
    if part.size:
        check_beginning(client, movie, part, progress)
    resumed_from = part.size
    part.check_room(movie.size - part.size)
    fetch(client, movie, PartSink(part, movie.size, progress), movie.size, pacer)
    progress(Progress(Phase.FINISHING, movie.size, movie.size))
    part.publish(movie.hash)
    return resumed_from


class StreamSink:
    """A stream that takes bytes once and for all: they are hashed as they pass."""

    def __init__(self, write: Callable[[memoryview], object], total: int, progress: ProgressCallback) -> None:
        self.position = 0
        self._write = write
        self._hash = RunningHash()
        self._total = total
        self._progress = progress

    def append(self, data: memoryview) -> None:
        """Hash, write, and tell."""
        self._hash.take(self.position, data)
        self._write(data)
        self.position += len(data)
        self._progress(Progress(Phase.TRANSFERRING, self.position, self._total))

    def check(self, movie: Movie) -> None:
        """Raises `IntegrityFailure` when other bytes have passed than the movie's."""
        actual = self._hash.hexdigest()
        if actual != movie.hash:
            raise IntegrityFailure(
                f"What was written is not movie {movie.id}: throw it away and repeat the command.",
                movie=movie.id,
                expected=movie.hash,
                actual=actual,
            )


def stream(
    client: Client, movie: Movie, write: Callable[[memoryview], object], progress: ProgressCallback, limit_rate: Rate
) -> None:
    """See `Client.stream`."""
    sink = StreamSink(write, movie.size, progress)
    fetch(client, movie, sink, movie.size, pacer_for(limit_rate))
    sink.check(movie)


def _is_there(movie: Movie, path: Path, force: bool, progress: ProgressCallback) -> bool:
    """Whether the file is there already, whole and the same; raises `Conflict` where it is another one."""
    try:
        is_same = path.exists() and path.stat().st_size == movie.size and _hash(path, progress) == movie.hash
        if path.exists() and not is_same and not force:
            raise Conflict(
                f"{path} exists and is not movie {movie.id}: replace it with --force, or name another place with -o.",
                path=str(path),
                movie=movie.id,
            )
    except OSError as problem:
        raise unusable(path, problem) from None
    return is_same


def _hash(path: Path, progress: ProgressCallback) -> str:
    running = RunningHash()
    with path.open("rb", buffering=0) as file:
        size = path.stat().st_size

        def read_into(view: memoryview, _offset: int) -> None:
            while view:
                count = file.readinto(view)
                if not count:
                    raise Conflict(f"{path} changed while it was read: repeat the command.", path=str(path))
                view = view[count:]

        running.catch_up(read_into, size, lambda done: progress(Progress(Phase.CHECKING, done, size)))
    return running.hexdigest()
