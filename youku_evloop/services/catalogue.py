"""The catalogue: what is published, for whom, at which price."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal
from unicodedata import category

import msgspec

from youku_evloop import orm
from youku_evloop.errors import BadRequest, Conflict, MovieExists, NotFound
from youku_evloop.models import DESCRIPTION_LENGTH, NAME_LENGTH, Movie
from youku_evloop.orm.expressions import Ordering
from youku_evloop.services import search
from youku_evloop.services.disk import on_disk
from youku_evloop.services.library import DEFAULT_PRICE, MOST_ROWS, Caller, Library, page, position
from youku_evloop.services.shown import LISTED, Listed, listed

Sort = Literal["newest", "oldest", "title", "size"]
ORDERS: Final[Mapping[Sort, Sequence[Ordering]]] = {
    "newest": (Movie.id.desc(),),
    "oldest": (Movie.id.asc(),),
    "title": (Movie.name.asc(), Movie.id.asc()),
    "size": (Movie.file_size.desc(), Movie.id.desc()),
}
"""Each walks along an index, and ends in something unique, so that a page can begin where the last one ended."""
HIGHEST_PRICE: Final = 100_000_000
PRICES: Final = ("price", "vip_price")
UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that a title must not have: control characters, surrogates, line and paragraph separators."""
UNSEEN: Final = frozenset({"Cf", "Mn", "Me", "Zs"})
"""Categories of which a title must not have nothing else: formats, marks on a letter before, blanks."""
CURSORS: Final[Mapping[Sort, Sequence[str]]] = {
    "newest": ("id",),
    "oldest": ("id",),
    "title": ("name", "id"),
    "size": ("size", "id"),
}
"""What these orders look at, of `Listed`: where a page ended is where the next one begins."""


def list_movies(kind: str, limit: int, cursor: str | None, sort: Sort = "newest") -> tuple[list[Listed], str | None]:
    """A page of movies in an order, and the cursor of the next page (None: this was the last)."""
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequest(f"`limit` is from 1 to {MOST_ROWS}.")
    begins = [] if cursor is None else _position(cursor, sort)
    query = _page(kind, sort, from_start=not begins)
    values = {f"begin_{number}": value for number, value in enumerate(begins)}
    movies = listed(query.given(limit=limit + 1, **values).rows())
    return movies[:limit], _cursor(movies[limit - 1], sort) if len(movies) > limit else None


@cache
def _page(kind: str, sort: Sort, *, from_start: bool) -> orm.Query[Movie]:
    """Inside, only the ids: a walk along an index wherever the page begins (`library.page` says why). In one statement,
    because a way to the database and back costs as much as reading the rows."""
    order = ORDERS[sort]
    query = Movie.select(is_delete=False).columns(Movie.id).order_by(*order)
    if kind != "all":
        query = query.where(Movie.is_free == (kind == "free"))
    if not from_start:
        query = _from(query, order, [orm.Given(f"begin_{number}") for number in range(len(order))])
    ids = query.limit(orm.Given("limit"))
    return Movie.select().join(Movie.user).columns(*LISTED).where(Movie.id.in_(ids)).order_by(*order)


def _from(query: orm.Query[Movie], order: Sequence[Ordering], values: list[Any]) -> orm.Query[Movie]:
    """What follows these values; the first of them twice, as a bound that a database can begin its walk at."""
    first = order[0]
    bound = first.expression <= values[0] if first.direction else first.expression >= values[0]
    return query.where(bound).after(values)


def list_deleted(limit: int, cursor: str | None) -> tuple[list[Movie], str | None]:
    """A page of deleted movies, newest first, and the cursor of the next page."""
    return page(Movie.select(is_delete=True), Movie.select().join(Movie.user), Movie.id, limit, cursor)


def get(movie_id: int) -> Movie:
    """The movie, its uploader joined; raises `NotFound`."""
    movie = Movie.select(id=movie_id, is_delete=False).join(Movie.user).first()
    if movie is None:
        raise NotFound(f"There is no movie {movie_id}; `youku list` shows what there is.", movie=movie_id)
    return movie


