"""The report: one page with everything, that needs nothing but itself. It is made of the document (`summary.document`).

No script, no font and no picture from elsewhere; light or dark as the reader's system is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from client_cli import text
from client_cli.loadtest import plots, summary
from client_cli.loadtest.plots import BOTTOM, HEIGHT, TOP, Moment, Series
from client_cli.loadtest.quantities import say_duration

LATENCIES: Final = (("p50", "blue"), ("p90", "orange"), ("p99", "red"))
MERGED: Final = 60
"""Bars of the distribution, at most."""

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1a1d21; --soft: #5c6570; --line: #dfe3e8; --page: #f5f6f8; --card: #ffffff;
  --blue: #1f6fd0; --orange: #b35c00; --red: #c6283f; --green: #1a7f45; --warn: #fff4d6; --warn-ink: #6b4a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #9aa4af; --line: #333a42; --page: #14171a;
  --card: #1d2125; --blue: #6cb0ff; --orange: #f0a050; --red: #ff7a8a; --green: #5fcf8f; --warn: #3a3015;
  --warn-ink: #ffdf8e; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: .25rem 0; }
.soft, figcaption { color: var(--soft); }
.tiles, .plots { display: grid; gap: 1rem; margin: 1rem 0; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); }
.plots { grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
.tile, figure, section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; }
.tile b { display: block; font-size: 1.25rem; white-space: nowrap; font-weight: 600; line-height: 1.3;
  font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.bad b, td.bad { color: var(--red); }
.good b, td.good { color: var(--green); }
.warn { background: var(--warn); color: var(--warn-ink); border-radius: 10px; padding: .75rem 1rem; margin: 1rem 0; }
figure { margin: 0; }
figcaption { font-size: .85rem; margin-bottom: .5rem; }
section { margin: 1rem 0; overflow-x: auto; }
svg { display: block; width: 100%; height: auto; overflow: visible; font: 11px system-ui, sans-serif; }
svg text { fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .label { font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
svg .none { font-size: 14px; }
svg polyline { fill: none; stroke-width: 1.75; stroke-linejoin: round; }
svg polygon { opacity: .14; }
svg .grid { stroke: var(--line); }
svg .axis { stroke: var(--soft); }
svg .bar { fill: var(--blue); }
svg .mark { stroke: var(--red); stroke-dasharray: 4 3; }
svg .hover { fill: transparent; }
svg .hover:hover { fill: var(--soft); opacity: .18; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; }
th:first-child, td:first-child { text-align: left; }
tr:last-child td { border-bottom: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
"""


def page(found: Mapping[str, Any]) -> str:
    """The whole page, as HTML that is XML too."""
    title = f"Load test of {found['server']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_subtitle(found))}</p>',
        *(f'<p class="warn">{escape(line)}</p>' for line in _warnings(found)),
        _tiles(found),
        f'<div class="plots">{"".join(_plots(found))}</div>',
        _thresholds(found),
        _section("Operations", _table([column.title for column in summary.COLUMNS], summary.rows(found))),
        _section("The test", _details([*summary.lines(found), *_plan(found["plan"])])),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _subtitle(found: Mapping[str, Any]) -> str:
    plan = found["plan"]
    mix = ", ".join(
        f"{name} {weight:g}" if len(plan["weights"]) > 1 else name for name, weight in plan["weights"].items()
    )
    return f"{found['time']}, {plan['clients']:,} clients, {mix}, {found['seconds']:.1f} s"


def _warnings(found: Mapping[str, Any]) -> list[str]:
    stopped = ["The test was stopped before its end."] if found["interrupted"] else []
    return [*stopped, *summary.verdict(found)]


def _tiles(found: Mapping[str, Any]) -> str:
    sent, received, latency = found["bytes"]["sent"], found["bytes"]["received"], found["latency"]
    tiles = [
        (f"{found['rate']:,.0f}/s", "requests answered", ""),
        (say_duration(latency["p50"]), "median", ""),
        (say_duration(latency["p99"]), "99th percentile", ""),
        (say_duration(latency["max"]), "slowest", ""),
        (f"{text.size(int((sent + received) / found['seconds']))}/s", "moved", ""),
        (f"{found['errors']:,}", "errors", "bad" if found["errors"] else "good"),
    ]
    drawn = "".join(
        f'<div class="tile {kind}"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
        for value, name, kind in tiles
    )
    return f'<div class="tiles">{drawn}</div>'


# -- the plots


def _plots(found: Mapping[str, Any]) -> list[str]:
    windows: Sequence[Mapping[str, Any]] = found["windows"]
    moments = [Moment(window["begin"], window["end"], _words(window)) for window in windows]
    x = plots.time_axis(found["seconds"])
    return [
        _figure("Throughput", "requests answered a second", _throughput(windows, moments, x)),
        _figure(
            "Latency over time", "of the requests answered in each window; logarithmic", _latency(windows, moments, x)
        ),
        _figure("Latency distribution", "share of all answers by how long they took", _distribution(found)),
        _figure("Errors", "requests that failed, a second", _errors(windows, moments, x)),
        _figure("Bytes", "sent and received, a second", _bytes(windows, moments, x)),
        _figure(
            "The tester itself", "its share of one core: near 100 % it is itself the limit", _cpu(windows, moments, x)
        ),
    ]


def _throughput(windows: Sequence[Mapping[str, Any]], moments: Sequence[Moment], x: plots.Axis) -> str:
    points = [(_middle(window), window["rate"]) for window in windows]
    y = plots.value_axis(max((rate for _, rate in points), default=0.0))
    return plots.lines("Throughput", [Series("rate", "blue", points)], x, y, _count, moments)


