"""What a connection asks of the conversation on top of it, and what it raises to its tasks."""

from __future__ import annotations

from typing import Protocol

from youku_evloop.wire.messages import Rejected, Request


class ConnectionLost(Exception):
    """The peer is gone, or the connection was closed: nobody is there to answer."""


class Owner(Protocol):
    """The conversation on top of a connection."""

    @property
    def busy(self) -> bool:
        """Whether a request is being carried out."""

    @property
    def greeted(self) -> bool:
        """Whether the client has said enough to stay."""

    def message_received(self, message: Request | Rejected) -> None:
        """The next message; its body, if any, has not been read."""

    def input_ended(self) -> None:
        """The peer sends no more; replies can still reach it."""

    def connection_closed(self) -> None:
        """The connection is gone for good."""
