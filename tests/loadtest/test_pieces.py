"""What the load tester is made of: histogram, quantities, thresholds, plans, made-up bytes, SCRAM, plots."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from scramp import ScramMechanism

from client_cli.address import parse_address
from client_cli.loadtest import plots, report, summary, watch
from client_cli.loadtest.conductor import Outcome
from client_cli.loadtest.histogram import Histogram
from client_cli.loadtest.live import fitting
from client_cli.loadtest.plan import read_plan
from client_cli.loadtest.quantities import (
    parse_distribution,
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
    say_duration,
)
from client_cli.loadtest.recorder import MOST_WINDOWS, Recorder
from client_cli.loadtest.report import merged
from client_cli.loadtest.scram import ROUNDS, Exchange, Keys
from client_cli.loadtest.target import require_permission
from client_cli.loadtest.thresholds import parse_threshold
from client_cli.loadtest.transfers import STRETCH, TAG_SIZE, Content
from youku_evloop.errors import BadRequest, Forbidden, LoginFailed
from youku_evloop.kernel.loop import Loop

MICROSECOND = 1e-6
PRECISION = 1 / 128
SHARES = (0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0)


def histogram_of(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


def exact(values: list[float], share: float) -> float:
    """The value that so many do not exceed, by sorting them."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


# -- the histogram


@given(st.lists(st.floats(0, 4000, allow_nan=False), min_size=1))
def test_a_percentile_is_never_too_low_and_hardly_too_high(values: list[float]) -> None:
    histogram = histogram_of(values)
    for share in SHARES:
        right, found = exact(values, share), histogram.percentile(share)
        assert right <= found <= right * (1 + PRECISION) + MICROSECOND * 1.001


@given(st.lists(st.floats(0, 10, allow_nan=False)), st.lists(st.floats(0, 10, allow_nan=False)))
def test_two_histograms_together_are_the_histogram_of_all(first: list[float], second: list[float]) -> None:
    together = histogram_of(first)
    together.merge(histogram_of(second))
    everything = histogram_of(first + second)
    assert together.buckets == everything.buckets
    assert (together.count, together.largest) == (everything.count, everything.largest)
    assert together.mean == pytest.approx(everything.mean)


@given(st.floats(0, 4000, allow_nan=False))
def test_a_bar_is_where_its_values_are(value: float) -> None:
    [(begin, end, count)] = histogram_of([value]).bars()
    assert begin - MICROSECOND * 0.001 <= value <= end + MICROSECOND * 0.001
    assert count == 1


def test_an_empty_histogram_says_nothing() -> None:
    assert (Histogram().percentile(0.99), Histogram().mean, list(Histogram().bars())) == (0.0, 0.0, [])


# -- what people write


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_duration, "250ms", 0.25),
        (parse_duration, "1.5 m", 90.0),
        (parse_duration, "2", 2.0),
        (parse_duration, "10us", 1e-5),
        (parse_size, "64KiB", 65536),
        (parse_size, "1MB", 1e6),
        (parse_size, "8m", 8 * 2**20),
        (parse_rate, "1000/s", 1000),
        (parse_rate, "2.5k", 2500),
        (parse_share, "5%", 0.05),
        (parse_share, "0.5", 0.5),
    ],
)
def test_quantities_are_written_as_people_do(parse: Any, text: str, value: float) -> None:
    assert parse(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_duration, "soon"),
        (parse_duration, "-1s"),
        (parse_duration, "2d"),
        (parse_duration, "100h"),
        (parse_size, "8 MiBytes"),
        (parse_rate, "0"),
        (parse_share, "101%"),
        (parse_share, "1.01"),
    ],
)
def test_other_quantities_are_refused(parse: Any, text: str) -> None:
    with pytest.raises(BadRequest):
        parse(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("2s", 2, 2), ("uniform:1s,3s", 1, 3), ("exponential:2s", 0, 60), ("lognormal:2s,0.5", 0.1, 40)],
)
def test_a_distribution_is_drawn_from(text: str, low: float, high: float) -> None:
    chance = random.Random(1)
    drawn = [parse_distribution(text, parse_duration).draw(chance) for _ in range(2000)]
    assert low <= min(drawn) <= max(drawn) <= high
    assert sorted(drawn)[1000] == pytest.approx(2.0 if not text.startswith("exp") else 2.0 * math.log(2), rel=0.1)


@pytest.mark.parametrize(
    "text", ["uniform:3s,1s", "uniform:1s", "lognormal:0s,1", "lognormal:1s,99", "normal:1,2", "exponential:1s,2s", ""]
)
def test_what_is_no_distribution_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_distribution(text, parse_duration)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (0.00012, "120 us"), (0.004213, "4.21 ms"), (0.0421, "42.1 ms"), (1.5, "1.50 s")],
)
def test_a_duration_is_said_with_three_digits(seconds: float | None, words: str) -> None:
    assert say_duration(seconds) == words


# -- thresholds


