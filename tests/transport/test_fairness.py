"""Turns: nobody keeps the others from theirs."""

from __future__ import annotations

from tests.support.loops import in_the_loop
from tests.transport.house import House, frame


@in_the_loop
def test_who_pipelines_thousands_of_requests_lets_others_in_between(house: House) -> None:
    greedy, modest = house.connect(), house.connect()
    ping = frame({"id": 0, "op": "ping"})
    greedy.send_bytes(ping * 2700)
    modest.send("ping")
    while not modest.has_something:
        house.loop.sleep(0)
    assert house.desk.statistics.commands["ping"].durations.count < 500
    assert len(greedy.replies(2700)) == 2700


@in_the_loop
def test_a_pause_between_turns_is_no_busy_loop_and_loses_nothing(house: House) -> None:
    peer = house.connect()
    for _ in range(20):
        peer.send_bytes(b"".join(peer.request("ping") for _ in range(100)) + peer.request("ping")[:7])
        peer._last_id -= 1
        assert len(peer.replies(100)) == 100
        house.assert_quiet()
        peer.send_bytes(peer.request("ping")[7:])
        assert peer.receive()["id"] == peer._last_id


@in_the_loop
def test_who_ends_or_breaks_a_frame_during_its_pause_gets_everything_before(house: House) -> None:
    for ending in (b"", b"GET / HTTP/1.1"):
        peer = house.connect()
        peer.send_bytes(b"".join(peer.request("ping") for _ in range(300)) + ending)
        peer.end()
        replies = peer.replies(300)
        assert [reply["id"] for reply in replies] == list(range(1, 301))
        assert (b"broken_frame" in peer.rest()) == bool(ending)


@in_the_loop
def test_a_reset_during_a_pause_is_harmless(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(b"".join(peer.request("ping") for _ in range(1000)))
    house.loop.sleep(0)
    peer.reset()
    house.loop.settle()
    assert house.is_empty


@in_the_loop
def test_goodbye_during_a_pause_begins_nothing_more(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(b"".join(peer.request("ping") for _ in range(2700)))
    while not house.transport.connections or not house.desk.statistics.commands:
        house.loop.sleep(0)
    house.session.say_goodbye("Stopping.")
    house.assert_quiet()
    replies = peer.rest()
    assert replies.count(b'"ok":true') < 500
    assert b'"goodbye"' in replies
