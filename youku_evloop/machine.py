"""Explicit state machines: a state is a name, what may follow stands in one table.

`Transitions` maps (state, event) to the next state. What is not in the table is an error of whoever fed the event,
never a silent branch; each machine says which error that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar


class Name(Enum):
    """A state or an event. Members are single objects, so their identity hashes them: tables are asked at every frame,
    and `Enum`'s own hash is the slowest part of that.
    """

    __hash__ = object.__hash__


State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)


class IllegalTransition(RuntimeError):
    """The table has no row for this event in this state."""

    def __init__(self, state: Enum, event: Enum) -> None:
        super().__init__(f"{event.name} cannot happen in {type(state).__name__}.{state.name}")
        self.state = state
        self.event = event


def step(table: Mapping[tuple[State, Event], State], state: State, event: Event) -> State:
    """The state after `event`; raises `IllegalTransition` where the table has none."""
    try:
        return table[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None
