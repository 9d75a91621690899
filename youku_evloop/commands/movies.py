"""Movies: list, search, look, read, change."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET, UnsetType

from youku_evloop.commands.base import Access, Call, Command, Id, Paged, Results
from youku_evloop.models import Movie
from youku_evloop.services import catalogue, downloads, removal, search, shown
from youku_evloop.services.downloads import Range
from youku_evloop.services.library import timestamp
from youku_evloop.wire.messages import Request


class ListMovies(Paged, tag="movie.list"):
    """A page of the movies of one type; a cursor belongs to the order that it came from."""

    type: Literal["all", "free", "charge"] = "all"
    sort: catalogue.Sort = "newest"


class ListDeleted(Paged, tag="movie.deleted"):
    """A page of what was deleted."""


class SearchMovies(Paged, tag="movie.search"):
    """A page of what has all words of the query; `remember` puts that among the asker's searches."""

    query: str
    type: Literal["all", "free", "charge"] = "all"
    remember: bool = True


class RecentSearches(Request, tag="search.list"):
    """Nothing: the asker's last searches."""


class ClearSearches(Request, tag="search.clear"):
    """Nothing: all of the asker's searches are forgotten."""


class MissedSearches(Request, tag="search.missed"):
    """How many of the searches that found nothing."""

    limit: int = 20


class FindMovies(Request, tag="movie.find"):
    """What a file is known by before it is read whole: bytes, and the fingerprint in hexadecimal."""

    size: int
    fingerprint: str


class OneMovie(Request):
    """A movie by its id."""

    movie: Id


class ShowMovie(OneMovie, tag="movie.show"):
    """The movie to be shown whole, description and all."""


class DeleteMovie(OneMovie, tag="movie.delete"):
    """The movie to be taken out of the lists, for a while."""


class PurgeMovie(OneMovie, tag="movie.purge"):
    """The deleted movie to be removed for good, bytes and all."""


class RestoreMovie(OneMovie, tag="movie.restore"):
    """The deleted movie to be put back into the lists."""


class EditMovie(OneMovie, tag="movie.edit"):
    """What is to change; unset: as it was. Prices are fen, null the server's."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    is_free: bool | UnsetType = UNSET
    price: int | UnsetType | None = UNSET
    vip_price: int | UnsetType | None = UNSET


class ReadMovie(OneMovie, tag="movie.read"):
    """A range of the movie's bytes; null: to the end."""

    offset: int = 0
    length: int | None = None


class HashMovie(OneMovie, tag="movie.hash"):
    """How many bytes, from the first, are to be hashed."""

    length: int


def list_movies(call: Call, arguments: ListMovies) -> Results:
    a = arguments
    listed, following = catalogue.list_movies(a.type, a.limit, a.cursor, a.sort)
    return {"movies": listed, "next": following}


def search_movies(call: Call, arguments: SearchMovies) -> Results:
    a = arguments
    found, following = search.find(call.library, call.who, a.query, a.type, a.limit, a.cursor, a.remember)
    return {"movies": found, "next": following}


def find_movies(call: Call, arguments: FindMovies) -> Results:
    found = catalogue.find(arguments.size, arguments.fingerprint)
    return {"movies": [shown.as_json(movie) for movie in found]}


def recent_searches(call: Call, arguments: RecentSearches) -> Results:
    return {"searches": [search.as_json(row) for row in search.latest(call.who)]}


def missed_searches(call: Call, arguments: MissedSearches) -> Results:
    rows = search.missed(arguments.limit)
    return {"searches": [{"query": query, "times": times, "last": timestamp(last)} for query, times, last in rows]}


def show_movie(call: Call, arguments: ShowMovie) -> Results:
    movie: shown.Listed | None = shown.one(arguments.movie)
    if movie is None:  # find() knows why, and to whom to say so
        movie = shown.as_json(downloads.find(call.who, arguments.movie), whole=True)
    return {"movie": movie}


def delete_movie(call: Call, arguments: DeleteMovie) -> Results:
    movie = catalogue.delete(call.library, arguments.movie, call.who)
    until = catalogue.restorable_until(call.library, movie)
    return {"movie": shown.as_json(movie), "restorable_until": timestamp(until)}


def purge_movie(call: Call, arguments: PurgeMovie) -> Results:
    removal.purge(call.library, arguments.movie)
    return {}


def restore_movie(call: Call, arguments: RestoreMovie) -> Results:
    return {"movie": shown.as_json(catalogue.restore(call.library, arguments.movie))}


def edit_movie(call: Call, arguments: EditMovie) -> Results:
    named = {name: getattr(arguments, name) for name in ("name", "description", "is_free", "price", "vip_price")}
    changes = {name: value for name, value in named.items() if value is not UNSET}
    return {"movie": shown.as_json(catalogue.edit(arguments.movie, changes), whole=True)}


def read_movie(call: Call, arguments: ReadMovie) -> None:
    def send(piece: Range) -> int:
        movie = piece.movie
        results = {"movie": movie.id, "size": movie.file_size, "hash": movie.file_hash, "offset": piece.offset}
        return call.send_range(results, piece)

    downloads.read(call.library, call.who, arguments.movie, arguments.offset, arguments.length, send)


def hash_movie(call: Call, arguments: HashMovie) -> Results:
    return {"hash": downloads.prefix_hash(call.library, call.who, arguments.movie, arguments.length)}


def _page(movies: list[Movie], following: str | None) -> Results:
    return {"movies": [shown.as_json(movie) for movie in movies], "next": following}


COMMANDS: Final = (
    Command(ListMovies, Access.USER, list_movies),
    Command(ShowMovie, Access.USER, show_movie),
    Command(FindMovies, Access.USER, find_movies),
    Command(ReadMovie, Access.USER, read_movie),
    Command(HashMovie, Access.USER, hash_movie),
    Command(DeleteMovie, Access.ADMIN, delete_movie),
    Command(ListDeleted, Access.ADMIN, lambda call, a: _page(*catalogue.list_deleted(a.limit, a.cursor))),
    Command(PurgeMovie, Access.ADMIN, purge_movie),
    Command(RestoreMovie, Access.ADMIN, restore_movie),
    Command(EditMovie, Access.ADMIN, edit_movie),
    Command(SearchMovies, Access.USER, search_movies),
    Command(RecentSearches, Access.USER, recent_searches),
    Command(ClearSearches, Access.USER, lambda call, _: {"cleared": search.forget(call.who)}),
    Command(MissedSearches, Access.ADMIN, missed_searches),
)
