"""Draw docs/states.md from the transition tables themselves, so that it cannot be out of date.

scripts/make-diagrams
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from youku_evloop.lifecycle import SERVER_TRANSITIONS, ServerState
from youku_evloop.models import UploadState
from youku_evloop.services.upload_states import UPLOAD_TRANSITIONS
from youku_evloop.session.states import SESSION_TRANSITIONS, SessionState
from youku_evloop.transport.doorkeeper import DOOR_TRANSITIONS, DoorState
from youku_evloop.transport.listener import LISTENER_TRANSITIONS, ListenerState
from youku_evloop.transport.states import CONNECTION_TRANSITIONS, ConnectionState
from youku_evloop.wire.frames import FRAME_TRANSITIONS, FrameState

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "states.md"

HEAD: Final = """\
# State machines

<!-- Made by scripts/make-diagrams from the transition tables. Change those, then run it. -->

A state is a name, and what may follow it stands in one table; what is not in the table is an error. An arrow here is a
row there, and its words say what happens.
"""


@dataclass(frozen=True)
class Machine:
    """A table, and what a reader should know of it."""

    title: str
    module: str
    text: str
    start: Enum
    table: Mapping[tuple[Any, Any], Any]


MACHINES: Final = (
    Machine(
        "The server",
        "youku_evloop/lifecycle.py",
        "A successor is a new process that inherits the listening socket: nobody is refused in between.",
        ServerState.SERVING,
        SERVER_TRANSITIONS,
    ),
    Machine(
        "The listener",
        "youku_evloop/transport/listener.py",
        "Without descriptors to spare it rests, instead of being woken for connections that it cannot accept.",
        ListenerState.ACCEPTING,
        LISTENER_TRANSITIONS,
    ),
    Machine(
        "The door",
        "youku_evloop/transport/doorkeeper.py",
        "Where TLS is served, a newcomer's first byte tells whether it speaks it.",
        DoorState.KNOCKING,
        DOOR_TRANSITIONS,
    ),
    Machine(
        "The connection",
        "youku_evloop/transport/states.py",
        "What is done with the bytes that come in. `server.stats` counts connections by these names.",
        ConnectionState.READING,
        CONNECTION_TRANSITIONS,
    ),
    Machine(
        "The frames",
        "youku_evloop/wire/frames.py",
        "Where the decoder is in the stream, at either end.",
        FrameState.FRAME,
        FRAME_TRANSITIONS,
    ),
    Machine(
        "The conversation",
        "youku_evloop/session/states.py",
        "Whose it is. A conversation that is being left still answers what it was asked before.",
        SessionState.GREETING,
        SESSION_TRANSITIONS,
    ),
    Machine(
        "The upload",
        "youku_evloop/services/upload_states.py",
        "In the database, so that it outlives the process.",
        UploadState.RECEIVING,
        UPLOAD_TRANSITIONS,
    ),
)


def page() -> str:
    """The whole of docs/states.md."""
    return "\n".join([HEAD, *map(section, MACHINES)])


def section(machine: Machine) -> str:
    """One machine: what it is, where it stands, and its diagram (mermaid, which many viewers draw)."""
    lines = [f"## {machine.title}", "", f"In `{machine.module}`.", machine.text, "", "```mermaid", "stateDiagram-v2"]
    lines += [f"    {state.name} : {state.value}" for state in type(machine.start)]
    lines += [f"    [*] --> {machine.start.name}"]
    lines += [
        f"    {source} --> {target}: {', or '.join(events)}" for (source, target), events in arrows(machine).items()
    ]
    lines += [f"    {state.name} --> [*]" for state in final_states(machine)]
    return "\n".join([*lines, "```", ""])


def arrows(machine: Machine) -> dict[tuple[str, str], list[str]]:
    """What happens between two states, for every two between which something does, in the table's order."""
    found: dict[tuple[str, str], list[str]] = {}
    for (state, event), follower in machine.table.items():
        found.setdefault((state.name, follower.name), []).append(event.value)
    return found


def final_states(machine: Machine) -> list[Enum]:
    """Those that nothing leads out of."""
    left = {state for (state, _), follower in machine.table.items() if follower is not state}
    return [state for state in type(machine.start) if state not in left]


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())
    print(f"docs/{PAGE.name} is up to date.")


if __name__ == "__main__":
    main()
