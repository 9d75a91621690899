"""Replies with a body from a file: whole, fair, and given up when nobody takes them."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from tests.support.loops import in_the_loop
from tests.transport.conftest import FILE_SIZE
from tests.transport.house import House, Workshop

MIB = 1024 * 1024


def expected(size: int) -> bytes:
    """The beginning of the workshop's file."""
    return b"".join(block.to_bytes(8, "big").ljust(MIB, b"\0") for block in range(0, FILE_SIZE, MIB))[:size]


@in_the_loop
@pytest.mark.parametrize("size", [1, 65536, 5 * MIB + 1])
def test_a_piece_of_a_file_arrives_whole(house: House, workshop: Workshop, size: int) -> None:
    peer = house.connect()
    assert peer.ask("fetch", count=size) == {"id": 1, "ok": True, "body": size}
    assert peer.read(size) == expected(size)
    assert peer.ask("ping")["ok"] is True
    assert workshop.sent == [size]


@in_the_loop
def test_a_piece_of_no_bytes_is_a_reply_without_a_body(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    assert peer.ask("fetch", count=0)["body"] == 0
    assert peer.ask("ping")["ok"] is True
    assert workshop.sent == [0]


@in_the_loop
def test_replies_and_pieces_keep_their_order(house: House) -> None:
    peer = house.connect()
    for _ in range(5):
        peer.send("ping")
        peer.send("fetch", count=100_000)
    for _ in range(5):
        assert "body" not in peer.receive()
        assert peer.receive()["body"] == 100_000
        assert peer.read(100_000) == expected(100_000)


@in_the_loop
def test_a_slow_reader_gets_everything_and_does_not_keep_the_loop_awake(house: House) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send("fetch", count=8 * MIB)
    house.assert_quiet()
    assert house.connection.bytes_out < 8 * MIB
    assert peer.receive()["body"] == 8 * MIB
    assert peer.read(8 * MIB) == expected(8 * MIB)


@in_the_loop
def test_a_connection_sends_a_limited_number_of_bytes_in_a_turn(house: House) -> None:
    peer = house.connect()
    peer.send("fetch", count=FILE_SIZE)
    connection = house.connection
    moved = [connection.bytes_out]
    house.loop.spawn(peer.read, FILE_SIZE)
    while connection.bytes_out < FILE_SIZE:
        house.loop.sleep(0)
        moved.append(connection.bytes_out)
    assert max(after - before for before, after in pairwise(moved)) <= 2 * house.limits.turn + 100
    house.loop.settle()


@in_the_loop
def test_many_downloads_share_the_loop(house: House, workshop: Workshop) -> None:
    peers = [house.connect() for _ in range(8)]
    for peer in peers:
        peer.send("fetch", count=4 * MIB)
    for peer in peers:
        assert peer.receive()["body"] == 4 * MIB
        assert peer.read(4 * MIB) == expected(4 * MIB)
    house.loop.settle()
    assert workshop.sent == [4 * MIB] * 8


@in_the_loop
def test_a_client_that_goes_away_ends_its_download(house: House, workshop: Workshop) -> None:
    peer = house.connect(receive_buffer=4096)
    peer.send("fetch", count=FILE_SIZE)
    peer.read(100_000)
    peer.reset()
    house.loop.settle()
    assert house.is_empty
    assert len(workshop.sent) == 1 and 0 < workshop.sent[0] < FILE_SIZE


@in_the_loop
def test_a_file_that_is_shorter_than_promised_ends_the_connection(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    peer.send("fetch", count=FILE_SIZE + 1)
    assert peer.receive()["body"] == FILE_SIZE + 1
    with pytest.raises((EOFError, ConnectionResetError)):
        peer.read(FILE_SIZE + 1)
    house.loop.settle()
    assert workshop.sent == [FILE_SIZE]


@in_the_loop
def test_a_file_that_cannot_be_read_ends_the_connection(house: House, workshop: Workshop) -> None:
    peer = house.connect()
    reader, writer = os.pipe()
    os.close(writer)
    file, workshop.file = workshop.file, reader
    peer.send("fetch", count=10)
    with pytest.raises((EOFError, ConnectionResetError)):
        peer.receive()
        peer.read(10)
    workshop.file = file
    os.close(reader)


@in_the_loop
def test_what_fails_after_its_reply_makes_no_second_one(house: House) -> None:
    peer = house.connect()
    assert peer.ask("fetch", count=10, fail=True)["body"] == 10
    peer.read(10)
    assert peer.ask("ping") == {"id": 2, "ok": True}
    assert peer.ask("fetch", count=0, fail=True)["body"] == 0
    assert peer.ask("ping") == {"id": 4, "ok": True}
