"""Requests and replies: what is said wrongly is answered clearly, and nothing that is said can confuse the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.streams import PARSE, Note
from youku_evloop.errors import BadRequest, BrokenFrame, UnknownCommand
from youku_evloop.wire.frames import MAX_FRAME, encode_frame
from youku_evloop.wire.messages import MAX_BODY, Rejected, Reply, Request, RequestParser, parse_reply


class Order(Request, tag="order"):
    movie: int
    note: str = ""
    length: int | None = None


PARSE_ORDER = RequestParser([Order, Note])


def rejected(payload: bytes) -> Rejected:
    message = PARSE_ORDER(payload)
    assert isinstance(message, Rejected), message
    assert len(encode_frame({"id": message.id, **message.error.as_reply()})) <= MAX_FRAME
    return message


# -- requests


def test_a_request_has_the_arguments_that_were_given_and_the_defaults_of_the_others() -> None:
    assert PARSE_ORDER(b'{"op":"order","id":3,"movie":9}') == Order(id=3, movie=9)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "missing required field `movie`"),
        ({"movie": "9"}, r"Expected `int`, got `str` - at `\$.movie`"),
        ({"movie": 9.5}, r"\$.movie"),
        ({"movie": True}, r"\$.movie"),
        ({"movie": 9, "length": "all"}, r"`\$.length`"),
        ({"movie": 9, "note": None}, r"`\$.note`"),
        ({"movie": 9, "colour": "red"}, "unknown field `colour`"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], said: str) -> None:
    message = rejected(json.dumps({"id": 4, "op": "order", **arguments}).encode())
    assert message.id == 4
    assert type(message.error) is BadRequest
    with pytest.raises(BadRequest, match=said):
        raise message.error


@pytest.mark.parametrize("given_id", [None, "7", 7.0, True, [7], {"n": 7}])
def test_a_request_whose_id_is_no_integer_is_answered_with_the_id_null(given_id: object) -> None:
    message = rejected(json.dumps({"id": given_id, "op": "note"}).encode())
    assert message.id is None


@pytest.mark.parametrize("number", [-1, 2**63, 2**64, -(2**63) - 1, 10**300])
def test_an_id_may_be_any_integer_and_comes_back_as_it_was(number: int) -> None:
    request = PARSE_ORDER(f'{{"id":{number},"op":"note"}}'.encode())
    assert request == Note(id=number)
    assert json.loads(encode_frame({"id": request.id})[4:]) == {"id": number}


def test_an_unknown_command_is_named() -> None:
    message = rejected(b'{"id":4,"op":"dance"}')
    assert type(message.error) is UnknownCommand
    assert message.error.facts == {"op": "dance"}
    assert "'dance'" in message.error.message


@pytest.mark.parametrize("op", [None, 5, True, ["note"], {}])
def test_a_command_that_is_no_text_is_a_bad_request(op: object) -> None:
    assert type(rejected(json.dumps({"id": 4, "op": op}).encode()).error) is BadRequest


def test_a_request_without_a_command_is_a_bad_request() -> None:
    assert type(rejected(b'{"id":4}').error) is BadRequest


def test_a_rejected_request_keeps_its_body() -> None:
    assert rejected(b'{"id":4,"op":"dance","body":1000}').body == 1000
    assert rejected(b'{"id":4,"op":"order","body":1000}').body == 1000


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    assert PARSE_ORDER(b'{"id":1,"id":2,"op":"note","body":9,"body":0}') == Note(id=2)
    assert rejected(b'{"id":1,"op":"dance","body":9,"body":3}').body == 3


def test_an_explanation_of_something_long_fits_a_frame() -> None:
    field = "x" * (MAX_FRAME - 100)
    assert rejected(json.dumps({"id": 1, "op": "note", field: 1}).encode()).id == 1
    assert rejected(json.dumps({"id": 1, "op": field}).encode()).error.facts["op"] == "x" * 64


@pytest.mark.parametrize("character", ['"', "\\", "\x01", "𝄞", "\x7f"])
def test_an_explanation_of_something_odd_fits_a_frame(character: str) -> None:
    rejected(json.dumps({"id": 1, "op": character * 5000}).encode())
    rejected(json.dumps({"id": 1, "op": "note", character * 5000: 1}).encode())


# -- what is no request at all


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"hello",
        b"null",
        b"5",
        b'"text"',
        b"[]",
        b'[{"id":1,"op":"note"}]',
        b'{"id":1,"op":"note"',
        b'{"id":1,"op":"note",}',
        b'{"id":1,"op":"note"}{}',
        b"{'id':1,'op':'note'}",
        b'{"id":1,"op":"note","text":NaN}',
        b'{"id":Infinity,"op":"note"}',
        b'{"id":01,"op":"note"}',
        b'\xef\xbb\xbf{"id":1,"op":"note"}',
        '{"id":1,"op":"note"}'.encode("utf-16"),
        b'{"id":1,"op":"note\xff"}',
        b'{"id":1,"op":"note","text":"\xff"}',
        b'{"id":1,"op":"note","x":"\xed\xa0\x80"}',
        b'{"id":1,"op":"dance","x":{"y":"\xff"}}',
        b'{"id":1,"op":"\\ud800"}',
        b'{"id":1,"op":"note","text":"\\ud83d"}',
        b'{"id":1e999,"op":"note"}',
        b'{"id":' + b"9" * 5000 + b',"op":"note"}',
        b"[" * 60000,
        b'{"id":' + b"[" * 60000 + b"}",
        b'{"id":' + b"[" * 30000 + b"]" * 30000 + b',"op":"note"}',
        b'{"x":' + b'{"x":' * 10000 + b"1" + b"}" * 10000 + b',"id":1,"op":"note"}',
    ],
    ids=lambda payload: repr(payload[:24]),
)
def test_what_is_no_json_object_breaks_the_frame(payload: bytes) -> None:
    with pytest.raises(BrokenFrame) as caught:
        PARSE_ORDER(payload)
    assert len(encode_frame({"id": None, **caught.value.as_reply()})) < 1000


@pytest.mark.parametrize(
    "body", ["-1", str(MAX_BODY + 1), "1e3", "1.0", "true", "null", '"5"', "[5]", "99999999999999999999999999"]
)
@pytest.mark.parametrize("op", ["note", "dance"])
def test_a_body_without_a_good_length_breaks_the_frame(op: str, body: str) -> None:
    with pytest.raises(BrokenFrame, match="`body`") as caught:
        PARSE_ORDER(f'{{"id":1,"op":"{op}","body":{body}}}'.encode())
    assert caught.value.facts == {"limit": MAX_BODY}


@given(st.binary(max_size=80))
def test_any_payload_is_a_request_or_rejected_or_broken(payload: bytes) -> None:
    _accept(payload)


@given(
    st.sampled_from(
        [b'{"id":1,"op":"note","text":"abc"}', b'{"id":-5,"op":"order","movie":3,"length":null,"body":12}']
    ),
    st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=3)), max_size=4),
)
def test_a_mutated_request_is_a_request_or_rejected_or_broken(
    payload: bytes, mutations: list[tuple[int, bytes]]
) -> None:
    for place, replacement in mutations:
        payload = payload[:place] + replacement + payload[place + 1 :]
    _accept(payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["id", "op", "body", "movie", "text", "x"]), json_values))
def test_any_object_is_a_request_or_rejected_or_broken(fields: dict[str, Any]) -> None:
    _accept(json.dumps(fields).encode())


def _accept(payload: bytes) -> None:
    try:
        message = PARSE_ORDER(payload)
    except BrokenFrame as breach:
        encode_frame({"id": None, **breach.as_reply()})
        return
    assert 0 <= message.body <= MAX_BODY
    assert message.id is None or type(message.id) is int
    if isinstance(message, Rejected):
        encode_frame({"id": message.id, **message.error.as_reply()})


# -- replies


def test_a_reply_is_its_fields_and_the_length_of_its_body() -> None:
    reply = parse_reply(b'{"id":1,"ok":true,"body":99999999999}')
    assert reply.fields == {"id": 1, "ok": True, "body": 99999999999}
    assert reply.body == 99999999999


def test_an_event_is_read_like_a_reply() -> None:
    assert parse_reply(b'{"event":"goodbye","reason":"x"}').body == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"no",
        b'{"body":-1}',
        b'{"body":1.5}',
        b'{"body":true}',
        b'{"body":null}',
        b'{"x":"\xff"}',
        b'{"x":' + b"[" * 60000,
        b'{"x":' + b"[" * 30000 + b"]" * 30000 + b"}",
    ],
    ids=lambda payload: repr(payload[:24]),
)
def test_a_server_that_sends_nonsense_breaks_the_frame(payload: bytes) -> None:
    with pytest.raises(BrokenFrame, match="server"):
        parse_reply(payload)


@given(st.dictionaries(st.sampled_from(["id", "ok", "body", "x"]), json_values))
def test_any_object_from_a_server_is_a_reply_or_broken(fields: dict[str, Any]) -> None:
    try:
        reply = parse_reply(json.dumps(fields).encode())
    except BrokenFrame:
        return
    assert isinstance(reply, Reply) and reply.body >= 0


def test_the_types_of_requests_know_their_own_command_only() -> None:
    assert type(rejected(b'{"id":1,"op":"carry"}').error) is UnknownCommand
    assert PARSE(b'{"id":1,"op":"note","text":"x"}') == Note(id=1, text="x")
