"""Bodies of requests: each byte has a place to go, or is dropped, and the next request is found behind it."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest

from tests.support.loops import in_the_loop
from tests.transport.house import House, Workshop
from youku_evloop.transport.listener import RECEIVE_BUFFER
from youku_evloop.transport.states import ConnectionState

MIB = 1024 * 1024
BODY = bytes(range(256)) * 4096 * 3
"""3 MiB: more than a connection moves in one turn."""


@in_the_loop
def test_a_small_body_that_comes_with_its_request_is_received(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    assert peer.ask("store", b"hello")["size"] == 5
    assert workshop.stored == [b"hello"]


@in_the_loop
def test_a_large_body_is_received_whole(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    assert peer.ask("store", BODY)["size"] == len(BODY)
    assert workshop.stored == [BODY]


@in_the_loop
def test_no_piece_of_a_large_body_reaches_over_a_boundary_of_buffers(house: House, workshop: Workshop) -> None:
    house.connect().ask("store", BODY)
    assert set(accumulate(workshop.pieces)) >= set(range(RECEIVE_BUFFER, len(BODY) + 1, RECEIVE_BUFFER))


@in_the_loop
def test_a_body_in_pieces_is_received_whole(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    for piece in (peer.request("store", 9)[:7], *[bytes([byte]) for byte in peer.request("store", 9)[7:]]):
        peer.send_bytes(piece)
        house.loop.settle()
    for byte in b"abcdefghi":
        peer.send_bytes(bytes([byte]))
        house.loop.settle()
    assert peer.receive()["size"] == 9
    assert workshop.stored == [b"abcdefghi"]


@in_the_loop
def test_bodies_and_requests_may_be_pipelined(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    data = b"".join(peer.request("store", size) + b"x" * size + peer.request("ping") for size in range(1, 200))
    peer.send_bytes(data)
    assert [reply.get("size") for reply in peer.replies(398)][::2] == list(range(1, 200))


@in_the_loop
def test_a_body_behind_a_slow_request_waits_unread(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("wait")
    peer.send_bytes(peer.request("store", len(BODY)))
    peer.send_what_fits(BODY[:MIB])
    house.assert_quiet()
    assert house.connection.bytes_in < 200_000
    workshop.open_gate()
    house.loop.settle()
    assert house.is_in(ConnectionState.RECEIVING)


@in_the_loop
@pytest.mark.parametrize(
    ("op", "arguments", "error"),
    [
        ("store", {"refuse": True}, "bad_request"),
        ("store", {"refuse": "maybe"}, "bad_request"),
        ("store", {"choke_at": 1}, "unavailable"),
        ("store", {"choke_at": 2 * MIB}, "unavailable"),
        ("ping", {}, "bad_request"),
        ("secret", {}, "not_logged_in"),
        ("dance", {}, "unknown_command"),
    ],
)
@pytest.mark.parametrize("size", [1, 100_000, 3 * MIB])
def test_the_body_of_a_refused_request_is_dropped_and_the_conversation_goes_on(
    house: House, workshop: Workshop, op: str, arguments: dict[str, object], error: str, size: int
) -> None:
    if arguments.get("choke_at", 0) == 2 * MIB and size < 2 * MIB:
        return
    peer = house.connect()
    assert peer.ask(op, BODY[:size], **arguments)["error"] == error
    assert workshop.stored == []
    assert peer.ask("store", b"hello")["size"] == 5


@in_the_loop
def test_a_command_that_would_take_a_body_and_gets_none_is_answered(house: House) -> None:
    assert house.connect().ask("store")["size"] == 0


@in_the_loop
def test_a_stream_that_ends_inside_a_body_ends_the_connection(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", 1000) + b"x" * 500)
    peer.end()
    peer.assert_ended()
    assert workshop.stored == [] and house.is_empty


@in_the_loop
def test_a_stream_that_ends_behind_a_body_is_answered(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", len(BODY)))
    peer.send_bytes(BODY)
    peer.end()
    assert peer.receive()["size"] == len(BODY)
    peer.assert_ended()


@in_the_loop
def test_a_body_moves_a_limited_number_of_bytes_in_a_turn(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", 16 * MIB))
    house.loop.settle()
    connection, moved = house.connection, [house.connection.bytes_in]
    house.loop.spawn(peer.send_bytes, bytes(16 * MIB))
    while connection.bytes_in < 16 * MIB:
        house.loop.sleep(0)
        moved.append(connection.bytes_in)
    steps = [after - before for before, after in pairwise(moved)]
    assert max(steps) <= 2 * house.limits.turn  # a task may be resumed twice in one turn
    assert peer.receive()["size"] == 16 * MIB
