"""Transfers beside the bare loop and other servers: one large file, and fifty clients at once.

    benchmarks/run transfer

CPU seconds are the server's, per GiB; the ratio is to the bare loop. Downloads are dropped by the client, uploads come
from a file in the page cache. Each client connects and logs in once, which is counted too. "bare, careful" is the bare
loop with the least that it takes to receive a file as Youku promises to: the hash, a sync, and a name that is synced.
"bare, recorded" is the bare loop with the least that it takes to know who downloads, and to have it on record.
"""

from __future__ import annotations

import mmap
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.contestants import Bare, CarefulBare, Contestant, RecordedBare, Visitor, Youku, from_the_disk
from benchmarks.harness import Bench, Sample, ServerProcess, compared, interleave, measured, run_alone
from benchmarks.others import installed
from benchmarks.tables import Table

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB


@dataclass(frozen=True)
class Entrant:
    """A contestant that runs, and the directory of the files."""

    contestant: Contestant
    server: ServerProcess
    directory: Path


Transfer = Callable[[Visitor, Path], None]
Job = Callable[[Entrant], None]


def download(visitor: Visitor, file: Path) -> None:
    """Fetch the file that the server has."""
    visitor.download(file.stat().st_size)


def upload(visitor: Visitor, file: Path) -> None:
    """Send the file."""
    visitor.upload(file)


def many(transfer: Transfer, clients: int = 1, times: int = 1) -> Job:
    """`transfer` by each of `clients` at once, `times` in a row in one conversation."""

    def run(entrant: Entrant) -> None:
        def client(number: int) -> None:
            with entrant.contestant.visiting(entrant.server, number) as visitor:
                for _ in range(times):
                    transfer(visitor, entrant.directory / f"file-{number}")

        with ThreadPoolExecutor(clients) as pool:
            for _ in pool.map(client, range(clients)):
                pass

    return run


@contextmanager
def entrants(size: int, clients: int = 1, more: Sequence[Contestant] = ()) -> Iterator[list[Entrant]]:
    """Every contestant that there is on this machine, with files of `size` bytes: one to serve, one for each client."""
    contestants: list[Contestant] = [Bare(), Youku(clients), *more, *installed()]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="youku-benchmark-")))
        directory.chmod(0o755)
        write_random(directory / "file", size)
        from_the_disk(directory / "file")
        for number in range(clients):
            write_random(directory / f"file-{number}", size)
        yield [Entrant(each, stack.enter_context(each.serving(directory)), directory) for each in contestants]


def race(field: Sequence[Entrant], job: Job, rounds: int, writes: int = 0) -> dict[str, list[Sample]]:
    """All do the same, in turns; `writes`: the bytes that each of them writes in a turn."""

    def run(entrant: Entrant) -> Sample:
        if writes:
            touch_memory(writes + writes // 4)
        return measured(entrant.server, partial(job, entrant))

    return interleave({entrant.contestant.name: partial(run, entrant) for entrant in field}, rounds)


def touch_memory(size: int) -> None:
    """Use so many bytes and give them back.

    The host of a virtual machine takes away what lies free for seconds, and whoever writes there next pays for having
    it fetched: a server that keeps what it receives, but not one that has just dropped as much.
    """
    mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def without(field: Sequence[Entrant], kind: type[Contestant]) -> list[Entrant]:
    """All but those."""
    return [entrant for entrant in field if not isinstance(entrant.contestant, kind)]


def write_random(file: Path, size: int) -> None:
    """A file that no compression and no deduplication can shorten."""
    block = secrets.token_bytes(min(size, MIB))
    with file.open("wb") as target:
        for number in range(size // len(block)):
            target.write(number.to_bytes(8, "big") + block[8:])


def measure(bench: Bench) -> Iterator[Table]:
    """One client with a large file, then many with smaller ones, also with Youku's tables in MariaDB."""
    size = bench.some(GIB, MIB)
    with entrants(size, more=[CarefulBare(), RecordedBare()]) as field:
        down = race(without(field, CarefulBare), many(download), bench.rounds)
        yield compared("one download", down, "s/GiB", GIB / size, 1.15)
        up = race(without(field, RecordedBare), many(upload), bench.rounds)
        yield compared("one upload", up, "s/GiB", GIB / size, 1.4)
    size, clients = bench.some(10 * MIB, MIB // 16), bench.some(50, 5)
    with (
        bench.database() as url,
        entrants(size, clients, [Youku(clients, url), CarefulBare(), RecordedBare()]) as field,
    ):
        down = race(without(field, CarefulBare), many(download, clients, 2), bench.rounds)
        yield compared(f"{clients} clients download, twice", down, "s/GiB", GIB / (size * clients * 2), 1.5)
        up = race(without(field, RecordedBare), many(upload, clients), bench.rounds)
        yield compared(f"{clients} clients upload", up, "s/GiB", GIB / (size * clients), 1.5)


if __name__ == "__main__":
    run_alone(__file__)
