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
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    with Bench(rounds=options.rounds, quick=options.quick) as bench:
        for name in options.row or ROWS:
            tables = []
            for table in measurement(name)(bench):
                tables.append(replace(table, goal=None) if options.quick else table)  # too little to tell
                print(as_text(tables[-1]), flush=True)
            if options.out:
                remember(options.out, name, tables)
                plots.draw(options.out, tables)


def parse() -> argparse.Namespace:
    """The command line; a row that there is not ends the program."""
    rows = "\n".join(f"  {name:14}{words}" for name, words in ROWS.items())
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description=f"Measure Youku beside its peers, all rows or those named:\n\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("row", nargs="*", choices=[[], *ROWS], metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="little of everything, once: whether it works at all")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="measured rounds (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIRECTORY", help="write figures.json and plots (SVG) here")
    return parser.parse_args()


def measurement(name: str) -> Callable[[Bench], Iterator[Table]]:
    """`measure` of the file for that row, imported only now: another row's peer may be missing."""
    measure: Callable[[Bench], Iterator[Table]] = import_module(f"benchmarks.{name}").measure
    return measure


if __name__ == "__main__":
    main()
