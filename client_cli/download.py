"""Fetching one movie: resumed onto bytes that are really its own, hashed on the way, complete or not there at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from client_cli.hashing import RunningHash
from client_cli.names import file_name_from
from client_cli.pace import Pacer
from client_cli.part import PartFile, unusable
from client_cli.progress import Phase, Progress, ProgressCallback
from client_cli.values import Movie
from youku_evloop.errors import Conflict, IntegrityFailure, NoSpace, NotFound, YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

BUFFER_SIZE: Final = 256 * 1024
"""Bytes received, hashed and written at a time: they stay in the processor's cache between the three."""


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
    limit_rate: int | None,
) -> Download:
    """See `Client.download`."""
    path = target_path(movie, target)
    if _is_there(movie, path, force, progress):
        return Download(movie, path, movie.size, was_there=True)
    with PartFile(path) as part:
        downloader = Downloader(client, movie, part, progress, limit_rate)
        resumed_from = downloader.prepare(restart)
        downloader.run()
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


class Downloader:
    """One movie on its way into its part file."""

    def __init__(
        self, client: Client, movie: Movie, part: PartFile, progress: ProgressCallback, limit_rate: int | None
    ) -> None:
        self._client = client
        self._movie = movie
        self._part = part
        self._progress = progress
        self._pacer = Pacer(limit_rate)
        self._buffer = memoryview(bytearray(BUFFER_SIZE))

    def prepare(self, restart: bool) -> int:
        """Make sure that what is here already belongs to the movie; how many bytes that is."""
        if restart:
            self._part.clear()
        if self._part.size:
            self._check_beginning()
        self._part.check_room(self._movie.size)
        return self._part.size

    def run(self) -> None:
        """Fetch the rest, over as many connections as it takes, and publish it."""
        retry = self._client.retry()
        while self._part.size < self._movie.size:
            before = self._part.size
            try:
                self._receive()
            except (NoSpace, IntegrityFailure):
                raise  # of this side: the server never answers them to a read
            except YoukuError as error:
                if self._part.size > before:
                    retry.progressed()
                self._client.recover(error, retry)
        self._progress(Progress(Phase.FINISHING, self._movie.size, self._movie.size))
        self._part.publish(self._movie.hash)

    def _check_beginning(self) -> None:
        size, movie = self._part.size, self._movie
        if size > movie.size:
            raise self._is_of_other_bytes()
        actual = self._part.hash(self._progress)
        expected = movie.hash if size == movie.size else self._hash_of_beginning(size)
        if actual != expected:
            raise self._is_of_other_bytes(expected=expected, actual=actual)

    def _hash_of_beginning(self, length: int) -> str:
        return str(self._client.call("movie.hash", reading=length, movie=self._movie.id, length=length).get("hash"))

    def _is_of_other_bytes(self, **facts: str) -> IntegrityFailure:
        return IntegrityFailure(
            f"{self._part.path} is not the beginning of movie {self._movie.id} ({self._movie.name}): repeat with"
            " --restart to throw it away and start over.",
            path=str(self._part.path),
            movie=self._movie.id,
            **facts,
        )

    def _receive(self) -> None:
        """One reply's worth: to the end, unless the connection breaks."""
        connection = self._client.connection()
        reply = connection.request("movie.read", movie=self._movie.id, offset=self._part.size)
        if (reply.get("size"), reply.get("hash")) != (self._movie.size, self._movie.hash):
            self._client.close()
            raise IntegrityFailure(
                f"Movie {self._movie.id} is not the one it was a moment ago: repeat the command.", movie=self._movie.id
            )
        while count := connection.receive_body(self._buffer):
            self._part.append(self._buffer[:count])
            self._pacer.spend(count)
            self._progress(Progress(Phase.TRANSFERRING, self._part.size, self._movie.size))


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
