"""How conversations end: broken frames, half-closes, resets in every state, goodbyes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.loops import in_the_loop
from tests.transport.house import House, Peer, Workshop, framed
from youku_evloop.transport.states import ConnectionState as S
from youku_evloop.wire.frames import MAX_FRAME

MIB = 1024 * 1024

BREACHES = {
    "a frame too long": (MAX_FRAME + 1).to_bytes(4, "big"),
    "HTTP": b"GET / HTTP/1.1\r\nHost: youku\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no JSON": framed(b"hello"),
    "no object": framed(b"[]"),
    "a body without end": framed(b'{"id":1,"op":"store","body":99999999999}'),
    "nested without end": framed(b'{"id":' + b"[" * 60_000),
    "an empty frame": framed(b""),
}
every_breach = pytest.mark.parametrize("breach", BREACHES.values(), ids=BREACHES.keys())


# -- broken frames


@in_the_loop
@every_breach
def test_a_broken_frame_is_answered_and_ends_the_connection(house: House, breach: bytes) -> None:
    peer = house.connect()
    peer.send_bytes(breach)
    reply = peer.receive()
    assert (reply["id"], reply["ok"], reply["error"]) == (None, False, "broken_frame")
    peer.assert_ended()
    assert house.is_in(S.LINGERING)
    peer.close()
    house.loop.settle()
    assert house.is_empty


@in_the_loop
@every_breach
def test_requests_before_a_broken_frame_are_answered_before_it(house: House, workshop: Workshop, breach: bytes) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("ping") + peer.request("wait") + peer.request("ping") + breach + b"more" * 1000)
    house.loop.settle()
    assert [reply["id"] for reply in peer.replies(1)] == [1]
    assert not peer.has_something
    workshop.open_gate()
    assert [reply["id"] for reply in peer.replies(3)] == [2, 3, None]
    peer.assert_ended()


@in_the_loop
def test_a_broken_frame_behind_a_body_is_answered_after_it(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", 5) + b"hello" + BREACHES["no JSON"])
    assert [reply.get("size") for reply in peer.replies(2)] == [5, None]
    peer.assert_ended()


@in_the_loop
def test_the_error_arrives_although_the_client_goes_on_sending(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(BREACHES["no JSON"])
    for _ in range(20):
        peer.send_bytes(b"x" * MIB)
    assert peer.receive()["error"] == "broken_frame"
    peer.assert_ended()


@in_the_loop
def test_who_sends_on_and_on_after_the_error_is_cut_off(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(BREACHES["no JSON"])
    house.loop.settle()
    for _ in range(8):
        house.loop.advance(1)
        try:
            peer.send_bytes(b"x" * 1000)
        except OSError:
            break
    assert house.is_empty


@in_the_loop
def test_a_client_that_reads_nothing_of_its_replies_and_breaks_a_frame_is_closed(house: House) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send("fetch", count=32 * MIB)
    peer.send_bytes(BREACHES["no JSON"])
    house.assert_quiet()
    for _ in range(3):
        house.loop.advance(house.limits.stalled_write)
    assert house.is_empty


# -- half-closes


@in_the_loop
def test_who_says_nothing_and_ends_is_let_go(house: House) -> None:
    peer = house.connect()
    peer.end()
    peer.assert_ended()
    house.loop.settle()
    assert house.is_empty


@in_the_loop
def test_after_the_client_has_ended_its_requests_are_still_answered(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("ping")
    peer.send("wait")
    peer.send("fetch", count=3 * MIB)
    peer.end()
    house.assert_quiet()
    workshop.open_gate()
    assert [reply["id"] for reply in peer.replies(3)] == [1, 2, 3]
    assert len(peer.rest()) == 3 * MIB


@in_the_loop
def test_a_frame_that_the_end_cuts_short_is_a_broken_one(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("wait")
    peer.send_bytes(peer.request("ping")[:-1])
    peer.end()
    house.loop.settle()
    workshop.open_gate()
    first, second = peer.replies(2)
    assert first["ok"] is True
    assert (second["id"], second["error"]) == (None, "broken_frame")
    peer.assert_ended()


@in_the_loop
def test_a_connection_that_is_held_notices_the_end_when_it_reads_again(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("wait")
    peer.send_bytes(b"".join(peer.request("ping") for _ in range(40)))
    house.loop.settle()
    peer.end()
    house.assert_quiet()
    workshop.open_gate()
    assert len(peer.replies(41)) == 41
    peer.assert_ended()


# -- resets


def begin_reading(peer: Peer) -> None:
    peer.ask("ping")


def begin_holding(peer: Peer) -> None:
    peer.send("wait")
    peer.send_bytes(b"".join(peer.request("ping") for _ in range(40)))


def begin_receiving(peer: Peer) -> None:
    peer.send_bytes(peer.request("store", 1000) + b"x" * 10)


def begin_ended(peer: Peer) -> None:
    peer.send("wait")
    peer.end()


def begin_flushing(peer: Peer) -> None:
    peer.send_bytes(b"".join(peer.request("echo", text="x" * 100, times=600) for _ in range(4)))
    peer.end()


def begin_lingering(peer: Peer) -> None:
    peer.send_bytes(b"nonsense")


@in_the_loop
@pytest.mark.parametrize(
    ("begin", "state"),
    [
        (begin_reading, S.READING),
        (begin_holding, S.HOLDING),
        (begin_receiving, S.RECEIVING),
        (begin_ended, S.ENDED),
        (begin_flushing, S.FLUSHING),
        (begin_lingering, S.LINGERING),
    ],
)
def test_a_reset_ends_a_connection_at_once_in_every_state(
    house: House, workshop: Workshop, begin: Callable[[Peer], None], state: S
) -> None:
    peer = house.connect(receive_buffer=2048)
    house.connection._channel.setsockopt(1, 7, 2048)  # type: ignore[attr-defined]  # SO_SNDBUF: little fits
    begin(peer)
    house.loop.settle()
    assert house.is_in(state)
    peer.reset()
    house.loop.settle()
    assert house.is_empty
    for gate in workshop.gates.values():
        gate.wake()
    house.loop.settle()
    assert house.loop.tasks.active == 1  # the test


@in_the_loop
def test_what_a_dead_client_had_asked_for_next_is_not_begun(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    for gate in "ab":
        peer.send("wait", gate=gate)
    house.loop.settle()
    peer.reset()
    house.loop.settle()
    workshop.open_gate("a")
    house.loop.settle()
    assert workshop.begun == ["wait a"]


# -- the server's goodbye


@in_the_loop
def test_an_idle_client_is_told_goodbye_and_let_go(house: House) -> None:
    peer = house.connect()
    peer.ask("ping")
    house.session.say_goodbye("Stopping.")
    assert b'"goodbye"' in peer.rest()
    peer.close()


@in_the_loop
def test_requests_under_way_are_finished_before_the_end_and_none_begun(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("wait")
    peer.send("ping")
    house.loop.settle()
    house.session.say_goodbye("Stopping.")
    peer.send_bytes(b"".join(peer.request("ping") for _ in range(1000)))
    house.assert_quiet()
    workshop.open_gate()
    assert [reply["id"] for reply in peer.replies(2)] == [1, 2]
    assert peer.events == [{"event": "goodbye", "reason": "Stopping."}]
    peer.assert_ended()


@in_the_loop
def test_a_body_under_way_is_received_before_the_end(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send_bytes(peer.request("store", 10) + b"hello")
    house.loop.settle()
    house.session.say_goodbye("Stopping.")
    peer.send_bytes(b"world" + peer.request("ping"))
    assert peer.receive()["size"] == 10
    peer.assert_ended()
    assert workshop.stored == [b"helloworld"]


@in_the_loop
def test_a_download_under_way_is_finished_before_the_end(house: House) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send("fetch", count=4 * MIB)
    house.loop.settle()
    house.session.say_goodbye("Stopping.")
    assert peer.receive()["body"] == 4 * MIB
    peer.read(4 * MIB)
    assert b'"goodbye"' in peer.rest()


@in_the_loop
def test_goodbye_is_harmless_to_who_is_leaving_or_gone(house: House) -> None:
    peer = house.connect()
    session = house.session
    peer.send_bytes(b"nonsense")
    house.loop.settle()
    session.say_goodbye("Stopping.")
    peer.reset()
    house.loop.settle()
    session.say_goodbye("Stopping.")
    assert house.is_empty
