"""Cooperative sockets: a driver written for blocking ones, and everybody else goes on."""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.support.loops import ManualLoop, in_the_loop
from youku_evloop.kernel import CooperativeSocket, LoopRuntime
from youku_evloop.kernel.loop import WRITE

PLENTY = 4 * 1024 * 1024
"""Bytes that no pair of socket buffers takes at once."""


class Pair:
    """A cooperative socket and its plain, blocking peer."""

    def __init__(self, loop: ManualLoop) -> None:
        mine, self.peer = socket.socketpair()
        self.loop = loop
        self.sock = CooperativeSocket(loop, mine)

    def close(self) -> None:
        self.sock.close()
        self.peer.close()


@pytest.fixture
def pair(loop: ManualLoop) -> Iterator[Pair]:
    pair = Pair(loop)
    yield pair
    pair.close()
    loop.run_task(loop.settle)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def address_of(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()
    return host, port


@in_the_loop
def test_what_is_here_is_received_without_waiting(pair: Pair) -> None:
    pair.peer.send(b"hello")
    buffer = bytearray(10)
    assert pair.sock.recv_into(buffer) == 5
    assert buffer[:5] == b"hello"


@in_the_loop
def test_receiving_waits_for_bytes(pair: Pair) -> None:
    pair.loop.call_soon(pair.peer.send, b"hello")
    assert pair.sock.recv_into(bytearray(10)) == 5


@in_the_loop
def test_receiving_answers_0_at_the_end(pair: Pair) -> None:
    pair.loop.call_soon(pair.peer.shutdown, socket.SHUT_WR)
    assert pair.sock.recv_into(bytearray(10)) == 0


@in_the_loop
def test_what_comes_after_a_short_read_is_received(pair: Pair) -> None:
    for text in (b"one", b"two", b"three"):
        pair.loop.call_soon(pair.peer.send, text)
        buffer = bytearray(10)
        assert pair.sock.recv_into(buffer) == len(text)
        pair.peer.send(text)  # unseen: nobody waits for it, nor looks
        pair.loop.settle()
        assert pair.sock.recv_into(buffer) == len(text)


@in_the_loop
def test_what_did_not_fit_is_received_without_waiting(pair: Pair) -> None:
    pair.peer.send(b"hello")
    assert [pair.sock.recv_into(bytearray(2)) for _ in range(3)] == [2, 2, 1]


@pytest.mark.parametrize("is_seen", [False, True])
@in_the_loop
def test_the_end_that_comes_with_the_last_bytes_is_received(pair: Pair, is_seen: bool) -> None:
    pair.peer.send(b"bye")
    pair.peer.shutdown(socket.SHUT_WR)
    if is_seen:
        pair.loop.settle()
    assert [pair.sock.recv_into(bytearray(10)) for _ in range(3)] == [3, 0, 0]


@in_the_loop
def test_sending_more_than_fits_waits_for_the_reader(pair: Pair) -> None:
    data = bytes(range(256)) * (PLENTY // 256)
    received = bytearray()

    def read() -> None:
        while len(received) < PLENTY:
            received.extend(pair.peer.recv(65536, socket.MSG_DONTWAIT) if _readable(pair.peer) else b"")
            pair.loop.sleep(0)

    pair.loop.spawn(read)
    pair.sock.sendall(data)
    while len(received) < PLENTY:
        pair.loop.sleep(0)
    assert received == data


@in_the_loop
def test_it_sends_whatever_holds_bytes(pair: Pair) -> None:
    for data in (b"one", bytearray(b"two"), memoryview(b"three")):
        pair.sock.sendall(data)
    pair.sock.sendall(b"")
    assert pair.peer.recv(100) == b"onetwothree"


@in_the_loop
def test_a_file_of_it_reads_across_arrivals(pair: Pair) -> None:
    file = pair.sock.makefile("rb")
    pair.peer.send(b"first ")
    pair.loop.call_later(0, pair.peer.send, b"second")
    assert file.read(12) == b"first second"


def test_only_binary_files_for_reading_are_made(pair: Pair) -> None:
    with pytest.raises(ValueError, match="'w'"):
        pair.sock.makefile("w")


@in_the_loop
def test_one_that_waits_too_long_gets_a_timeout(pair: Pair) -> None:
    problems: list[OSError] = []

    def receive() -> None:
        try:
            pair.sock.recv_into(bytearray(10))
        except TimeoutError as problem:
            problems.append(problem)

    pair.sock.settimeout(5)
    pair.loop.spawn(receive)
    pair.loop.advance(4)
    assert not problems
    pair.loop.advance(1)
    assert len(problems) == 1


@in_the_loop
def test_each_wait_has_the_whole_time(pair: Pair) -> None:
    pair.sock.settimeout(5)
    for _ in range(3):
        pair.loop.clock.now += 4
        pair.loop.call_soon(pair.peer.send, b"x")
        assert pair.sock.recv_into(bytearray(1)) == 1
    pair.loop.advance(20)  # no timer of those before strikes


@in_the_loop
def test_a_shorter_time_is_kept_although_a_longer_one_was_set_before(pair: Pair) -> None:
    pair.sock.settimeout(1000)
    pair.loop.call_soon(pair.peer.send, b"x")
    pair.sock.recv_into(bytearray(10))
    pair.sock.settimeout(1)
    pair.loop.spawn(pair.loop.advance, 1)
    with pytest.raises(TimeoutError):
        pair.sock.recv_into(bytearray(10))


@in_the_loop
def test_bytes_in_the_very_moment_of_the_timeout_resume_once(pair: Pair) -> None:
    outcomes: list[object] = []

    def receive() -> None:
        for _ in range(2):
            try:
                outcomes.append(pair.sock.recv_into(bytearray(1)))
            except TimeoutError:
                outcomes.append("late")

    pair.sock.settimeout(5)
    pair.loop.spawn(receive)
    pair.loop.settle()
    pair.peer.send(b"x")
    pair.loop.clock.now += 5
    pair.loop.settle()
    assert outcomes == [1]
    pair.loop.advance(5)
    assert outcomes == [1, "late"]


@in_the_loop
def test_closing_it_wakes_the_task_that_waits_for_it(pair: Pair) -> None:
    problems: list[int | None] = []

    def receive() -> None:
        try:
            pair.sock.recv_into(bytearray(10))
        except OSError as problem:
            problems.append(problem.errno)

    pair.loop.spawn(receive)
    pair.loop.settle()
    pair.sock.close()
    pair.sock.close()
    pair.loop.settle()
    assert problems == [errno.EBADF]


@in_the_loop
def test_a_closed_one_does_nothing_any_more(pair: Pair) -> None:
    pair.sock.close()
    assert pair.sock.fileno() == -1
    with pytest.raises(OSError):
        pair.sock.recv_into(bytearray(1))
    with pytest.raises(OSError):
        pair.sock.sendall(b"x")


@in_the_loop
def test_a_peer_that_resets_is_an_error(loop: ManualLoop, listener: socket.socket) -> None:
    sock = CooperativeSocket.connect(loop, *address_of(listener), 5)
    peer, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    loop.call_soon(peer.close)
    with pytest.raises(ConnectionResetError):
        sock.recv_into(bytearray(1))
    sock.close()


# -- connecting


@in_the_loop
def test_connecting_reaches_a_listener(loop: ManualLoop, listener: socket.socket) -> None:
    sock = LoopRuntime(loop).connect(*address_of(listener), 5)
    peer, _ = listener.accept()
    with peer:
        sock.sendall(b"hello")
        assert peer.recv(10) == b"hello"
    sock.close()


@in_the_loop
def test_a_port_on_which_nobody_listens_refuses(loop: ManualLoop, listener: socket.socket) -> None:
    address = address_of(listener)
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        CooperativeSocket.connect(loop, *address, 5)


@in_the_loop
def test_a_name_without_an_address_is_an_error(loop: ManualLoop) -> None:
    with pytest.raises(OSError):
        CooperativeSocket.connect(loop, "host.invalid", 1, timeout=5)


@in_the_loop
def test_connecting_gives_up_after_its_time(loop: ManualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first = socket.create_connection(full.getsockname())  # the backlog is full now
        problems: list[OSError] = []

        def connect() -> None:
            try:
                CooperativeSocket._connect(loop, socket.AF_INET, full.getsockname(), 5)
            except OSError as problem:
                problems.append(problem)

        loop.spawn(connect)
        loop.settle()
        loop.advance(6)
        first.close()
    assert [type(problem) for problem in problems] == [TimeoutError]


@in_the_loop
def test_a_stray_event_does_not_make_a_connection_of_an_attempt(loop: ManualLoop) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first = socket.create_connection(full.getsockname())
        connected: list[CooperativeSocket] = []
        watched = set(loop._callbacks)

        def connect() -> None:
            with pytest.raises(TimeoutError):
                connected.append(CooperativeSocket._connect(loop, socket.AF_INET, full.getsockname(), 5))

        loop.spawn(connect)
        loop.settle()
        (descriptor,) = set(loop._callbacks) - watched
        loop.call_soon(loop._callbacks[descriptor], WRITE)  # meant for one that had this number before
        loop.settle()
        assert connected == []
        loop.advance(6)
        first.close()


def _readable(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])
