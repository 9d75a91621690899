"""`--fail-if 'p99>50ms'`: what a test must not reach, so that a script can tell a good one from a bad one.

    METRIC OPERATOR VALUE              p99>50ms   errors>0   errors>1%   rate<1000/s   throughput<100MiB/s
    METRIC(NAME) OPERATOR VALUE        p99.9(movie.list)>20ms   mean(download)>2s

NAME is an operation of the protocol or a scenario; without it, all operations together.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from client_cli.loadtest.histogram import Histogram
from client_cli.loadtest.quantities import parse_duration, parse_rate, parse_share, parse_size, say_duration
from client_cli.loadtest.recorder import Recorder, Tally
from client_cli.text import size
from youku_evloop.errors import BadRequest

EXPRESSION: Final = re.compile(r"\s*([a-z]+)([\d.]*)\s*(?:\(\s*([^()\s]+)\s*\))?\s*(<=|>=|<|>|=)\s*(.+?)\s*")
OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq
}  # fmt: skip
TIMES: Final = ("p", "mean", "max")
METRICS: Final = (*TIMES, "errors", "rate", "throughput")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One of them; `limit` in seconds, a share, a number, or so many a second."""

    written: str
    metric: str
    percentile: float
    name: str | None
    sign: str
    limit: float
    is_share: bool = False

    def value(self, recorder: Recorder) -> float:
        """What it came to."""
        took, failed = self._about(recorder)
        if self.metric == "p":
            return took.percentile(self.percentile)
        if self.metric == "mean":
            return took.mean
        if self.metric == "max":
            return took.largest
        if self.metric == "errors":
            return failed / max(took.count + failed, 1) if self.is_share else failed
        if self.metric == "throughput":
            return (recorder.traffic.sent + recorder.traffic.received) / recorder.seconds
        return took.count / recorder.seconds

    def is_crossed(self, recorder: Recorder) -> bool:
        """Whether the test has failed by it; a check of something that there was nothing of is not passed."""
        return self._is_about_nothing(recorder) or OPERATORS[self.sign](self.value(recorder), self.limit)

    def say(self, recorder: Recorder) -> str:
        """What it came to, as people read it."""
        value = self.value(recorder)
        if self._is_about_nothing(recorder):
            return "there was none"
        if self.metric in TIMES:
            return say_duration(value)
        if self.metric == "throughput":
            return f"{size(int(value))}/s"
        if self.metric == "rate":
            return f"{value:,.1f}/s"
        return f"{value:.2%}" if self.is_share else f"{value:,.0f}"

    def as_json(self, recorder: Recorder) -> dict[str, Any]:
        """For a program."""
        return {
            "fail_if": self.written,
            "value": None if self._is_about_nothing(recorder) else self.value(recorder),
            "said": self.say(recorder),
            "crossed": self.is_crossed(recorder),
        }

    def _is_about_nothing(self, recorder: Recorder) -> bool:
        took, failed = self._about(recorder)
        return not took.count and (self.metric in TIMES or not failed)

    def _about(self, recorder: Recorder) -> tuple[Histogram, int]:
        """The durations and the number of failures that it is about."""
        if self.name is None:
            return recorder.whole, recorder.errors.total()
        tally = recorder.operations.get(self.name) or recorder.visits.get(self.name) or Tally()
        return tally.took, tally.failed


def parse_threshold(text: str) -> Threshold:
    """Raises `BadRequest` for what is none."""
    found = EXPRESSION.fullmatch(text)
    if found is None:
        raise _malformed(text, "Write METRIC OPERATOR VALUE, such as 'p99>50ms', 'errors>0' or 'rate<1000/s'.")
    metric, number, name, sign, limit = found.groups()
    if metric not in METRICS or (number and metric != "p"):
        known = "p50, p99, p99.9 and so on, mean, max, errors, rate, throughput"
        raise _malformed(text, f"There is no metric {metric + number!r}; there are {known}.")
    if metric == "throughput" and name:
        raise _malformed(text, "Bytes are counted for all operations together: leave the brackets out.")
    percentile = _percentile(text, number) if metric == "p" else 0.0
    is_share = metric == "errors" and limit.endswith("%")
    try:
        return Threshold(text.strip(), metric, percentile, name, sign, _limit(metric, limit), is_share)
    except BadRequest as problem:
        raise _malformed(text, problem.message) from None


def _percentile(text: str, number: str) -> float:
    try:
        percent = float(number)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise _malformed(text, "A percentile is from p0 to p100.")
    return percent / 100


def _limit(metric: str, limit: str) -> float:
    if metric in TIMES:
        return parse_duration(limit)
    if metric == "throughput":
        return parse_size(limit.removesuffix("/s"))
    if metric == "errors":
        return parse_share(limit) if limit.endswith("%") else _count(limit)
    return _rate(limit)


def _count(limit: str) -> float:
    if not limit.isdecimal():
        raise BadRequest(f"{limit!r} is no number of errors: write one such as 0, or a share such as 1%.")
    return float(limit)


def _rate(limit: str) -> float:
    return 0.0 if limit.removesuffix("/s").strip() == "0" else parse_rate(limit)


def _malformed(text: str, why: str) -> BadRequest:
    return BadRequest(f"--fail-if {text!r}: {why}")
