"""One conversation: requests, replies, bodies, and everything that can break it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from client_cli.address import Address, parse_address
from client_cli.connection import RECEIVE_SIZE, Connection, connect
from client_cli.links import PlainLink
from youku_evloop.errors import (
    BadRequest,
    BrokenFrame,
    NotFound,
    Superseded,
    TimedOut,
    Unreachable,
    YoukuError,
)
from youku_evloop.wire.frames import encode_frame


class OtherEnd:
    """A connection and the bare socket at its other end."""

    def __init__(self) -> None:
        ours, self.link = socket.socketpair()
        self.link.settimeout(5)
        self.events: list[dict[str, Any]] = []
        self.connection = Connection(PlainLink(ours), "a.test:9685", timeout=5, on_event=self.events.append)

    def says(self, fields: dict[str, Any], body: bytes = b"") -> None:
        self.link.sendall(encode_frame(fields) + body)

    def close(self) -> None:
        self.connection.close()
        self.link.close()


@pytest.fixture
def other_end() -> Iterator[OtherEnd]:
    end = OtherEnd()
    yield end
    end.close()


def test_a_request_and_its_reply(other_end: OtherEnd) -> None:
    other_end.connection.send_request("movie.show", movie=3)
    other_end.says({"id": 1, "ok": True, "movie": {"id": 3}})
    assert other_end.connection.receive()["movie"] == {"id": 3}
    assert other_end.link.recv(1000) == encode_frame({"id": 1, "op": "movie.show", "movie": 3})
    assert other_end.connection.usable


def test_a_body_follows_its_frame(other_end: OtherEnd) -> None:
    other_end.connection.send_request("upload.write", body=6, upload="u", offset=0)
    assert not other_end.connection.usable
    other_end.connection.send_body(memoryview(b"abc"))
    other_end.connection.send_body(memoryview(b"def"))
    received = other_end.link.recv(1000)
    assert received == encode_frame({"id": 1, "op": "upload.write", "upload": "u", "offset": 0, "body": 6}) + b"abcdef"


def test_more_than_the_announced_body_is_a_mistake_of_the_caller(other_end: OtherEnd) -> None:
    other_end.connection.send_request("upload.write", body=2)
    with pytest.raises(RuntimeError):
        other_end.connection.send_body(memoryview(b"abc"))
    with pytest.raises(RuntimeError):
        other_end.connection.send_request("ping")


def test_replies_to_pipelined_requests_come_in_order(other_end: OtherEnd) -> None:
    for _ in range(3):
        other_end.connection.send_request("ping")
    other_end.link.sendall(b"".join(encode_frame({"id": number, "ok": True, "n": number}) for number in (1, 2, 3)))
    assert [other_end.connection.receive()["n"] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("size", [1, 3, 50_000])
def test_a_body_arrives_whole_however_it_is_cut(other_end: OtherEnd, size: int) -> None:
    body = bytes(range(256)) * 500
    other_end.connection.send_request("movie.read", movie=1)
    stream = encode_frame({"id": 1, "ok": True, "body": len(body)}) + body
    stream += encode_frame({"event": "notice"})
    received = bytearray()
    buffer = memoryview(bytearray(RECEIVE_SIZE))
    other_end.link.sendall(stream[: 40 + size])
    other_end.connection.receive()
    other_end.link.sendall(stream[40 + size :])
    while count := other_end.connection.receive_body(buffer):
        received += buffer[:count]
    assert received == body
    assert other_end.connection.is_alive()
    assert other_end.events == [{"event": "notice"}]


def test_an_error_reply_is_raised_and_the_connection_lives_on(other_end: OtherEnd) -> None:
    other_end.connection.send_request("movie.show", movie=9)
    other_end.says({"id": 1, "ok": False, "error": "not_found", "message": "There is no movie 9.", "movie": 9})
    with pytest.raises(NotFound, match="no movie 9") as caught:
        other_end.connection.receive()
    assert caught.value.facts == {"movie": 9}
    assert other_end.connection.usable


def test_an_error_that_nobody_asked_for_ends_the_connection(other_end: OtherEnd) -> None:
    other_end.connection.send_request("ping")
    other_end.says({"id": None, "ok": False, "error": "timeout", "message": "Too slow."})
    with pytest.raises(TimedOut, match="Too slow"):
        other_end.connection.receive()
    assert not other_end.connection.usable


def test_an_error_is_noticed_in_the_middle_of_a_body(other_end: OtherEnd) -> None:
    body = memoryview(bytes(16 * 1024 * 1024))
    other_end.connection.send_request("upload.write", body=10)
    other_end.connection.send_body(memoryview(bytes(10)))
    other_end.connection.send_request("upload.write", body=len(body))
    other_end.says({"id": 1, "ok": False, "error": "superseded", "message": "Taken over."})
    with pytest.raises(Superseded):
        other_end.connection.send_body(body)  # the other end reads nothing, so this would wait for ever
    assert not other_end.connection.usable


def test_what_a_server_said_before_it_hung_up_is_not_lost(other_end: OtherEnd) -> None:
    other_end.says({"id": None, "ok": False, "error": "broken_frame", "message": "That was no frame."})
    other_end.link.shutdown(socket.SHUT_RDWR)
    with pytest.raises(BrokenFrame, match="That was no frame"):
        other_end.connection.send_request("ping")


def test_a_closed_connection_is_noticed_before_it_is_used(other_end: OtherEnd) -> None:
    assert other_end.connection.is_alive()
    other_end.link.close()
    assert not other_end.connection.is_alive()


def test_a_goodbye_makes_the_connection_one_to_leave(other_end: OtherEnd) -> None:
    other_end.says({"event": "goodbye", "reason": "restart"})
    assert not other_end.connection.is_alive()
    other_end.link.close()
    with pytest.raises(Unreachable, match="restart"):
        other_end.connection.request("ping")


def test_the_answer_to_another_question_is_not_taken(other_end: OtherEnd) -> None:
    other_end.connection.send_request("ping")
    other_end.says({"id": 7, "ok": True})
    with pytest.raises(BrokenFrame):
        other_end.connection.receive()
    assert not other_end.connection.usable


@pytest.mark.parametrize(
    ("bytes_sent", "error", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", BrokenFrame, "not as a Youku server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", BrokenFrame, "not as a Youku server"),
        (b"\x00\x00\x00\x02[]", BrokenFrame, "not as a Youku server"),
        (b"\x00\x00\x00\x02{}", BrokenFrame, "not as a Youku server"),
        (b'\x00\x00\x00\x0f{"id":1,"ok":1} ', BrokenFrame, "not as a Youku server"),
        (b"", Unreachable, "without a word"),
    ],
)
def test_something_that_is_no_youku_server_is_recognised(
    other_end: OtherEnd, bytes_sent: bytes, error: type[YoukuError], words: str
) -> None:
    other_end.connection.send_request("hello")
    other_end.link.sendall(bytes_sent)
    other_end.link.shutdown(socket.SHUT_WR)
    with pytest.raises(error, match=words):
        other_end.connection.receive()


def test_silence_ends(other_end: OtherEnd) -> None:
    other_end.connection.send_request("ping")
    with pytest.raises(TimedOut, match="said nothing"):
        other_end.connection.receive(timeout=0.01)
    assert not other_end.connection.usable


def test_nobody_there_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match=rf"youku-server run --listen 127\.0\.0\.1:{port}"):
        connect(Address("127.0.0.1", port))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a.test:1", Address("a.test", 1)),
        ("A.Test", Address("a.test", 9685)),
        (" 127.0.0.1:65535 ", Address("127.0.0.1", 65535)),
        ("[::1]:80", Address("::1", 80)),
        ("[::1]", Address("::1", 9685)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", ":80", "a:", "a:0", "a:65536", "a:b", "a:-1", "http://a:80", "a b:80", "::1", "[::1", "[]:80", "a:１"]
)
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(BadRequest, match="HOST:PORT"):
        parse_address(text)
