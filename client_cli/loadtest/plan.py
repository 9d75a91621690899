"""What somebody wants tested: the settings, each from an option, else from a file, else a default; and own scenarios.

A file is TOML (docs/loadtest.md). Whatever is wrong with it is one line that names the place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from client_cli.loadtest.line import frame
from client_cli.loadtest.quantities import (
    LONGEST,
    Distribution,
    parse_distribution,
    parse_duration,
    parse_movie_size,
    parse_rate,
    parse_share,
)
from client_cli.loadtest.thresholds import Threshold, parse_threshold
from youku_evloop.errors import BadRequest
from youku_evloop.wire.frames import MAX_FRAME

MIXED: Final = "mixed"
DEFAULT_WEIGHTS: Final[Mapping[str, float]] = {"browse": 70.0, "download": 15.0, "login": 10.0, "upload": 5.0}
"""Of `mixed`, unless somebody says otherwise: most people look around most of the time."""
WHAT: Final = ("scenario", "weights")
BUILT_IN: Final = ("ping", "browse", "login", "download", "upload")
MOST_CLIENTS: Final = 100_000
MOST_USERS: Final = 10_000
MOST_VISITS: Final = 200_000
"""That become due in a second: several times what one process can play, and it can still count them."""
USERS: Final = 100
"""Made-up users, where there are more clients than that: they share them."""
PLACEHOLDERS: Final = ("$movie", "$word", "$user")
"""What a step of an own scenario may have as an argument, and something of the test's is filled in."""
PLACEHOLDER: Final = re.compile(r"\$[a-z_]+")
FILLED_IN: Final = 64
"""Bytes that an id, a word or a name of the test's may take in a request."""
DEFAULT_DURATION: Final = 10.0
AT_ONCE: Final = parse_distribution("0s", parse_duration)
ONE_MEBIBYTE: Final = parse_distribution("1MiB", parse_movie_size)


