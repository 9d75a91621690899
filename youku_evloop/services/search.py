"""Searching titles and descriptions: several words, parts of words, any script; and who looked for what.

`LIKE '%word%'` reads every movie. Here the grams of the words (`grams`) lead to the few movies that can match: of all
grams asked for the rarest one is walked along, newest movie first, and each movie on the way is compared with the words
themselves. How rare a gram is is found out by counting no further than it matters: among grams that are all very common
the first page is found quickly along any of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from youku_evloop import grams, orm
from youku_evloop.errors import BadRequest
from youku_evloop.models import NAME_LENGTH, Movie, MovieGram, SearchHistory
from youku_evloop.services import history
from youku_evloop.services.library import MOST_ROWS, Caller, Library, position, timestamp
from youku_evloop.services.shown import LISTED, Listed, listed

COUNTED: Final = (1_000, 10_000)
"""Movies: how far grams are counted. Walking along a thousand takes a few milliseconds, and it matters no more which
gram has fewer; only where all have more is it worth while to count further. Beyond, counting costs more than it saves.
"""
MOST_WORDS: Final = 8
FORCED_ORDER: Final = {"mysql": "STRAIGHT_JOIN", "sqlite": "CROSS JOIN"}
"""Both mean: first the gram, then its movie. Left alone, a planner may read all movies in the order of their ids."""
REMEMBERED: Final = 20
"""A user's last searches that are shown."""
MISSED_AMONG: Final = 10_000
"""The latest searches without a result that an administrator's summary looks at."""
FORGOTTEN_AT_ONCE: Final = 200
"""Rows of one statement: a year's backlog in one would take longer than a statement may, now and in every hour."""


def text(name: str, description: str) -> str:
    """What a movie is compared by."""
    return grams.normalised(f"{name}\n{description}")


def index(movie: Movie) -> None:
    """Make a new movie findable by its search text; in the transaction that publishes it."""
    MovieGram.insert_many(_rows(movie, grams.of_text(movie.search_text)))


def reindex(movie: Movie, before: str) -> None:
    """After a change; `before`: the movie's search text until then. In the same transaction."""
    after = text(movie.name, movie.description)
    if after == before:
        return
    old, new = grams.of_text(before), grams.of_text(after)
    gone = old - new
    if gone:
        MovieGram.select(movie_id=movie.id).where(MovieGram.gram.in_(gone)).delete()
    MovieGram.insert_many(_rows(movie, new - old))
    movie.update(search_text=after)


def unindex(movie: Movie) -> None:
    """Make a movie that goes for good unfindable; in the transaction that removes it."""
    MovieGram.select(movie_id=movie.id).where(MovieGram.gram.in_(grams.of_text(movie.search_text))).delete()


def find(
    library: Library, who: Caller, query: str, kind: str, limit: int, cursor: str | None, remember: bool = True
) -> tuple[list[Listed], str | None]:
    """A page of movies that have every word, newest first, and the cursor of the next page.

    A first page goes into the history, unless `remember` is false: for programs that look a title up.

    Raises `BadRequest` for a query without a letter or digit, or with too many words.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequest(f"`limit` is from 1 to {MOST_ROWS}.")
    words = _words(query)
    ids = _matching(words, kind, limit + 1, None if cursor is None else position(cursor))
    shown = Movie.select().join(Movie.user).columns(*LISTED).where(Movie.id.in_(ids))
    found = {movie.id: movie for movie in listed(shown.rows())}
    movies = [found[movie_id] for movie_id in ids if movie_id in found]
    if cursor is None and remember:
        history.remember(library, who, query, bool(movies))
    return movies[:limit], str(ids[limit - 1]) if len(ids) > limit else None


def latest(who: Caller) -> list[SearchHistory]:
    """The caller's last searches, newest first."""
    return SearchHistory.select(user_id=who.id).order_by(SearchHistory.create_time.desc()).limit(REMEMBERED).all()


def forget(who: Caller) -> int:
    """Clear the caller's searches; answers how many."""
    return SearchHistory.select(user_id=who.id).delete()


def sweep(library: Library) -> int:
    """Forget what was searched longer ago than the rules say; answers how many."""
    old = library.now() - timedelta(seconds=library.rules.forget_searches)
    return sum(_forget_older(old, is_found) for is_found in (False, True))


