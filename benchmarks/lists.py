"""Lists, deep pages and searches on MariaDB, as the library grows: how long a request takes, one client at a time.

    benchmarks/run lists

Libraries of 1,000 to 1,000,000 movies, with a tenth of that in users and ten times as many records of downloads, are
filled by LOAD DATA; then a real server is asked over a real connection. The figures are round trips as the client sees
them, so the server's own time is a little less. Titles are Chinese, English or both; words and characters are as
unevenly frequent as in real ones (Zipf): some searches match a tenth of all, others one movie.
"""

from __future__ import annotations

import base64
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.crowd import add_account
from benchmarks.harness import MILLISECONDS, Bench, free_port, run_alone, serving, youku_command
from benchmarks.tables import Axes, Goal, Table
from tests.support.mariadb import MariaDB
from tests.support.wire import Wire
from youku_evloop import grams, orm, schema
from youku_evloop.models import MODELS

LIBRARIES: Final = (1_000, 10_000, 100_000, 1_000_000)
MOVIES_PER_USER: Final = 10
RECORDS_PER_MOVIE: Final = 10
REPEATS: Final = 30
LIMIT: Final = 50.0
TIME: Final = "2026-01-01 00:00:00.000000"
SYLLABLES: Final = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "ou")]
DRAWN: Final = (
    "movies, deep page", "by title, deep page", "all records, deep page", "search: a common word",
    "search: a rare word", "search: three common words",
)  # fmt: skip
"""What the plot shows of all that is asked."""


def measure(bench: Bench) -> Iterator[Table]:
    """Everything in the largest library, and how some of it grew until there."""
    libraries = bench.some(LIBRARIES, (100,))
    found = [round_trips(bench, movies) for movies in libraries]
    goal = Goal.at_most(LIMIT, max(middle for middle, _ in found[-1].values()), "ms")
    yield Table(f"round trips, {libraries[-1]:,} movies", ("median ms", "worst ms"), found[-1], goal, bars="worst ms")
    growth = {f"{movies:,}": [each[what][0] for what in DRAWN] for movies, each in zip(libraries, found, strict=True)}
    axes = Axes(libraries, "movies in the library", "ms for one request")
    yield Table("requests as the library grows", DRAWN, growth, axes=axes)


def round_trips(bench: Bench, movies: int) -> dict[str, tuple[float, float]]:
    """Median and worst time of every question to a library of so many movies, in milliseconds."""
    with bench.database() as url, tempfile.TemporaryDirectory(prefix="youku-benchmark-") as name:
        directory, port = Path(name), free_port()
        directory.chmod(0o755)  # MariaDB reads what is loaded
        fill(bench.mariadb(), url, movies, directory)
        token = add_account(directory / "youku", "administrator", url=url)
        with (
            serving(youku_command(directory / "youku", port), port, {"YOUKU_DATABASE": url}),
            Wire(f"127.0.0.1:{port}", token) as wire,
        ):
            return ask(wire, movies, bench.some(REPEATS, 1))


