"""Requests: in order, in pieces, in crowds, and whatever becomes of them, an answer."""

from __future__ import annotations

import pytest

from tests.support.loops import in_the_loop
from tests.transport.house import House, Workshop, frame
from youku_evloop.transport.states import ConnectionState

REQUEST_AHEAD = 16


@in_the_loop
def test_a_request_is_answered(house: House) -> None:
    assert house.connect().ask("echo", text="hello") == {"id": 1, "ok": True, "text": "hello"}


@in_the_loop
def test_pipelined_requests_are_answered_in_order(house: House) -> None:
    peer = house.connect()
    peer.send_bytes(b"".join(peer.request("echo", text=str(number)) for number in range(500)))
    assert [reply["text"] for reply in peer.replies(500)] == [str(number) for number in range(500)]


@in_the_loop
def test_a_request_that_arrives_byte_by_byte_is_answered(house: House) -> None:
    peer = house.connect()
    for byte in peer.request("ping"):
        assert not peer.has_something
        peer.send_bytes(bytes([byte]))
        house.loop.settle()
    assert peer.receive()["ok"] is True


@in_the_loop
def test_a_slow_request_delays_those_behind_it_and_nobody_else(house: House, workshop: Workshop) -> None:
    slow, fast = house.connect(), house.connect()
    slow.send("wait")
    slow.send("ping")
    assert fast.ask("ping")["ok"] is True
    house.loop.settle()
    assert not slow.has_something
    workshop.open_gate()
    assert [reply["id"] for reply in slow.replies(2)] == [1, 2]


@in_the_loop
def test_a_command_that_never_waits_is_answered_without_a_task(house: House) -> None:
    spawned: list[object] = []
    spawn, house.desk.library.spawn = house.loop.spawn, spawned.append
    assert house.connect().ask("ping")["ok"] is True
    house.desk.library.spawn = spawn
    assert not spawned


@in_the_loop
def test_a_receiver_of_signals_gets_a_task_to_run_in(house: House) -> None:
    heard: list[bool] = []

    def listen(_name: str, **_facts: object) -> None:
        heard.append(house.loop.tasks.may_start())

    house.desk.library.signals.request_finished.connect(listen)
    assert house.connect().ask("ping")["ok"] is True
    assert heard == [False]


@in_the_loop
def test_what_goes_wrong_with_a_request_is_its_reply_and_the_conversation_goes_on(house: House) -> None:
    peer = house.connect()
    assert peer.ask("fail")["error"] == "internal"
    assert peer.ask("dance")["error"] == "unknown_command"
    assert peer.ask("echo", text=5)["error"] == "bad_request"
    assert peer.ask("secret")["error"] == "not_logged_in"
    assert peer.ask("ping")["ok"] is True


@in_the_loop
def test_a_reply_that_does_not_fit_a_frame_ends_the_connection_and_no_other(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    peer, other = house.connect(), house.connect()
    peer.send("echo", text="x" * 1000, times=1000)
    peer.send("ping")
    peer.assert_ended()
    assert "does not fit" in caplog.text
    assert other.ask("ping")["ok"] is True


@in_the_loop
def test_reading_stops_behind_16_waiting_requests_and_goes_on_after_them(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("wait")
    peer.send_bytes(b"".join(peer.request("ping") for _ in range(100)))
    house.loop.settle()
    assert house.is_in(ConnectionState.HOLDING)
    assert house.session._queue is not None and len(house.session._queue) == house.limits.pipeline == REQUEST_AHEAD
    workshop.open_gate()
    assert [reply["id"] for reply in peer.replies(101)] == list(range(1, 102))
    assert house.is_in(ConnectionState.READING)


@in_the_loop
def test_a_client_that_pipelines_without_end_is_not_read_and_does_not_keep_the_loop_awake(
    house: House, workshop: Workshop
) -> None:
    peer = house.connect()
    peer.send("wait")
    ping = frame({"id": 0, "op": "ping"})
    while peer.send_what_fits(ping * 10_000):
        house.loop.settle()
    read = house.connection.bytes_in
    house.assert_quiet()
    assert house.connection.bytes_in == read < 200_000
    workshop.open_gate()
    peer.receive()
    peer.reset()


@in_the_loop
def test_a_client_that_does_not_take_its_replies_gets_no_more_requests_carried_out(
    house: House, workshop: Workshop
) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send_bytes(b"".join(peer.request("echo", text="x" * 100, times=600) for _ in range(400)))
    house.assert_quiet()
    held = house.connection._writes.size
    assert held <= house.limits.write_high + 61_000
    assert house.session.busy
    assert [len(reply["text"]) for reply in peer.replies(400)] == [60_000] * 400


@in_the_loop
def test_connections_come_and_go_and_nothing_is_left(house: House) -> None:
    for _ in range(50):
        peer = house.connect()
        peer.ask("ping")
        peer.close()
    house.loop.settle()
    assert house.is_empty
    assert house.desk.statistics.connections_served == 50


# -- who is who


@in_the_loop
def test_a_login_makes_the_conversation_a_users(house: House) -> None:
    peer = house.connect()
    peer.ask("login")
    assert peer.ask("secret")["error"] == "not_logged_in"
    assert peer.ask("proof", good=True)["user"] == "ann"
    assert peer.ask("secret")["user"] == "ann"


@in_the_loop
def test_a_failed_login_leaves_the_conversation_anonymous(house: House) -> None:
    peer = house.connect()
    peer.ask("login")
    assert peer.ask("proof")["error"] == "bad_request"
    assert peer.ask("proof", good=True)["error"] == "bad_request"
    assert peer.ask("secret")["error"] == "not_logged_in"


@in_the_loop
def test_beginning_to_log_in_ends_the_session_before_it(house: House) -> None:
    peer = house.connect()
    peer.ask("enter")
    peer.ask("login")
    assert peer.ask("secret")["error"] == "not_logged_in"


@in_the_loop
def test_a_proof_after_another_way_in_belongs_to_no_login(house: House) -> None:
    peer = house.connect()
    peer.ask("login")
    peer.ask("enter")
    assert peer.ask("proof", good=True)["error"] == "bad_request"
    assert peer.ask("secret")["user"] == "ann"


@in_the_loop
def test_who_logs_in_and_ends_at_once_is_still_answered(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    for op in ("wait", "login", "proof", "enter", "secret"):
        peer.send(op)
    peer.end()
    house.loop.settle()
    workshop.open_gate()
    assert [reply["ok"] for reply in peer.replies(5)] == [True, True, False, True, True]
    peer.assert_ended()
