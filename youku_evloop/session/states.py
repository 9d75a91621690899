"""The states of a conversation as one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from youku_evloop.machine import Name


class SessionState(Name):
    """Whose conversation it is."""

    GREETING = "greeting"
    ANONYMOUS = "anonymous"
    PROVING = "proving"
    LOGGED_IN = "logged in"
    LEAVING = "leaving"


class SessionEvent(Name):
    """What moves a conversation on."""

    REQUEST = "first request"
    LOGIN_BEGUN = "login begun"
    LOGIN_ENDED = "login ended, either way"
    LOGGED_IN = "user known"
    LOGGED_OUT = "user gone"
    LEAVE = "no further requests"


S = SessionState
E = SessionEvent
GREETING, ANONYMOUS, PROVING, LOGGED_IN, LEAVING = SessionState
"""Names of their own, for the reason that `transport/states.py` gives."""
SESSION_TRANSITIONS: Final[Mapping[tuple[SessionState, SessionEvent], SessionState]] = {
    (S.GREETING, E.REQUEST): S.ANONYMOUS,
    (S.ANONYMOUS, E.LOGIN_BEGUN): S.PROVING,
    (S.ANONYMOUS, E.LOGGED_IN): S.LOGGED_IN,
    (S.PROVING, E.LOGIN_BEGUN): S.PROVING,
    (S.PROVING, E.LOGIN_ENDED): S.ANONYMOUS,
    (S.PROVING, E.LOGGED_IN): S.LOGGED_IN,
    (S.LOGGED_IN, E.LOGIN_BEGUN): S.PROVING,
    (S.LOGGED_IN, E.LOGGED_IN): S.LOGGED_IN,
    (S.LOGGED_IN, E.LOGGED_OUT): S.ANONYMOUS,
    (S.GREETING, E.LEAVE): S.LEAVING,
    (S.ANONYMOUS, E.LEAVE): S.LEAVING,
    (S.PROVING, E.LEAVE): S.LEAVING,
    (S.LOGGED_IN, E.LEAVE): S.LEAVING,
    # what was asked before is still answered
    (S.LEAVING, E.LOGIN_BEGUN): S.LEAVING,
    (S.LEAVING, E.LOGIN_ENDED): S.LEAVING,
    (S.LEAVING, E.LOGGED_IN): S.LEAVING,
    (S.LEAVING, E.LOGGED_OUT): S.LEAVING,
}