class Titles:
    """Titles and descriptions; the same every time."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._words = ["".join(self._random.choices(SYLLABLES, k=self._random.randint(1, 4))) for _ in range(20_000)]
        self._characters = [chr(0x4E00 + number) for number in self._random.sample(range(20_000), 3_500)]
        self._word_weights = _zipf(len(self._words))
        self._character_weights = _zipf(len(self._characters))

    def words(self, count: int) -> str:
        """English, more or less."""
        return " ".join(self._random.choices(self._words, cum_weights=self._word_weights, k=count))

    def characters(self, count: int) -> str:
        """Chinese, more or less."""
        return "".join(self._random.choices(self._characters, cum_weights=self._character_weights, k=count))

    def title(self) -> str:
        """A third of each kind."""
        kind = self._random.random()
        if kind < 1 / 3:
            return self.words(self._random.randint(1, 4))
        if kind < 2 / 3:
            return self.characters(self._random.randint(3, 10))
        return f"{self.characters(4)} {self.words(1)}"

    def description(self) -> str:
        """Short."""
        return f"{self.characters(self._random.randint(0, 12))} {self.words(self._random.randint(0, 3))}"


def _zipf(count: int) -> list[float]:
    return list(accumulate(1 / (rank + 2) for rank in range(count)))


def fill(server: MariaDB, url: str, movies: int, scratch: Path) -> None:
    """Make the tables and load them."""
    database = orm.Database(url, statement_timeout=None, slow_query=None)
    with database.use():
        schema.prepare(database)
    database.close()
    name, users = url.rpartition("/")[2], movies // MOVIES_PER_USER
    _load(server, name, scratch, "user", _users(users))
    _load(server, name, scratch, "movie", _movies(movies, scratch / "grams"))
    subprocess.run(
        ["sort", "-n", "-S", "1G", "-T", str(scratch), "-o", str(scratch / "sorted"), str(scratch / "grams")],
        check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    (scratch / "grams").unlink()
    _load_file(server, name, "movie_gram", scratch / "sorted", "(gram, movie_id)")
    (scratch / "sorted").unlink()
    _load(server, name, scratch, "download_record", _records(movies * RECORDS_PER_MOVIE, users, movies))
    for model in MODELS:
        server.execute(f"ANALYZE TABLE `{name}`.`{model.__table__.name}`")


def _users(count: int) -> Iterator[Sequence[object]]:
    for number in range(1, count + 1):
        yield number, f"user{number}", "x", "user", 0, None, TIME, 0, f"user{number}"


def _movies(count: int, grams_path: Path) -> Iterator[Sequence[object]]:
    titles, chance = Titles(), random.Random(2)
    with grams_path.open("w") as out:
        for number in range(1, count + 1):
            name, description = titles.title(), titles.description()
            text = grams.normalised(f"{name}\n{description}")
            out.writelines(f"{gram}\t{number}\n" for gram in grams.of_text(text))
            size, is_free = chance.randrange(10**9), int(chance.random() < 0.7)
            yield (number, name, description, f"{number:064x}", size, f"{number:064x}", is_free, None, None,
                   int(chance.random() < 0.02), 1, TIME, None, text)  # fmt: skip


def _records(count: int, users: int, movies: int) -> Iterator[Sequence[object]]:
    chance = random.Random(3)
    for number in range(1, count + 1):
        yield number, int(users * chance.random() ** 2) + 1, chance.randrange(movies) + 1, TIME, 1000, 1, None


def _load(server: MariaDB, database: str, scratch: Path, table: str, rows: Iterator[Sequence[object]]) -> None:
    path = scratch / table
    with path.open("w") as out:
        for row in rows:
            out.write("\t".join("\\N" if value is None else str(value).replace("\n", "\\n") for value in row) + "\n")
    _load_file(server, database, table, path)
    path.unlink()


def _load_file(server: MariaDB, database: str, table: str, path: Path, columns: str = "") -> None:
    path.chmod(0o644)
    server.execute("SET GLOBAL unique_checks = 0, foreign_key_checks = 0")  # for connections to come: the next one
    server.execute(f"LOAD DATA INFILE '{path}' INTO TABLE `{database}`.`{table}` CHARACTER SET utf8mb4 {columns}")
    server.execute("SET GLOBAL unique_checks = 1, foreign_key_checks = 1")


def questions(movies: int) -> list[tuple[str, str, dict[str, Any]]]:
    """What is asked, as (words, command, arguments)."""
    titles = Titles()
    common, rare = titles._words[0], titles._words[-1]
    characters = titles._characters
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("movies, first page", "movie.list", {}),
        ("movies, deep page", "movie.list", {"cursor": str(movies // 2)}),
        ("free movies, first page", "movie.list", {"type": "free"}),
        ("free movies, deep page", "movie.list", {"type": "free", "cursor": str(movies // 2)}),
        ("by title, first page", "movie.list", {"sort": "title"}),
        ("by title, deep page", "movie.list", {"sort": "title", "cursor": _cursor(titles.words(2), 1)}),
        ("free by size, deep page", "movie.list", {"type": "free", "sort": "size", "cursor": _cursor(5 * 10**8, 1)}),
        ("paid by size, first page", "movie.list", {"type": "charge", "sort": "size"}),
        ("users, first page", "user.list", {}),
        ("users, name begins", "user.list", {"name": "user77"}),
        ("all records, first page", "record.list_all", {}),
        ("all records, deep page", "record.list_all", {"cursor": str(movies * RECORDS_PER_MOVIE // 2)}),
        ("records of one user", "record.list_all", {"user": "user1"}),
        ("records of one movie", "record.list_all", {"movie": 77}),
    ]
    searches = {
        "a common word": common, "a rare word": rare, "part of a rare word": rare[1:-1],
        "two letters": common[:2], "a common character": characters[0],
        "two common characters": "".join(characters[:2]),
        "two rare characters": "".join(characters[2000:2002]), "three common characters": "".join(characters[3:6]),
        "a character and a word": f"{characters[5]} {common}", "two common words": f"{common} {titles._words[1]}",
        "a common and a rare word": f"{common} {rare}", "three common words": " ".join(titles._words[:3]),
        "a common word and two letters": f"{common} {rare[-2:]}",
        "nothing like it": "qxqxqx", "common parts, never together": f"{common}{titles._words[1]}",
    }  # fmt: skip
    asked += [(f"search: {words}", "movie.search", {"query": query}) for words, query in searches.items()]
    return asked


def _cursor(first: object, last: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([first, last]).encode()).decode()


def ask(wire: Wire, movies: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Each question many times; a search also writes its history, the first time."""
    found = {}
    for words, command, arguments in questions(movies):
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            wire.ask(command, **arguments)
            times.append((time.perf_counter() - began) * MILLISECONDS)
        found[words] = (median(times), max(times))
    return found


if __name__ == "__main__":
    run_alone(__file__)