def find(size: int, fingerprint: str) -> list[Movie]:
    """Movies of this size and fingerprint, oldest first: these very bytes, if the hash is the same too."""
    if not 0 < size < 2**63:
        raise BadRequest("`size` is the number of bytes, at least 1.")
    twins = Movie.select(fingerprint=fingerprint, file_size=size, is_delete=False).join(Movie.user)
    return twins.order_by(Movie.id).limit(MOST_ROWS).all()


def delete(library: Library, movie_id: int, who: Caller | None = None) -> Movie:
    """Take a movie out of the lists; its history stays, and for a while its bytes. Raises `NotFound`."""
    movie = get(movie_id)
    now = library.now()
    if not Movie.select(id=movie_id, is_delete=False).update(is_delete=True, delete_time=now):
        raise NotFound(f"Movie {movie_id} has just been deleted by somebody else.", movie=movie_id)
    movie.delete_time = now
    library.signals.send("movie_deleted", movie=movie.id, name=movie.name, user=who.id if who else None)
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


def edit(movie_id: int, changes: Mapping[str, Any]) -> Movie:
    """Change title, description, prices, free or paid: only the fields that are named. Raises `NotFound`, `BadRequest`.

    What was bought stays bought, at the price of then.
    """
    _check_fields(changes)
    return orm.current_database().run(_edit, movie_id, changes)


def _edit(movie_id: int, changes: Mapping[str, Any]) -> Movie:
    movie = Movie.select(id=movie_id, is_delete=False).for_update().first()
    if movie is None:
        raise NotFound(f"There is no movie {movie_id}; `youku list` shows what there is.", movie=movie_id)
    before = movie.search_text
    if not changes.keys().isdisjoint(PRICES):
        _check_prices(changes.get("price", movie.price), changes.get("vip_price", movie.vip_price))
    if changes:
        movie.update(**changes)
    search.reindex(movie, before)
    return get(movie_id)


def check(fields: Mapping[str, Any]) -> None:
    """Raise `BadRequest` for what a new movie cannot have as `name`, `description`, `price` or `vip_price`."""
    _check_fields(fields)
    _check_prices(fields.get("price"), fields.get("vip_price"))


def _check_prices(own: int | None, for_vips: int | None) -> None:
    """None: not named. A VIP price that is not named follows the price; one that is must not be above it."""
    normal = DEFAULT_PRICE if own is None else own
    if for_vips is not None and for_vips > normal:
        raise BadRequest(
            f"A VIP price of {for_vips / 100:.2f} yuan is above the price of {normal / 100:.2f} yuan: "
            "VIPs never pay more than others.",
            price=normal,
            vip_price=for_vips,
        )


def _check_fields(changes: Mapping[str, Any]) -> None:
    if "name" in changes:
        check_title(changes["name"])
    if len(changes.get("description", "")) > DESCRIPTION_LENGTH:
        raise BadRequest(f"`description` has at most {DESCRIPTION_LENGTH} characters.")
    for field in PRICES:
        value = changes.get(field)
        if value is not None and not 0 <= value <= HIGHEST_PRICE:
            raise BadRequest(f"`{field}` is in fen, from 0 to {HIGHEST_PRICE}.")


def check_title(name: str) -> None:
    """Raise `BadRequest` for what cannot be a title."""
    kinds = {category(character) for character in name}
    if len(name) > NAME_LENGTH or kinds <= UNSEEN or kinds & UNPRINTABLE:
        raise BadRequest(f"`name`, the title, has 1 to {NAME_LENGTH} characters and no control characters.")


def _cursor(movie: Listed, sort: Sort) -> str:
    """Where a page ended: what the order looks at, as text that clients hand back unread."""
    values = [getattr(movie, name) for name in CURSORS[sort]]
    if len(values) == 1:
        return str(values[0])
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode()


def _position(cursor: str, sort: Sort) -> list[Any]:
    if len(ORDERS[sort]) == 1:
        return [position(cursor)]
    kind = str if sort == "title" else int
    try:
        first, last = msgspec.json.decode(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, msgspec.MsgspecError, TypeError):
        raise BadRequest("`cursor` is the `next` of an earlier reply, unchanged.") from None
    if type(first) is not kind or type(last) is not int or not 0 <= last < 2**63:
        raise BadRequest("`cursor` is the `next` of an earlier reply, unchanged.")
    return [first, last]
