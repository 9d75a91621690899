"""How long `youku` takes to start: `--help`, and a whole `list` against a server, beside Python that does nothing.

    benchmarks/run start

The goal is less than 150 ms beyond Python's own start. `list` draws its table on a terminal once and
writes into a pipe once: the table's library is imported only for the first.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.contestants import Youku
from benchmarks.harness import MILLISECONDS, Bench, run_alone
from benchmarks.tables import Goal, Table

ROUNDS: Final = 20
LIMIT: Final = 150.0
NOTHING: Final = "python -c pass"
YOUKU: Final = (sys.executable, str(Path(sys.executable).parent / "youku"))
MOVIE_SIZE: Final = 1024


def into_a_pipe(command: Sequence[str]) -> None:
    """Run to the end; nobody looks."""
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def on_a_terminal(command: Sequence[str]) -> None:
    """Run to the end on a terminal of its own."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(command, stdin=theirs, stdout=theirs, stderr=theirs, check=True)
    finally:
        os.close(ours)
        os.close(theirs)


CONTESTANTS: Final[dict[str, tuple[Callable[[Sequence[str]], None], Sequence[str]]]] = {
    NOTHING: (into_a_pipe, (sys.executable, "-c", "pass")),
    "youku --help": (into_a_pipe, (*YOUKU, "--help")),
    "youku list | cat": (into_a_pipe, (*YOUKU, "list")),
    "youku list": (on_a_terminal, (*YOUKU, "list")),
}


def measure(bench: Bench) -> Iterator[Table]:
    """Against a server with one movie."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "file").write_bytes(os.urandom(MOVIE_SIZE))
        with Youku().serving(directory) as server:
            os.environ |= {"YOUKU_SERVER": f"127.0.0.1:{server.port}", "XDG_STATE_HOME": name, "XDG_CONFIG_HOME": name}
            into_a_pipe((*YOUKU, "login", "root"))
            taken = milliseconds(bench.some(ROUNDS, 1))
    figures = {name: (time_taken, time_taken - taken[NOTHING]) for name, time_taken in taken.items()}
    goal = Goal.at_most(LIMIT, max(beyond for _, beyond in figures.values()), "ms beyond Python's own start")
    columns = ("ms", "beyond Python's own")
    yield Table("the command's start", columns, figures, goal, bars=columns[1])


def milliseconds(rounds: int) -> dict[str, float]:
    """The median of each contestant; they take turns, and the first turn warms."""
    taken: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds + 1):
        for name, (run, command) in CONTESTANTS.items():
            start = time.perf_counter()
            run(command)
            taken[name].append((time.perf_counter() - start) * MILLISECONDS)
    return {name: median(times[1:]) for name, times in taken.items()}


if __name__ == "__main__":
    run_alone(__file__)
