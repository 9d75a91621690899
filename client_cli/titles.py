"""Movies by what people remember of them: an id, a title, or a part of one.

A number is always an id; `title:2012` is the film of that name. Of titles that have every word of what was typed, the
one that is just that wins, otherwise there has to be a single one. Whatever is not found gets suggestions: the newest
movies and those that have a half of a word in common with it (one slip of a finger spoils one half) are compared with
what was typed. Upper and lower case, full and half width are the same.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

import msgspec

from client_cli.text import visible
from client_cli.values import Movie
from youku_evloop.errors import Ambiguous, BadRequest, MovieDeleted, NotFound, UnknownCommand

if TYPE_CHECKING:
    from client_cli.client import Client

Wanted = int | str
"""An id, or a title or a part of one."""

PREFIX: Final = "title:"
"""Before a title that would be taken for an id."""

NUMBER: Final = re.compile(r"0|[1-9][0-9]*")
WORD: Final = re.compile(r"[^\W_]+")

SHOWN: Final = "`youku search` and `youku list` show what there is."
SHOWN_DELETED: Final = "`youku list --type deleted` shows them."
"""Where to look, when nothing is like what was typed."""

LONGEST_ID: Final = 18
"""Digits: what a 64-bit integer holds, whichever they are."""

LONGEST_TITLE: Final = 200
"""Characters; nothing longer needs to be asked for."""

LONGEST_SHOWN: Final = 60
"""Characters of what was typed that a message repeats."""

PAGE: Final = 50
MOST_PAGES: Final = 10
"""Looked through at most: whoever types what five hundred titles have in common has to type more."""
MOST_WORDS: Final = 8
"""Words of a title that the server is asked for; it takes no more."""
MOST_HALVES: Final = 6
"""Further questions that a suggestion is worth."""
MOST_CANDIDATES: Final = 20
MOST_SUGGESTIONS: Final = 3
LIKE_ENOUGH: Final = 0.6
"""From 0, nothing in common, to 1, the same."""


def parse_wanted(text: str) -> Wanted:
    """What somebody typed for a movie; raises `BadRequest` for what can be neither."""
    if NUMBER.fullmatch(text):
        if len(text) > LONGEST_ID or text == "0":
            raise BadRequest(f"{_short(text)} is no id; for a title of digits, write {PREFIX}{_short(text)}.")
        return int(text)
    title = text.removeprefix(PREFIX).strip()
    if not title:
        raise BadRequest("A movie is named by its id, its title or a part of it: this is empty.")
    return title


def find_id(client: Client, wanted: Wanted, *, deleted: bool = False, whole: bool = False) -> int:
    """The id of a movie that is there, or of one that is `deleted`. An id is taken as it is, without asking the server.

    `whole`: a part of a title is not enough. Raises `Ambiguous` and `NotFound`.
    """
    return wanted if isinstance(wanted, int) else find_title(client, wanted, deleted=deleted, whole=whole).id


def find_movie(client: Client, wanted: Wanted, *, whole: bool = False) -> Movie:
    """The movie with its description; raises `Ambiguous` and `NotFound`."""
    number = find_id(client, wanted, whole=whole)
    try:
        return client.movie(number)
    except MovieDeleted:
        raise
    except NotFound as error:
        titled = [] if isinstance(wanted, str) else _matching(_found(client, str(wanted)), str(wanted))
        if not titled:
            raise
        message = f"{error.message} For the title, write {PREFIX}{wanted}."
        raise NotFound(message, **error.facts, **_facts(titled)) from None


def find_deleted(client: Client, wanted: Wanted, *, whole: bool = False) -> Movie:
    """The movie that was deleted, by its id or its title; raises `Ambiguous` and `NotFound`."""
    if isinstance(wanted, str):
        return find_title(client, wanted, deleted=True, whole=whole)
    for movie in _deleted(client, pages=sys.maxsize):
        if movie.id == wanted:
            return movie
    raise NotFound(
        f"Movie {wanted} is not among the deleted ones: `youku list --type deleted` shows them.", movie=wanted
    )


def find_title(client: Client, title: str, *, deleted: bool = False, whole: bool = False) -> Movie:
    """The one movie that the title, or the part of one, can mean; raises `Ambiguous` and `NotFound`."""
    movies = list(_deleted(client) if deleted else _found(client, title))
    found = _matching(movies, title)
    same = [movie for movie in found if comparable(movie.name) == comparable(title)]
    candidates = same or found
    if len(candidates) == 1 and (same or not whole):
        return candidates[0]
    if candidates:
        raise Ambiguous(_which_of(candidates, title), title=title, **_facts(candidates))
    if not deleted and (gone := _bought_and_gone(client, title)):
        return client.movie(gone)  # the server says that it is
    near = _near(movies if deleted else _alike(client, title), title)
    what, shown = ("deleted movie", SHOWN_DELETED) if deleted else ("movie", SHOWN)
    hint = f"Did you mean {_either(near)}?" if near else shown
    raise NotFound(f"No {what} has {_short(title)!r} in its title. {hint}", title=title, **_facts(near))


def _bought_and_gone(client: Client, title: str) -> int | None:
    """The id of a movie of this title that was bought before it was taken out of the library."""
    try:
        purchases = client.purchases(PAGE).rows
    except UnknownCommand:  # a server from before there was anything to buy
        return None
    gone = (bought for bought in purchases if bought.deleted and _has_words(bought.name or "", title))
    return next((bought.movie for bought in gone), None)


def _which_of(candidates: list[Movie], title: str) -> str:
    """What is said of a title that can mean these."""
    if len(candidates) > 1:
        return f"{len(candidates)} movies could be {_short(title)!r}: name one by its id."
    movie = candidates[0]
    return f"A part of a title is too little for this: write the id {movie.id}, or all of {visible(movie.name)!r}."


def _short(typed: str) -> str:
    """For a message; what is cut was typed by whoever reads it."""
    return visible(typed) if len(typed) <= LONGEST_SHOWN else f"{visible(typed[:LONGEST_SHOWN])}…"


def comparable(text: str) -> str:
    """The form in which titles are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _matching(movies: Iterable[Movie], title: str) -> list[Movie]:
    return [movie for movie in movies if _has_words(movie.name, title)]


