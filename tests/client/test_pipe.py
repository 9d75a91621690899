"""Uploads from a stream, whose size nobody knows and whose bytes come only once."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_cli.client import Client
from client_cli.progress import Phase, Progress
from tests.client.peer import Peer
from tests.client.talk import TOKEN, HangUp
from youku_evloop.errors import BadRequest, IntegrityFailure, NoSpace, Unavailable, WrongOffset

DATA = os.urandom(7_000_000)


class Trickle:
    """Brings at most so many bytes at a time, as a pipe does."""

    def __init__(self, data: bytes, step: int = 65_536) -> None:
        self._stream = io.BytesIO(data)
        self._step = step

    def read(self, count: int, /) -> bytes:
        return self._stream.read(min(count, self._step))


def test_a_stream_arrives_as_it_is(peer: Peer, youku: Client) -> None:
    seen: list[Progress] = []
    movie = youku.upload_stream(Trickle(DATA), "Piped", description="Long", progress=seen.append)
    assert peer.blobs[movie.id] == DATA
    create = dict(peer.requests)["upload.create"]
    assert (create["name"], create["size"], create["fingerprint"]) == ("Piped", None, None)
    assert dict(peer.requests)["upload.finish"]["size"] == len(DATA)
    sent = [progress for progress in seen if progress.phase is Phase.TRANSFERRING]
    assert (sent[-1].done, sent[-1].total) == (len(DATA), None)


def test_a_cut_is_made_up_for(peer: Peer, youku: Client, pauses: list[float]) -> None:
    peer.cuts = [1_000_000, 3_000_000]
    assert peer.blobs[youku.upload_stream(Trickle(DATA), "Piped").id] == DATA
    assert peer.ops().count("upload.create") == 1
    assert peer.ops().count("upload.status") == 2


@pytest.mark.parametrize("error", [NoSpace("Full."), Unavailable("Away."), WrongOffset("At 0.", offset=0)])
def test_what_passes_by_itself_is_tried_again(peer: Peer, youku: Client, pauses: list[float], error: Exception) -> None:
    once(peer, "upload.write", error)
    assert peer.blobs[youku.upload_stream(Trickle(DATA), "Piped").id] == DATA


def test_a_lost_answer_to_finish_is_asked_for_again(peer: Peer, youku: Client) -> None:
    once(peer, "upload.finish", HangUp())
    assert peer.blobs[youku.upload_stream(Trickle(DATA), "Piped").id] == DATA


def test_a_server_that_has_lost_bytes_ends_it(peer: Peer, youku: Client) -> None:
    def lose(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.write" and arguments["offset"] > 3_000_000:
            peer.parts["u1"].clear()
            raise HangUp

    peer.before = lose
    with pytest.raises(IntegrityFailure, match="begin again"):
        youku.upload_stream(Trickle(DATA), "Piped")
    assert (peer.movies, peer.uploads) == ({}, {})


def test_what_cannot_go_on_later_is_thrown_away(peer: Peer, youku: Client) -> None:
    class Broken(Trickle):
        def read(self, count: int, /) -> bytes:
            if self._stream.tell() > 2_000_000:
                raise KeyboardInterrupt
            return super().read(count)

    with pytest.raises(KeyboardInterrupt):
        youku.upload_stream(Broken(DATA), "Piped")
    assert peer.uploads == {}


def test_a_stream_that_brings_nothing_is_said_before_anything_is_sent(peer: Peer, youku: Client) -> None:
    with pytest.raises(BadRequest, match="nothing to upload"):
        youku.upload_stream(Trickle(b""), "Piped")
    assert peer.requests == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 4_000_000),
    step=st.integers(10_000, 2**20),
    cuts=st.lists(st.integers(0, 2_000_000), max_size=4),
)
def test_any_stream_survives_any_cuts(pauses: list[float], size: int, step: int, cuts: list[int]) -> None:
    with Peer() as peer, Client(peer.address, token=TOKEN) as youku:
        youku.ping()
        peer.cuts = cuts
        youku.close()
        assert peer.blobs[youku.upload_stream(Trickle(DATA[:size], step), "Piped").id] == DATA[:size]


def once(peer: Peer, op: str, error: Exception) -> None:
    """Let the first `op` fail."""
    left = [error]

    def before(asked: str, arguments: dict[str, Any]) -> None:
        if asked == op and left:
            raise left.pop()

    peer.before = before