@dataclass(frozen=True, slots=True)
class StepText:
    """A step of an own scenario as it was written, checked: what kind, and of what."""

    kind: str
    value: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A test; times in seconds, sizes in bytes."""

    clients: int = 10
    duration: float | None = None
    requests: int | None = None
    rate: float | None = None
    """Visits a second that become due; None: the closed model."""
    ramp: float = 0.0
    weights: Mapping[str, float]
    think: Distribution = AT_ONCE
    size: Distribution = ONE_MEBIBYTE
    kill_rate: float = 0.0
    users: int
    movies: int = 20
    seed: int | None = None
    fail_if: tuple[Threshold, ...] = ()
    own: Mapping[str, tuple[StepText, ...]] = field(default_factory=dict)

    @property
    def longest(self) -> float | None:
        """Seconds after which the test ends in any case; None: when the requests are spent."""
        return DEFAULT_DURATION if self.duration is None and self.requests is None else self.duration

    @property
    def makes_something(self) -> bool:
        """Whether there has to be anything but the server: then it takes an administrator."""
        return set(self.weights) != {"ping"}


def read_plan(options: Mapping[str, Any], file: Path | None) -> Plan:
    """`options` by the names of SETTINGS, as they were written; raises `BadRequest`."""
    document = {} if file is None else _load(file)
    own = {name: _steps(name, body) for name, body in _table(document, "scenarios").items()}
    said = {name: value for name, value in options.items() if value not in (None, ())}
    written = {**_settings(document), **said}
    if "scenario" in said or "weights" in said:  # either says what is played, instead of what the file says
        written = {name: value for name, value in written.items() if name not in WHAT or name in said}
    values = {name: _parsed(name, value) for name, value in written.items()}
    values["weights"] = _weights(values.pop("scenario", None), values.pop("weights", None), set(own))
    values.setdefault("users", min(values.get("clients", 10), USERS))
    plan = Plan(**values, own=own)
    if plan.ramp and plan.longest is not None and plan.ramp > plan.longest:
        raise BadRequest("The ramp is longer than the test.")
    return plan


def _integer(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        try:
            number = int(str(value))
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise BadRequest(f"{value!r} is not a whole number from {least} to {most}.")
        return number

    return parse


def _more_than_nothing(text: str) -> float:
    seconds = parse_duration(text)
    if not seconds:
        raise BadRequest("A test takes some time: write one such as 10s.")
    return seconds


def _parse_weights(value: Any) -> dict[str, float]:
    """`browse=6,download=1`, or a table of a file."""
    pairs = (
        value.items() if isinstance(value, Mapping) else [part.partition("=")[::2] for part in str(value).split(",")]
    )
    weights = {}
    for name, weight in ((str(name).strip(), weight) for name, weight in pairs):
        if name in weights:
            raise BadRequest(f"{name!r} has two weights: leave out one of them.")
        try:
            weights[name] = float(weight)
        except (TypeError, ValueError):
            raise BadRequest(f"The weight of {name!r} is a number, as in browse=6,download=1.") from None
    if not all(0 <= weight < float("inf") for weight in weights.values()) or not any(weights.values()):
        raise BadRequest("Weights are not negative, and one of them is more than 0.")
    return {name: weight for name, weight in weights.items() if weight}


def _thresholds(value: Any) -> tuple[Threshold, ...]:
    """One, as a file may say it, or several."""
    return tuple(parse_threshold(str(text)) for text in (value if isinstance(value, list | tuple) else [value]))


def _visits_a_second(text: str) -> float:
    rate = parse_rate(text)
    if rate * LONGEST < 1:
        raise BadRequest(f"{text!r} is less than one a day.")
    if rate > MOST_VISITS:
        raise BadRequest(f"{text!r} is more than one process can begin: {MOST_VISITS:,} a second are the most.")
    return rate


SETTINGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "scenario": str,
    "weights": _parse_weights,
    "clients": _integer(1, MOST_CLIENTS),
    "duration": lambda value: _more_than_nothing(str(value)),
    "requests": _integer(1, 10**12),
    "rate": lambda value: _visits_a_second(str(value)),
    "ramp": lambda value: parse_duration(str(value)),
    "think": lambda value: parse_distribution(str(value), parse_duration),
    "size": lambda value: parse_distribution(str(value), parse_movie_size),
    "kill_rate": lambda value: parse_share(str(value)),
    "users": _integer(1, MOST_USERS),
    "movies": _integer(1, MOST_USERS),
    "seed": _integer(0, 2**63),
    "fail_if": _thresholds,
}
"""What can be set, by an option or in a file (with `-` for `_`), and how it is read."""


def _parsed(name: str, value: Any) -> Any:
    try:
        return SETTINGS[name](value)
    except BadRequest as problem:
        if name == "fail_if":
            raise
        raise BadRequest(f"{name.replace('_', '-')}: {problem.message}") from None


def _weights(scenario: str | None, weights: Mapping[str, float] | None, own: set[str]) -> Mapping[str, float]:
    if scenario is None:
        scenario = "ping" if weights is None else MIXED
    if scenario == MIXED:
        chosen = DEFAULT_WEIGHTS if weights is None else weights
    elif weights is not None:
        raise BadRequest(f"Weights are for the scenario {MIXED}: leave out one of the two.")
    else:
        chosen = {scenario: 1.0}
    for name in chosen:
        if name not in BUILT_IN and name not in own:
            raise BadRequest(f"There is no scenario {name!r}. There are {', '.join([*BUILT_IN, MIXED, *sorted(own)])}.")
    return chosen


# -- the file


def _load(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadRequest(f"{file} cannot be read: {problem.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"{file} is no TOML: {problem}.") from None


def _settings(document: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in document.items():
        name = key.replace("-", "_")
        if key != "scenarios" and name not in SETTINGS:
            known = ", ".join(name.replace("_", "-") for name in SETTINGS)
            raise BadRequest(f"A test has no {key!r}. It has {known} and tables [scenarios.NAME].")
        if key != "scenarios":
            found[name] = value
    return found


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, Mapping):
        raise BadRequest(f"{name!r} is a table: write [{name}.NAME] above its steps.")
    return table


def _steps(name: str, body: Any) -> tuple[StepText, ...]:
    steps = body.get("steps") if isinstance(body, Mapping) else None
    if name in (*BUILT_IN, MIXED):
        raise BadRequest(f"The scenario {name!r} is there already: give yours another name.")
    if not isinstance(steps, list) or not steps or set(body) != {"steps"}:
        raise BadRequest(f"The scenario {name!r} has `steps`, a list of at least one, and nothing else.")
    found = tuple(_step(f"Step {number} of the scenario {name!r}", step) for number, step in enumerate(steps, 1))
    if all(step.kind == "pause" for step in found):
        raise BadRequest(f"The scenario {name!r} asks nothing: it has pauses alone.")
    return found


def _step(place: str, step: Any) -> StepText:
    kinds = [kind for kind in ("ask", "pause", "run") if isinstance(step, Mapping) and kind in step]
    if len(kinds) != 1:
        raise BadRequest(f"{place} is a table with `ask`, `pause` or `run`, one of them.")
    kind, rest = kinds[0], {key: value for key, value in step.items() if key != kinds[0]}
    value = step[kind]
    if kind == "ask":
        if not isinstance(value, str) or {"id", "op", "body"} & set(rest):
            raise BadRequest(f"{place}: `ask` names a command of the protocol, with its arguments beside it.")
        _require_known(place, rest)
        _require_room(place, value, rest)
        return StepText(kind, value, rest)
    if rest:
        raise BadRequest(f"{place}: there is no {min(rest)!r} beside `{kind}`.")
    if kind == "run":
        if value not in BUILT_IN:
            raise BadRequest(f"{place}: `run` names one of {', '.join(BUILT_IN)}.")
        return StepText(kind, value)
    try:
        return StepText(kind, parse_distribution(str(value), parse_duration))
    except BadRequest as problem:
        raise BadRequest(f"{place}: {problem.message}") from None


def _require_known(place: str, arguments: Mapping[str, Any]) -> None:
    """Raise `BadRequest` for what looks as if it stood for something, and stands for nothing."""
    for value in arguments.values():
        if isinstance(value, str) and PLACEHOLDER.fullmatch(value) and value not in PLACEHOLDERS:
            raise BadRequest(f"{place}: there is no {value}; there are {', '.join(PLACEHOLDERS)}.")


def _require_room(place: str, operation: str, arguments: Mapping[str, Any]) -> None:
    """Raise `BadRequest` for what does not fit a frame, with room for what `$movie` and the like stand for."""
    try:
        size = len(frame(operation, **arguments)) + FILLED_IN * len(arguments)
    except ValueError:
        size = MAX_FRAME + 1
    if size > MAX_FRAME:
        raise BadRequest(f"{place}: this is too long to send: with all its arguments a command has {MAX_FRAME} bytes.")
