"""Connections at rest: what each costs in memory, and what all of them do to a ping.

    benchmarks/run idle

10,000 clients that have logged in, or what is nearest to it: an anonymous login to FTP, a first request over HTTP. One
server after the other. Memory is what the resident set of its processes grows by, divided by the clients; the first 500
are not counted, because some things are needed once, whatever the number (and nginx has the room for all of its
connections from the start). What the kernel needs for a socket is the same for all and not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Final

from benchmarks.crowd import quantile, raise_descriptor_limit
from benchmarks.harness import MILLISECONDS, Bench, run_alone
from benchmarks.partners import Opening, all_open, round_trips, talkers
from benchmarks.tables import Goal, Table

CLIENTS: Final = 10_000
FIRST: Final = 500
PINGS: Final = 5_000
LIMIT: Final = 2.5
UNMOVED: Final = 1.5
"""Times the p99 that it was alone: what the same ping varies by, from one run to the next."""


def measure(bench: Bench) -> Iterator[Table]:
    """Two tables of one crowd: memory, and the ping beside it."""
    clients = bench.some(CLIENTS, 100)
    if raise_descriptor_limit() < clients + FIRST:
        raise RuntimeError(f"{clients + FIRST} clients need more descriptors than a process may have: `ulimit -H -n`.")
    found = {name: beside(bench, name, opening, clients) for name, opening in talkers().items()}
    memory = {name: figures[:1] for name, figures in found.items()}
    goal = Goal.at_most(LIMIT, memory["youku"][0], "KiB each")
    yield Table(f"{clients:,} idle connections", ("KiB each",), memory, goal, bars="KiB each")
    times = {name: figures[1:] for name, figures in found.items()}
    _, alone, _, crowded = times["youku"]
    goal = Goal.at_most(UNMOVED, crowded / alone, "x the p99 that it is alone")
    columns = ("p50 alone", "p99 alone", "p50 beside", "p99 beside")
    yield Table(f"a ping beside {clients:,} idle connections, ms", columns, times, goal, bars="p99 beside")


def beside(bench: Bench, name: str, opening: Opening, clients: int) -> tuple[float, ...]:
    """KiB for each client, and median and 99th percentile of a ping without and with them, in milliseconds."""
    with ExitStack() as stack:
        partner = stack.enter_context(all_open({name: opening}))[name]
        crowd = [stack.enter_context(partner.connect()) for _ in range(bench.some(FIRST, 20))]
        before = partner.server.resident_bytes()

        def percentiles() -> list[float]:
            rounds = [round_trips(partner, crowd[0], bench.some(PINGS, 100)) for _ in range(bench.rounds + 1)][1:]
            return [median(quantile(times, share) for times in rounds) * MILLISECONDS for share in (0.5, 0.99)]

        alone = percentiles()
        crowd += [stack.enter_context(partner.connect()) for _ in range(clients)]
        memory = (partner.server.resident_bytes() - before) / clients / 1024
        return memory, *alone, *percentiles()


if __name__ == "__main__":
    run_alone(__file__)
