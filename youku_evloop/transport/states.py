"""The states of a connection as one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from youku_evloop.machine import Name


class ConnectionState(Name):
    """What the connection does with what comes in."""

    READING = "reading"
    PAUSING = "pausing"
    HOLDING = "holding"
    RECEIVING = "receiving"
    ENDED = "ended"
    FLUSHING = "flushing"
    LINGERING = "lingering"
    CLOSED = "closed"


class ConnectionEvent(Name):
    """What moves a connection on."""

    PAUSE = "it had its turn, and more is here"
    RESUME = "its next turn"
    HOLD = "owner has enough, or a body waits for its place"
    RELEASE = "owner wants more"
    CLAIM = "body has a place to go"
    BODY_DONE = "body is in"
    END = "nothing more comes that could be read"
    FINISH = "nothing more to read"
    FLUSHED = "everything is sent"
    CLOSE = "connection is gone"


S = ConnectionState
E = ConnectionEvent
READING, PAUSING, HOLDING, RECEIVING, ENDED, FLUSHING, LINGERING, CLOSED = ConnectionState
"""Names of their own: Python 3.11 takes five times as long to find them in the class, and they are asked for at every
event. (So are those of the frames.)"""

CONNECTION_TRANSITIONS: Final[Mapping[tuple[ConnectionState, ConnectionEvent], ConnectionState]] = {
    (S.READING, E.PAUSE): S.PAUSING,
    (S.READING, E.HOLD): S.HOLDING,
    (S.READING, E.END): S.ENDED,
    (S.READING, E.FINISH): S.FLUSHING,
    (S.READING, E.CLOSE): S.CLOSED,
    (S.PAUSING, E.RESUME): S.READING,
    (S.PAUSING, E.HOLD): S.HOLDING,
    (S.PAUSING, E.FINISH): S.FLUSHING,
    (S.PAUSING, E.CLOSE): S.CLOSED,
    (S.HOLDING, E.RELEASE): S.READING,
    (S.HOLDING, E.CLAIM): S.RECEIVING,
    (S.HOLDING, E.FINISH): S.FLUSHING,
    (S.HOLDING, E.CLOSE): S.CLOSED,
    (S.RECEIVING, E.BODY_DONE): S.READING,
    (S.RECEIVING, E.FINISH): S.FLUSHING,
    (S.RECEIVING, E.CLOSE): S.CLOSED,
    (S.ENDED, E.FINISH): S.FLUSHING,
    (S.ENDED, E.CLOSE): S.CLOSED,
    (S.FLUSHING, E.FLUSHED): S.LINGERING,
    (S.FLUSHING, E.CLOSE): S.CLOSED,
    (S.LINGERING, E.CLOSE): S.CLOSED,
}
INTERESTED: Final = frozenset({S.READING, S.RECEIVING, S.LINGERING})
GOING: Final = frozenset({S.FLUSHING, S.LINGERING, S.CLOSED})
"""States in which nothing new is begun."""
SILENT: Final = frozenset({S.LINGERING, S.CLOSED})
"""States in which nothing is sent any more."""
