"""One conversation with a server over one socket: requests out, replies in, bodies both ways.

Theory of operation. The link (`links.py`) never blocks; whoever would wait polls it, at most `timeout` seconds for the
next byte to move. Requests may be pipelined: `send_request` (and `send_body` for what it announced) only sends,
`receive` takes the replies in order. While a send waits for room, arriving replies are read too: an error reply in the
middle of a pipeline is raised there and then, not after the megabytes behind it. After that, as after every broken
promise of either side, the connection is not `usable` and has to be closed; a new one costs a round trip.

Used by one thread at a time. It knows no command, no token and no file, and not whether its link is encrypted.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from client_cli.address import Address
from client_cli.links import Link, PlainLink
from client_cli.trust import Trust
from youku_evloop.errors import BadRequest, BrokenFrame, TimedOut, Unreachable, YoukuError, from_reply
from youku_evloop.wire.frames import MAX_FRAME, NEED_DATA, FrameDecoder, FrameState, encode_frame
from youku_evloop.wire.messages import Reply, parse_reply

CONNECT_TIMEOUT: Final = 10.0
"""Seconds: a host that has not answered by then is down or behind a wall."""

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds without a byte in either direction; the server gives up on a silent client after as long."""

RECEIVE_SIZE: Final = 64 * 1024
"""Bytes read at a time where replies are expected: one frame at its largest."""

EventCallback = Callable[[dict[str, Any]], None]


def ignore_event(_event: dict[str, Any]) -> None:
    """For those who expect none."""


def connect(
    address: Address,
    timeout: float = DEFAULT_TIMEOUT,
    on_event: EventCallback = ignore_event,
    trust: Trust | None = None,
) -> Connection:
    """A connection to the server at `address`, through TLS where `trust` says so.

    Raises `Unreachable` when nobody is there, and `UntrustedServer` when it is not who it should be.
    """
    trust = trust or Trust()
    patience = min(timeout, CONNECT_TIMEOUT)
    link: Link
    if trust.wants_tls(address):
        from client_cli.tls import link_through_tls

        link = link_through_tls(address, trust, lambda: _dial(address, patience), patience)
    else:
        link = PlainLink(_dial(address, patience))
    return Connection(link, str(address), timeout, on_event)


def _dial(address: Address, timeout: float) -> socket.socket:
    try:
        link = socket.create_connection(address, timeout)
    except ConnectionRefusedError:
        raise Unreachable(
            f"Nothing answers at {address}. Start a server there (youku-server run --listen {address}), or name"
            " another one with --server or YOUKU_SERVER.",
            server=str(address),
        ) from None
    except socket.gaierror as problem:
        raise Unreachable(f"There is no host {address.host!r}: {problem.strerror}.", server=str(address)) from None
    except OSError as problem:
        raise Unreachable(f"{address} cannot be reached: {_reason(problem)}.", server=str(address)) from None
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


