"""Frames: the bytes of a conversation cut into messages and bodies (docs/protocol.md, "Frames").

Sans-IO: bytes are fed in, messages come out; no socket, clock, thread or file. A reader works in three verbs:

    decoder.feed(data)              whatever arrived, in pieces of any size
    decoder.next_message()          a message, or `NEED_DATA`
    encode_frame(fields)            the other direction: a message as bytes

When a message announces a body, the decoder stands still in `BODY` until the body is accounted for: `buffered_body()`
hands out what came in with the frame, `body_received(n)` accounts for what the caller read past the decoder, so that
bulk bytes go from the socket to their place without passing through here.

How a payload becomes a message is handed in: a function that gets the payload and answers an object with a `body`
attribute (the number of body bytes), or raises `BrokenFrame`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from youku_evloop.errors import BrokenFrame
from youku_evloop.machine import Name, step

MAX_FRAME: Final = 64 * 1024
"""Bytes of one payload. Bulk data travels in bodies, so this is ample, and it bounds what a stranger makes us hold."""

LENGTH: Final = struct.Struct(">I")
HEADER_SIZE: Final = LENGTH.size
TLS_HANDSHAKE: Final = 0x16


class FrameState(Name):
    """Where the decoder is in the stream."""

    FRAME = "frame"
    BODY = "body"
    BROKEN = "broken"


class FrameEvent(Name):
    """What moves the decoder on; a message without a body leaves it where it is."""

    BODY_ANNOUNCED = "message with a body read"
    BODY_READ = "body read"
    BREACH = "rules broken"


FRAME, BODY, BROKEN = FrameState
BODY_ANNOUNCED, BODY_READ, BREACH = FrameEvent
FRAME_TRANSITIONS: Final[Mapping[tuple[FrameState, FrameEvent], FrameState]] = {
    (FRAME, BODY_ANNOUNCED): BODY,
    (FRAME, BREACH): BROKEN,
    (BODY, BODY_READ): FRAME,
}


class NeedData(Enum):
    """The value that says: no whole message yet, feed more bytes."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA


class HasBody(Protocol):
    """What the decoder asks of a message."""

    @property
    def body(self) -> int:
        """Bytes that follow the frame."""


MessageT = TypeVar("MessageT", bound=HasBody)


class FrameDecoder(Generic[MessageT]):
    """One direction of one conversation.

    Holds at most what one `feed` brought beyond the last whole message; at rest it holds nothing.
    """

    __slots__ = ("_parse", "_position", "body_left", "state", "unread")

    unread: bytes
    """What one `feed` brought, until all of it is handed out; then nothing."""

    def __init__(self, parse: Callable[[bytes], MessageT]) -> None:
        self.state = FRAME
        self.body_left = 0
        self._parse = parse
        self.unread = b""
        self._position = 0

    @property
    def at_boundary(self) -> bool:
        """Whether the stream may end here without cutting a message or a body in two."""
        return self.state is FRAME and not self.unread

    @property
    def buffered(self) -> int:
        """Bytes that were fed and not yet handed out."""
        return len(self.unread) - self._position

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take in the next bytes of the stream; they are copied, so the caller may reuse its buffer."""
        self.unread = b"".join((self.unread[self._position :], data)) if self.unread else bytes(data)
        self._position = 0

    def next_message(self) -> MessageT | NeedData:
        """The next message, or `NEED_DATA` (also while a body is outstanding).

        Raises `BrokenFrame` when the bytes break the rules, and then on every further call.
        """
        buffer, start = self.unread, self._position + HEADER_SIZE
        if self.state is BROKEN:
            raise BrokenFrame("This connection is over: it sent a broken frame. Open a new one.")
        if self.state is BODY or len(buffer) < start:
            return NEED_DATA
        (size,) = LENGTH.unpack_from(buffer, self._position)
        if size > MAX_FRAME:
            raise self._too_long(size)
        end = start + size
        if len(buffer) < end:
            return NEED_DATA
        message = self._parsed(self._take(start, end))
        if message.body:
            self.body_left = message.body
            self.state = step(FRAME_TRANSITIONS, FRAME, BODY_ANNOUNCED)
        return message

    def buffered_body(self) -> bytes:
        """The part of the outstanding body that came in with its frame; it counts as received."""
        position = self._position
        data = self._take(position, position + min(self.buffered, self.body_left))
        self.body_received(len(data))
        return data

    def body_received(self, count: int) -> None:
        """Account for `count` bytes of the body that the caller has read itself."""
        if not 0 <= count <= self.body_left:
            raise ValueError(f"{count} bytes received of a body that has {self.body_left} left")
        self.body_left -= count
        if self.state is BODY and not self.body_left:
            self.state = step(FRAME_TRANSITIONS, BODY, BODY_READ)

    def _take(self, start: int, end: int) -> bytes:
        """These bytes of the buffer, which goes on behind them."""
        data = self.unread[start:end]
        if end == len(self.unread):
            self.unread, self._position = b"", 0
        else:
            self._position = end
        return data

    def _too_long(self, size: int) -> BrokenFrame:
        self.state = step(FRAME_TRANSITIONS, FRAME, BREACH)
        return BrokenFrame(_explain(LENGTH.pack(size), size), limit=MAX_FRAME)

    def _parsed(self, payload: bytes) -> MessageT:
        try:
            return self._parse(payload)
        except BrokenFrame:
            self.state = step(FRAME_TRANSITIONS, FRAME, BREACH)
            raise


def _explain(header: bytes, size: int) -> str:
    if header[0] == TLS_HANDSHAKE:
        return "These are the first bytes of TLS, but this server has none: connect without it."
    if header.isalpha() or header[:3].isalpha():
        return "This looks like HTTP or plain text; the server speaks length-prefixed frames (docs/protocol.md)."
    return f"A frame may have {MAX_FRAME} bytes, this one announces {size}. Send bulk data as a body."


_encoder = msgspec.json.Encoder()


def encode_frame(fields: Mapping[str, Any]) -> bytes:
    """A message as the bytes of its frame; raises `ValueError` when it is larger than a frame may be."""
    payload = _encoder.encode(fields)
    if len(payload) > MAX_FRAME:
        raise ValueError(f"a message of {len(payload)} bytes does not fit a frame of {MAX_FRAME}")
    return LENGTH.pack(len(payload)) + payload
