"""The catalogue: what is published, for whom, at which price."""

from __future__ import annotations

from typing import Any, Final

from youku_evloop.errors import BadRequest, NotFound
from youku_evloop.models import Movie
from youku_evloop.services.library import DEFAULT_PRICE, DEFAULT_VIP_PRICE, timestamp

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


def delete(movie_id: int) -> Movie:
    """Take a movie out of the lists; its bytes and its history stay. Raises `NotFound`."""
    movie = get(movie_id)
    if not Movie.select(id=movie_id, is_delete=False).update(is_delete=True):
        raise NotFound(f"Movie {movie_id} has just been deleted by somebody else.", movie=movie_id)
    return movie


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise BadRequest("`cursor` is the `next` of an earlier reply, unchanged.")
    return int(cursor)
