"""What a test came to: as a document for programs, which the report is made of too, and as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from client_cli import text
from client_cli.address import Address
from client_cli.loadtest import watch
from client_cli.loadtest.conductor import Outcome
from client_cli.loadtest.histogram import Histogram
from client_cli.loadtest.pace import Open
from client_cli.loadtest.plan import Plan
from client_cli.loadtest.quantities import say_duration
from client_cli.loadtest.recorder import Tally, Window
from client_cli.output import Column

COLUMNS: Final = (
    Column("OPERATION"),
    Column("COUNT", right=True),
    Column("ERRORS", right=True),
    Column("RATE", right=True),
    Column("MEAN", right=True),
    Column("P50", right=True),
    Column("P90", right=True),
    Column("P99", right=True),
    Column("MAX", right=True),
)
QUANTILES: Final[Mapping[str, float]] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
FINEST: Final = 6
"""Decimals of seconds: microseconds."""


def document(outcome: Outcome, server: Address) -> dict[str, Any]:
    """Everything; times in seconds, sizes in bytes, rates a second."""
    recorder, plan = outcome.recorder, outcome.plan
    errors = recorder.errors
    return {
        "server": str(server),
        "time": text.utc(datetime.now(UTC)),
        "plan": _plan(plan),
        "interrupted": outcome.interrupted,
        "seconds": round(recorder.seconds, FINEST),
        "requests": recorder.whole.count,
        "rate": round(recorder.whole.count / recorder.seconds, 3),
        "errors": errors.total(),
        "error_codes": dict(errors.most_common()),
        "bytes": {"sent": recorder.traffic.sent, "received": recorder.traffic.received},
        "transfers": {"verified": recorder.verified, "cut": recorder.cuts},
        "latency": _latency(recorder.whole),
        "operations": {name: _tally(tally, recorder.seconds) for name, tally in sorted(recorder.operations.items())},
        "visits": {name: _tally(tally, recorder.seconds) for name, tally in sorted(recorder.visits.items())},
        "arrivals": _arrivals(outcome.pace),
        "tester": watch.as_json(recorder, outcome.watch, outcome.pace),
        "server_cpu": _server_cpu(outcome),
        "thresholds": [threshold.as_json(recorder) for threshold in plan.fail_if],
        "removed": _removed(outcome),
        "distribution": [
            [round(begin, FINEST), round(end, FINEST), count] for begin, end, count in recorder.whole.bars()
        ],
        "windows": [_window(window) for window in recorder.windows],
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "weights": dict(plan.weights),
        "clients": plan.clients,
        "rate": plan.rate,
        "duration": plan.longest,
        "requests": plan.requests,
        "ramp": plan.ramp,
        "think": str(plan.think),
        "size": str(plan.size),
        "kill_rate": plan.kill_rate,
        "users": plan.users,
        "movies": plan.movies,
        "seed": plan.seed,
    }


def _removed(outcome: Outcome) -> dict[str, Any]:
    return {
        "users": outcome.removed.users,
        "movies": outcome.removed.movies,
        "uploads": outcome.removed.uploads,
        "left_behind": outcome.left_behind or None,
    }


def _window(window: Window) -> dict[str, Any]:
    p50, p90, p99 = window.percentiles
    return {
        "begin": round(window.begin, 3),
        "end": round(window.end, 3),
        "rate": round(window.rate, 1),
        "errors": window.failed,
        "sent": window.sent,
        "received": window.received,
        "p50": round(p50, FINEST),
        "p90": round(p90, FINEST),
        "p99": round(p99, FINEST),
        "max": round(window.slowest, FINEST),
        "cpu": round(window.cpu, 3),
        "lag": round(window.lag, FINEST),
    }


def _latency(took: Histogram) -> dict[str, float]:
    found = {name: round(took.percentile(share), FINEST) for name, share in QUANTILES.items()}
    return {"mean": round(took.mean, FINEST), **found, "max": round(took.largest, FINEST)}


def _tally(tally: Tally, seconds: float) -> dict[str, Any]:
    return {
        "count": tally.took.count,
        "rate": round(tally.took.count / seconds, 3),
        "errors": tally.failed,
        "error_codes": dict(tally.errors.most_common()),
        **_latency(tally.took),
    }


def _arrivals(pace: object) -> dict[str, Any] | None:
    if not isinstance(pace, Open):
        return None
    lateness = {"p50": pace.lateness.percentile(0.5), "p99": pace.lateness.percentile(0.99)}
    return {"due": pace.due, "delayed": pace.delayed, "unserved": pace.unserved, "lateness": lateness}


def _server_cpu(outcome: Outcome) -> dict[str, float] | None:
    if outcome.server_cpu is None:
        return None
    recorder = outcome.recorder
    return {
        "cpu_share": round(outcome.server_cpu / recorder.seconds, 4),
        "cpu_per_request": outcome.server_cpu / max(recorder.whole.count, 1),
    }


def rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Of the table: each operation, all of them, each scenario that has more than one."""
    operations = [_row(name, operation) for name, operation in found["operations"].items()]
    together = {"count": found["requests"], "rate": found["rate"], "errors": found["errors"], **found["latency"]}
    if len(operations) > 1:
        operations.append(_row("(all)", together))
    return operations + [_row(f"visit: {name}", visit) for name, visit in found["visits"].items() if name != "ping"]