def _latency(windows: Sequence[Mapping[str, Any]], moments: Sequence[Moment], x: plots.Axis) -> str:
    series = [
        Series(
            name, colour, [(_middle(window), math.nan if window[name] is None else window[name]) for window in windows]
        )
        for name, colour in LATENCIES
    ]
    y = plots.log_axis([value for one in series for _, value in one.points], HEIGHT - BOTTOM, TOP)
    return plots.lines("Latency over time", series, x, y, _time, moments)


def _errors(windows: Sequence[Mapping[str, Any]], moments: Sequence[Moment], x: plots.Axis) -> str:
    rates = [window["errors"] / max(window["end"] - window["begin"], 1e-3) for window in windows]
    y = plots.value_axis(max(rates, default=0.0))
    return plots.bars("Errors", list(zip(moments, rates, strict=True)), x, y, _count, "red")


def _bytes(windows: Sequence[Mapping[str, Any]], moments: Sequence[Moment], x: plots.Axis) -> str:
    speeds = {key: [w[key] / max(w["end"] - w["begin"], 1e-3) for w in windows] for key in ("received", "sent")}
    highest = max([1.0, *speeds["received"], *speeds["sent"]])
    unit, name = max(
        (1024.0**power, name) for power, name in enumerate(("B", *text.SIZE_UNITS)) if 1024**power <= highest
    )
    series = [
        Series(way, colour, [(_middle(w), speed / unit) for w, speed in zip(windows, speeds[key], strict=True)])
        for way, key, colour in (("in", "received", "blue"), ("out", "sent", "orange"))
    ]
    return plots.lines("Bytes", series, x, plots.value_axis(highest / unit), lambda value: f"{value:g} {name}", moments)


def _cpu(windows: Sequence[Mapping[str, Any]], moments: Sequence[Moment], x: plots.Axis) -> str:
    points = [(_middle(window), window["cpu"]) for window in windows]
    y = plots.value_axis(max([1.0, *(share for _, share in points)]))
    return plots.lines(
        "The tester itself", [Series("CPU", "green", points)], x, y, lambda share: f"{share:.0%}", moments
    )


def _distribution(found: Mapping[str, Any]) -> str:
    total = max(found["requests"], 1)
    buckets = [
        (begin, end, count / total, f"{say_duration(begin)} to {say_duration(end)}: {count:,} ({count / total:.2%})")
        for begin, end, count in merged(found["distribution"])
    ]
    times = {name: found["latency"][name] for name in ("p50", "p99", "p99.9") if found["requests"]}
    marks = [(f"{name} {say_duration(seconds)}", seconds) for name, seconds in times.items()]
    return plots.distribution("Latency distribution", buckets, marks, _time)


def merged(buckets: Sequence[Sequence[float]]) -> list[tuple[float, float, int]]:
    """Neighbours put together, so that all are about as wide on a logarithmic axis and there are not too many."""
    if not buckets:
        return []
    first, last = max(buckets[0][0], 1e-6), max(buckets[-1][1], 2e-6)
    factor = max((last / first) ** (1 / MERGED), 1.02)
    found: list[tuple[float, float, int]] = []
    edge = first
    for begin, end, count in buckets:
        if found and begin < edge:
            found[-1] = (found[-1][0], end, found[-1][2] + int(count))
        else:
            found.append((max(begin, first), end, int(count)))
            while edge <= begin:
                edge *= factor
    return found


def _words(window: Mapping[str, Any]) -> str:
    times = ", ".join(f"{name} {say_duration(window[name])}" for name in ("p50", "p90", "p99", "max"))
    moved = text.size(window["sent"] + window["received"])
    facts = (
        f"{window['begin']:.1f} to {window['end']:.1f} s",
        f"{window['rate']:,.0f} answers a second, {window['errors']:,} errors",
        times,
        f"{moved} moved",
        f"tester: {window['cpu']:.0%} of a core, {say_duration(window['lag'])} late",
    )
    return "\n".join(facts)


def _middle(window: Mapping[str, Any]) -> float:
    return float(window["begin"] + window["end"]) / 2


def _count(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:,g}"


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 0.9999:
            return f"{seconds * factor:g} {unit}"
    return f"{seconds * 1e6:.0f} us"


# -- the tables


def _thresholds(found: Mapping[str, Any]) -> str:
    if not found["thresholds"]:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one['fail_if'])}</td><td>{escape(one['said'])}</td>"
        f'<td class="{"bad" if one["crossed"] else "good"}">{"crossed" if one["crossed"] else "held"}</td></tr>'
        for one in found["thresholds"]
    )
    return _section("Thresholds", f"<table><tr><th>fails if</th><th>it was</th><th></th></tr>{rows}</table>")


def _plan(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = {
        "kill_rate": "Cut on purpose",
        "size": "Size of movies",
        "think": "Think time",
        "ramp": "Ramp",
        "seed": "Seed",
    }
    if set(plan["weights"]) == {"ping"}:
        del names["size"]
    return [(name, str(plan[key])) for key, name in names.items() if plan[key] not in (None, 0.0, "0s")]


def _figure(title: str, caption: str, plot: str) -> str:
    return f"<figure><h2>{escape(title)}</h2><figcaption>{escape(caption)}</figcaption>{plot}</figure>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell.lower())}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{lines}</table>"


def _details(pairs: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs) + "</dl>"
