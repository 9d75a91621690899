"""Lists, deep pages and searches of a large library on MariaDB: how long a request takes, one client at a time.

    python -m benchmarks.lists                       1,000,000 movies, 100,000 users, 10,000,000 records
    python -m benchmarks.lists --scale 0.1           a tenth of each
    python -m benchmarks.lists --keep /var/tmp/lists  keep the database for another run

A private MariaDB is filled by LOAD DATA, then a real server is asked over a real connection. The figures are round
trips as the client sees them, so the server's own time is a little less. Titles are Chinese, English or both; words and
characters are as unevenly frequent as in real ones (Zipf): some searches match a tenth of all, others one movie.
"""

from __future__ import annotations

import argparse
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

from tests.support.mariadb import MariaDB
from tests.support.server import RunningServer
from tests.support.wire import Wire
from youku_evloop import grams, orm, schema
from youku_evloop.models import MODELS

MOVIES: Final = 1_000_000
USERS: Final = 100_000
RECORDS: Final = 10_000_000
REPEATS: Final = 30
TIME: Final = "2026-01-01 00:00:00.000000"
OPTIONS: Final = (
    "--innodb-buffer-pool-size=2G", "--innodb-log-file-size=512M", "--max-allowed-packet=64M", "--local-infile=1",
    "--secure-file-priv=",
)  # fmt: skip
SYLLABLES: Final = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "ou")]


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


def fill(server: MariaDB, url: str, scale: float, scratch: Path) -> None:
    """Make the tables and load them."""
    database = orm.Database(url, statement_timeout=None, slow_query=None)
    with database.use():
        schema.prepare(database)
    movies, users, records = (max(int(count * scale), 100) for count in (MOVIES, USERS, RECORDS))
    name = url.rpartition("/")[2]
    _load(server, name, scratch, "user", _users(users))
    _load(server, name, scratch, "movie", _movies(movies, scratch / "grams"))
    subprocess.run(
        ["sort", "-n", "-S", "1G", "-T", str(scratch), "-o", str(scratch / "sorted"), str(scratch / "grams")],
        check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    (scratch / "grams").unlink()
    _load_file(server, name, "movie_gram", scratch / "sorted", "(gram, movie_id)")
    (scratch / "sorted").unlink()
    _load(server, name, scratch, "download_record", _records(records, users, movies))
    for model in MODELS:
        server.execute(f"ANALYZE TABLE `{name}`.`{model.__table__.name}`")
    database.close()


def _users(count: int) -> Iterator[Sequence[object]]:
    for number in range(1, count + 1):
        yield number, f"user{number}", "x", "user", 0, None, TIME, 0


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
    began = time.perf_counter()
    path.chmod(0o644)
    server.execute("SET GLOBAL unique_checks = 0, foreign_key_checks = 0")  # for connections to come: the next one
    server.execute(f"LOAD DATA INFILE '{path}' INTO TABLE `{database}`.`{table}` CHARACTER SET utf8mb4 {columns}")
    server.execute("SET GLOBAL unique_checks = 1, foreign_key_checks = 1")
    print(f"  {table}: {path.stat().st_size / 2**20:.0f} MiB in {time.perf_counter() - began:.0f} s", flush=True)


def questions(movies: int, records: int) -> list[tuple[str, str, dict[str, Any]]]:
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
        ("all records, deep page", "record.list_all", {"cursor": str(records // 2)}),
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
        "nothing like it": "qxqxqx", "common parts, never together": f"{common}{titles._words[1]}",
    }  # fmt: skip
    asked += [(f"search: {words}", "movie.search", {"query": query}) for words, query in searches.items()]
    return asked


def _cursor(first: object, last: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([first, last]).encode()).decode()


def measure(wire: Wire, movies: int, records: int) -> list[dict[str, Any]]:
    """Each question many times; a search also from the second page on, or it would write the history every time."""
    results = []
    for words, command, arguments in questions(movies, records):
        times, reply = [], {}
        for _ in range(REPEATS):
            began = time.perf_counter()
            reply = wire.ask(command, **arguments)
            times.append((time.perf_counter() - began) * 1000)
        rows = next(len(value) for value in reply.values() if isinstance(value, list))
        results.append({"what": words, "rows": rows, "median_ms": median(times), "max_ms": max(times)})
        print(f"{words:<40} {rows:>5} rows {median(times):>9.2f} ms {max(times):>9.2f} ms", flush=True)
    return results


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--keep", type=Path, help="a directory for the database; used again if it is there")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lists-") as scratch:
        run(options, Path(scratch))


def run(options: argparse.Namespace, scratch: Path) -> None:
    """With a directory for what is not kept."""
    directory: Path = options.keep or scratch / "mariadb"
    is_new = not (directory / "data").exists()
    directory.mkdir(parents=True, exist_ok=True)
    server = MariaDB(directory, options=OPTIONS)
    try:
        if is_new:
            server.install()
        server.start()
        url = server.url("lists")
        if is_new:
            server.create_database("lists")
            fill(server, url, options.scale, scratch)
        results = ask(url, scratch)
    finally:
        server.stop()
        server.close()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def ask(url: str, scratch: Path) -> list[dict[str, Any]]:
    """A real server on that database, and its figures."""
    database = orm.Database(url, statement_timeout=None)
    counts = {table: database.execute(f"SELECT MAX(id), COUNT(*) FROM `{table}`").rows[0]
              for table in ("movie", "user", "download_record", "movie_gram")}  # fmt: skip
    database.close()
    for table, (_, count) in counts.items():
        print(f"{count:>12,} rows of {table}")
    youku = RunningServer(scratch / "server", url)
    youku.start()
    try:
        admin = youku.create_admin(f"admin{time.time_ns()}")
        with admin.wire() as wire:
            return measure(wire, counts["movie"][0], counts["download_record"][0])
    finally:
        youku.kill()


if __name__ == "__main__":
    main()