def _row(name: str, values: Mapping[str, Any]) -> list[str]:
    times = [say_duration(values[key]) for key in ("mean", "p50", "p90", "p99", "max")]
    return [name, f"{values['count']:,}", f"{values['errors']:,}", f"{values['rate']:,.1f}/s", *times]


def lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What stands below the table: names and values."""
    sent, received = found["bytes"]["sent"], found["bytes"]["received"]
    seconds = found["seconds"]
    pairs = [
        ("Took", f"{seconds:.1f} s, {found['plan']['clients']:,} clients, {_model(found['plan'])}"),
        (
            "Bytes",
            f"{text.size(sent)} sent, {text.size(received)} received, {text.size(int((sent + received) / seconds))}/s",
        ),
    ]
    if found["errors"]:
        pairs.append(("Errors", ", ".join(f"{code} {count:,}" for code, count in found["error_codes"].items())))
    if found["transfers"]["verified"]:
        transfers = found["transfers"]
        pairs.append(
            ("Transfers", f"{transfers['verified']:,} with the right hash, {transfers['cut']:,} cut and resumed")
        )
    if found["arrivals"]:
        arrivals = found["arrivals"]
        pairs.append(("Visits due", f"{arrivals['due']:,}, of which {arrivals['delayed']:,} found no client free"))
    pairs.append(("Tester", _tester(found["tester"])))
    if found["server_cpu"]:
        pairs.append(("Server", _cpu(found["server_cpu"])))
    return pairs


def _speed(count: int, seconds: float) -> str:
    return f"{text.size(int(count / seconds))}/s"


def _model(plan: Mapping[str, Any]) -> str:
    return "each when it is ready" if plan["rate"] is None else f"{plan['rate']:,g} visits due a second"


def _cpu(values: Mapping[str, Any]) -> str:
    return f"{values['cpu_share']:.0%} of a core, {say_duration(values['cpu_per_request'])} a request"


def _tester(tester: Mapping[str, Any]) -> str:
    return f"{_cpu(tester)}; its loop was {say_duration(tester['loop_lag']['p99'])} late at the 99th percentile"


def verdict(found: Mapping[str, Any], translate: Callable[[str], str] = str) -> Sequence[str]:
    """What somebody should know before believing the figures; the reasons in the reader's language."""
    if not found["tester"]["was_the_bottleneck"]:
        return []
    why = "; ".join(map(translate, found["tester"]["reasons"]))
    return [f"Careful: the tester itself was a bottleneck: {why}. The server may be better than these figures."]


def crossed(outcome: Outcome) -> list[str]:
    """What `--fail-if` forbade and what it came to."""
    recorder = outcome.recorder
    limits = [threshold for threshold in outcome.plan.fail_if if threshold.is_crossed(recorder)]
    return [f"{threshold.written} ({threshold.say(recorder)})" for threshold in limits]