class Connection:
    """See the module; `peer` names the server in messages."""

    def __init__(
        self,
        link: Link,
        peer: str,
        timeout: float = DEFAULT_TIMEOUT,
        on_event: EventCallback = ignore_event,
    ) -> None:
        self.peer = peer
        self._link = link
        self._timeout = timeout
        self._on_event = on_event
        self._poll = select.poll()
        self._poll.register(link.fileno(), select.POLLIN)
        self._decoder: FrameDecoder[Reply] = FrameDecoder(parse_reply)
        self._buffer = memoryview(bytearray(RECEIVE_SIZE))
        self._replies: deque[dict[str, Any]] = deque()
        self._expected: deque[int] = deque()
        self._owed = 0
        self._last_id = 0
        self._heard = False
        self._lost = False
        self._goodbye: str | None = None

    @property
    def usable(self) -> bool:
        """Whether the next request may be sent: nobody owes anybody anything, and nothing went wrong."""
        at_rest = not self._expected and not self._owed and self._decoder.state is FrameState.FRAME
        return at_rest and not self._lost

    @property
    def in_flight(self) -> int:
        """Requests whose replies have not been taken yet."""
        return len(self._expected)

    def is_alive(self) -> bool:
        """Whether the server has kept this connection open while it was idle; reads what it said meanwhile."""
        try:
            while self.usable and self._fill():
                pass
        except YoukuError:
            return False
        return self.usable and self._goodbye is None and not self._replies

    def request(
        self, op: str, /, *, timeout: float | None = None, within: float | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """Send one command and wait for its reply; raises the error that it answers.

        `timeout`: seconds that the server may take to begin its answer, where that is longer than usual. `within`:
        seconds after which the whole answer has to be here, for a server that is not known to be one.
        """
        self.send_request(op, **arguments)
        return self.receive(timeout, within)

    def send_request(self, op: str, /, *, body: int = 0, **arguments: Any) -> None:
        """Send one command without waiting; `body` bytes have to follow by `send_body`."""
        if self._owed:
            raise RuntimeError(f"{self._owed} bytes of the body before are still owed")
        self._last_id += 1
        fields: dict[str, Any] = {"id": self._last_id, "op": op, **arguments}
        if body:
            fields["body"] = body
        frame = _framed(fields)
        self._expected.append(self._last_id)
        self._owed = body
        self._send(memoryview(frame), more=body > 0)

    def send_body(self, data: memoryview) -> None:
        """Send the next bytes of the announced body; `data` may be reused afterwards."""
        if len(data) > self._owed:
            raise RuntimeError(f"{len(data)} bytes of a body that has {self._owed} left")
        self._send(data, more=False)
        self._owed -= len(data)

    def receive(self, timeout: float | None = None, within: float | None = None) -> dict[str, Any]:
        """The next reply, waiting for it; raises the error that it is."""
        self._parse()
        started = time.monotonic()
        while not self._replies:
            if within is not None and time.monotonic() - started > within:  # it trickles, and never comes to an end
                self._lost = True
                raise TimedOut(f"{self.peer} has not answered in {within:g} s: is it a Youku server?", server=self.peer)
            self._wait(select.POLLIN, timeout)
            self._fill()
        return self._next_reply()

    def listen(self, timeout: float) -> bool:
        """Wait for what the server says by itself, and take it in; False: it said nothing for so many seconds."""
        if not self._ready(timeout):
            return False
        self._fill()
        return True

    def received(self) -> dict[str, Any] | None:
        """The next reply if it is here already; raises the error that it is."""
        while not self._replies and self._fill():
            pass
        return self._next_reply() if self._replies else None

    def receive_body(self, buffer: memoryview) -> int:
        """The next bytes of the body of the reply taken last, into `buffer` (of at least `RECEIVE_SIZE`).

        How many they are; 0 after the last one.
        """
        left = self._decoder.body_left
        if not left:
            return 0
        if self._decoder.buffered:
            data = self._decoder.buffered_body()
            buffer[: len(data)] = data
            return len(data)
        count = self._receive_into(buffer[:left])
        self._decoder.body_received(count)
        return count

    def abort(self) -> None:
        """Break it, from another thread: whoever waits here gets `Unreachable`."""
        self._link.abort()

    def close(self) -> None:
        """Hang up; may be repeated."""
        self._lost = True
        self._link.close()

    def _send(self, data: memoryview, *, more: bool) -> None:
        while data:
            try:
                sent = self._link.send(data, more=more)
            except BlockingIOError:
                self._wait(select.POLLIN | select.POLLOUT)
                self._notice_errors()
            except OSError as problem:
                self._raise_last_words()
                raise self._gone(_reason(problem)) from None
            else:
                data = data[sent:]

    def _notice_errors(self) -> None:
        """While sending: read what has come and raise the first error among it."""
        if self._fill() and any(not reply.get("ok") for reply in self._replies):
            self._lost = True
            while True:
                self._next_reply()

    def _raise_last_words(self) -> None:
        """A server that hung up may have said why before; raises that."""
        try:
            while self._fill():
                pass
        except Unreachable:
            pass
        while self._replies:
            self._next_reply()

    def _wait(self, events: int, timeout: float | None = None) -> None:
        limit = self._timeout if timeout is None else timeout
        if not self._ready(limit, events):
            self._lost = True
            raise TimedOut(self._silence(limit), server=self.peer)

    def _ready(self, timeout: float, events: int = select.POLLIN) -> bool:
        if self._link.pending():
            return True
        self._poll.modify(self._link.fileno(), events)
        return bool(self._poll.poll(timeout * 1000))

    def _fill(self) -> bool:
        """Take in what has arrived, at most one buffer of it, without waiting; whether anything had."""
        count = self._receive_now(self._buffer)
        self._decoder.feed(self._buffer[:count])
        self._parse()
        return count > 0

    def _receive_into(self, buffer: memoryview) -> int:
        """At least one byte, waiting for it."""
        while not (count := self._receive_now(buffer)):
            self._wait(select.POLLIN)
        return count

    def _receive_now(self, buffer: memoryview) -> int:
        """What is here; 0 when that is nothing."""
        try:
            count = self._link.recv_into(buffer)
        except BlockingIOError:
            return 0
        except OSError as problem:
            raise self._gone(_reason(problem)) from None
        if not count:
            raise self._gone("the server closed it")
        return count

    def _parse(self) -> None:
        while (message := self._next_message()) is not NEED_DATA:
            assert isinstance(message, Reply)
            if "event" in message.fields:
                self._take_event(message.fields)
            else:
                self._replies.append(message.fields)

    def _next_message(self) -> Any:
        try:
            return self._decoder.next_message()
        except BrokenFrame as problem:
            self._lost = True
            if self._heard:
                raise
            raise self._stranger() from problem

    def _stranger(self) -> BrokenFrame:
        return BrokenFrame(
            f"{self.peer} answers, but not as a Youku server does. Check the address (--server, YOUKU_SERVER).",
            server=self.peer,
        )

    def _take_event(self, event: dict[str, Any]) -> None:
        self._heard = True
        if event["event"] == "goodbye":
            self._goodbye = str(event.get("reason", "no reason given"))
        self._on_event(event)

    def _next_reply(self) -> dict[str, Any]:
        reply = self._replies.popleft()
        if reply.get("ok") is not True and not isinstance(reply.get("error"), str):
            self._lost = True
            raise self._stranger()
        self._heard = True
        if reply.get("id") is None and not reply.get("ok"):
            self._lost = True
            raise from_reply(reply)
        if not self._expected or reply.get("id") != self._expected.popleft():
            self._lost = True
            raise BrokenFrame("The server answered a request that was not asked.")
        if reply.get("ok") is not True:
            raise from_reply(reply)
        return reply

    def _gone(self, reason: str) -> Unreachable:
        self._lost = True
        if self._goodbye is not None:
            message = f"The server at {self.peer} is going down ({self._goodbye})."
        elif self._heard:
            message = f"The connection to {self.peer} was lost: {reason}."
        else:
            message = f"{self.peer} took the connection and closed it without a word: is it a Youku server?"
        return Unreachable(message, server=self.peer)

    def _silence(self, seconds: float) -> str:
        if self._heard:
            return f"The server at {self.peer} has said nothing for {seconds:g} s."
        return f"{self.peer} took the connection but said nothing for {seconds:g} s: is it a Youku server?"


def _framed(fields: dict[str, Any]) -> bytes:
    try:
        return encode_frame(fields)
    except UnicodeEncodeError:
        raise
    except ValueError:
        raise BadRequest(f"This is too long to send: with all its arguments a command has {MAX_FRAME} bytes.") from None


def _reason(problem: OSError) -> str:
    return (problem.strerror or str(problem) or type(problem).__name__).lower()
