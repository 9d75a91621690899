"""Messages: what the payload of a frame says, in both directions (docs/protocol.md, "Messages").

A request is decoded and checked in one step: every command declares its arguments as a `Request` subclass whose tag
is the command's name, and `RequestParser` reads the union of them. What is JSON but no good request becomes
`Rejected`, which the conversation answers and survives; what is not even an object breaks the frame.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from youku_evloop.errors import BadRequest, BrokenFrame, UnknownCommand, YoukuError

MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes of body that a request may bring: what is sent again at most when a connection is lost."""

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises: not as it should be, not UTF-8, or nested without end."""

MAX_EXPLANATION: Final = 500
"""Characters of what is wrong with a request: it may quote the request, and has to fit a frame."""


class Request(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="op", gc=False):
    """What every command's arguments have besides their own."""

    id: int
    body: int = 0


class Rejected(msgspec.Struct, frozen=True):
    """A request that cannot be carried out as it stands, and the error that says why."""

    id: int | None
    body: int
    error: YoukuError


class _Envelope(msgspec.Struct):
    id: Any = None
    op: Any = None
    body: Any = 0


class RequestParser:
    """Payloads to requests, for the given argument types (at least two, each tagged with its command's name)."""

    def __init__(self, types: Iterable[type[Request]]) -> None:
        kinds = list(types)
        self._names = {str(kind.__struct_config__.tag) for kind in kinds}
        self._decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(functools.reduce(operator.or_, kinds))
        self._envelope = msgspec.json.Decoder(_Envelope)

    def __call__(self, payload: bytes) -> Request | Rejected:
        """The request, or why it is none; raises `BrokenFrame` when the payload is no JSON object."""
        try:
            request = self._decoder.decode(payload)
        except UNREADABLE as problem:
            return self._reject(payload, problem)
        if request.body and not 0 < request.body <= MAX_BODY:
            return self._reject(payload, msgspec.ValidationError("out of range - at `$.body`"))
        return request

    def _reject(self, payload: bytes, problem: Exception) -> Rejected:
        envelope = self._read_envelope(payload)
        body = envelope.body
        if type(body) is not int or not 0 <= body <= MAX_BODY:
            raise BrokenFrame(
                f"`body` is the number of bytes that follow, from 0 to {MAX_BODY}.", limit=MAX_BODY
            ) from None
        request_id = envelope.id if type(envelope.id) is int else None
        return Rejected(request_id, body, self._explain(envelope.op, problem))

    def _read_envelope(self, payload: bytes) -> _Envelope:
        try:
            payload.decode()  # all of it: what is skipped is not looked at otherwise
            return self._envelope.decode(payload)
        except UNREADABLE as problem:
            raise BrokenFrame(f"A frame holds one JSON object in UTF-8: {problem}.") from None

    def _explain(self, op: object, problem: Exception) -> YoukuError:
        if isinstance(op, str) and op not in self._names:
            return UnknownCommand(f"There is no command {op[:64]!r}; docs/protocol.md lists them all.", op=op[:64])
        shown = str(problem)[:MAX_EXPLANATION]
        return BadRequest(f"The request is not as docs/protocol.md describes it: {shown}.")


class Reply:
    """A reply or an event as the client reads it: its fields, and how many bytes of body follow."""

    __slots__ = ("body", "fields")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        body = fields.get("body", 0)
        if type(body) is not int or body < 0:
            raise BrokenFrame("The server announced a body that has no length.")
        self.body: int = body


_reply_decoder = msgspec.json.Decoder(dict[str, Any])


def parse_reply(payload: bytes) -> Reply:
    """The payload of a frame from the server; raises `BrokenFrame` when it is no JSON object."""
    try:
        return Reply(_reply_decoder.decode(payload))
    except UNREADABLE as problem:
        raise BrokenFrame(f"The server sent something that is no message: {problem}.") from None
