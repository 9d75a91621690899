"""Streams of frames to take apart: what was put in, and what a reader gets out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from youku_evloop.wire.frames import NEED_DATA, FrameDecoder, encode_frame
from youku_evloop.wire.messages import Reply, Request, RequestParser, parse_reply


class Note(Request, tag="note"):
    text: str = ""


class Carry(Request, tag="carry"):
    number: int = 0


PARSE = RequestParser([Note, Carry])

texts = st.text(st.characters(codec="utf-8"), max_size=40)
"""Without lone surrogates, which are no characters."""
notes = st.builds(Note, id=st.integers(), text=texts)
bodies = st.binary(min_size=1, max_size=300)
"""Of messages that bring one."""


def as_fields(message: Note) -> dict[str, Any]:
    """A request as a client writes it."""
    return {"id": message.id, "op": "note", "text": message.text}


def in_pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` cut at some positions, wherever they fall."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(places)]


class Reader:
    """A client's end of a stream: what arrives, as fields and bodies."""

    def __init__(self) -> None:
        self.decoder: FrameDecoder[Reply] = FrameDecoder(parse_reply)
        self.messages: list[tuple[dict[str, Any], bytes]] = []
        self._body = bytearray()

    def read(self, data: bytes) -> None:
        """The next bytes."""
        self.decoder.feed(data)
        while True:
            if self.decoder.body_left:
                self._body += self.decoder.buffered_body()
                if self.decoder.body_left:
                    return
                self.messages[-1] = (self.messages[-1][0], bytes(self._body))
            message = self.decoder.next_message()
            if message is NEED_DATA:
                return
            self._body.clear()
            self.messages.append((message.fields, b""))


def stream_of(messages: Iterable[tuple[dict[str, Any], bytes]]) -> bytes:
    """Messages with their bodies, one after the other."""
    return b"".join(encode_frame(fields | ({"body": len(body)} if body else {})) + body for fields, body in messages)
