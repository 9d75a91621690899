"""Downloads on the bare wire: ranges, beginnings, records, and bytes that are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from blake3 import blake3

from tests.support.sender import SIZE, Sender
from tests.support.server import Person, RunningServer
from tests.support.wire import Wire
from tests.system.conftest import bytes_of
from youku_evloop.errors import ExitCode


@pytest.mark.parametrize("length", [0, 1, SIZE - 1, SIZE])
def test_any_range_of_a_movie_can_be_read_and_any_beginning_compared(wire: Wire, length: int) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    movie = sender.finish()["movie"]["id"]
    reply = wire.ask("movie.read", movie=movie, offset=SIZE - length)
    assert (reply["size"], reply["hash"], reply["offset"], reply["body"]) == (SIZE, sender.hash, SIZE - length, length)
    assert wire.read(length) == sender.content[SIZE - length :]
    wire.ask("movie.read", movie=movie, offset=0, length=length)
    assert wire.read(length) == sender.content[:length]
    prefix = wire.ask("movie.hash", movie=movie, length=length)["hash"]
    assert prefix == blake3(sender.content[:length]).hexdigest()
    for offset, beyond in ((SIZE + 1, None), (-1, None), (SIZE - length, length + 1), (0, -1)):
        assert wire.refused("movie.read", movie=movie, offset=offset, length=beyond)["error"] == "bad_request"
    assert wire.refused("movie.hash", movie=movie, length=SIZE + 1)["error"] == "bad_request"


def test_what_was_taken_is_on_record(
    wire: Wire, user: Person, execute: Callable[..., Any], server: RunningServer
) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    movie = sender.finish()["movie"]["id"]
    with user.wire() as reader:
        reader.ask("movie.read", movie=movie, length=1000)
        reader.read(1000)
        reader.ask("movie.read", movie=movie, offset=1000)
        reader.read(SIZE - 1000)
        reader.ask("ping")
    rows = execute(server, "SELECT bytes_sent, completed FROM download_record WHERE movie_id = ?", [movie])
    assert list(rows) == [(SIZE, 1)], "a download that goes on is one line"


def test_a_download_that_has_begun_goes_on_when_the_movie_is_deleted(wire: Wire, another_wire: Wire) -> None:
    sender = Sender(wire, bytes_of(24_000_000))
    sender.create()
    while sender.offset < len(sender.content):
        sender.write(sender.offset + 8_000_000)
    movie = sender.finish()["movie"]["id"]
    reply = another_wire.ask("movie.read", movie=movie)
    wire.ask("movie.delete", movie=movie)
    assert another_wire.read(reply["body"]) == sender.content
    assert another_wire.refused("movie.read", movie=movie)["error"] == "movie_deleted"


def test_a_movie_whose_bytes_are_lost_says_so(wire: Wire, user: Person, server: RunningServer) -> None:
    sender = Sender(wire)
    sender.create()
    sender.write()
    movie = str(sender.finish()["movie"]["id"])
    (server.data / "blobs" / sender.hash[:2] / sender.hash).unlink()
    error = user.fail(ExitCode.INTEGRITY, "download", movie, "-o", user.home / "lost.avi")
    assert "administrator" in error["message"]
    assert not (user.home / "lost.avi").exists()
    wire.ask("movie.delete", movie=int(movie))
