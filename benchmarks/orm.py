"""The ORM beside peewee and SQLAlchemy's ORM, on the same databases, in one run: python -m benchmarks.orm

Everybody does the same work on the same table, in turns, several times. The figure is the client's own CPU time (with
SQLite that is all there is; MariaDB's server works for all alike and is not counted), as the median of the rounds and
as a multiple of ours. Each transaction is durable in the same way for all: WAL and synchronous=FULL in SQLite.
Needs: pip install peewee sqlalchemy, and MariaDB's server.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.orm_contestants import Contestant, Ours, Peewee, SqlAlchemy
from tests.support.mariadb import MariaDB

ROWS: Final = 1000
ROUNDS: Final = 9

WORK: Final[dict[str, Callable[[Contestant], Any]]] = {
    "1,000 rows to objects": lambda contestant: contestant.read_all(),
    "1,000 point selects": lambda contestant: contestant.read_each(),
    "1,000 inserts, one by one": lambda contestant: contestant.insert_each(),
    "1,000 inserts at once": lambda contestant: contestant.insert_many(),
    "1,000 updates, one by one": lambda contestant: contestant.update_each(),
}
NEEDS_EMPTY: Final = {"1,000 inserts, one by one", "1,000 inserts at once"}


@dataclass(frozen=True)
class Figure:
    """One contestant at one piece of work: medians in seconds, and CPU as a multiple of ours."""

    database: str
    work: str
    contestant: str
    cpu: float
    seconds: float
    ratio: float


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """URLs of an empty database of each kind."""
    with tempfile.TemporaryDirectory() as directory:
        server = MariaDB(Path(directory) / "mariadb")
        server.directory.mkdir()
        try:
            server.install()
            server.start()
            yield {"SQLite": f"sqlite:///{directory}/orm.db", "MariaDB": server.create_database("orm")}
        finally:
            server.close()


def measure(contestants: list[Contestant], work: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall seconds of every round but the first, which warms."""
    samples: dict[str, list[tuple[float, float]]] = {contestant.name: [] for contestant in contestants}
    for number in range(rounds + 1):
        for contestant in contestants:
            contestant.clear()
            if work not in NEEDS_EMPTY:
                contestant.insert_many()
            gc.collect()
            cpu, began = time.process_time(), time.perf_counter()
            WORK[work](contestant)
            sample = (time.process_time() - cpu, time.perf_counter() - began)
            if number:
                samples[contestant.name].append(sample)
    return samples


def figures(database: str, url: str, rounds: int) -> Iterator[Figure]:
    with ExitStack() as stack:
        contestants = [stack.enter_context(kind(url, ROWS)) for kind in (Ours, Peewee, SqlAlchemy)]
        for work in WORK:
            samples = measure(contestants, work, rounds)
            ours = statistics.median(cpu for cpu, _ in samples[Ours.name])
            for name, taken in samples.items():
                cpu = statistics.median(cpu for cpu, _ in taken)
                yield Figure(database, work, name, cpu, statistics.median(wall for _, wall in taken), cpu / ours)


def print_table(table: list[Figure]) -> None:
    print(f"{'':9}{'':28}{'':12}{'CPU ms':>9}{'wall ms':>9}{'x ours':>8}")
    for row in table:
        line = f"{row.database:9}{row.work:28}{row.contestant:12}"
        print(f"{line}{row.cpu * 1000:>9.2f}{row.seconds * 1000:>9.2f}{row.ratio:>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="measured rounds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    with databases() as urls:
        table = [figure for database, url in urls.items() for figure in figures(database, url, options.rounds)]
    if options.json:
        json.dump([asdict(figure) for figure in table], sys.stdout, indent=2)
        print()
    else:
        print_table(table)


if __name__ == "__main__":
    main()
