"""A page of movies from MariaDB: `movie.list`, beside aiohttp with aiomysql; and what SQLite does instead.

    benchmarks/run browse

10,000 movies, 64 clients, each of which asks for the newest 20 as soon as it has had the last answer. Both servers ask
the same tables of the same MariaDB over 16 connections at most and answer with JSON of the same fields. What counts is
requests per second of the server's CPU; MariaDB's own is not counted, and neither is the clients'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.crowd import library
from benchmarks.harness import MICROSECONDS, Bench, Sample, run_alone
from benchmarks.partners import Opening, Partner, aiohttp, all_open, youku
from benchmarks.ping import race
from benchmarks.tables import Goal, Table
from youku_evloop.models import Movie, User

MOVIES: Final = 10_000
PAGE: Final = 20
MIB: Final = 2**20
CLIENTS: Final = 64
COUNT: Final = 10_000
PEER: Final = "aiohttp + aiomysql"
TOLD: Final = b'"uploader":"'
TIMES_THE_PEER: Final = 3.0
LIST: Final = {"op": "movie.list", "limit": PAGE}
REQUESTS: Final = ((LIST, TOLD), ({"op": "movie.show", "movie": 50}, TOLD))


def measure(bench: Bench) -> Iterator[Table]:
    """Beside the peer, then beside ourselves."""
    movies = bench.some(MOVIES, 100)
    with bench.database() as url:
        with library(Path(), url):
            add_movies(movies)
        with all_open({"youku": partial(youku, request=LIST, told=TOLD, url=url), PEER: peer(url)}) as partners:
            yield beside_the_peer(race(partners, CLIENTS, bench.some(COUNT, 300), CLIENTS, bench.rounds), bench)
    with bench.database() as url:
        openings = {"SQLite": partial(filled, movies), "MariaDB": partial(filled, movies, url=url)}
        with all_open(openings) as partners:
            yield databases(partners, bench)


def beside_the_peer(samples: Mapping[str, Sequence[Sample]], bench: Bench) -> Table:
    """How many requests a second of CPU is enough for."""
    costs = {name: each(taken, bench.some(COUNT, 300)) for name, taken in samples.items()}
    theirs, _ = costs[PEER]
    figures = {name: (cpu * MICROSECONDS, 1 / cpu, 1 / seconds, theirs / cpu) for name, (cpu, seconds) in costs.items()}
    columns = ("CPU µs", "requests per CPU s", "requests per s", f"x {PEER}")
    goal = Goal.at_least(TIMES_THE_PEER, figures["youku"][-1], f"x {PEER}")
    return Table(f"movie.list on MariaDB, {CLIENTS} clients", columns, figures, goal, bars="requests per CPU s")


def each(taken: Sequence[Sample], count: int) -> tuple[float, float]:
    """Medians for one request: seconds of CPU, and of the clock."""
    return median(sample.cpu for sample in taken) / count, median(sample.seconds for sample in taken) / count


def peer(url: str) -> Opening:
    """aiohttp on the same tables."""
    return partial(aiohttp, path="/movies", told=TOLD, url=url)


def databases(partners: Mapping[str, Partner], bench: Bench) -> Table:
    """The same requests with either database."""
    figures, count = {}, bench.some(COUNT, 300)
    for request, told in REQUESTS:
        asking = {name: partner.asking(request, told) for name, partner in partners.items()}
        for name, taken in race(asking, CLIENTS, count, CLIENTS, bench.rounds).items():
            cpu, seconds = each(taken, count)
            figures[f"{request['op']}, {name}"] = (cpu * MICROSECONDS, 1 / cpu, 1 / seconds)
    columns = ("CPU µs", "requests per CPU s", "requests per s")
    return Table(f"requests of {CLIENTS} clients", columns, figures, bars=columns[1])


@contextmanager
def filled(movies: int, directory: Path, url: str = "") -> Iterator[Partner]:
    """Youku with so many movies."""
    with library(directory / "youku", url):
        add_movies(movies)
    with youku(directory, url=url) as partner:
        yield partner


def add_movies(count: int) -> None:
    """Movies of one uploader; half of them are free."""
    owner = User.create(name="uploader", password="")
    Movie.insert_many(
        {"name": f"movie number {number}", "file_hash": f"{number:064x}", "file_size": number * MIB,
         "fingerprint": f"{number:064x}", "is_free": number % 2 == 0, "user_id": owner.id}
        for number in range(count)
    )  # fmt: skip


if __name__ == "__main__":
    run_alone(__file__)
