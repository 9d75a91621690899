"""Tables as pictures: curves on two logarithmic axes, or bars. SVG, which follows the reader's light or dark mode."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import cycle, pairwise
from pathlib import Path
from typing import Final

from benchmarks.tables import Axes, Table, readable

WIDTH: Final = 720
LEFT: Final = 64
RIGHT: Final = 190  # for the names of the lines
TOP: Final = 40
BOTTOM: Final = 48
HEIGHT: Final = 360
BAR: Final = 26
NAMES: Final = 170  # for the names of the bars
LABEL_GAP: Final = 15
STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-weight: 600; font-size: 15px }
.grid { stroke: #ddd } .axis { stroke: #888 } .line { stroke-width: 2 } .end { text-anchor: end }
.middle { text-anchor: middle } .back { fill: #fff } .other { fill: #9ab } .ours { fill: #d4541b }
.c0 { stroke: #d4541b; fill: #d4541b } .c1 { stroke: #3b76b0; fill: #3b76b0 } .c2 { stroke: #3f8f4f; fill: #3f8f4f }
.c3 { stroke: #8a5aa8; fill: #8a5aa8 } .c4 { stroke: #a07d1c; fill: #a07d1c } .c5 { stroke: #667; fill: #667 }
text.label { stroke: none } .line { fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .grid { stroke: #3a3f45 } .axis { stroke: #888 } .back { fill: #15181c } .other { fill: #5b7083 }
.c0 { stroke: #ff8a50; fill: #ff8a50 } .ours { fill: #ff8a50 } .c1 { stroke: #7fb4ea; fill: #7fb4ea }
.c2 { stroke: #7fcf8f; fill: #7fcf8f } .c3 { stroke: #c79be3; fill: #c79be3 } .c4 { stroke: #dcb95a; fill: #dcb95a }
.c5 { stroke: #aab; fill: #aab } .line { fill: none }
}"""
OURS: Final = "c0"
OTHERS: Final = ("c1", "c2", "c3", "c4", "c5")


def draw(directory: Path, tables: Sequence[Table]) -> list[Path]:
    """One file for each table that says how it is to be drawn, named after its title: which files."""
    drawn = []
    for table in tables:
        if table.axes or table.bars:
            name = re.sub(r"\W+", "-", table.title.lower()).strip("-")
            path = directory / f"{name}.svg"
            path.write_text(curves(table, table.axes) if table.axes else bars(table))
            drawn.append(path)
    return drawn


def curves(table: Table, axes: Axes) -> str:
    """Each column as a line."""
    figures = [figure for name in table.columns for figure in table.column(name) if figure > 0]
    across = Scale(min(axes.places), max(axes.places), LEFT, WIDTH - RIGHT)
    up = Scale.of_decades(min(figures), max(figures), HEIGHT - BOTTOM, TOP)
    parts = [*_frame(table, axes, across, up)]
    ends = _apart([up.place(table.column(name)[-1]) for name in table.columns])
    colours = cycle(OTHERS)
    for number, name in enumerate(table.columns):
        colour = OURS if name == "youku" else next(colours)
        points = [(across.place(x), up.place(y)) for x, y in zip(axes.places, table.column(name), strict=True) if y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="line {colour}" points="{path}"/>')
        parts += [f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
        parts.append(_text(WIDTH - RIGHT + 10, ends[number] + 4, name, f"label {colour}"))
    return _picture(HEIGHT, parts)


class Scale:
    """A logarithmic axis: where a value stands on the picture."""

    def __init__(self, least: float, most: float, start: float, end: float) -> None:
        self._low = math.log10(least)
        self._high = math.log10(most) if most > least else self._low + 1
        self._start, self._end = start, end

    @classmethod
    def of_decades(cls, least: float, most: float, start: float, end: float) -> Scale:
        """From a power of ten to a power of ten."""
        low = math.floor(math.log10(least))
        return cls(10.0**low, 10.0 ** max(math.ceil(math.log10(most)), low + 1), start, end)

    def place(self, value: float) -> float:
        """In pixels."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def decades(self) -> list[float]:
        """Where the lines of the grid are."""
        return [10.0**power for power in range(round(self._low), round(self._high) + 1)]


def _frame(table: Table, axes: Axes, across: Scale, up: Scale) -> Iterator[str]:
    yield _text(LEFT, 22, table.title, "title")
    for value in up.decades():
        y = up.place(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 8, y + 4, _short(value), "end")
    for place, name in zip(axes.places, table.rows, strict=True):
        x = across.place(place)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        yield _text(x, HEIGHT - BOTTOM + 18, name, "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, axes.across, "middle")
    yield _text(WIDTH - RIGHT, 22, axes.up, "end")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _apart(places: Sequence[float]) -> list[float]:
    """The places of labels, moved down as far as they would cover each other."""
    moved = list(places)
    order = sorted(range(len(places)), key=places.__getitem__)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + LABEL_GAP)
    return moved


def bars(table: Table) -> str:
    """The column `table.bars`, one bar for each row; ours stands out."""
    figures = dict(zip(table.rows, table.column(table.bars), strict=True))
    longest = max(figures.values()) or 1
    room = WIDTH - NAMES - 90
    parts = [_text(10, 22, f"{table.title}: {table.bars}", "title")]
    for number, (name, figure) in enumerate(figures.items()):
        y = TOP + number * BAR
        kind = "ours" if name.startswith("youku") else "other"
        parts.append(_text(NAMES - 10, y + 16, name, "end"))
        width = figure / longest * room
        parts.append(f'<rect class="{kind}" x="{NAMES}" y="{y + 3}" width="{width:.1f}" height="{BAR - 8}"/>')
        parts.append(_text(NAMES + width + 8, y + 16, readable(figure), ""))
    return _picture(TOP + len(figures) * BAR + 10, parts)


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _picture(height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    back = f'<rect class="back" width="{WIDTH}" height="{height}"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", back, *parts, "</svg>\n"])
