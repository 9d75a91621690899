"""A page of movies from MariaDB: `movie.list`, beside aiohttp with aiomysql.

    benchmarks/run browse

10,000 movies, 64 clients, each of which asks for the newest 20 as soon as it has had the last answer. Both servers ask
the same tables of the same MariaDB over 16 connections at most and answer with JSON of the same fields. What counts is
requests per second of the server's CPU; MariaDB's own is not counted, and neither is the clients'.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Final

from benchmarks.harness import MICROSECONDS, Bench
from benchmarks.partners import Partner, aiohttp, all_open, youku
from benchmarks.ping import race
from benchmarks.tables import Goal, Table
from youku_evloop import orm, schema
from youku_evloop.models import Movie, User

MOVIES: Final = 10_000
PAGE: Final = 20
MIB: Final = 2**20
CLIENTS: Final = 64
COUNT: Final = 10_000
PEER: Final = "aiohttp + aiomysql"
TOLD: Final = b'"uploader":"'
TIMES_THE_PEER: Final = 3.0


def measure(bench: Bench) -> Iterator[Table]:
    """One table."""
    count = bench.some(COUNT, 300)
    with bench.database() as url, both(url, bench.some(MOVIES, 100)) as partners:
        samples = race(partners, CLIENTS, count, CLIENTS, bench.rounds)
    cpu = {name: median(sample.cpu for sample in taken) / count for name, taken in samples.items()}
    seconds = {name: median(sample.seconds for sample in taken) / count for name, taken in samples.items()}
    figures = {
        name: (cpu[name] * MICROSECONDS, 1 / cpu[name], 1 / seconds[name], cpu[PEER] / cpu[name]) for name in samples
    }
    columns = ("CPU µs", "requests per CPU s", "requests per s", f"x {PEER}")
    goal = Goal.at_least(TIMES_THE_PEER, figures["youku"][-1], f"x {PEER}")
    yield Table(f"movie.list on MariaDB, {CLIENTS} clients", columns, figures, goal, bars="requests per CPU s")


@contextmanager
def both(url: str, movies: int) -> Iterator[dict[str, Partner]]:
    """Youku and its peer, on one library."""
    fill(url, movies)
    request = {"op": "movie.list", "limit": PAGE}
    ours = partial(youku, request=request, told=TOLD, url=url)
    with all_open({"youku": ours, PEER: partial(aiohttp, path="/movies", told=TOLD, url=url)}) as partners:
        yield partners


def fill(url: str, movies: int) -> None:
    """So many movies of one uploader; half of them are free."""
    database = orm.Database(url)
    with database.use():
        schema.prepare(database)
        owner = User.create(name="uploader", password="")
        Movie.insert_many(
            {"name": f"movie number {number}", "file_hash": f"{number:064x}", "file_size": number * MIB,
             "fingerprint": f"{number:064x}", "is_free": number % 2 == 0, "user_id": owner.id}
            for number in range(movies)
        )  # fmt: skip
    database.close()
