"""A conversation with one client: `conversation` carries it, `states` says where it is, `failures` what went wrong."""

from __future__ import annotations

from youku_evloop.session.conversation import Session
from youku_evloop.session.desk import Desk

__all__ = ["Desk", "Session"]
