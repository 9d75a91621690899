"""The listener: everybody is let in while there is room, and later when there was none."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tests.support.loops import ManualLoop, in_the_loop
from tests.transport.conftest import OpenHouse
from tests.transport.house import House
from youku_evloop.transport.listener import listen


@contextmanager
def descriptor_limit(count: int) -> Iterator[None]:
    """This process may have only so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def next_descriptor() -> int:
    """The number that the next descriptor will have."""
    lowest_free = os.dup(0)
    os.close(lowest_free)
    return lowest_free


@in_the_loop
def test_a_crowd_is_let_in_not_all_in_one_turn(houses: OpenHouse, loop: ManualLoop) -> None:
    house = houses(accepts=4)
    for _ in range(20):
        house.knock()
    in_house = []
    for _ in range(8):
        loop.sleep(0)
        in_house.append(len(house.transport.connections))
    assert in_house[-1] == 20
    assert max(after - before for before, after in pairwise([0, *in_house])) <= 8


@in_the_loop
def test_out_of_descriptors_it_pauses_without_a_busy_loop_and_recovers(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    first = house.connect()
    guests = [house.knock() for _ in range(4)]
    socks = [socket.socket() for _ in range(4)]
    with descriptor_limit(next_descriptor()):
        for sock in socks:
            sock.connect(house.listener.address)
        house.assert_quiet()
        assert "accepting nobody" in caplog.text
        assert first.ask("ping")["ok"] is True
        for _ in range(3):
            house.loop.advance(house.limits.accept_pause)
            house.assert_quiet()
    house.loop.advance(house.limits.accept_pause)
    assert len(house.transport.connections) == 9
    for sock in socks:
        sock.close()
    assert all(guest.ask("ping")["ok"] for guest in guests)
    assert caplog.text.count("accepting nobody") == 1


@in_the_loop
def test_some_descriptors_are_kept_for_files(loop: ManualLoop, houses: OpenHouse) -> None:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    house = houses(reserve=soft - 3)
    guests = [house.knock() for _ in range(5)]
    house.assert_quiet()
    assert len(house.transport.connections) == 3
    guests[0].close()
    guests[1].close()
    loop.advance(house.limits.accept_pause)
    assert len(house.transport.connections) == 3
    assert guests[4].ask("ping")["ok"] is True


@in_the_loop
def test_a_guest_who_is_gone_before_he_is_let_in_harms_nobody(house: House) -> None:
    for _ in range(5):
        house.knock().reset()
    assert house.connect().ask("ping")["ok"] is True


@in_the_loop
def test_a_closed_listener_lets_nobody_in_and_keeps_who_is_there(house: House) -> None:
    peer = house.connect()
    address = house.listener.address
    house.listener.close()
    house.listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert peer.ask("ping")["ok"] is True


@in_the_loop
def test_a_listener_that_is_closed_while_it_pauses_stays_closed(loop: ManualLoop, houses: OpenHouse) -> None:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    house = houses(reserve=soft - 1)
    house.connect()
    house.connect()
    house.listener.close()
    loop.advance(house.limits.accept_pause * 2)
    house.assert_quiet()


@in_the_loop
def test_a_guest_is_known_by_his_address(house: House) -> None:
    house.connect()
    host, _, port = house.connection.peer.rpartition(":")
    assert host == "127.0.0.1" and port.isdecimal()


@in_the_loop
def test_the_host_of_an_ipv6_guest_stands_in_brackets(house: House) -> None:
    try:
        sock = listen("::1", 0)
    except OSError as problem:
        assert problem.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
        pytest.skip("this machine has no IPv6")
    house.listener._welcome(*_accepted(sock))
    assert house.connection.peer.startswith("[::1]:")
    sock.close()
    house.connection.close()


def _accepted(sock: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
    with socket.create_connection(sock.getsockname()[:2]):
        accepted, address = sock.accept()
    return accepted, address[:2]


def test_an_address_that_is_taken_or_not_ours_is_an_error() -> None:
    with listen("127.0.0.1", 0) as taken:
        with pytest.raises(OSError) as caught:
            listen("127.0.0.1", taken.getsockname()[1])
        assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError):
        listen("192.0.2.1", 0)
