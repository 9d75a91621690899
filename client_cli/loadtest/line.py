"""A line: one connection of a made-up client, as straight-line code of a task.

The descriptor is watched once, edge-triggered, so that a wait costs a switch between tasks and no system call. Unlike
a cooperative socket a line waits before it reads: it has just asked something, and the answer is never there yet. What
comes while nobody waits (a goodbye, the end of the stream) is remembered and looked at before the next wait.

There is one question at a time on a line, so every request has the id 1 and a frame that is always the same can be
made once and sent thousands of times.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Protocol

import msgspec
from greenlet import getcurrent, greenlet

from client_cli.links import Link, PlainLink
from youku_evloop.errors import BrokenFrame, TimedOut, Unreachable, from_reply
from youku_evloop.kernel.loop import EDGE, READ, WRITE, Loop
from youku_evloop.kernel.sockets import CONNECTED, STILL_CONNECTING
from youku_evloop.wire.frames import NEED_DATA, FrameDecoder, encode_frame
from youku_evloop.wire.messages import UNREADABLE

ID: Final = 1
READ_SIZE: Final = 256 * 1024
"""Bytes read at a time, into one buffer that all lines share: nobody keeps any over a wait."""
BROKEN: Final = select.EPOLLERR | select.EPOLLHUP
HUNG_UP: Final = select.EPOLLRDHUP | BROKEN
GRACE: Final = 1.0
"""Seconds that a deadline may be late: thousands of them are looked at once a second."""

_buffer: Final = memoryview(bytearray(READ_SIZE))
_fields: Final = msgspec.json.Decoder(dict[str, Any])


class Ended(Exception):
    """The test is over, and so is whatever this task was doing."""


class Why(Enum):
    """Why a wait ended."""

    READY = "ready"
    TIMED_OUT = "timed out"
    ENDED = "ended"


class Answer(msgspec.Struct, gc=False):
    """What everybody wants to know of a reply; the rest is read only where somebody asks."""

    id: int | None = None
    ok: bool = False
    event: str | None = None
    body: int = 0
    payload: bytes = msgspec.field(default=b"", name=" ")  # which is the name of nothing

    def fields(self) -> dict[str, Any]:
        """All of the reply."""
        return _fields.decode(self.payload)


_decode: Final = msgspec.json.Decoder(Answer).decode


def _parse(payload: bytes) -> Answer:
    try:
        answer = _decode(payload)
    except UNREADABLE as problem:
        raise BrokenFrame(f"The server sent something that is no message: {problem}.") from None
    answer.payload = payload
    return answer


def frame(op: str, **arguments: Any) -> bytes:
    """A request as bytes."""
    return encode_frame({"id": ID, "op": op, **arguments})


class Traffic:
    """Bytes of all lines together."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0


class SecureLink(Link, Protocol):
    """A link that has to shake hands first."""

    def shake_hands(self) -> bool:
        """Whether that is done; raises `OSError`."""

    def accept(self) -> None:
        """Look at the certificate; raises `UntrustedServer`."""


