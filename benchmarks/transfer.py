"""Transfers beside the bare loop, nginx and pyftpdlib: one large file, and fifty clients at once.

    python -m benchmarks.transfer                  all rows, three rounds
    python -m benchmarks.transfer --quick          a small file, one round: whether it works at all
    python -m benchmarks.transfer --json

CPU seconds are the server's, per GiB; the ratio is to the bare loop. Downloads are dropped by the client, uploads come
from a file in the page cache.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.contestants import Bare, Contestant, Nginx, Pyftpdlib, Youku
from benchmarks.harness import (
    Row,
    Sample,
    ServerProcess,
    enter_namespace,
    interleave,
    measured,
    print_json,
    print_table,
    rows,
)

MIB: Final = 1024 * 1024
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


def race(title: str, job: Job, size: int, total: int, rounds: int) -> list[Row]:
    """Every contestant on a file of `size` bytes; CPU per GiB of the `total` bytes that one job moves."""
    contestants: list[Contestant] = [Bare(), Youku()]
    contestants += [Nginx()] if shutil.which("nginx") else []
    contestants += [Pyftpdlib()] if find_spec("pyftpdlib") else []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="youku-benchmark-")))
        directory.chmod(0o755)
        write_random(directory / "file", size)
        runs: dict[str, Callable[[], Sample]] = {}
        for contestant in contestants:
            server = stack.enter_context(contestant.serving(directory))
            runs[contestant.name] = partial(measured, server, partial(job, contestant, server, directory / "file"))
        samples = interleave(runs, rounds)
    scale = 1024 * MIB / total
    per_gib = {name: [Sample(s.cpu * scale, s.seconds * scale) for s in taken] for name, taken in samples.items()}
    table = rows(per_gib, Bare.name)
    print_table(title, table, "/GiB")
    return table


def write_random(file: Path, size: int) -> None:
    """A file that no compression and no deduplication can shorten."""
    block = secrets.token_bytes(MIB)
    with file.open("wb") as target:
        for number in range(size // MIB):
            target.write(number.to_bytes(8, "big") + block[8:])


def main() -> None:
    """Parse the options and race."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small file, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    enter_namespace("benchmarks.transfer")
    large, small, rounds = (64 * MIB, MIB, 1) if options.quick else (1024 * MIB, 10 * MIB, options.rounds)
    plan = {
        "one download": (download, large, large),
        "one upload": (upload, large, large),
        "50 clients download, twice": (many(download, 50, 2), small, small * 100),
        "50 clients upload": (many(upload, 50, 1), small, small * 50),
    }
    tables = {title: race(title, job, size, total, rounds) for title, (job, size, total) in plan.items()}
    if options.json:
        print_json(tables)


if __name__ == "__main__":
    main()
