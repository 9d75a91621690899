"""Transfers beside the bare loop, nginx and pyftpdlib: one large file, and fifty clients at once.

    benchmarks/run transfer

CPU seconds are the server's, per GiB; the ratio is to the bare loop. Downloads are dropped by the client, uploads come
from a file in the page cache.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.contestants import Bare, Contestant, Nginx, Pyftpdlib, Youku
from benchmarks.harness import Bench, Sample, ServerProcess, compared, interleave, measured
from benchmarks.tables import Table

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
Job = Callable[[Contestant, ServerProcess, Path], None]


def download(contestant: Contestant, server: ServerProcess, file: Path) -> None:
    """One client fetches the file."""
    contestant.download(server, file.stat().st_size)


def upload(contestant: Contestant, server: ServerProcess, file: Path) -> None:
    """One client sends the file."""
    contestant.upload(server, file)


def many(job: Job, clients: int, times: int) -> Job:
    """`job` for each of `clients` at once, `times` in a row."""

    def run(contestant: Contestant, server: ServerProcess, file: Path) -> None:
        with ThreadPoolExecutor(clients) as pool:
            for done in [pool.submit(job, contestant, server, file) for _ in range(clients * times)]:
                done.result()

    return run


@dataclass(frozen=True)
class Entrant:
    """A contestant that runs, and the file that it serves."""

    contestant: Contestant
    server: ServerProcess
    file: Path


@contextmanager
def entrants(size: int) -> Iterator[list[Entrant]]:
    """Every contestant that there is on this machine, with a file of `size` bytes."""
    contestants: list[Contestant] = [Bare(), Youku()]
    contestants += [Nginx()] if shutil.which("nginx") else []
    contestants += [Pyftpdlib()] if find_spec("pyftpdlib") else []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="youku-benchmark-")))
        directory.chmod(0o755)
        file = directory / "file"
        write_random(file, size)
        yield [Entrant(each, stack.enter_context(each.serving(directory)), file) for each in contestants]


def race(field: Sequence[Entrant], job: Job, rounds: int) -> dict[str, list[Sample]]:
    """All do the same, in turns."""
    runs = {
        entrant.contestant.name: partial(
            measured, entrant.server, partial(job, entrant.contestant, entrant.server, entrant.file)
        )
        for entrant in field
    }
    return interleave(runs, rounds)


def write_random(file: Path, size: int) -> None:
    """A file that no compression and no deduplication can shorten."""
    block = secrets.token_bytes(min(size, MIB))
    with file.open("wb") as target:
        for number in range(size // len(block)):
            target.write(number.to_bytes(8, "big") + block[8:])


def measure(bench: Bench) -> Iterator[Table]:
    """One client with a large file, then many with smaller ones."""
    size = bench.some(GIB, MIB)
    with entrants(size) as field:
        for title, job, limit in (("one download", download, 1.15), ("one upload", upload, 1.4)):
            yield compared(title, race(field, job, bench.rounds), "s/GiB", GIB / size, limit)
    size, clients = bench.some(10 * MIB, MIB // 16), bench.some(50, 5)
    with entrants(size) as field:
        down = race(field, many(download, clients, 2), bench.rounds)
        yield compared(f"{clients} clients download, twice", down, "s/GiB", GIB / (size * clients * 2), 1.5)
        up = race(field, many(upload, clients, 1), bench.rounds)
        yield compared(f"{clients} clients upload", up, "s/GiB", GIB / (size * clients), 1.5)
