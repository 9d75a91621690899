"""Puts figures into the page that shows them: `python -m benchmarks.page docs/performance.md docs/plots`.

What stands between two comments of the page is written anew from figures.json:

    <!-- table: ping, 64 at a time --> ... <!-- end -->        the table of that title
    <!-- x bare loop: transfer --> ... <!-- end -->            that column of all tables of a row, side by side
    <!-- goals --> ... <!-- end -->                            every table that has a goal, and whether it was met
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.tables import DOCUMENT, readable

BLOCK: Final = re.compile(r"<!-- (?P<what>[^>]*?) -->\n.*?<!-- end -->", re.DOTALL)
Document = dict[str, Any]


def renewed(page: str, document: Document) -> str:
    """The page with the figures of the document."""
    return BLOCK.sub(
        lambda block: f"<!-- {block['what']} -->\n\n{_figures(block['what'], document)}\n\n<!-- end -->", page
    )


def _figures(what: str, document: Document) -> str:
    kind, _, name = what.partition(": ")
    if what == "goals":
        return "\n".join(_grid(["what", "goal", "youku", ""], _goals(document)))
    if kind == "table":
        table = next(table for table in _tables(document) if table["title"] == name)
        cells = ([each, *map(readable, figures)] for each, figures in table["rows"].items())
        return "\n".join(_grid(["", *table["columns"]], cells))
    return "\n".join(_side_by_side(kind, document[name]["tables"]))


def _tables(document: Document) -> Iterator[dict[str, Any]]:
    for row in document.values():
        yield from row["tables"]


def _goals(document: Document) -> Iterator[list[str]]:
    for table in _tables(document):
        if goal := table["goal"]:
            yield [table["title"], goal["words"], readable(goal["figure"]), "met" if goal["met"] else "**missed**"]


def _side_by_side(column: str, tables: list[dict[str, Any]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for table in tables for name in table["rows"]))
    lines = []
    for table in tables:
        place = table["columns"].index(column)
        figures = table["rows"]
        lines.append([table["title"], *(readable(figures[name][place]) if name in figures else "" for name in names)])
    return _grid([column, *names], lines)


def _grid(heads: list[str], lines: Iterable[list[str]]) -> Iterator[str]:
    """A table of Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for line in lines:
        yield f"| {' | '.join(line)} |"


if __name__ == "__main__":
    path, figures = Path(sys.argv[1]), Path(sys.argv[2]) / DOCUMENT
    path.write_text(renewed(path.read_text(), json.loads(figures.read_text())))
