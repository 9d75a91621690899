"""Every state machine of the house is a table, and each table is whole: no dead rows, no traps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from tests.support.machines import final, reachable, unused
from youku_evloop.lifecycle import SERVER_TRANSITIONS, ServerEvent, ServerState
from youku_evloop.machine import IllegalTransition, step
from youku_evloop.models import UploadState
from youku_evloop.services.upload_states import UPLOAD_TRANSITIONS, UploadEvent
from youku_evloop.session.states import SESSION_TRANSITIONS, SessionEvent, SessionState
from youku_evloop.transport.doorkeeper import DOOR_TRANSITIONS, DoorEvent, DoorState
from youku_evloop.transport.listener import LISTENER_TRANSITIONS, ListenerEvent, ListenerState
from youku_evloop.transport.states import CONNECTION_TRANSITIONS, GOING, INTERESTED, ConnectionEvent, ConnectionState
from youku_evloop.wire.frames import FRAME_TRANSITIONS, FrameEvent, FrameState


@dataclass(frozen=True)
class Machine:
    """A table with what is to be true of it."""

    table: Mapping[tuple[Any, Any], Any]
    states: type[Enum]
    events: type[Enum]
    start: Enum
    final: frozenset[Enum]


MACHINES = {
    "frames": Machine(FRAME_TRANSITIONS, FrameState, FrameEvent, FrameState.FRAME, frozenset({FrameState.BROKEN})),
    "connection": Machine(
        CONNECTION_TRANSITIONS,
        ConnectionState,
        ConnectionEvent,
        ConnectionState.READING,
        frozenset({ConnectionState.CLOSED}),
    ),
    "door": Machine(DOOR_TRANSITIONS, DoorState, DoorEvent, DoorState.KNOCKING, frozenset({DoorState.GONE})),
    "listener": Machine(
        LISTENER_TRANSITIONS, ListenerState, ListenerEvent, ListenerState.ACCEPTING, frozenset({ListenerState.CLOSED})
    ),
    "server": Machine(
        SERVER_TRANSITIONS, ServerState, ServerEvent, ServerState.SERVING, frozenset({ServerState.ABORTING})
    ),
    "session": Machine(
        SESSION_TRANSITIONS, SessionState, SessionEvent, SessionState.GREETING, frozenset({SessionState.LEAVING})
    ),
    "upload": Machine(
        UPLOAD_TRANSITIONS,
        UploadState,
        UploadEvent,
        UploadState.RECEIVING,
        frozenset({UploadState.PUBLISHED, UploadState.CANCELLED, UploadState.EXPIRED, UploadState.REJECTED}),
    ),
}
every_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())


@every_machine
def test_every_state_can_be_reached(machine: Machine) -> None:
    assert reachable(machine.table, machine.start) == set(machine.states)


@every_machine
def test_exactly_the_final_states_are_final(machine: Machine) -> None:
    assert final(machine.table, machine.states) == machine.final


@every_machine
def test_a_final_state_can_be_reached_from_everywhere(machine: Machine) -> None:
    for state in machine.states:
        assert reachable(machine.table, state) & machine.final


@every_machine
def test_every_event_has_a_row(machine: Machine) -> None:
    assert unused(machine.table, machine.events) == set()


@every_machine
def test_what_is_not_in_the_table_is_refused_by_name(machine: Machine) -> None:
    for state in machine.states:
        for event in machine.events:
            if (state, event) not in machine.table:
                with pytest.raises(IllegalTransition, match=event.name):
                    step(machine.table, state, event)


def test_a_connection_that_can_still_be_closed_is_closed_from_every_state() -> None:
    open_states = set(ConnectionState) - {ConnectionState.CLOSED}
    assert {state for state, event in CONNECTION_TRANSITIONS if event is ConnectionEvent.CLOSE} == open_states


def test_a_connection_on_its_way_out_never_reads_requests_again() -> None:
    for state in GOING:
        assert reachable(CONNECTION_TRANSITIONS, state) <= GOING
    assert {state for state in GOING if state in INTERESTED} == {ConnectionState.LINGERING}


def test_a_conversation_can_be_left_from_every_state() -> None:
    leaving = {state for state, event in SESSION_TRANSITIONS if event is SessionEvent.LEAVE}
    assert leaving == set(SessionState) - {SessionState.LEAVING}
