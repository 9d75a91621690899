"""The ORM beside peewee and SQLAlchemy's ORM, on the same databases, in one run.

    benchmarks/run orm

Everybody does the same work on the same table, in turns, several times. The figure is the client's own CPU time (with
SQLite that is all there is; MariaDB's server works for all alike and is not counted), as the median of the rounds and
as a multiple of ours. Each transaction is durable in the same way for all: WAL and synchronous=FULL in SQLite.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.harness import MILLISECONDS, Bench, run_alone
from benchmarks.orm_contestants import Contestant, Ours, Peewee, SqlAlchemy
from benchmarks.tables import Goal, Table

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


GOALS: Final = {"1,000 rows to objects", "1,000 inserts, one by one", "1,000 inserts at once"}


def measure(bench: Bench) -> Iterator[Table]:
    """All work in SQLite, then in MariaDB."""
    with tempfile.TemporaryDirectory() as directory, bench.database() as url:
        for database, where in (("SQLite", f"sqlite:///{directory}/orm.db"), ("MariaDB", url)):
            with ExitStack() as stack:
                rows = bench.some(ROWS, 10)
                contestants = [stack.enter_context(kind(where, rows)) for kind in (Ours, Peewee, SqlAlchemy)]
                for work in WORK:
                    yield table(f"{work}, {database}", race(contestants, work, bench.some(ROUNDS, 1)), work in GOALS)


def table(title: str, samples: dict[str, list[tuple[float, float]]], has_goal: bool) -> Table:
    """Medians in milliseconds, and CPU as a multiple of ours."""
    cpu = {name: statistics.median(cpu for cpu, _ in taken) for name, taken in samples.items()}
    wall = {name: statistics.median(wall for _, wall in taken) for name, taken in samples.items()}
    figures = {
        name: (cpu[name] * MILLISECONDS, wall[name] * MILLISECONDS, cpu[name] / cpu[Ours.name]) for name in samples
    }
    nearest = min(cpu[name] for name in cpu if name != Ours.name) / cpu[Ours.name]
    goal = Goal.at_least(1, nearest, f"x {Ours.name}, the nearest of the others") if has_goal else None
    return Table(title, ("CPU ms", "ms", f"x {Ours.name}"), figures, goal, bars="CPU ms")


def race(contestants: list[Contestant], work: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
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


if __name__ == "__main__":
    run_alone(__file__)
