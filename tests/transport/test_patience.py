"""Time: who is waited for, for how long, and who may stay."""

from __future__ import annotations

import pytest

from tests.support.loops import ManualLoop, in_the_loop
from tests.transport.conftest import OpenHouse
from tests.transport.house import House, Peer, Workshop

MIB = 1024 * 1024
LATE = 2.5
"""Seconds that the wheel may be late, and a little."""


def assert_timed_out(peer: Peer) -> None:
    """The client is told, and the stream ends in good order."""
    reply = peer.receive()
    assert (reply["id"], reply["error"]) == (None, "timeout")
    peer.assert_ended()


@in_the_loop
def test_who_says_nothing_is_let_go(house: House) -> None:
    peer = house.connect()
    house.loop.advance(house.limits.greeting - 1)
    assert not peer.has_something
    house.loop.advance(1 + LATE)
    assert_timed_out(peer)


@in_the_loop
def test_who_says_his_first_request_byte_by_byte_without_end_is_let_go(house: House) -> None:
    peer = house.connect()
    greeting = peer.request("echo", text="x" * 100)
    for byte in greeting[:12]:
        peer.send_bytes(bytes([byte]))
        house.loop.advance(1)
    house.loop.advance(LATE)
    assert_timed_out(peer)


@in_the_loop
def test_a_client_that_said_something_may_be_silent_for_long(house: House) -> None:
    peer = house.connect()
    peer.ask("ping")
    house.loop.advance(house.limits.greeting + LATE)
    house.loop.advance(house.limits.idle - house.limits.greeting - LATE - 1)
    assert not peer.has_something
    house.loop.advance(1 + LATE)
    assert_timed_out(peer)


@in_the_loop
def test_a_ping_every_30_seconds_keeps_a_connection(house: House) -> None:
    peer = house.connect()
    for _ in range(60):
        house.loop.advance(30 if peer._last_id else 5)
        assert peer.ask("ping")["ok"] is True


