"""All benchmarks, or some: `benchmarks/run` does it, and sees to what they need first."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks import plots
from benchmarks.harness import Bench, enter_namespace
from benchmarks.tables import Table, as_text, remember

ROWS: Final = {
    "transfer": "one file down and up, and fifty clients at once",
    "ping": "the smallest request, over 64 connections",
    "browse": "movie.list on MariaDB, beside aiohttp + aiomysql",
    "idle": "memory of 10,000 connections at rest, and a ping beside them",
    "orm": "rows to objects, inserts, updates, beside peewee and SQLAlchemy",
    "orm_loop": "point selects of many clients, beside aiomysql",
    "lists": "lists and searches in libraries of 1,000 to 1,000,000 movies",
    "growth": "how the cost grows with the clients and with the size of a file",
    "start": "how long the command takes to start",
    "connections": "what slow, busy and too many clients do to each other",
}
"""What can be measured; each is the file of that name, and the words are for `--help`."""
ROUNDS: Final = 3


def main() -> None:
    """Parse the options and measure."""
    options = parse()
    enter_namespace()
    with Bench(rounds=options.rounds, quick=options.quick) as bench:
        for name in options.row or ROWS:
            tables = []
            for table in measurement(name)(bench):
                tables.append(replace(table, goal=None) if options.quick else table)  # too little to tell
                print(as_text(tables[-1]), flush=True)
            if options.out:
                written = [remember(options.out, name, tables), *plots.draw(options.out, tables)]
                print(f"\nwritten to {options.out}: {', '.join(path.name for path in written)}", flush=True)


def parse() -> argparse.Namespace:
    """The command line; a row that there is not ends the program."""
    rows = "\n".join(f"  {name:14}{words}" for name, words in ROWS.items())
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description=f"Measure Youku beside its peers, all rows or those named:\n\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("row", nargs="*", type=row, metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="little of everything, once: whether it works at all")
    parser.add_argument("--rounds", type=rounds, default=ROUNDS, help="measured rounds (default: %(default)s)")
    parser.add_argument("--out", type=directory, help="write figures.json and plots (SVG) here", metavar="DIRECTORY")
    return parser.parse_args()


def row(name: str) -> str:
    """One of the rows."""
    if name not in ROWS:
        raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join(ROWS)}")
    return name


def rounds(text: str) -> int:
    """How many: one, at least."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds: one is the least")
    return int(text)


def directory(name: str) -> Path:
    """Made where it is missing: better now than after the measuring."""
    try:
        Path(name).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise argparse.ArgumentTypeError(f"{name!r} cannot be made: {problem.strerror}") from None
    return Path(name)


def measurement(name: str) -> Callable[[Bench], Iterator[Table]]:
    """`measure` of the file for that row, imported only now: another row's peer may be missing."""
    measure: Callable[[Bench], Iterator[Table]] = import_module(f"benchmarks.{name}").measure
    return measure


if __name__ == "__main__":
    main()
