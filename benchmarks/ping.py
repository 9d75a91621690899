"""What the smallest request costs the server: `ping`, and what is nearest to it in the protocols of others.

    benchmarks/run ping

64 connections, once with a request under way on each, so that the server never rests, and once with one under way in
all, so that it wakes up for every one. CPU is the server's, for one request; the clients' is not counted. "bare, JSON"
is the bare loop with the least that it takes to answer as Youku does: frames, and JSON that is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from benchmarks.harness import MICROSECONDS, Bench, Sample, compared, interleave, run_alone
from benchmarks.partners import Partner, all_open, bare_json, converse, talkers
from benchmarks.tables import Table

CONNECTIONS: Final = 64
COUNT: Final = 50_000
WAYS: Final[tuple[tuple[str, int, float | None], ...]] = (
    (f"ping, {CONNECTIONS} at a time", CONNECTIONS, 2.5),
    ("ping, one at a time", 1, None),
)


def measure(bench: Bench) -> Iterator[Table]:
    """Both ways."""
    count = bench.some(COUNT, 500)
    with all_open({**talkers(), "bare, JSON": bare_json}) as partners:
        for title, under_way, limit in WAYS:
            samples = race(partners, CONNECTIONS, count, under_way, bench.rounds)
            yield compared(title, samples, "µs", MICROSECONDS / count, limit)


def race(
    partners: Mapping[str, Partner], connections: int, count: int, under_way: int, rounds: int
) -> dict[str, list[Sample]]:
    """All servers, in turns."""
    return interleave(
        {name: partial(converse, each, connections, count, under_way) for name, each in partners.items()}, rounds
    )


if __name__ == "__main__":
    run_alone(__file__)