def missed(limit: int) -> list[tuple[str, int, Any]]:
    """What was searched lately and not found: query, how often, when last; the most frequent first."""
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequest(f"`limit` is from 1 to {MOST_ROWS}.")
    lately = SearchHistory.select(is_found=False).order_by(SearchHistory.create_time.desc())
    oldest = lately.columns(SearchHistory.create_time).limit(1).offset(MISSED_AMONG).rows()
    query = SearchHistory.select(is_found=False).group_by(SearchHistory.query)
    if oldest:
        query = query.where(SearchHistory.create_time > oldest[0][0])
    times, last = orm.count(), orm.max(SearchHistory.create_time)
    rows = query.columns(SearchHistory.query, times, last).order_by(times.desc(), last.desc()).limit(limit).rows()
    return [(text, count, when) for text, count, when in rows]


def as_json(search: SearchHistory) -> dict[str, Any]:
    """A search as the wire shows it."""
    return {"query": search.query, "found": search.is_found, "create_time": timestamp(search.create_time)}


def _forget_older(than: datetime, is_found: bool) -> int:
    """By both values of `is_found`, because with it begins the index that is in the order of time."""
    when = SearchHistory.create_time
    searches = SearchHistory.select(is_found=is_found)
    next_bound = searches.where(when < than).columns(when).order_by(when).offset(FORGOTTEN_AT_ONCE - 1).limit(1)
    forgotten = 0
    while bound := next_bound.rows():
        forgotten += searches.where(when <= bound[0][0]).delete()
    return forgotten + searches.where(when < than).delete()


def _rows(movie: Movie, numbers: set[int]) -> list[dict[str, int]]:
    return [{"gram": gram, "movie_id": movie.id} for gram in sorted(numbers)]


def _words(query: str) -> list[str]:
    words = list(dict.fromkeys(grams.words(grams.normalised(query))))
    if not words or len(query) > NAME_LENGTH:
        raise BadRequest(f"`query` has at least one letter or digit, and at most {NAME_LENGTH} characters.")
    if len(words) > MOST_WORDS:
        raise BadRequest(f"`query` has at most {MOST_WORDS} words.")
    return words


def _matching(words: list[str], kind: str, limit: int, before: int | None) -> list[int]:
    """Ids of movies that have all the words, the highest first.

    Single letters are looked for anywhere as long as other words lead the way, otherwise at the beginnings of words;
    either way whatever the numbers of the grams are.
    """
    leading = [word for word in words if grams.leads_anywhere(word)]
    wanted = {gram for word in leading or words for gram in grams.of_word(word)}
    rarest = _rarest(wanted)
    if rarest is None:
        return []
    database = orm.current_database()
    join = FORCED_ORDER[database.dialect]
    sql = f"SELECT g.movie_id FROM `movie_gram` AS g {join} `movie` AS m WHERE m.id = g.movie_id AND g.gram = ?"
    values: list[object] = [rarest]
    if before is not None:
        sql += " AND g.movie_id < ?"
        values.append(before)
    if kind != "all":
        sql += " AND m.is_free = ?"
        values.append(kind == "free")
    for word in words:  # letters and digits only: nothing in them to escape
        sql += " AND m.search_text LIKE ?"
        values.append(f"%{word}%")
    for gram in () if leading else sorted(wanted - {rarest}):
        sql += " AND EXISTS (SELECT 1 FROM `movie_gram` AS o WHERE o.gram = ? AND o.movie_id = g.movie_id)"
        values.append(gram)
    sql += " AND m.is_delete = 0 ORDER BY g.movie_id DESC LIMIT ?"
    return [row[0] for row in database.execute(sql, [*values, limit]).rows]


def _rarest(wanted: set[int]) -> int | None:
    """The gram that the fewest movies have; None when one of them has none."""
    found = 0
    for most in COUNTED:
        fewest = most
        for gram in wanted:
            count = MovieGram.select(gram=gram).limit(fewest).count()
            if not count:
                return None
            if count < fewest:
                fewest, found = count, gram
        if fewest < most:
            return found
    return min(wanted)
