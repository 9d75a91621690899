"""A server and a user, over as many connections as it takes: what is under the methods of a `Client`.

It connects when it is first used, keeps the connection, and replaces it when it breaks. What may be asked twice is
asked again after a pause (`retries` times in a row); what may not (registering, deleting) is not, and the error says
so. Until a server has answered for the first time nothing is retried: an address that is wrong should be known at once.

One thread at a time: a second one gets a `RuntimeError`, and should have a `clone` of its own. Times are seconds.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from client_cli import __version__, values
from client_cli.address import DEFAULT_SERVER, Address, parse_address
from client_cli.connection import DEFAULT_TIMEOUT, Connection, EventCallback, connect, ignore_event
from client_cli.ownership import one_thread_at_a_time
from client_cli.retry import DEFAULT_RETRIES, Retry, RetryCallback, WaitCallback, is_temporary, no_countdown, no_report
from client_cli.trust import Trust
from client_cli.values import Page
from youku_evloop.errors import BadRequest, Interrupted, YoukuError

RowT = TypeVar("RowT")

PROTOCOL: Final = 1

HELLO_TIMEOUT: Final = 10.0
"""Seconds for the first answer: whatever stays silent for longer is no Youku server."""

SLOWEST_DISK: Final = 50 * 1024 * 1024
"""Bytes per second at which a server may have to read a file again before it can answer."""

LARGEST_PAGE: Final = 50
"""Rows that the server answers at once, at most."""

TICK: Final = 1.0
"""Seconds between two words of a pause about how long it still is."""

MOST_EVENTS: Final = 100
"""Pushed events that nobody has asked for; older ones are forgotten."""

REPEATABLE: Final = frozenset(
    {
        *("ping", "account.whoami", "account.logout", "session.list", "invitation.list"),
        *("user.list", "user.show", "user.lock", "user.unlock"),
        *("movie.list", "movie.show", "movie.hash", "movie.find", "movie.search", "movie.deleted", "movie.edit"),
        *("search.list", "search.clear", "search.missed"),
        *("upload.create", "upload.finish", "upload.list", "upload.status"),
        *("vip.show", "vip.buy", "purchase.list", "purchase.list_all", "purchase.confirm", "purchase.decline"),
        *("record.list", "record.list_all"),
        *("notice.list", "notice.show", "notice.seen", "notice.follow"),
    }
)
"""Commands that ask, or that do the same when they are sent twice: they may be sent again when the connection was lost
before their answer came."""


class Conversation:
    """`with Conversation("host:port", token=...) as youku: ...`; see the module.

    `waits`: whether a wait that the server asks for is waited; otherwise it is the error `WaitRequired`.
    `while_asking` makes a context that is entered while an answer is awaited.
    """

    def __init__(
        self,
        server: str | Address = DEFAULT_SERVER,
        *,
        token: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = DEFAULT_RETRIES,
        trust: Trust | None = None,
        waits: bool = True,
        on_retry: RetryCallback = no_report,
        on_wait: WaitCallback = no_countdown,
        on_event: EventCallback = ignore_event,
        while_asking: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.address = parse_address(server) if isinstance(server, str) else server
        self.token = token
        self.server_name = ""
        self.waits = waits
        self._timeout = timeout
        self._retries = retries
        self._trust = trust or Trust()
        self._on_retry = on_retry
        self._on_wait = on_wait
        self._on_event = on_event
        self._while_asking = while_asking
        self._aborted = threading.Event()
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._connection: Connection | None = None
        self._has_answered = False
        self._at_work = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next command connects again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def clone(self) -> Self:
        """Another one with the same server and user, for another thread."""
        return type(self)(
            self.address,
            token=self.token,
            timeout=self._timeout,
            retries=self._retries,
            trust=self._trust,
            waits=self.waits,
            on_retry=self._on_retry,
            on_wait=self._on_wait,
            on_event=self._on_event,
            while_asking=self._while_asking,
        )

    def abort(self) -> None:
        """From another thread: end what is under way, with `Interrupted`; nothing more is done afterwards."""
        self._aborted.set()
        if (connection := self._connection) is not None:
            connection.abort()

    @one_thread_at_a_time
    def call(self, op: str, /, *, reading: int = 0, **arguments: Any) -> dict[str, Any]:
        """Any command without a body: its reply as plain fields; raises the error that the server answers.

        `reading`: bytes that the server may have to read before it can answer; it gets the time for that.
        """
        retry = self.retry()
        while True:
            connection = None
            try:
                connection = self.connection()
                with self._while_asking():
                    reply = connection.request(op, timeout=self.patience(reading), **arguments)
            except YoukuError as error:
                was_sent = connection is not None and not connection.usable
                if was_sent and op not in REPEATABLE:
                    self.close()
                    raise
                self.recover(error, retry)
            else:
                if not connection.usable:
                    self.close()
                    raise BadRequest(f"The answer to {op} is a body: use the command that is made for it.")
                return reply

    def page(
        self, kind: type[RowT], op: str, field: str, limit: int, cursor: str | None, **arguments: Any
    ) -> Page[RowT]:
        """One page of a list: `field` of the reply."""
        reply = self.call(op, limit=min(limit, LARGEST_PAGE), cursor=cursor, **arguments)
        return Page(rows=values.read(list[kind], reply.get(field)), next=reply.get("next"))  # type: ignore[valid-type]

    def take_events(self) -> list[dict[str, Any]]:
        """What the server has pushed since this was last asked."""
        events = list(self._events)
        self._events.clear()
        return events

    def connection(self) -> Connection:
        """The connection, made anew if there is none that works, with the greetings exchanged."""
        self._check_not_aborted()
        if self._connection is not None and not self._connection.is_alive():
            self.close()
        if self._connection is None:
            with self._while_asking():
                self._connection = connect(self.address, self._timeout, self._take_event, self._trust)
                self._check_not_aborted()
                self._greet(self._connection)
        return self._connection

    def retry(self) -> Retry:
        """A fresh counter of failures, for one operation."""
        return Retry(self._retries, self._on_retry, self._pause, waits=self.waits)

    def recover(self, error: YoukuError, retry: Retry) -> None:
        """Make ready for another try and wait for it; raises `error` when another try is not worth it."""
        if self._connection is not None and not self._connection.usable:
            self.close()
        self._check_not_aborted()
        if not self._has_answered or not is_temporary(error):
            raise error
        retry.pause(error)

    def patience(self, reading: int) -> float:
        """Seconds to wait for an answer that makes the server read `reading` bytes."""
        return self._timeout + reading / SLOWEST_DISK

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0 and not self._aborted.is_set():
                self._on_wait(left)
                self._aborted.wait(left % TICK or TICK)
        finally:
            self._on_wait(0.0)
        self._check_not_aborted()

    def _check_not_aborted(self) -> None:
        if self._aborted.is_set():
            raise Interrupted("Stopped.")

    def _take_event(self, event: dict[str, Any]) -> None:
        self._has_answered = True  # even if it is a goodbye before the greeting: this is a Youku server
        self._events.append(event)
        self._on_event(event)

    def _greet(self, connection: Connection) -> None:
        try:
            reply = connection.request(
                "hello",
                timeout=min(self._timeout, HELLO_TIMEOUT),
                within=HELLO_TIMEOUT,
                protocol=PROTOCOL,
                client=f"youku/{__version__}",
                token=self.token,
            )
        except BaseException:
            self._has_answered = self._has_answered or connection.usable
            self.close()
            raise
        self._has_answered = True
        self.server_name = str(reply.get("server", ""))
