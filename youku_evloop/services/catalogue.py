"""The catalogue: what is published, for whom, at which price."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from youku_evloop.errors import BadRequest, Conflict, MovieExists, NotFound
from youku_evloop.models import Movie
from youku_evloop.services.disk import on_disk
from youku_evloop.services.library import DEFAULT_PRICE, DEFAULT_VIP_PRICE, Library, timestamp

MOST_ROWS: Final = 50
"""Movies of one reply: with the longest names they still fit a frame."""


def as_json(movie: Movie, *, whole: bool = False) -> dict[str, Any]:
    """A movie as the wire shows it; `whole`: with its description. `movie.user` must be joined."""
    shown = {
        "id": movie.id,
        "name": movie.name,
        "size": movie.file_size,
        "hash": movie.file_hash,
        "is_free": movie.is_free,
        "price": price(movie),
        "vip_price": vip_price(movie),
        "create_time": timestamp(movie.create_time),
        "uploader": movie.user.name,
    }
    if whole:
        shown["description"] = movie.description
    return shown


def price(movie: Movie) -> int:
    """What it costs, in fen."""
    return 0 if movie.is_free else DEFAULT_PRICE if movie.price is None else movie.price


def vip_price(movie: Movie) -> int:
    """What it costs a VIP, in fen."""
    return 0 if movie.is_free else DEFAULT_VIP_PRICE if movie.vip_price is None else movie.vip_price


def list_movies(kind: str, limit: int, cursor: str | None) -> tuple[list[Movie], str | None]:
    """A page of movies, newest first, and the cursor of the next page (None: this was the last)."""
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequest(f"`limit` is from 1 to {MOST_ROWS}.")
    query = Movie.select(is_delete=False).join(Movie.user).order_by(Movie.id.desc())
    if kind != "all":
        query = query.where(Movie.is_free == (kind == "free"))
    if cursor is not None:
        query = query.where(Movie.id < _position(cursor))
    movies = query.limit(limit + 1).all()
    more = len(movies) > limit
    return movies[:limit], str(movies[limit - 1].id) if more else None


def get(movie_id: int) -> Movie:
    """The movie, its uploader joined; raises `NotFound`."""
    movie = Movie.select(id=movie_id, is_delete=False).join(Movie.user).first()
    if movie is None:
        raise NotFound(f"There is no movie {movie_id}; `youku list` shows what there is.", movie=movie_id)
    return movie


def delete(library: Library, movie_id: int) -> Movie:
    """Take a movie out of the lists; its history stays, and for a while its bytes. Raises `NotFound`."""
    movie = get(movie_id)
    now = library.now()
    if not Movie.select(id=movie_id, is_delete=False).update(is_delete=True, delete_time=now):
        raise NotFound(f"Movie {movie_id} has just been deleted by somebody else.", movie=movie_id)
    movie.delete_time = now
    return movie


def restore(library: Library, movie_id: int) -> Movie:
    """Put a deleted movie back into the lists.

    Raises `NotFound` when there is none or its bytes are gone, `Conflict` when it is not deleted, `MovieExists` when
    another movie has its title and its bytes by now.
    """
    movie = Movie.select(id=movie_id).join(Movie.user).first()
    if movie is None:
        raise NotFound(f"There never was a movie {movie_id}.", movie=movie_id)
    if not movie.is_delete:
        raise Conflict(f"Movie {movie_id} is not deleted.", movie=movie_id)
    twin = Movie.select(file_hash=movie.file_hash, name=movie.name, is_delete=False).first()
    if twin is not None:
        raise MovieExists(f"Movie {twin.id} has the same title and the same bytes.", movie=twin.id)
    if not on_disk(library, library.store.keep_blob, movie.file_hash, movie.file_size):
        days = f"{library.keeping.keep_deleted:g}"
        message = f"The bytes of movie {movie_id} are gone: deleted movies are kept for {days} days. Upload it again."
        raise NotFound(message, movie=movie_id)
    if not Movie.select(id=movie_id, is_delete=True).update(is_delete=False, delete_time=None):
        raise Conflict(f"Movie {movie_id} has just been restored by somebody else.", movie=movie_id)
    return movie


def restorable_until(library: Library, movie: Movie) -> datetime | None:
    """Until when a deleted movie can be restored; None: it is not deleted."""
    if movie.delete_time is None:
        return None
    return movie.delete_time + timedelta(days=library.keeping.keep_deleted)


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise BadRequest("`cursor` is the `next` of an earlier reply, unchanged.")
    return int(cursor)
