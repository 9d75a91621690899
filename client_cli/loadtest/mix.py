"""From a plan to the scenarios that are played."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from client_cli.loadtest.crowd import Role
from client_cli.loadtest.plan import Plan, StepText
from client_cli.loadtest.scenarios import Ask, Browse, Download, Login, Need, Own, Pause, Ping, Playable, Step, Upload
from client_cli.loadtest.stage import Stage

Mix = Sequence[tuple[Playable, float]]


def mix_of(plan: Plan, stage: Stage) -> Mix:
    """The scenarios of a plan with their weights."""
    return [(_scenario(name, plan, stage), weight) for name, weight in plan.weights.items()]


def needs_of(mix: Mix) -> Need:
    """What all of them together need."""
    return reduce(or_, (scenario.needs for scenario, _ in mix))


def roles_of(mix: Mix) -> set[Role]:
    """As whom a client may speak: each costs it a line."""
    return {role for scenario, _ in mix for role in scenario.roles}


def _scenario(name: str, plan: Plan, stage: Stage) -> Playable:
    if name in plan.own:
        return _own(name, plan.own[name], plan, stage)
    makers: Mapping[str, Callable[[], Playable]] = {
        "ping": Ping,
        "browse": lambda: Browse(stage),
        "login": lambda: Login(stage),
        "download": lambda: Download(stage, plan.kill_rate),
        "upload": lambda: Upload(stage, plan.size, plan.kill_rate),
    }
    return makers[name]()


def _own(name: str, steps: Sequence[StepText], plan: Plan, stage: Stage) -> Own:
    inner = {step.value: _scenario(step.value, plan, stage) for step in steps if step.kind == "run"}
    fill: Mapping[str, Callable[[], Any]] = {
        "$movie": lambda: stage.film().id,
        "$word": stage.word,
        "$user": lambda: stage.user().name,
    }

    def made(step: StepText) -> Step:
        if step.kind == "run":
            return inner[step.value].play
        return Pause(step.value) if step.kind == "pause" else Ask(step.value, step.arguments, fill)

    needs = Need.USERS | reduce(or_, (scenario.needs for scenario in inner.values()), Need.NOTHING)
    if any(value in ("$movie", "$word") for step in steps for value in step.arguments.values()):
        needs |= Need.FILMS
    return Own(
        name,
        [made(step) for step in steps],
        needs=needs,
        roles=tuple({Role.USER: 0} | {role: 0 for one in inner.values() for role in one.roles}),
    )