def _has_words(name: str, title: str) -> bool:
    """Whether what was typed of a title can mean the movie of this name."""
    return all(word in comparable(name) for word in comparable(title).split())


def _found(client: Client, title: str) -> Iterator[Movie]:
    """What the server has with these words, in titles or descriptions, newest first."""
    query = " ".join(WORD.findall(comparable(title))[:MOST_WORDS])
    cursor = None
    for _ in range(MOST_PAGES if 0 < len(query) <= LONGEST_TITLE else 0):
        page = client.search(query, limit=PAGE, cursor=cursor, remember=False)
        yield from page.movies
        cursor = page.next
        if cursor is None:
            return


def _deleted(client: Client, pages: int = MOST_PAGES) -> Iterator[Movie]:
    cursor = None
    for _ in range(pages):
        page = client.deleted_movies(PAGE, cursor)
        yield from page.rows
        cursor = page.next
        if cursor is None:
            return


def _alike(client: Client, title: str) -> list[Movie]:
    """Movies that may be meant by a title that nothing has."""
    movies = {movie.id: movie for movie in client.movie_page(limit=PAGE).movies}
    if len(title) > LONGEST_TITLE:
        return []
    for half in list(_halves(title))[:MOST_HALVES]:
        movies.update((movie.id, movie) for movie in client.search(half, limit=PAGE, remember=False).movies)
    return list(movies.values())


def _halves(title: str) -> Iterator[str]:
    for word in WORD.findall(comparable(title)):
        middle = len(word) // 2
        if middle > 2 or (not word.isascii() and middle):
            yield from (word[:middle], word[middle:])
        else:
            yield word


def _near(movies: Iterable[Movie], title: str) -> list[Movie]:
    """The likest ones, the likest first."""
    likeness = [(_likeness(comparable(movie.name), comparable(title)), movie) for movie in movies]
    near = [(like, movie) for like, movie in likeness if like >= LIKE_ENOUGH]
    return [movie for _, movie in sorted(near, key=lambda pair: -pair[0])][:MOST_SUGGESTIONS]


def _likeness(title: str, typed: str) -> float:
    """How much of the words that were typed the title has; single letters that happen to be there do not count."""
    words = typed.split()
    common = [part for word in words for part in _common(title, word) if len(part) > 1 or not part.isascii()]
    return sum(map(len, common)) / sum(map(len, words))


def _common(title: str, word: str) -> Iterator[str]:
    """The pieces of the word that the title has, in the same order."""
    for _, start, size in SequenceMatcher(None, title, word, autojunk=False).get_matching_blocks():
        yield word[start : start + size]


def _either(near: list[Movie]) -> str:
    *others, last = [f"{visible(movie.name)!r} ({movie.id})" for movie in near]
    return f"{', '.join(others)} or {last}" if others else last


def _facts(movies: list[Movie]) -> dict[str, Any]:
    """The candidates for a program, the newest or the likest first, and whether there are more."""
    candidates = [msgspec.to_builtins(movie) for movie in movies[:MOST_CANDIDATES]]
    return {"candidates": candidates, "more": len(movies) > MOST_CANDIDATES}
