"""Plots as SVG that stands in a page: lines and bars over time, and a distribution. Colours are the page's variables.

A plot has no script. Hovering over a moment shows its numbers, as the browser's own tooltip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 230
LEFT: Final = 62
RIGHT: Final = 46
TOP: Final = 12
BOTTOM: Final = 26
TICKS: Final = 4
STEPS: Final = (1, 2, 2.5, 5, 10)
LABEL_HEIGHT: Final = 13
DECADES: Final = 3
"""Above so many powers of ten their ticks are enough; below, their doubles and fives are shown too."""

Say = Callable[[float], str]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to places along an axis; logarithmic or not."""

    low: float
    high: float
    begin: float
    end: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where it is; at the edge, where it is beyond."""
        value = min(max(value, self.low), self.high)
        if self.is_log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self) -> list[float]:
        """Round values along it."""
        return _log_ticks(self.low, self.high) if self.is_log else _linear_ticks(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Series:
    """One line; `colour` is the name of a variable of the page. A value that is not a number is a gap."""

    name: str
    colour: str
    points: Points


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of time and what its tooltip says."""

    begin: float
    end: float
    words: str


def time_axis(seconds: float) -> Axis:
    """Across a plot, from the beginning of the test."""
    return Axis(0.0, max(seconds, 1e-3), LEFT, WIDTH - RIGHT)


def value_axis(highest: float) -> Axis:
    """Up a plot, from 0 to a round value above all."""
    top = _linear_ticks(0.0, highest or 1.0, above=True)[-1]
    return Axis(0.0, top, HEIGHT - BOTTOM, TOP)


def log_axis(values: Sequence[float], begin: float, end: float) -> Axis:
    """Logarithmic, between powers of ten around all values, or halfway where that leaves less empty."""
    positive = [value for value in values if value > 0] or [1e-3]
    low, high = _round_down(min(positive)), _round_up(max(positive))
    return Axis(low, high if high > low else low * 10, begin, end, is_log=True)


def lines(title: str, series: Sequence[Series], x: Axis, y: Axis, say: Say, moments: Sequence[Moment]) -> str:
    """Values over time."""
    drawn = [_line(one, x, y, fill=len(series) == 1) for one in series]
    labels = _end_labels(series, y) if len(series) > 1 else []
    return _figure(title, [*_grid(x, y, say), *drawn, *labels, *_hover(moments, x)])


def bars(title: str, heights: Sequence[tuple[Moment, float]], x: Axis, y: Axis, say: Say, colour: str) -> str:
    """One bar for each moment; nothing where there is nothing."""
    drawn = [
        f'<rect x="{x.place(moment.begin)}" y="{y.place(height)}"'
        f' width="{max(x.place(moment.end) - x.place(moment.begin) - 0.5, 0.5):.1f}"'
        f' height="{y.begin - y.place(height):.1f}" fill="var(--{colour})"/>'
        for moment, height in heights
        if height > 0
    ]
    if not drawn:
        middle = f'x="{(LEFT + WIDTH - RIGHT) // 2}" y="{HEIGHT // 2}"'
        drawn = [f'<text class="none" {middle} text-anchor="middle">none</text>']
    return _figure(title, [*_grid(x, y, say), *drawn, *_hover([moment for moment, _ in heights], x)])


def distribution(
    title: str, buckets: Sequence[tuple[float, float, float, str]], marks: Sequence[tuple[str, float]], say: Say
) -> str:
    """How often which value came: (from, to, share, words); `marks` are values with a name, from left to right."""
    edges = [edge for begin, end, _, _ in buckets for edge in (begin, end)]
    x = log_axis(edges, LEFT, WIDTH - RIGHT)
    y = value_axis(max((share for _, _, share, _ in buckets), default=0.0))
    drawn = [
        f'<rect class="bar" x="{x.place(begin)}" y="{y.place(share)}"'
        f' width="{max(x.place(end) - x.place(begin) - 0.5, 0.5):.1f}" height="{y.begin - y.place(share):.1f}">'
        f"<title>{escape(words)}</title></rect>"
        for begin, end, share, words in buckets
    ]
    return _figure(title, [*_grid(x, y, _percent, say), *drawn, *_marks(marks, x)])


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _marks(marks: Sequence[tuple[str, float]], x: Axis) -> list[str]:
    drawn = []
    for number, (name, value) in enumerate(marks):
        place, height = x.place(value), TOP + 10 + number * LABEL_HEIGHT
        anchor = "end" if place > WIDTH * 0.8 else "start"
        beside = place + (-4 if anchor == "end" else 4)
        drawn.append(f'<line class="mark" x1="{place}" y1="{TOP}" x2="{place}" y2="{HEIGHT - BOTTOM}"/>')
        drawn.append(f'<text class="label" x="{beside:.1f}" y="{height}" text-anchor="{anchor}">{escape(name)}</text>')
    return drawn


