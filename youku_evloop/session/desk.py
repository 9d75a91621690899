"""What all conversations of a server share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from youku_evloop.commands import Command
from youku_evloop.services.library import Library
from youku_evloop.statistics import Statistics
from youku_evloop.wire.messages import Request


@dataclass(frozen=True, slots=True)
class Desk:
    """Made once, by the server."""

    library: Library
    commands: Mapping[type[Request], Command]
    statistics: Statistics
    set_label: Callable[[str], None]
    """Tell the loop which command is running."""
    inspect: Callable[[], dict[str, Any]]
    """What `server.stats` answers."""
    max_pipeline: int
