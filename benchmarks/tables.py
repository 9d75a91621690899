"""What a benchmark found: tables for people, one document for programs, and the goal beside the figure."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

DOCUMENT: Final = "figures.json"
LEAST_WIDTH: Final = 10


@dataclass(frozen=True)
class Goal:
    """What Youku should reach, in words, the figure that counts, and whether it did."""

    words: str
    figure: float
    met: bool

    @classmethod
    def at_most(cls, bound: float, figure: float, unit: str) -> Goal:
        """`figure` should not exceed the bound."""
        return cls(f"at most {bound:g} {unit}", figure, figure <= bound)

    @classmethod
    def at_least(cls, bound: float, figure: float, unit: str) -> Goal:
        """`figure` should not fall short of the bound."""
        return cls(f"at least {bound:g} {unit}", figure, figure >= bound)


@dataclass(frozen=True)
class Axes:
    """How a table becomes a curve: each column a line over the rows, which stand at these places."""

    places: tuple[float, ...]
    across: str
    up: str


@dataclass(frozen=True)
class Table:
    """Figures by name; without `axes` the column `bars` is what a plot shows, one bar for each row."""

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, Sequence[float]]
    goal: Goal | None = None
    bars: str = ""
    axes: Axes | None = None

    def column(self, name: str) -> list[float]:
        """The figures of one column, from the first row to the last."""
        place = self.columns.index(name)
        return [figures[place] for figures in self.rows.values()]


def readable(figure: float) -> str:
    """Three digits or so, whatever the size."""
    size = abs(figure)
    digits = 0 if size >= 100 or figure == int(figure) else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{figure:,.{digits if size >= 0.1 or not figure else 4}f}"


def as_text(table: Table) -> str:
    """For people."""
    name_width = max([len(name) for name in table.rows] + [LEAST_WIDTH])
    widths = [max(len(column), LEAST_WIDTH) for column in table.columns]
    heads = "".join(f"  {column:>{width}}" for column, width in zip(table.columns, widths, strict=True))
    lines = ["", table.title, " " * name_width + heads]
    for name, figures in table.rows.items():
        cells = "".join(f"  {readable(figure):>{width}}" for figure, width in zip(figures, widths, strict=True))
        lines.append(f"{name:{name_width}}{cells}")
    if table.goal:
        lines.append(f"goal: {table.goal.words}: {'met' if table.goal.met else 'missed'}")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the figures depend on, as far as it may be told."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count(), "memory_gib": round(memory / 2**30), "python": platform.python_version()}


def remember(directory: Path, name: str, tables: Sequence[Table]) -> Path:
    """Put a row's tables into the document of a directory; what the document has of other rows stays. Answers which."""
    path = directory / DOCUMENT
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    measured = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    known[name] = {**measured, "tables": [asdict(table) for table in tables]}
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    return path
