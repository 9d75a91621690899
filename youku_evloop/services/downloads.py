"""Downloads: who may have which bytes, and the record of what was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from youku_evloop.errors import BadRequest, IntegrityFailure, PaymentRequired
from youku_evloop.models import DownloadRecord, Movie, Purchase, PurchaseKind, PurchaseState
from youku_evloop.services import catalogue
from youku_evloop.services.library import Caller, Library


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of a movie's blob, open for reading."""

    movie: Movie
    fd: int
    offset: int
    count: int


def read(
    library: Library, who: Caller, movie_id: int, offset: int, length: int | None, send: Callable[[Range], int]
) -> None:
    """Send a range of a movie and put it on record; `send` answers how many bytes went out, even if not all did.

    Raises `NotFound`, `PaymentRequired`, `BadRequest` for a range outside the movie.
    """
    movie = _readable(who, movie_id)
    count = _count(movie, offset, length)
    record = _record(who, movie, offset)
    fd = _open(library, movie)
    sent = 0
    try:
        sent = send(Range(movie, fd, offset, count))
    finally:
        library.store.close(fd)
        _note(record, movie, offset, sent)


def prefix_hash(library: Library, who: Caller, movie_id: int, length: int) -> str:
    """BLAKE3 of the first `length` bytes of a movie. Errors as `read`."""
    movie = _readable(who, movie_id)
    if not 0 <= length <= movie.file_size:
        raise BadRequest(f"`length` is from 0 to {movie.file_size}, the size of movie {movie_id}.")
    if length == movie.file_size:
        return movie.file_hash
    return library.in_thread(library.store.hash_blob, movie.file_hash, length)


def _readable(who: Caller, movie_id: int) -> Movie:
    movie = catalogue.get(movie_id)
    if movie.is_free or who.is_admin or _has_bought(who, movie):
        return movie
    price = catalogue.price(movie)
    raise PaymentRequired(f"Movie {movie_id} has to be bought first.", movie=movie_id, price=price)


def _has_bought(who: Caller, movie: Movie) -> bool:
    return Purchase.select(
        user_id=who.id, movie_id=movie.id, kind=PurchaseKind.MOVIE, state=PurchaseState.PAID
    ).exists()


def _count(movie: Movie, offset: int, length: int | None) -> int:
    size = movie.file_size
    if not 0 <= offset <= size:
        raise BadRequest(f"`offset` is from 0 to {size}, the size of movie {movie.id}.", size=size)
    if length is not None and not 0 <= length <= size - offset:
        raise BadRequest(f"`length` is from 0 to {size - offset}, what is left after the offset.", size=size)
    return size - offset if length is None else length


def _open(library: Library, movie: Movie) -> int:
    try:
        return library.store.open_blob(movie.file_hash)
    except FileNotFoundError:
        message = f"The bytes of movie {movie.id} are missing on the server: tell an administrator."
        raise IntegrityFailure(message, movie=movie.id) from None


def _record(who: Caller, movie: Movie, offset: int) -> DownloadRecord:
    """A download that goes on is one line, not two."""
    if offset:
        mine = DownloadRecord.select(user_id=who.id, movie_id=movie.id, completed=False)
        unfinished = mine.order_by(DownloadRecord.id.desc()).first()
        if unfinished is not None:
            return unfinished
    return DownloadRecord.create(user_id=who.id, movie_id=movie.id)


def _note(record: DownloadRecord, movie: Movie, offset: int, sent: int) -> None:
    completed = offset + sent == movie.file_size
    changes = {"bytes_sent": DownloadRecord.bytes_sent + sent} | ({"completed": True} if completed else {})
    DownloadRecord.select(id=record.id).update(**changes)
