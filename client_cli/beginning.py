"""Whether what is here of a movie is really its beginning: by its hash, never by its length alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from client_cli.part import PartFile
from client_cli.progress import ProgressCallback
from client_cli.values import Movie
from youku_evloop.errors import IntegrityFailure

if TYPE_CHECKING:
    from client_cli.client import Client


def check_beginning(client: Client, movie: Movie, part: PartFile, progress: ProgressCallback) -> None:
    """Make sure that the part file is the beginning of the movie; raises `IntegrityFailure`."""
    size = part.size
    if size > movie.size:
        raise _is_of_other_bytes(movie, part)
    actual = part.hash(progress)
    expected = movie.hash
    if size < movie.size:
        expected = str(client.call("movie.hash", reading=size, movie=movie.id, length=size).get("hash"))
    if actual != expected:
        raise _is_of_other_bytes(movie, part, expected=expected, actual=actual)


def _is_of_other_bytes(movie: Movie, part: PartFile, **facts: str) -> IntegrityFailure:
    """The error that says so, and what to do."""
    return IntegrityFailure(
        f"{part.path} is not the beginning of movie {movie.id} ({movie.name}): repeat with --restart to throw it away"
        " and start over.",
        path=str(part.path),
        movie=movie.id,
        **facts,
    )
