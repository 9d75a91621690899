"""Frames: however the bytes arrive, the same messages come out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.streams import PARSE, Carry, Note, Reader, as_fields, bodies, in_pieces, notes, stream_of, texts
from youku_evloop.errors import BrokenFrame
from youku_evloop.wire.frames import MAX_FRAME, NEED_DATA, FrameDecoder, FrameState, encode_frame
from youku_evloop.wire.messages import Rejected, Request

PING = b'\x00\x00\x00\x14{"id":7,"op":"note"}'


def decoder() -> FrameDecoder[Request | Rejected]:
    return FrameDecoder(PARSE)


def drain(reader: FrameDecoder[Request | Rejected]) -> list[Request | Rejected]:
    messages = []
    while (message := reader.next_message()) is not NEED_DATA:
        messages.append(message)
    return messages


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


# -- whole, in pieces, with more behind it


def test_a_frame_is_its_length_and_its_json() -> None:
    assert encode_frame({"id": 7, "op": "note"}) == PING


def test_a_whole_frame_is_a_message() -> None:
    reader = decoder()
    reader.feed(PING)
    assert drain(reader) == [Note(id=7)]
    assert reader.at_boundary


def test_a_frame_that_arrives_byte_by_byte_is_a_message_at_its_last_byte() -> None:
    reader = decoder()
    for byte in PING[:-1]:
        reader.feed(bytes([byte]))
        assert reader.next_message() is NEED_DATA
        assert not reader.at_boundary
    reader.feed(PING[-1:])
    assert reader.next_message() == Note(id=7)
    assert reader.at_boundary


def test_bytes_behind_a_frame_wait_for_the_rest_of_theirs() -> None:
    reader = decoder()
    reader.feed(PING + PING[:9])
    assert drain(reader) == [Note(id=7)]
    assert not reader.at_boundary and reader.buffered == 9
    reader.feed(PING[9:])
    assert drain(reader) == [Note(id=7)]


def test_the_buffer_may_be_used_again_after_it_was_fed() -> None:
    reader, buffer = decoder(), bytearray(PING[:10])
    reader.feed(memoryview(buffer))
    buffer[:] = b"x" * 10
    reader.feed(PING[10:])
    assert drain(reader) == [Note(id=7)]


def test_a_decoder_at_rest_holds_no_bytes() -> None:
    reader = decoder()
    reader.feed(PING * 100)
    drain(reader)
    assert reader.buffered == 0 and reader.unread == b""


@given(st.lists(st.tuples(notes, st.one_of(st.just(b""), bodies)), max_size=6), st.lists(st.integers(0, 5000)))
def test_two_ends_joined_in_memory_agree_wherever_the_stream_is_cut(
    sent: list[tuple[Note, bytes]], cuts: list[int]
) -> None:
    reader = Reader()
    for piece in in_pieces(stream_of((as_fields(note), body) for note, body in sent), cuts):
        reader.read(piece)
    expected = [({**as_fields(note)} | ({"body": len(body)} if body else {}), body) for note, body in sent]
    assert reader.messages == expected
    assert reader.decoder.at_boundary


@given(st.lists(notes, max_size=8), st.lists(st.integers(0, 5000)))
def test_requests_come_out_as_they_went_in(sent: list[Note], cuts: list[int]) -> None:
    reader, received = decoder(), []
    for piece in in_pieces(b"".join(encode_frame(as_fields(note)) for note in sent), cuts):
        reader.feed(piece)
        received += drain(reader)
    assert received == sent


@given(st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts))
def test_what_one_end_encodes_the_other_reads(fields: dict[str, Any]) -> None:
    fields.pop("body", None)
    reader = Reader()
    reader.read(encode_frame(fields))
    assert reader.messages == [(fields, b"")]


# -- bodies


def test_a_body_stands_between_its_message_and_the_next() -> None:
    reader = decoder()
    reader.feed(framed(b'{"id":1,"op":"carry","body":5}') + b"hello" + PING)
    assert reader.next_message() == Carry(id=1, body=5)
    assert reader.next_message() is NEED_DATA
    assert reader.buffered_body() == b"hello"
    assert reader.next_message() == Note(id=7)


def test_a_body_that_is_read_past_the_decoder_is_accounted_for() -> None:
    reader = decoder()
    reader.feed(framed(b'{"id":1,"op":"carry","body":10}') + b"hel")
    reader.next_message()
    assert reader.buffered_body() == b"hel"
    assert (reader.body_left, reader.buffered_body()) == (7, b"")
    assert not reader.at_boundary
    reader.body_received(4)
    reader.body_received(3)
    assert reader.at_boundary


@pytest.mark.parametrize("count", [-1, 11])
def test_more_than_the_body_cannot_be_received(count: int) -> None:
    reader = decoder()
    reader.feed(framed(b'{"id":1,"op":"carry","body":10}'))
    reader.next_message()
    with pytest.raises(ValueError, match="10 left"):
        reader.body_received(count)


def test_a_message_without_a_body_has_none_to_receive() -> None:
    reader = decoder()
    reader.feed(PING + b"x")
    reader.next_message()
    assert reader.buffered_body() == b""
    with pytest.raises(ValueError, match="0 left"):
        reader.body_received(1)


def test_a_body_of_zero_bytes_is_no_body() -> None:
    reader = decoder()
    reader.feed(framed(b'{"id":1,"op":"carry","body":0}') + PING)
    assert drain(reader) == [Carry(id=1), Note(id=7)]


# -- limits and broken frames


def test_the_largest_frame_passes_whole_and_in_one_piece_with_the_next() -> None:
    text = "x" * (MAX_FRAME - len('{"id":1,"op":"note","text":""}'))
    frame = encode_frame({"id": 1, "op": "note", "text": text})
    assert len(frame) == 4 + MAX_FRAME
    reader = decoder()
    reader.feed(frame + PING)
    assert drain(reader) == [Note(id=1, text=text), Note(id=7)]


def test_a_message_larger_than_a_frame_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame({"text": "x" * MAX_FRAME})


def test_a_frame_that_is_too_long_is_refused_by_its_header_alone() -> None:
    reader = decoder()
    reader.feed((MAX_FRAME + 1).to_bytes(4, "big"))
    with pytest.raises(BrokenFrame) as caught:
        reader.next_message()
    assert caught.value.facts == {"limit": MAX_FRAME}
    assert str(MAX_FRAME + 1) in caught.value.message


@pytest.mark.parametrize(
    ("opening", "hint"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "TLS"),
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"POST /api\r\n", "HTTP"),
        (b"ssh-2.0", "plain text"),
        (b"\xff\xff\xff\xff", "announces 4294967295"),
    ],
)
def test_a_stranger_is_told_what_he_seems_to_speak(opening: bytes, hint: str) -> None:
    reader = decoder()
    reader.feed(opening)
    with pytest.raises(BrokenFrame, match=hint):
        reader.next_message()


def test_messages_before_a_broken_frame_still_come_out() -> None:
    reader = decoder()
    reader.feed(PING + PING + framed(b"no json") + PING)
    assert reader.next_message() == reader.next_message() == Note(id=7)
    with pytest.raises(BrokenFrame):
        reader.next_message()


def test_nothing_comes_after_a_broken_frame() -> None:
    reader = decoder()
    reader.feed(framed(b"no json"))
    for _ in range(2):
        with pytest.raises(BrokenFrame):
            reader.next_message()
    reader.feed(PING)
    with pytest.raises(BrokenFrame, match="is over"):
        reader.next_message()
    assert reader.state is FrameState.BROKEN
    assert not reader.at_boundary


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_garbage_gives_messages_or_a_broken_frame_and_nothing_else(garbage: bytes, cuts: list[int]) -> None:
    reader = decoder()
    for piece in in_pieces(garbage, cuts):
        reader.feed(piece)
        try:
            messages = drain(reader)
        except BrokenFrame as breach:
            assert len(encode_frame(breach.as_reply())) < 1000
            return
        assert all(isinstance(message, (Request, Rejected)) for message in messages)
        if reader.body_left:
            reader.buffered_body()
