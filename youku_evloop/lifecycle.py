"""From serving to gone: what the signals do to a running server.

SIGTERM, SIGINT   accept no more, say goodbye, finish what is under way; a second one: be gone at once
SIGUSR2           start a successor, and once that serves, do as for SIGTERM: nobody is refused in between
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

from youku_evloop.kernel import Loop
from youku_evloop.kernel.loop import READ
from youku_evloop.machine import Name, step
from youku_evloop.process import READY, Successor
from youku_evloop.session import Session
from youku_evloop.transport.listener import Transport

log = logging.getLogger(__name__)

DRAIN_CHECK: Final = 0.05
"""Seconds between two looks at who is still here."""
FAREWELLS: Final = 256
"""Clients who are told at once: with ten thousand here, those who still have something to do must not wait for all."""
LAST_WORDS: Final = 1.0
"""Seconds that a request whose connection was cut off gets to put its house in order."""
FAREWELL: Final = "The server is stopping. Connect again in a moment."


class ServerState(Name):
    """How much of its life a server has behind it."""

    SERVING = "serving"
    HANDING_OVER = "handing over"
    STOPPING = "stopping"
    ABORTING = "aborting"


class ServerEvent(Name):
    """What moves a server on."""

    STOP = "told to stop"
    HAND_OVER = "told to restart"
    SUCCEEDED = "successor serves"
    FAILED = "successor ended early"


S = ServerState
E = ServerEvent
SERVER_TRANSITIONS: Final[Mapping[tuple[ServerState, ServerEvent], ServerState]] = {
    (S.SERVING, E.STOP): S.STOPPING,
    (S.SERVING, E.HAND_OVER): S.HANDING_OVER,
    (S.HANDING_OVER, E.STOP): S.STOPPING,
    (S.HANDING_OVER, E.HAND_OVER): S.HANDING_OVER,
    (S.HANDING_OVER, E.SUCCEEDED): S.STOPPING,
    (S.HANDING_OVER, E.FAILED): S.SERVING,
    (S.STOPPING, E.STOP): S.ABORTING,
    (S.STOPPING, E.HAND_OVER): S.STOPPING,
    (S.STOPPING, E.SUCCEEDED): S.STOPPING,
    (S.STOPPING, E.FAILED): S.STOPPING,
    (S.ABORTING, E.STOP): S.ABORTING,
    (S.ABORTING, E.HAND_OVER): S.ABORTING,
    (S.ABORTING, E.SUCCEEDED): S.ABORTING,
    (S.ABORTING, E.FAILED): S.ABORTING,
}


class Lifecycle:
    """The end of one server, and its beginning in another process."""

    def __init__(
        self,
        loop: Loop,
        transport: Transport,
        start_successor: Callable[[], Successor],
        close_door: Callable[[], object],
    ) -> None:
        self.state = S.SERVING
        self._loop = loop
        self._transport = transport
        self._start_successor = start_successor
        self._close_door = close_door
        self._successor: Successor | None = None
        self._stop_by = float("inf")
        self._grace = LAST_WORDS

    def watch_signals(self) -> None:
        """From now on, SIGTERM, SIGINT and SIGUSR2 do as described above."""
        self._loop.on_signal(signal.SIGTERM, self.stop)
        self._loop.on_signal(signal.SIGINT, self.stop)
        self._loop.on_signal(signal.SIGUSR2, self.hand_over)

    def stop(self) -> None:
        """Once: let everybody finish. Twice: now."""
        before = self.state
        self._advance(E.STOP)
        if before is S.HANDING_OVER and self._successor is not None:
            self._successor.dismiss()
        if self.state is S.ABORTING:
            self._stop_by, self._grace = self._loop.now, 0.0
        elif before is not S.STOPPING:
            self._drain()

    def hand_over(self) -> None:
        """Start a new process; once it serves, stop."""
        before = self.state
        self._advance(E.HAND_OVER)
        if before is not S.SERVING:
            return
        try:
            self._successor = successor = self._start_successor()
        except OSError as problem:
            log.error("no new process could be started, going on: %s", problem)
            self._advance(E.FAILED)
            return
        log.info("process %d is starting to take over", successor.pid)
        self._loop.watch(successor.ready_fd, READ, lambda _events: self._successor_spoke(successor))

    def _successor_spoke(self, successor: Successor) -> None:
        word = os.read(successor.ready_fd, 1)
        self._loop.unwatch(successor.ready_fd)
        successor.close()
        before = self.state
        self._advance(E.SUCCEEDED if word == READY else E.FAILED)
        if word != READY:
            log.error("process %d ended before it served; going on", successor.pid)
        elif before is S.HANDING_OVER:
            self._drain()

    def _drain(self) -> None:
        log.info("stopping; %d connections are open", len(self._transport.connections))
        self._stop_by = self._loop.now + self._transport.limits.drain
        self._close_door()
        self._wait_for_the_last()

    def _wait_for_the_last(self) -> None:
        late = self._loop.now - self._stop_by
        if late >= 0:
            for connection in list(self._transport.connections):
                connection.close("stopped")
        all_know = late >= 0 or self._say_goodbye()
        if self._is_awaited(late):
            self._loop.call_later(DRAIN_CHECK if all_know else 0, self._wait_for_the_last)
        else:
            self._loop.stop()

    def _say_goodbye(self) -> bool:
        """To some of those who have not heard it, also who came through the door meanwhile; whether all have now."""
        owners = [connection.owner for connection in self._transport.connections]
        staying = [owner for owner in owners if isinstance(owner, Session) and not owner.is_leaving]
        for owner in staying[:FAREWELLS]:
            owner.say_goodbye(FAREWELL)
        return len(staying) <= FAREWELLS

    def _is_awaited(self, late: float) -> bool:
        """Whether somebody is still here, and has not had too much time."""
        if late < 0:
            return bool(self._transport.open_sockets or self._loop.tasks.active)
        return bool(self._loop.tasks.active) and late < self._grace

    def _advance(self, event: ServerEvent) -> None:
        self.state = step(SERVER_TRANSITIONS, self.state, event)
