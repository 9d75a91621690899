"""Movies as the wire shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from youku_evloop import orm
from youku_evloop.models import Movie, User
from youku_evloop.services.library import DEFAULT_PRICE, DEFAULT_VIP_PRICE

LISTED: Final[Sequence[orm.Expression[Any]]] = (
    *(Movie.id, Movie.name, Movie.file_size, Movie.file_hash, Movie.is_free.stored, Movie.price, Movie.vip_price),
    *(Movie.create_time.stored, User.name),
)
"""The columns that `listed` makes a movie of. Whole objects, of two tables, take several times as long to read."""


class Listed(msgspec.Struct, gc=False):
    """A movie in a list. Sizes are bytes, prices fen, the time is UTC."""

    id: int
    name: str
    size: int
    hash: str
    is_free: bool
    price: int
    vip_price: int
    create_time: str
    uploader: str


class Shown(Listed, gc=False):
    """A movie by itself."""

    description: str


def listed(rows: Iterable[tuple[Any, ...]]) -> list[Listed]:
    """The movies of rows of `LISTED`."""
    movies = []
    for number, name, size, digest, free, own, for_vips, time, uploader in rows:
        price, vip_price = prices(free, own, for_vips)
        second = f"{time[:10]}T{time[11:19]}Z"
        movies.append(Listed(number, name, size, digest, free == 1, price, vip_price, second, uploader))
    return movies


ONE: Final = Movie.select(id=orm.Given("movie"), is_delete=False).join(Movie.user).columns(*LISTED, Movie.description)


def one(movie_id: int) -> Shown | None:
    """A movie of the lists, by itself; None: there is none."""
    for *columns, description in ONE.given(movie=movie_id).rows():
        return Shown(**msgspec.structs.asdict(listed([tuple(columns)])[0]), description=description)
    return None


def as_json(movie: Movie, *, whole: bool = False) -> Listed:
    """A movie as the wire shows it; `whole`: with its description. `movie.user` must be joined."""
    m = movie
    cost = prices(m.is_free, m.price, m.vip_price)
    second = f"{m.create_time.isoformat()[:19]}Z"
    columns = (m.id, m.name, m.file_size, m.file_hash, m.is_free, *cost, second, m.user.name)
    return Shown(*columns, m.description) if whole else Listed(*columns)


def price(movie: Movie) -> int:
    """What it costs, in fen."""
    return prices(movie.is_free, movie.price, movie.vip_price)[0]


def vip_price(movie: Movie) -> int:
    """What it costs a VIP, in fen."""
    return prices(movie.is_free, movie.price, movie.vip_price)[1]


def prices(is_free: bool, price: int | None, vip_price: int | None) -> tuple[int, int]:
    """What a movie costs anybody and a VIP, who never pays more, in fen; None: it names no price of its own."""
    if is_free:
        return 0, 0
    everybody = DEFAULT_PRICE if price is None else price
    return everybody, min(everybody, DEFAULT_VIP_PRICE if vip_price is None else vip_price)
