"""How the server's cost grows: of a ping with the number of clients, of a transfer with the size of the file.

    benchmarks/run growth

The same servers and clients as in `ping` and `transfer`; `lists` has how requests grow with the library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

from benchmarks.crowd import raise_descriptor_limit
from benchmarks.harness import BASELINE, MICROSECONDS, MILLISECONDS, Bench, Sample, run_alone
from benchmarks.partners import all_open, talkers
from benchmarks.ping import race as race_pings
from benchmarks.tables import Axes, Table
from benchmarks.transfer import GIB, MIB, Transfer, download, entrants, many, upload
from benchmarks.transfer import race as race_transfers

CLIENTS: Final = (1, 10, 100, 1_000, 10_000)
PINGS: Final = 20_000
TALKERS: Final = (BASELINE, "youku", "nginx", "aiohttp")
MOVERS: Final = (BASELINE, "youku", "nginx", "pyftpdlib")
"""Not vsftpd, whose processes end with their clients: then they are counted to a hundredth of a second only."""
SIZES: Final = {"4 KiB": 4096, "64 KiB": 65536, "1 MiB": MIB, "16 MiB": 16 * MIB, "128 MiB": 128 * MIB, "1 GiB": GIB}
ENOUGH: Final = 128 * MIB
"""What one measurement moves, in as many transfers as that takes, up to `MOST`."""
MOST: Final = 100


def measure(bench: Bench) -> Iterator[Table]:
    """One plot after the other."""
    yield clients(bench)
    yield from sizes(bench)


def clients(bench: Bench) -> Table:
    """CPU for one ping, while each of so many clients has one under way."""
    raise_descriptor_limit()
    counts = bench.some(CLIENTS, CLIENTS[:1])
    openings = {name: opening for name, opening in talkers().items() if name in TALKERS}
    found = {}
    with all_open(openings) as partners:
        for count in counts:
            pings = max(bench.some(PINGS, 100), 2 * count)
            found[f"{count:,}"] = middle(race_pings(partners, count, pings, count, bench.rounds), MICROSECONDS / pings)
    axes = Axes(counts, "clients, each with a request under way", "µs of the server's CPU for a ping")
    return Table("a ping as the clients grow", tuple(openings), found, axes=axes)


def sizes(bench: Bench) -> Iterator[Table]:
    """CPU for one transfer of a file of such a size, down and up."""
    chosen = dict(list(SIZES.items())[: bench.some(len(SIZES), 1)])
    jobs: Mapping[str, Transfer] = {"download": download, "upload": upload}
    found: dict[str, dict[str, Sequence[float]]] = {what: {} for what in jobs}
    names: tuple[str, ...] = ()
    for words, size in chosen.items():
        times = bench.some(min(max(ENOUGH // size, 1), MOST), 2)
        with entrants(size) as everybody:
            field = [entrant for entrant in everybody if entrant.contestant.name in MOVERS]
            names = tuple(entrant.contestant.name for entrant in field)
            for what, job in jobs.items():
                found[what][words] = middle(
                    race_transfers(field, many(job, times=times), bench.rounds), MILLISECONDS / times
                )
    axes = Axes(tuple(chosen.values()), "size of the file", "ms of the server's CPU for a transfer")
    for what, figures in found.items():
        yield Table(f"{what}s as the file grows", names, figures, axes=axes)


def middle(samples: Mapping[str, Sequence[Sample]], scale: float) -> list[float]:
    """The medians of all contestants' CPU, times `scale`."""
    return [median(sample.cpu for sample in taken) * scale for taken in samples.values()]


if __name__ == "__main__":
    run_alone(__file__)
