"""Frames that are none and requests that are wrong: the reason, and everybody else still served."""

from __future__ import annotations

import json

import pytest

from tests.support.server import Person, RunningServer
from tests.support.wire import Wire
from tests.system.conftest import on_sqlite_alone

pytestmark = on_sqlite_alone


def last_words(wire: Wire) -> dict[str, object]:
    """The error that a broken frame gets: the last thing that the server says."""
    error = wire.receive()
    assert (error["id"], error["ok"]) == (None, False)
    assert wire.rest() == b"", "nothing follows"
    return error


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x00\x01",  # one byte more than a frame may have
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
        b"hello?\r\n",
    ],
)
def test_bytes_that_are_no_frame_end_the_connection_with_the_reason(server: RunningServer, data: bytes) -> None:
    with Wire(server.address) as wire:
        wire.send_bytes(data)
        assert last_words(wire)["error"] == "broken_frame"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"not JSON",
        b"[]",
        b'"ping"',
        b"7",
        b"null",
        b'\xff\xfe{"id":1}',
        b'{"id":1,"op":"ping"} ',
        b'{"id":1,"op":"ping","body":-1}',
        b'{"id":1,"op":"ping","body":16777217}',
        b'{"id":1,"op":"ping","body":"5"}',
        b'{"id":1,"op":"ping","body":1.5}',
        b"[" * 60_000,
        b'{"id":1,"op":"ping","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"id":1,"op":"ping","x":' + b'{"a":' * 12_000 + b"1" + b"}" * 12_000 + b"}",
        b'{"id":' + b"1" * 60_000 + b',"op":"ping"}',
    ],
)
def test_a_frame_that_is_no_object_is_answered_and_harms_nobody(server: RunningServer, payload: bytes) -> None:
    with Wire(server.address) as wire:
        wire.send_payload(payload)
        reply = wire.receive()
        assert reply["ok"] in (True, False)
        if reply["ok"] is False and reply["error"] == "broken_frame":
            assert reply["id"] is None and reply["message"]
            assert wire.rest() == b""
        else:
            wire.ask("ping")


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"not JSON", b"[]", b"7", b'\xff\xfe{"id":1}', b'{"id":1,"op":"ping","body":-1}']
)
def test_a_frame_that_is_no_object_ends_the_connection_with_the_reason(server: RunningServer, payload: bytes) -> None:
    with Wire(server.address) as wire:
        wire.send_payload(payload)
        assert last_words(wire)["error"] == "broken_frame"


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"id": 1, "op": "movie.lits"}, "movie.lits"),
        ({"id": 1, "op": 5}, "op"),
        ({"id": 1}, "op"),
        ({"op": "ping"}, "id"),
        ({"id": "1", "op": "ping"}, "id"),
        ({"id": 1, "op": "ping", "extra": 1}, "extra"),
        ({"id": 1, "op": "movie.show"}, "movie"),
        ({"id": 1, "op": "movie.show", "movie": "1"}, "movie"),
        ({"id": 1, "op": "movie.show", "movie": 2**63}, "movie"),
        ({"id": 1, "op": "movie.list", "type": "cheap"}, "type"),
        ({"id": 1, "op": "movie.list", "limit": 51}, "limit"),
        ({"id": 1, "op": "movie.list", "limit": 0}, "limit"),
        ({"id": 1, "op": "movie.list", "cursor": "\u0661"}, "cursor"),
        ({"id": 1, "op": "movie.read", "movie": 1, "offset": None}, "offset"),
        ({"id": 1, "op": "upload.status", "upload": "x" * 60_000}, "upload"),
        ({"id": 1, "op": "upload.create", "name": "x", "size": 1, "fingerprint": "X" * 64}, "fingerprint"),
        ({"id": 1, "op": "upload.create", "name": "x", "size": 2**63, "fingerprint": "0" * 64}, "size"),
        ({"id": 1, "op": "upload.finish", "upload": "x", "hash": "0" * 63}, "hash"),
        ({"id": 1, "op": "ping", "x" * 65_000: 1}, "xxxx"),
        ({"id": 1, "op": "ping", "body": 5}, "ping"),
    ],
)
def test_a_wrong_request_names_what_is_wrong_and_the_connection_lives_on(
    server: RunningServer, admin: Person, request_: dict[str, object], named: str
) -> None:
    with admin.wire() as wire:
        wire.send_payload(json.dumps(request_).encode())
        wire.send_bytes(b"\0" * (5 if "body" in request_ else 0))
        error = wire.receive()
        assert error["error"] == ("unknown_command" if named == "movie.lits" else "bad_request")
        assert error["id"] == (1 if request_.get("id") == 1 else None)
        assert named in error["message"]
        wire.ask("ping")


def test_the_body_of_a_refused_request_is_read_and_dropped(server: RunningServer, user: Person) -> None:
    with user.wire() as wire:
        assert wire.refused("upload.write", body=b"\0" * 3_000_000, upload="x", offset=0)["error"] == "forbidden"
        assert wire.refused("nonsense", body=b"\0" * 3_000_000)["error"] == "unknown_command"
        assert wire.refused("ping", body=b"\0" * 3_000_000)["error"] == "bad_request"
        wire.ask("ping")


def test_requests_are_answered_in_order_however_many_come_at_once(server: RunningServer, user: Person) -> None:
    with user.wire() as wire:
        sent = [wire.send("movie.list" if n % 3 else "ping") for n in range(200)]
        assert [wire.receive()["id"] for _ in sent] == sent


def test_one_who_hangs_up_half_way_is_still_answered(server: RunningServer, user: Person) -> None:
    with Wire(server.address) as wire:
        sent = [wire.send("hello", token=user.token), wire.send("account.whoami"), wire.send("movie.list")]
        wire.end()
        replies = [wire.receive() for _ in sent]
        assert [(reply["id"], reply["ok"]) for reply in replies] == [(number, True) for number in sent]
        assert wire.rest() == b""


def test_a_body_that_never_comes_holds_nobody_up(server: RunningServer, admin: Person, user: Person) -> None:
    with admin.wire() as silent:
        upload = silent.ask("upload.create", name="Silence", size=1000, fingerprint="b" * 64)["upload"]
        silent.send_payload(
            json.dumps({"id": 9, "op": "upload.write", "upload": upload, "offset": 0, "body": 1000}).encode()
        )
        silent.send_bytes(b"\0" * 10)
        with user.wire() as other:
            for _ in range(100):
                other.ask("movie.list")
        assert user.do("whoami")["user"]["name"] == user.name
        silent.send_bytes(b"\0" * 990)
        assert silent.receive() == {"id": 9, "ok": True, "offset": 1000}
        silent.ask("upload.cancel", upload=upload)