@in_the_loop
def test_silence_is_counted_from_the_end_of_the_last_reply(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("wait")
    for _ in range(10):
        house.loop.advance(100)
    workshop.open_gate()
    assert peer.receive()["ok"] is True
    house.loop.advance(house.limits.idle - LATE)
    assert peer.ask("ping")["ok"] is True


@in_the_loop
def test_a_frame_that_does_not_end_is_not_waited_for(house: House) -> None:
    peer = house.connect()
    peer.ask("ping")
    request = peer.request("echo", text="x" * 1000)
    for byte in request[: int(house.limits.window) + 3]:
        peer.send_bytes(bytes([byte]))
        house.loop.advance(1)
    assert_timed_out(peer)


@in_the_loop
def test_a_large_frame_that_comes_fast_enough_is_waited_for(house: House) -> None:
    peer = house.connect()
    peer.ask("ping")
    request = peer.request("echo", text="x" * 60_000)
    for begin in range(0, len(request), 1100):
        peer.send_bytes(request[begin : begin + 1100])
        house.loop.advance(1)
    assert peer.receive()["text"] == "x" * 60_000


@in_the_loop
def test_frames_that_are_each_cut_in_two_are_not_taken_for_one_that_does_not_end(house: House) -> None:
    peer = house.connect()
    for _ in range(70):
        request = peer.request("ping")
        peer.send_bytes(request[:5])
        house.loop.advance(0.7)
        peer.send_bytes(request[5:])
        assert peer.receive()["ok"] is True
        house.loop.advance(0.6)


@in_the_loop
@pytest.mark.parametrize("arrived", [0, 10, 5000])
def test_a_body_that_never_comes_is_not_waited_for(house: House, workshop: Workshop, arrived: int) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", MIB) + b"x" * arrived)
    house.loop.advance(house.limits.window + LATE)
    assert_timed_out(peer)
    assert workshop.stored == []


@in_the_loop
def test_a_body_that_trickles_is_not_waited_for(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", MIB))
    for _ in range(int(house.limits.window) + 3):
        peer.send_bytes(b"x" * 500)
        house.loop.advance(1)
    assert_timed_out(peer)


@in_the_loop
def test_a_body_that_comes_slowly_but_fast_enough_is_received(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", 120 * 1100))
    for _ in range(120):
        peer.send_bytes(b"x" * 1100)
        house.loop.advance(1)
    assert peer.receive()["size"] == 120 * 1100


@in_the_loop
def test_the_body_of_a_refused_request_is_not_waited_for_either(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("dance", MIB))
    house.loop.advance(house.limits.window + LATE)
    assert_timed_out(peer)


@in_the_loop
def test_our_own_work_may_take_long(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("wait")
    peer.send_bytes(peer.request("store", 10))  # its body is not expected before its turn
    for _ in range(20):
        house.loop.advance(60)
    workshop.open_gate()
    assert peer.receive()["ok"] is True
    peer.send_bytes(b"x" * 10)
    assert peer.receive()["size"] == 10


@in_the_loop
def test_a_login_that_was_begun_has_to_be_ended(house: House) -> None:
    peer = house.connect()
    peer.ask("ping")
    house.loop.advance(60)
    peer.ask("login")
    house.loop.advance(house.limits.greeting + LATE)
    assert_timed_out(peer)


@in_the_loop
def test_pings_do_not_prolong_a_login(house: House) -> None:
    peer = house.connect()
    peer.ask("login")
    for _ in range(int(house.limits.greeting)):
        house.loop.advance(1)
        if not peer.has_something:
            peer.ask("ping")
    house.loop.advance(LATE)
    assert_timed_out(peer)


@in_the_loop
def test_a_login_that_was_ended_may_be_followed_by_silence(house: House) -> None:
    peer = house.connect()
    peer.ask("login")
    peer.ask("proof", good=True)
    house.loop.advance(house.limits.greeting + LATE)
    house.loop.advance(60)
    assert peer.ask("secret")["user"] == "ann"


# -- replies that nobody takes


@in_the_loop
def test_a_client_that_takes_nothing_of_its_reply_is_cut_off(house: House, workshop: Workshop) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send("fetch", count=32 * MIB)
    for _ in range(3):
        house.loop.advance(house.limits.stalled_write)
    assert house.is_empty
    assert len(workshop.sent) == 1


@in_the_loop
def test_a_client_that_takes_its_reply_slowly_gets_it(house: House) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send("fetch", count=32 * MIB)
    assert peer.receive()["body"] == 32 * MIB
    for _ in range(8):
        house.loop.advance(10)
        peer.read(4 * MIB)
    assert peer.ask("ping")["ok"] is True


@in_the_loop
def test_a_reply_that_has_just_begun_is_not_taken_for_an_old_one(house: House) -> None:
    peer = house.connect(receive_buffer=4096)
    for _ in range(4):
        peer.send("fetch", count=8 * MIB)
        assert peer.receive()["body"] == 8 * MIB
        peer.read(8 * MIB)
        house.loop.advance(house.limits.stalled_write - 1)
        peer.send("fetch", count=8 * MIB)  # has to wait for the client when the deadline of the first one comes
        house.loop.advance(1 + LATE)
        assert peer.receive()["body"] == 8 * MIB
        peer.read(8 * MIB)


@in_the_loop
def test_one_that_was_cut_off_is_kept_nowhere(house: House) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send("fetch", count=32 * MIB)
    for _ in range(3):
        house.loop.advance(house.limits.stalled_write)
    assert house.is_empty
    assert sum(map(len, house.loop.deadlines._buckets.values())) == 0


@in_the_loop
def test_the_client_closes_after_a_timeout_or_is_closed(house: House) -> None:
    peer = house.connect()
    house.loop.advance(house.limits.greeting + LATE)
    assert not house.is_empty
    house.loop.advance(house.limits.linger + LATE)
    assert house.is_empty
    peer.close()


@in_the_loop
def test_small_limits_are_kept(loop: ManualLoop, houses: OpenHouse) -> None:
    house = houses(greeting=0.2, idle=0.5, window=0.3, stalled_write=0.4, linger=0.1)
    silent, idle, slow = house.connect(), house.connect(), house.connect()
    idle.ask("ping")
    slow.ask("ping")
    slow.send_bytes(b"\0")
    house.loop.advance(2 * LATE)
    house.loop.advance(2 * LATE)
    for peer in (silent, idle, slow):
        assert_timed_out(peer)