@pytest.fixture
def recorder() -> Recorder:
    """Ten seconds: a hundred lists of 10 ms, three of 500 ms, one that failed."""
    moments = iter([0.0, 10.0])
    recorder = Recorder(lambda: next(moments))
    for seconds in [0.010] * 97 + [0.500] * 3:
        recorder.took("movie.list", seconds)
    recorder.failed("movie.list", "unavailable")
    recorder.failed("movie.show", "unavailable")
    recorder.visited("browse", 2.0)
    recorder.traffic.received = 10 * 2**20
    recorder.close_window(0.0)
    return recorder


@pytest.mark.parametrize(
    ("expression", "crossed"),
    [
        ("p50>50ms", False),
        ("p50 > 5ms", True),
        ("p99>50ms", True),
        ("p97>50ms", False),
        ("max>=500ms", True),
        ("mean<10ms", False),
        ("errors>0", True),
        ("errors>2", False),
        ("errors>2%", False),
        ("errors>0.5%", True),
        ("rate<1000/s", True),
        ("rate<10", False),
        ("rate=0", False),
        ("throughput<2MiB/s", True),
        ("throughput<1MiB/s", False),
        ("p50(movie.list)<1s", True),
        ("p50(browse)<1s", False),
        ("errors(browse)>0", False),
        ("errors(movie.list)>0", True),
        ("rate(nothing.of.that.name)<1", True),
        ("p99(nothing.of.that.name)>1s", True),  # a check that checks nothing has not been passed
        ("p99(movie.show)>1s", True),  # it failed each time it was asked
        ("errors(movie.show)>1", False),
    ],
)
def test_a_threshold_is_crossed_or_held(recorder: Recorder, expression: str, crossed: bool) -> None:
    assert parse_threshold(expression).is_crossed(recorder) is crossed


@pytest.mark.parametrize(
    "expression",
    (
        *("", "p99", "p99>", "p99>fast", "p101>1s", "p>1s", "speed>1", "errors>-1", "errors>few", "rate!=3"),
        *("mean5>1s", "throughput(ping)<1", "p99>50ms and errors>0", "p99 => 1s", "rate<fast/s", "errors>200%"),
    ),
)
def test_a_threshold_that_is_none_is_a_mistake_of_whoever_wrote_it(expression: str) -> None:
    with pytest.raises(BadRequest, match="--fail-if"):
        parse_threshold(expression)


# -- was it the tester?


def judged(*, seconds: float = 4.0, lateness: float = 0.001, latency: float = 0.0005, cpu: float = 0.2) -> Any:
    """What is said of a tester with so much to do, whose loop was so late while answers took so long."""
    clock = itertools.count(0.0, seconds)
    recorder = Recorder(lambda: next(clock))
    recorder.took("ping", latency)
    recorder.windows = [replace(recorder.close_window(lateness), cpu=cpu)]
    loop = Loop(threads=0)
    try:
        watched = watch.Watch(loop, recorder.clock)
        watched.lags.add(lateness)
        return watch.as_json(recorder, watched, None)
    finally:
        loop.close()


def test_a_tester_with_time_to_spare_was_no_bottleneck() -> None:
    assert judged()["was_the_bottleneck"] is False
    assert judged(lateness=0.020, latency=0.400)["was_the_bottleneck"] is False


def test_a_tester_that_was_late_or_busy_says_so() -> None:
    late, busy = judged(lateness=0.020, latency=0.030), judged(cpu=0.95)
    assert late["was_the_bottleneck"] is busy["was_the_bottleneck"] is True
    [why] = late["reasons"]
    assert "20.1 ms late" in why or "20.0 ms late" in why
    assert "95% of a core" in busy["reasons"][0]


def test_a_short_test_is_not_judged() -> None:
    short = judged(seconds=0.1, cpu=0.95)
    assert (short["was_the_bottleneck"], short["reasons"]) == (None, [])


# -- what was not answered


def test_where_nothing_was_answered_there_is_no_time_that_it_took() -> None:
    clock = itertools.count(0.0, 2.0)
    recorder = Recorder(lambda: next(clock))
    recorder.failed("ping", "timeout")
    recorder.close_window(0.003)
    loop = Loop(threads=0)
    try:
        plan = read_plan({"fail_if": ("p99>1s",)}, None)
        outcome = Outcome(plan, recorder, watch.Watch(loop, recorder.clock), None)
        found = summary.document(outcome, parse_address("127.0.0.1"))
    finally:
        loop.close()
    assert found["latency"]["p99"] is found["operations"]["ping"]["p50"] is found["windows"][0]["max"] is None
    assert (found["thresholds"][0]["crossed"], found["thresholds"][0]["value"]) == (True, None)
    [row] = summary.rows(found)
    assert row == ["ping", "0", "1", "0.0/s", "-", "-", "-", "-", "-"]
    page = report.page(found)
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    assert "there was none" in page and "0 us" not in page and "nan" not in page