class Line:
    """See the module."""

    __slots__ = (
        "_decoder",
        "_due",
        "_fd",
        "_hung_up",
        "_link",
        "_loop",
        "_missed",
        "_patience",
        "_task",
        "_traffic",
        "_wanted",
        "at_rest",
        "wheel_slot",
    )

    def __init__(self, loop: Loop, link: Link, traffic: Traffic, patience: float) -> None:
        self.wheel_slot = -1
        self._loop = loop
        self._link = link
        self._traffic = traffic
        self._patience = patience
        self._fd = link.fileno()
        self._decoder: FrameDecoder[Answer] = FrameDecoder(_parse)
        self._due = 0.0
        self._task: greenlet | None = None
        self._wanted = 0
        self._missed = False
        """There may be something to read, of which no edge will tell."""
        self._hung_up = False
        self.at_rest = True
        """Whether the next request may be sent: nobody owes anybody anything."""
        loop.watch(self._fd, READ | WRITE | EDGE, self._on_ready)
        loop.deadlines.watch(self, loop.now + patience)

    @classmethod
    def connect(
        cls,
        loop: Loop,
        family: int,
        address: tuple[Any, ...],
        traffic: Traffic,
        patience: float,
        secure: Callable[[socket.socket], SecureLink] | None = None,
    ) -> Line:
        """A new line, connected and, with `secure`, encrypted; raises `Unreachable`, `TimedOut`, `UntrustedServer`."""
        sock = socket.socket(family, socket.SOCK_STREAM)
        self = cls(loop, PlainLink(sock), traffic, patience)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            problem = sock.connect_ex(address)
            while problem in STILL_CONNECTING:
                self._wait(WRITE)
                problem = sock.connect_ex(address)
            if problem not in CONNECTED:
                raise Unreachable(f"No connection: {os.strerror(problem)}.")
            if secure:
                self._link = link = secure(sock)  # of the same descriptor
                self._handshake(link)
        except BaseException:
            self.close()
            raise
        return self

    def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its reply; raises the error that it is."""
        self.send(request)
        return self.receive()

    def send(self, data: bytes | memoryview) -> None:
        """All of it."""
        self.at_rest = False
        link = self._link
        view = memoryview(data)
        while view:
            try:
                count = link.send(view, more=False)
            except BlockingIOError:
                self._wait(READ | WRITE)
                continue
            except OSError as problem:
                raise self._lost(problem) from None
            self._traffic.sent += count
            view = view[count:]

    def receive(self) -> Answer:
        """The next reply; raises the error that it is."""
        decoder = self._decoder
        while True:
            answer = decoder.next_message()
            if answer is NEED_DATA:
                decoder.feed(self._read(READ_SIZE))
            elif isinstance(answer, Answer) and answer.event is None:
                self.at_rest = answer.id == ID and not answer.body
                if answer.ok:
                    return answer
                raise from_reply(answer.fields())

    def receive_body(self, take: Callable[[memoryview], object], most: int | None = None) -> int:
        """Bytes of the body of the reply taken last, to its end or until at least `most` of them came: how many."""
        decoder = self._decoder
        data = decoder.buffered_body()
        take(memoryview(data))
        count = len(data)
        while decoder.body_left and (most is None or count < most):
            piece = self._read(decoder.body_left)
            take(piece)
            decoder.body_received(len(piece))
            count += len(piece)
        self.at_rest = not decoder.body_left
        return count

    def is_alive(self) -> bool:
        """Whether the server has kept it open and said nothing while nobody asked: what it says then is goodbye."""
        if self._missed and self._fd >= 0:
            try:
                self._link.recv_into(_buffer)
            except BlockingIOError:
                self._missed = False
            except OSError:
                pass
        return self._fd >= 0 and not self._missed

    def close(self) -> None:
        """Hang up, whatever is under way; may be repeated. A task that waits here gets `Ended`."""
        if self._fd >= 0:
            self._loop.deadlines.forget(self)
            self._loop.unwatch(self._fd)
            self._fd = -1
            self._link.close()
            self._loop.call_soon(self._resume, Why.ENDED)

    def on_deadline(self, now: float) -> float | None:
        """Called by the loop's wheel."""
        if self._task is not None and now >= self._due:
            self._resume(Why.TIMED_OUT)
        return max(self._due, now + GRACE) if self._fd >= 0 else None

    def _handshake(self, link: SecureLink) -> None:
        try:
            while not link.shake_hands():
                self._wait(READ | WRITE)
        except OSError as problem:
            raise self._lost(problem) from None
        link.accept()

    def _read(self, most: int) -> memoryview:
        """What has arrived, waiting for it; in the buffer of all."""
        view = _buffer[:most] if most < READ_SIZE else _buffer
        if not (self._missed or self._link.pending()):
            self._wait(READ)
        while True:
            try:
                count = self._link.recv_into(view)
            except BlockingIOError:
                self._missed = False
                self._wait(READ)
                continue
            except OSError as problem:
                raise self._lost(problem) from None
            if not count:
                raise Unreachable("The server closed the connection.")
            self._missed = count == len(view) or self._hung_up
            self._traffic.received += count
            return view[:count]

    def _wait(self, wanted: int) -> None:
        if self._fd < 0:
            raise Ended
        self._due = self._loop.now + self._patience
        self._wanted = wanted | BROKEN
        self._task = getcurrent()
        try:
            why = self._loop.tasks.wait()
        finally:
            self._task = None
        if why is Why.TIMED_OUT:
            raise TimedOut(f"The server has said nothing for {self._patience:g} s.")
        if why is Why.ENDED:
            raise Ended

    def _on_ready(self, events: int) -> None:
        if events & HUNG_UP:
            self._hung_up = True
        if events & READ or self._hung_up:
            self._missed = True
        if self._task is not None:
            if events & self._wanted:
                self._task.switch(Why.READY)
        elif self._hung_up and self.at_rest and not self.is_alive():
            self.close()  # who has said goodbye waits for that

    def _resume(self, why: Why) -> None:
        if self._task is not None:
            self._task.switch(why)

    def _lost(self, problem: OSError) -> Unreachable:
        return Unreachable(f"The connection was lost: {problem.strerror or problem}.")