def _figure(title: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, *parts, "</svg>"])


def _grid(x: Axis, y: Axis, say: Say, say_x: Say | None = None) -> list[str]:
    drawn = []
    for value in y.ticks():
        place = y.place(value)
        drawn.append(f'<line class="grid" x1="{LEFT}" y1="{place}" x2="{WIDTH - RIGHT}" y2="{place}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{place + 4}" text-anchor="end">{escape(say(value))}</text>')
    for value in x.ticks():
        words = say_x(value) if say_x else f"{value:g} s"
        drawn.append(f'<text x="{x.place(value)}" y="{HEIGHT - 8}" text-anchor="middle">{escape(words)}</text>')
    drawn.append(f'<line class="axis" x1="{LEFT}" y1="{y.begin}" x2="{WIDTH - RIGHT}" y2="{y.begin}"/>')
    return drawn


def _line(series: Series, x: Axis, y: Axis, *, fill: bool) -> str:
    return "".join(_stretch(list(points), series.colour, x, y, fill=fill) for points in _runs(series))


def _runs(series: Series) -> Iterator[Iterator[tuple[float, float]]]:
    """The points between the gaps."""
    for is_gap, points in groupby(series.points, lambda point: math.isnan(point[1])):
        if not is_gap:
            yield points


def _stretch(points: Points, colour: str, x: Axis, y: Axis, *, fill: bool) -> str:
    places = [(x.place(when), y.place(value)) for when, value in points]
    path = " ".join(f"{across},{up}" for across, up in places)
    if len(places) == 1:
        return f'<circle cx="{places[0][0]}" cy="{places[0][1]}" r="2" fill="var(--{colour})"/>'
    drawn = f'<polyline points="{path}" stroke="var(--{colour})"/>'
    if fill:
        area = f"{places[0][0]},{y.begin} {path} {places[-1][0]},{y.begin}"
        drawn = f'<polygon points="{area}" fill="var(--{colour})"/>{drawn}'
    return drawn


def _end_labels(series: Sequence[Series], y: Axis) -> list[str]:
    """The name of each line beside its end, moved apart where they would lie on each other."""
    drawn = []
    lowest = float(HEIGHT)
    last = [(one, [value for _, value in one.points if not math.isnan(value)][-1:]) for one in series]
    for one, values in sorted((pair for pair in last if pair[1]), key=lambda pair: pair[1]):
        lowest = min(y.place(values[0]) + 4, lowest - LABEL_HEIGHT)
        drawn.append(
            f'<text class="label" x="{WIDTH - RIGHT + 6}" y="{lowest:.1f}" style="fill: var(--{one.colour})">'
            f"{escape(one.name)}</text>"
        )
    return drawn


def _hover(moments: Sequence[Moment], x: Axis) -> list[str]:
    return [
        f'<rect class="hover" x="{x.place(moment.begin)}" y="{TOP}" height="{HEIGHT - TOP - BOTTOM}"'
        f' width="{max(x.place(moment.end) - x.place(moment.begin), 0.5):.1f}">'
        f"<title>{escape(moment.words)}</title></rect>"
        for moment in moments
    ]


def _linear_ticks(low: float, high: float, *, above: bool = False) -> list[float]:
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in STEPS if factor * power >= raw * (1 - 1e-9))
    count = math.ceil((high - low) / step - 1e-9) if above else math.floor((high - low) / step + 1e-9)
    return [low + number * step for number in range(count + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= DECADES else (1,)
    ticks = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    return [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max(factor * power for factor in (1, 2, 5) if factor * power <= value * (1 + 1e-9))


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return min(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))
