"""Numbers as people write them: durations, sizes, rates, shares, and distributions of the first two.

5s  250ms  2m  1h      64KiB  8MiB  1GB  1000B      100  100/s      0.05  5%
2s                     always two seconds
uniform:1s,3s          anything from one to three, equally likely
exponential:2s         two on average, as between calls of people who know nothing of each other
lognormal:8MiB,1.2     half of them below 8 MiB; 1.2 is the standard deviation of the logarithm
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from youku_evloop.errors import BadRequest

TIME_UNITS: Final[Mapping[str, float]] = {
    "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "": 1.0
}  # fmt: skip
SIZE_UNITS: Final[Mapping[str, float]] = {
    "": 1, "b": 1, "k": 2**10, "kib": 2**10, "kb": 1e3, "m": 2**20, "mib": 2**20, "mb": 1e6,
    "g": 2**30, "gib": 2**30, "gb": 1e9,
}  # fmt: skip
NUMBER: Final = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z]*)\s*")
LONGEST: Final = 86_400.0
"""Seconds of one test, and of anything in it: whoever wants more has forgotten a unit."""
LARGEST: Final = 64 * 1024**3
"""Bytes of one made-up movie: a distribution may have a tail without end."""
WIDEST: Final = 10.0
"""Of a lognormal distribution: beyond it everything is next to nothing or next to infinite."""

Parse = Callable[[str], float]


def parse_duration(text: str) -> float:
    """Seconds; raises `BadRequest`."""
    seconds = _number(text, TIME_UNITS, "duration", "such as 250ms, 5s or 2m")
    if not seconds <= LONGEST:
        raise BadRequest(f"{text!r} is too long: a day is the most.")
    return seconds


def parse_size(text: str) -> float:
    """Bytes; raises `BadRequest`."""
    return _number(text, SIZE_UNITS, "size", "such as 1000B, 64KiB or 8MiB")


def parse_movie_size(text: str) -> float:
    """The same of one movie; raises `BadRequest`."""
    size = parse_size(text)
    if size > LARGEST:
        raise BadRequest(f"{text!r} is too large: 64 GiB is the most.")
    return size


def parse_rate(text: str) -> float:
    """A number a second, more than 0, with or without `/s`; raises `BadRequest`."""
    rate = _number(text.strip().removesuffix("/s"), {"": 1.0, "k": 1e3}, "rate", "such as 100 or 2.5k, a second")
    if not rate > 0:
        raise BadRequest("A rate is more than 0: write one such as 100.")
    return rate


def parse_share(text: str) -> float:
    """From 0 to 1, written as that or in percent; raises `BadRequest`."""
    written = text.strip()
    share = _number(written.removesuffix("%"), {"": 1.0}, "share", "such as 0.05 or 5%")
    share /= 100 if written.endswith("%") else 1
    if not share <= 1:
        raise BadRequest(f"{text!r} is more than all of them: 1 or 100% is the most.")
    return share


@dataclass(frozen=True, slots=True)
class Distribution:
    """What to draw from; `written` is how somebody asked for it."""

    written: str
    kind: str
    first: float
    second: float = 0.0

    def draw(self, chance: random.Random) -> float:
        """One value."""
        if self.kind == "fixed":
            return self.first
        if self.kind == "uniform":
            return chance.uniform(self.first, self.second)
        if self.kind == "exponential":
            return chance.expovariate(1 / self.first) if self.first else 0.0
        return chance.lognormvariate(math.log(self.first), self.second)

    def __str__(self) -> str:
        return self.written


def parse_distribution(text: str, parse: Parse) -> Distribution:
    """`8MiB`, `uniform:A,B`, `exponential:MEAN` or `lognormal:MEDIAN,SIGMA`; raises `BadRequest`."""
    written = text.strip()
    kind, colon, rest = written.partition(":")
    if not colon:
        return Distribution(written, "fixed", parse(written))
    values = rest.split(",")
    if kind == "uniform" and len(values) == 2:
        low, high = parse(values[0]), parse(values[1])
        if low <= high:
            return Distribution(written, kind, low, high)
    elif kind == "exponential" and len(values) == 1:
        return Distribution(written, kind, parse(values[0]))
    elif kind == "lognormal" and len(values) == 2:
        median, sigma = parse(values[0]), _number(values[1], {"": 1.0}, "sigma", "such as 1.2")
        if median > 0 and sigma <= WIDEST:
            return Distribution(written, kind, median, sigma)
    raise BadRequest(
        f"{text!r} is no distribution: write one value, uniform:LEAST,MOST, exponential:MEAN or lognormal:MEDIAN,SIGMA."
    )


def say_duration(seconds: float | None) -> str:
    """`120 us`, `4.21 ms`, `1.50 s`: three digits that matter; `-` for what there was none of."""
    if seconds is None:
        return "-"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{_three(seconds * 1000)} ms"
    return f"{_three(seconds)} s"


def _three(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _number(text: str, units: Mapping[str, float], what: str, example: str) -> float:
    found = NUMBER.fullmatch(text)
    if found is None or found[2].lower() not in units:
        raise BadRequest(f"{text.strip()!r} is no {what}: write one {example}.")
    return float(found[1]) * units[found[2].lower()]
