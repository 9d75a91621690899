"""What a test came to: as a document for programs, which the report is made of too, and as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
from client_cli.loadtest.recorder import Recorder, Tally, Window
from client_cli.messages import Translate
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
    """Everything; times in seconds, sizes in bytes, rates a second. A time of nothing is None."""
    recorder, plan = outcome.recorder, outcome.plan
    return {
        "server": str(server),
        "time": text.utc(datetime.now(UTC)),
        "plan": _plan(plan),
        "interrupted": outcome.interrupted,
        **_totals(recorder),
        "operations": _tallies(recorder.operations, recorder.seconds),
        "visits": _tallies(recorder.visits, recorder.seconds),
        "arrivals": _arrivals(outcome.pace),
        "tester": watch.as_json(recorder, outcome.watch, outcome.pace),
        "server_cpu": _server_cpu(outcome),
        "thresholds": [threshold.as_json(recorder) for threshold in plan.fail_if],
        "removed": {**asdict(outcome.removed), "left_behind": outcome.left_behind or None},
        "distribution": [[_fine(begin), _fine(end), count] for begin, end, count in recorder.whole.bars()],
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


def _totals(recorder: Recorder) -> dict[str, Any]:
    errors = recorder.errors
    return {
        "seconds": _fine(recorder.seconds),
        "requests": recorder.whole.count,
        "rate": round(recorder.whole.count / recorder.seconds, 3),
        "errors": errors.total(),
        "error_codes": dict(errors.most_common()),
        "bytes": {"sent": recorder.traffic.sent, "received": recorder.traffic.received},
        "transfers": {"verified": recorder.verified, "cut": recorder.cuts},
        "latency": _latency(recorder.whole),
    }


def _latency(took: Histogram) -> dict[str, float | None]:
    if not took.count:
        return dict.fromkeys(("mean", *QUANTILES, "max"))
    found = {name: _fine(took.percentile(share)) for name, share in QUANTILES.items()}
    return {"mean": _fine(took.mean), **found, "max": _fine(took.largest)}


def _tallies(tallies: Mapping[str, Tally], seconds: float) -> dict[str, Any]:
    return {name: _tally(tally, seconds) for name, tally in sorted(tallies.items())}


def _tally(tally: Tally, seconds: float) -> dict[str, Any]:
    return {
        "count": tally.took.count,
        "rate": round(tally.took.count / seconds, 3),
        "errors": tally.failed,
        "error_codes": dict(tally.errors.most_common()),
        **_latency(tally.took),
    }


def _window(window: Window) -> dict[str, Any]:
    latency = _latency(window.took)
    return {
        "begin": _fine(window.begin),
        "end": _fine(window.end),
        "rate": round(window.rate, 1),
        "errors": window.failed,
        "sent": window.sent,
        "received": window.received,
        **{name: latency[name] for name in ("p50", "p90", "p99", "max")},
        "cpu": round(window.cpu, 3),
        "lag": _fine(window.lag),
    }


def _fine(seconds: float) -> float:
    return round(seconds, FINEST)


def _arrivals(pace: object) -> dict[str, Any] | None:
    if not isinstance(pace, Open):
        return None
    lateness = {"p50": pace.lateness.percentile(0.5), "p99": pace.lateness.percentile(0.99)}
    return {"due": pace.due, "delayed": pace.delayed, "unserved": pace.unserved, "lateness": lateness}


def _server_cpu(outcome: Outcome) -> dict[str, float | None] | None:
    if outcome.server_cpu is None:
        return None
    return watch.cpu(outcome.server_cpu, outcome.recorder)


def rows(found: Mapping[str, Any], translate: Translate = str) -> list[list[str]]:
    """Of the table: each operation, all of them, each scenario that has more than one."""
    operations = [_row(name, operation) for name, operation in found["operations"].items()]
    together = {"count": found["requests"], "rate": found["rate"], "errors": found["errors"], **found["latency"]}
    if len(operations) > 1:
        operations.append(_row(translate("(all)"), together))
    visits = {name: visit for name, visit in found["visits"].items() if name != "ping"}
    return operations + [_row(translate(f"visit: {name}"), visit) for name, visit in visits.items()]


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


def _model(plan: Mapping[str, Any]) -> str:
    return "each when it is ready" if plan["rate"] is None else f"{plan['rate']:,g} visits due a second"


def _cpu(values: Mapping[str, Any]) -> str:
    share = f"{values['cpu_share']:.0%} of a core"
    per_request = values["cpu_per_request"]
    return share if per_request is None else f"{share}, {say_duration(per_request)} a request"


def _tester(tester: Mapping[str, Any]) -> str:
    used, late = _cpu(tester), tester["loop_lag"]["p99"]
    return used if late is None else f"{used}; its loop was {say_duration(late)} late at the 99th percentile"


def verdict(found: Mapping[str, Any], translate: Translate = str) -> Sequence[str]:
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
