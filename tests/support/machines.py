"""What every transition table has to hold, whatever it is about."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)


def reachable(table: Mapping[tuple[State, Event], State], start: State) -> set[State]:
    """The states that some sequence of events leads to, the first included."""
    found, ahead = {start}, [start]
    while ahead:
        here = ahead.pop()
        for (state, _), follower in table.items():
            if state is here and follower not in found:
                found.add(follower)
                ahead.append(follower)
    return found


def final(table: Mapping[tuple[State, Event], State], states: type[State]) -> set[State]:
    """The states that no row leads out of."""
    return {
        state for state in states if all(follower is state for (here, _), follower in table.items() if here is state)
    }


def unused(table: Mapping[tuple[State, Event], State], events: type[Event]) -> set[Event]:
    """The events that no row has."""
    return set(events) - {event for _, event in table}
