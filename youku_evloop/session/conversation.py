"""A conversation: requests of one connection to commands, results back, in order.

One request at a time is carried out, in a task; those that arrive meanwhile wait in a short queue, and when it is full
the connection is told to read no more. Whatever goes wrong with a request is its reply; the conversation goes on.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from youku_evloop import orm
from youku_evloop.commands import Access, Command, Results
from youku_evloop.errors import BadRequest, Forbidden, NotLoggedIn, YoukuError
from youku_evloop.logs import note
from youku_evloop.machine import step
from youku_evloop.services import uploads
from youku_evloop.services.accounts import Login
from youku_evloop.services.downloads import Range
from youku_evloop.services.library import Caller, Library
from youku_evloop.session.desk import Desk
from youku_evloop.session.failures import database_failure, fault
from youku_evloop.session.states import GREETING, LEAVING, PROVING, SESSION_TRANSITIONS, E, S, SessionEvent
from youku_evloop.transport.connection import Connection
from youku_evloop.transport.owner import ConnectionLost
from youku_evloop.transport.states import CLOSED
from youku_evloop.transport.writes import FileSegment
from youku_evloop.wire.frames import encode_frame
from youku_evloop.wire.messages import Rejected, Request

if TYPE_CHECKING:
    from youku_evloop.services.uploads import Claim

log = logging.getLogger(__name__)
access_log = logging.getLogger("youku_evloop.access")

FREQUENT: Final = frozenset({"ping", "upload.write"})
"""Commands that come by the thousand and tell nothing alone: logged only for those who look for faults."""
ANYONE: Final = Access.ANYONE
REJECTED: Final = "(rejected)"
LOST: Final = "lost"
OK: Final = "ok"


class Session:
    """The owner of one connection."""

    __slots__ = (
        "_body",
        "_claims",
        "_connection",
        "_current",
        "_desk",
        "_follows",
        "_login",
        "_queue",
        "_replied",
        "_who",
        "state",
    )

    def __init__(self, desk: Desk, connection: Connection) -> None:
        self._desk = desk
        self.state = GREETING
        self._connection = connection
        self._who: Caller | None = None
        self._login: Login | None = None
        self._claims: dict[str, Claim] | None = None
        self._current: Request | Rejected | None = None
        self._queue: deque[Request | Rejected] | None = None  # none at rest: a deque is 600 bytes
        self._body = 0
        self._replied = False
        self._follows = False

    # -- what the connection tells

    @property
    def busy(self) -> bool:
        """Whether a request is being carried out."""
        return self._current is not None

    @property
    def greeted(self) -> bool:
        """Whether the client has said who it is, or that it will not."""
        return self.state is not GREETING and self.state is not PROVING

    @property
    def is_leaving(self) -> bool:
        """Whether nothing more is begun."""
        return self.state is LEAVING

    def message_received(self, message: Request | Rejected) -> None:
        """Carry it out, now or after those before it."""
        if self.state is LEAVING:  # the server stops: what was begun is finished, nothing more is begun
            self._connection.hold()
            return
        if self.state is GREETING:
            self._advance(E.REQUEST)
        if self._current is None:
            self._current = message
            if self._needs_task(message):
                self._desk.library.spawn(self._serve)
            else:
                self._serve_at_once(message)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(message)
        if len(self._queue) >= self._desk.max_pipeline:
            self._connection.hold()

    def input_ended(self) -> None:
        """The client has no more requests: answer those that are here, then close."""
        self._advance_to_leaving()
        if self._current is None and self._claims:
            self.library.spawn(self._leave)
        elif self._current is None:
            self._connection.finish()

    def connection_closed(self) -> None:
        """Give back what the conversation held, as soon as its request is over."""
        connection = self._connection
        self._desk.statistics.connection_finished(connection.bytes_in, connection.bytes_out)
        if access_log.isEnabledFor(logging.INFO):
            facts = {
                "peer": connection.peer,
                "user": self._who.name if self._who else None,
                "seconds": round(connection.age, 3),
                "bytes_in": connection.bytes_in,
                "bytes_out": connection.bytes_out,
                "outcome": connection.outcome,
            }
            note(access_log, logging.INFO, "connection", facts)
        self._advance_to_leaving()
        if self._current is None and self._claims:
            self.library.spawn(self._release_claims)

    def say_goodbye(self, reason: str) -> None:
        """The server stops: finish what is under way and close. Twice is the same as once."""
        if self.state is LEAVING:
            return
        self._connection.write(encode_frame({"event": "goodbye", "reason": reason}))
        self._connection.hold()
        self.input_ended()

    def end_if(self, is_over: Callable[[Caller], bool], why: YoukuError) -> None:
        """Hang up on a user of whom `is_over` says so: at once on a transfer, with a last word where nothing runs."""
        if self._who is None or self.state is S.LEAVING or not is_over(self._who):
            return
        if self.busy:
            self._connection.close()
            return
        self._connection.write(encode_frame({"id": None, **why.as_reply()}))
        self.input_ended()

    def push(self, event: bytes) -> None:
        """Send the event, a whole frame, to a user who follows."""
        if self._follows and self._who is not None and self.state is not S.LEAVING:
            self._connection.write(event)

    # -- what commands may ask (`commands.Call`)

    @property
    def library(self) -> Library:
        """What the services work with."""
        return self._desk.library

    @property
    def max_pipeline(self) -> int:
        """Requests that are read ahead."""
        return self._desk.max_pipeline

    def inspect(self) -> dict[str, Any]:
        """What the server counts about itself."""
        return self._desk.inspect()

    @property
    def who(self) -> Caller:
        """The user of this conversation; raises `NotLoggedIn`."""
        if self._who is None:
            raise NotLoggedIn("This needs a login: run `youku login NAME`, or set YOUKU_TOKEN.")
        return self._who

    @property
    def claims(self) -> dict[str, Claim]:
        """The uploads that this conversation sends to, by id."""
        if self._claims is None:
            self._claims = {}
        return self._claims

    @property
    def address(self) -> str:
        """Of the client, without its port."""
        return self._connection.peer.rpartition(":")[0]

    def follow(self) -> None:
        """From here on, push notices to this conversation."""
        self._follows = True

    def begin_login(self, login: Login) -> None:
        """Remember the exchange; from here on the client has the time of a greeting."""
        self._login, self._who = login, None
        self._advance(E.LOGIN_BEGUN)
        self._connection.await_greeting()

    def end_login(self) -> Login:
        """The exchange that was begun; raises `BadRequest` when there is none."""
        login, self._login = self._login, None
        if login is None:
            raise BadRequest("`account.proof` follows an `account.login` on the same connection.")
        self._advance(E.LOGIN_ENDED)
        return login

    def log_in(self, who: Caller) -> None:
        """From here on the conversation is this user's."""
        self._who, self._login = who, None
        self._advance(E.LOGGED_IN)

    def log_out(self) -> None:
        """From here on it is nobody's."""
        self._who, self._follows = None, False
        self._advance(E.LOGGED_OUT)

    def receive(self, sink: Callable[[memoryview], object]) -> None:
        """Read the body of the request, if it has one, into `sink`."""
        if self._body:
            self._body = 0
            self._connection.receive(sink)

    def send_range(self, results: Results, piece: Range) -> int:
        """Reply with a piece of a file as the body; answers how many of its bytes went out."""
        head = self._reply({**results, "body": piece.count})
        segment = FileSegment(piece.fd, piece.offset, piece.count)
        if not piece.count:
            self._replied = True
            self._connection.write(head)
            return 0
        try:
            self._connection.send_file(head, segment, self._replying(piece.pieces or (piece.count,)))
        except ConnectionLost:
            log.debug("%s went away with %d bytes to come", self._connection.peer, segment.count)
        except YoukuError as error:
            if not self._replied:
                raise
            log.warning("%s is cut off in the middle of a body: %s", self._connection.peer, error)
            self._connection.close()
        return piece.count - segment.count

    def _replying(self, pieces: Iterable[int]) -> Iterator[int]:
        """The same; from the first one on the reply has begun, and there is no place for an error."""
        for ready in pieces:
            self._replied = True
            yield ready

    # -- one request after the other

    def _needs_task(self, request: Request | Rejected) -> bool:
        """Whether anything that comes of it may have to wait."""
        command = self._desk.commands.get(type(request))  # type: ignore[arg-type]  # not there: rejected
        if command is None or command.waits or request.body or not self._connection.takes_replies:
            return True
        signals = self._desk.library.signals
        return bool(signals.request_started.receivers or signals.request_finished.receivers)

    def _serve_at_once(self, request: Request | Rejected) -> None:
        """As `_serve`, in the loop itself, which a switch to a task and back would cost as much again."""
        try:
            self._answer(request)
        finally:
            self._current = None
        if self.state is LEAVING:
            self.library.spawn(self._conclude)

    def _serve(self) -> None:
        try:
            while self._current is not None:
                self._answer(self._current)
                self._connection.drained()
                self._current = self._next()
        except ConnectionLost:
            self._current = None
        except Exception:  # or the client would wait for ever
            log.exception("%s: the conversation failed", self._connection.peer)
            self._current = None
            self._connection.close()
        self._conclude()

    def _conclude(self) -> None:
        """Where nothing more comes, end it."""
        if self._connection.state is CLOSED:
            self._release_claims()
        elif self.state is LEAVING:
            self._leave()

    def _leave(self) -> None:
        """End the conversation; once the client sees the end, whoever it turns to next can have its uploads."""
        self._release_claims()
        self._connection.finish()

    def _next(self) -> Request | Rejected | None:
        if not self._queue and self.state is not LEAVING:
            self._connection.release()
        return self._queue.popleft() if self._queue else None

    def _answer(self, request: Request | Rejected) -> None:
        connection, desk = self._connection, self._desk
        name = REJECTED if isinstance(request, Rejected) else desk.commands[type(request)].name
        level = logging.DEBUG if name in FREQUENT else logging.INFO
        is_logged = access_log.isEnabledFor(level)
        began, moved = perf_counter(), connection.moved if is_logged else 0
        desk.set_label(name)
        signals = desk.library.signals
        if signals.request_started.receivers:
            signals.send("request_started", **self._request_facts(name))
        self._body, self._replied = request.body, False
        outcome = LOST
        try:
            reply = self._outcome(request)
            if self._body:
                connection.receive(None)
            if reply is not None and not self._replied:  # what fails after the reply is the log's business
                connection.write(self._reply(reply))
            outcome = OK if reply is None else reply.get("error", OK)
        finally:
            seconds = perf_counter() - began
            desk.statistics.command_finished(name, seconds, outcome is not OK)
            if signals.request_finished.receivers:
                facts = {**self._request_facts(name), "seconds": seconds, "outcome": outcome}
                signals.send("request_finished", **facts)
            if is_logged:
                self._log(level, name, seconds, connection.moved - moved, outcome)

    def _request_facts(self, name: str) -> dict[str, Any]:
        return {"op": name, "user": self._who.id if self._who else None, "peer": self._connection.peer}

    def _log(self, level: int, name: str, seconds: float, moved: int, outcome: str) -> None:
        facts = {
            "op": name,
            "peer": self._connection.peer,
            "user": self._who.name if self._who else None,
            "seconds": round(seconds, 6),
            "bytes": moved,
            "outcome": outcome,
        }
        note(access_log, level, "command", facts)

    def _outcome(self, request: Request | Rejected) -> Results | None:
        """The results, or the error as results; None when the command has replied itself."""
        try:
            return self._carry_out(request)
        except YoukuError as error:
            return error.as_reply()
        except orm.OrmError as error:
            return database_failure(self._connection.peer, error)
        except ConnectionLost:
            raise
        except (Exception, SystemExit) as error:  # a plugin's exit would end the server
            return fault(self._connection.peer, request, error)

    def _carry_out(self, request: Request | Rejected) -> Results | None:
        if isinstance(request, Rejected):
            raise request.error
        command = self._desk.commands[type(request)]
        if command.access is not ANYONE:
            self._require(command)
        if request.body and not command.takes_body:
            raise BadRequest(f"`{command.name}` has no body.")
        return command.run(self, request)

    def _require(self, command: Command) -> None:
        if command.access is Access.ADMIN and not self.who.is_admin:
            raise Forbidden(f"Only administrators may do this (`{command.name}`); you are {self.who.name}.")
        _ = self.who

    def _reply(self, results: dict[str, Any]) -> bytes:
        assert self._current is not None
        return encode_frame({"id": self._current.id, "ok": True, **results})

    def _release_claims(self) -> None:
        claims, self._claims = self._claims, None
        for claim in (claims or {}).values():
            uploads.release(self.library, claim)

    def _advance_to_leaving(self) -> None:
        if self.state is not LEAVING:
            self._advance(E.LEAVE)

    def _advance(self, event: SessionEvent) -> None:
        self.state = step(SESSION_TRANSITIONS, self.state, event)