def test_a_test_of_a_day_has_no_more_windows_than_a_plot_can_show() -> None:
    clock = itertools.count(0.0, 1.0)
    recorder = Recorder(lambda: next(clock))
    for number in range(3000):
        recorder.took("ping", 0.001 * number)
        recorder.failed("ping", "timeout")
        recorder.traffic.sent += 7
        recorder.close_window(0.0)
    windows = recorder.windows
    assert MOST_WINDOWS / 2 <= len(windows) <= MOST_WINDOWS
    assert {window.length for window in windows[:-1]} == {8.0} and windows[-1].end == recorder.seconds == 3000
    assert all(before.end == after.begin for before, after in pairwise(windows))
    assert sum(window.took.count for window in windows) == sum(window.failed for window in windows) == 3000
    assert sum(window.sent for window in windows) == 21_000
    assert windows[1].percentile(1.0) == pytest.approx(0.015)
    assert all(0 <= window.cpu < 1 for window in windows)


# -- while it runs


def test_a_line_is_never_longer_than_the_terminal_is_wide() -> None:
    parts = ("  0.3 s", "24,305/s", "p50 227 us", "0 errors")
    assert fitting(parts, 200) == "  0.3 s  24,305/s  p50 227 us  0 errors"
    for columns in range(9, 60):
        assert len(fitting(parts, columns)) < columns
        assert "  0.3 s  24,305/s  p50 227 us  0 errors".startswith(fitting(parts, columns))


# -- whom it may load


@pytest.mark.parametrize("server", ["127.0.0.1", "localhost:1234", "[::1]:9685", "127.8.9.10"])
def test_this_machine_may_be_loaded(server: str) -> None:
    require_permission(parse_address(server), None)


@pytest.mark.parametrize("allowed", [None, "", "example.org", "192.0.2.2"])
def test_another_machine_only_if_its_name_is_typed_again(allowed: str | None) -> None:
    with pytest.raises(Forbidden, match="--allow-host"):
        require_permission(parse_address("library.example"), allowed)
    require_permission(parse_address("library.example"), "Library.example")


# -- made-up bytes


@pytest.mark.parametrize("size", [1, TAG_SIZE - 1, TAG_SIZE, TAG_SIZE + 1, 1000, STRETCH + 5, 3 * STRETCH + 1])
def test_made_up_bytes_are_the_same_from_wherever_they_are_read(size: int) -> None:
    content = Content(size)
    whole = content.read(size, 0)
    assert len(whole) == size
    for begin in (0, 1, size // 2, size - 1):
        assert b"".join(content.pieces(begin, size)) == whole[begin:]
        assert content.read(7, begin) == whole[begin : begin + 7]
    content.hash_to(size // 2)
    content.hash_to(size // 3)
    assert content.hash() == blake3(whole).hexdigest()


def test_no_two_uploads_have_the_same_bytes() -> None:
    assert Content(100).hash() != Content(100).hash()


# -- SCRAM


def test_the_keys_that_are_derived_once_prove_themselves_again_and_again() -> None:
    keys = Keys()
    mechanism = ScramMechanism("SCRAM-SHA-256")
    for name in ("one", "two"):
        server = mechanism.make_server(lambda _: (keys.salt, keys.stored_key, keys.server_key, ROUNDS))
        exchange = Exchange(keys, name)
        server.set_client_first(exchange.first())
        server.set_client_final(exchange.final(server.get_server_first()))
        exchange.check(server.get_server_final())


def test_a_server_that_knows_somebody_else_is_not_believed() -> None:
    exchange = Exchange(Keys(), "one")
    with pytest.raises(LoginFailed):
        exchange.final("r=abc,s=c2FsdA==,i=4096")
    with pytest.raises(LoginFailed):
        exchange.check("v=bm90IHRoZSBzaWduYXR1cmU=")


# -- plots


@given(st.floats(1e-6, 1e12))
def test_the_ticks_of_an_axis_are_few_and_reach_its_top(highest: float) -> None:
    axis = plots.value_axis(highest)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 7
    assert ticks[-1] == pytest.approx(axis.high)
    assert axis.high >= highest * (1 - 1e-9)


@given(st.lists(st.floats(1e-6, 1e4), min_size=1))
def test_a_logarithmic_axis_holds_all_values(values: list[float]) -> None:
    axis = plots.log_axis(values, 0, 100)
    assert axis.low <= min(values) * (1 + 1e-9) and axis.high >= max(values) * (1 - 1e-9)
    assert len(axis.ticks()) >= 2
    assert all(0 <= axis.place(value) <= 100 for value in values)


def test_where_nothing_was_answered_a_line_has_a_gap() -> None:
    points = [(0.0, 1.0), (1.0, 2.0), (2.0, math.nan), (3.0, 2.0), (4.0, 1.0), (5.0, math.nan), (6.0, 3.0)]
    series = [plots.Series("p50", "blue", points), plots.Series("p99", "red", [(0.0, math.nan)])]
    drawn = plots.lines("Latency", series, plots.time_axis(6), plots.value_axis(3), str, [])
    assert (drawn.count("<polyline"), drawn.count("<circle"), drawn.count("nan")) == (2, 1, 0)


@given(st.lists(st.floats(0, 100), min_size=1))
def test_the_bars_of_the_distribution_are_all_there_and_not_too_many(values: list[float]) -> None:
    bars = merged([list(bar) for bar in histogram_of(values).bars()])
    assert sum(count for _, _, count in bars) == len(values)
    assert len(bars) <= 70
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(bars))
