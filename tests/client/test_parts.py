"""Downloads in several ranges at once, and into a stream."""

from __future__ import annotations

import json
import os
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_cli.client import Client
from client_cli.hashing import RunningHash
from client_cli.pace import SLOWEST_RATE, Pacer, shared_pacer
from client_cli.progress import Phase, Progress
from client_cli.ranges import SMALLEST_PIECE, Range, RangeRecord, pieces_of
from tests.client.peer import Peer
from tests.client.talk import TOKEN
from tests.support.server import LIMIT
from youku_evloop.errors import BadRequest, IntegrityFailure, NoSpace, Unreachable

DATA = os.urandom(9_000_000)
PART = Path("A movie.avi.part")
MAP = Path("A movie.avi.part.map")


@pytest.fixture
def movie(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(tmp_path)
    return peer.add_movie(DATA, "A movie.avi")


def reads(peer: Peer) -> list[tuple[int, int | None]]:
    """The ranges that were asked for."""
    return sorted((asked["offset"], asked.get("length")) for op, asked in peer.requests if op == "movie.read")


def meet(peer: Peer, count: int) -> None:
    """Nothing is answered to a read before so many have been asked for at once."""
    all_here = threading.Barrier(count, timeout=LIMIT)
    left = [all_here] * count

    def wait(op: str, arguments: dict[str, Any]) -> None:
        if op == "movie.read" and left:
            left.pop().wait()

    peer.before = wait


def leave_behind(peer: Peer, youku: Client, movie: int) -> list[tuple[int, int]]:
    """Three ranges of a download that was interrupted."""
    spans = [(0, 1_000_000), (3_000_000, 4_000_001), (6_000_000, 7_654_321)]
    ranges = []
    with PART.open("wb") as part:
        for start, end in spans:
            part.seek(start)
            part.write(DATA[start:end])
            ranges.append(Range(start))
            ranges[-1].take(memoryview(DATA)[start:end])
    RangeRecord(PART).save(youku.movie(movie), ranges)
    peer.requests.clear()
    return spans


def test_a_movie_comes_in_parts_over_several_connections(peer: Peer, youku: Client, movie: int) -> None:
    seen: list[Progress] = []
    meet(peer, 3)
    assert youku.download(movie, parts=3, progress=seen.append).path.read_bytes() == DATA
    assert reads(peer) == [(0, 3_000_000), (3_000_000, 3_000_000), (6_000_000, None)]
    assert peer.connections == 4
    done = [progress.done for progress in seen if progress.phase is Phase.TRANSFERRING]
    assert done == sorted(done)
    assert done[-1] == len(DATA)
    assert [path.name for path in Path().iterdir()] == ["A movie.avi"]


def test_a_small_movie_is_not_cut_to_pieces(peer: Peer, youku: Client, movie: int) -> None:
    small = peer.add_movie(DATA[:1000], "small.avi")
    youku.download(small, parts=8)
    assert reads(peer) == [(0, None)]


def test_parts_that_are_cut_go_on_by_themselves(peer: Peer, youku: Client, movie: int, pauses: list[float]) -> None:
    peer.cuts = [10**9, 1_000_000, 2_000_000, 500_000]
    meet(peer, 3)
    assert youku.download(movie, parts=3).path.read_bytes() == DATA
    assert len(pauses) == 3


@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_a_later_run_goes_on_with_all_ranges(peer: Peer, youku: Client, movie: int, parts: int) -> None:
    spans = leave_behind(peer, youku, movie)
    there = sum(end - start for start, end in spans)
    done = youku.download(movie, parts=parts)
    assert (done.resumed_from, done.path.read_bytes()) == (there, DATA)
    assert not PART.exists()
    assert not MAP.exists()
    assert not any(start < offset < end for offset, _ in reads(peer) for start, end in spans)


def test_what_a_run_that_failed_has_received_is_kept(peer: Peer, youku: Client, movie: int) -> None:
    peer.cuts = [10**9, 1_000_000, 1_000_000, 1_000_000]
    with (
        Client(peer.address, token=TOKEN, retries=0) as first,
        pytest.raises(Unreachable, match="lost"),
    ):
        first.download(movie, parts=3)
    held = json.loads(MAP.read_text())["ranges"]
    done = youku.download(movie, parts=3)
    assert done.resumed_from == sum(end - start for start, end, _hash in held) > 0
    assert done.path.read_bytes() == DATA


def test_a_beginning_that_came_in_order_is_gone_on_with_in_parts(peer: Peer, youku: Client, movie: int) -> None:
    PART.write_bytes(DATA[:3_000_000])
    assert youku.download(movie, parts=2).path.read_bytes() == DATA
    assert reads(peer) == [(3_000_000, 3_000_000), (6_000_000, None)]


def test_a_beginning_of_other_bytes_is_not_gone_on_with_in_parts(youku: Client, movie: int) -> None:
    PART.write_bytes(b"something else")
    with pytest.raises(IntegrityFailure, match="--restart"):
        youku.download(movie, parts=2)
    assert youku.download(movie, parts=2, restart=True).path.read_bytes() == DATA


def test_a_range_that_a_crash_spoiled_is_fetched_again(peer: Peer, youku: Client, movie: int) -> None:
    start, _end = leave_behind(peer, youku, movie)[1]
    spoiled = bytearray(PART.read_bytes())
    spoiled[start : start + 100] = bytes(100)
    PART.write_bytes(spoiled)
    done = youku.download(movie, parts=2)
    assert done.path.read_bytes() == DATA
    assert done.resumed_from == 2_654_321


def test_a_part_file_that_became_shorter_is_fetched_again(peer: Peer, youku: Client, movie: int) -> None:
    leave_behind(peer, youku, movie)
    os.truncate(PART, 10)
    assert youku.download(movie).path.read_bytes() == DATA


@pytest.mark.parametrize("damage", ["", "{}", "[]", "not json"])
def test_parts_without_a_record_are_never_trusted(peer: Peer, youku: Client, movie: int, damage: str) -> None:
    leave_behind(peer, youku, movie)
    MAP.write_text(damage)
    with pytest.raises(IntegrityFailure, match="--restart"):
        youku.download(movie, parts=2)
    MAP.unlink()
    with pytest.raises(IntegrityFailure, match="--restart"):
        youku.download(movie)
    assert youku.download(movie, restart=True).path.read_bytes() == DATA


def test_parts_of_another_movie_are_not_gone_on_with(peer: Peer, youku: Client, movie: int) -> None:
    leave_behind(peer, youku, movie)
    other = peer.add_movie(DATA[::-1], "A movie.avi")
    with pytest.raises(IntegrityFailure, match="other bytes"):
        youku.download(other, parts=2)


def test_a_record_without_its_part_is_forgotten(peer: Peer, youku: Client, movie: int) -> None:
    leave_behind(peer, youku, movie)
    PART.unlink()
    done = youku.download(movie)
    assert (done.resumed_from, done.path.read_bytes()) == (0, DATA)
    assert not MAP.exists()


def test_parts_spoiled_on_the_way_are_never_kept(peer: Peer, youku: Client, movie: int) -> None:
    peer.blobs[movie] = DATA[:-1] + b"?"
    with pytest.raises(IntegrityFailure, match="removed"):
        youku.download(movie, parts=3)
    assert list(Path().iterdir()) == []


def test_a_disk_that_fills_up_stops_all_parts(
    youku: Client, movie: int, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("client_cli.part.os.pwrite", refuse)
    with pytest.raises(NoSpace, match="no room left"):
        youku.download(movie, parts=3)
    assert list(Path().iterdir()) == []


def test_ctrl_c_stops_all_parts_and_keeps_what_is_there(peer: Peer, youku: Client, movie: int) -> None:
    def stop(progress: Progress) -> None:
        if progress.done > 2_000_000:
            raise KeyboardInterrupt  # in a thread, as a callback of its own may

    with pytest.raises(KeyboardInterrupt):
        youku.download(movie, parts=3, progress=stop)
    done = youku.download(movie, parts=3)
    assert done.resumed_from > 0
    assert done.path.read_bytes() == DATA


@given(
    size=st.integers(1, 50 * SMALLEST_PIECE),
    marks=st.lists(st.integers(0, 50 * SMALLEST_PIECE), max_size=8, unique=True),
    count=st.integers(1, 9),
)
def test_pieces_are_exactly_what_is_missing(size: int, marks: list[int], count: int) -> None:
    edges = sorted(mark for mark in marks if mark <= size)
    held = [_range(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False) if start < end]
    missing = size - sum(one.end - one.start for one in held)
    spans = [(one.start, one.end) for one in held]
    pieces = [(one.end, until) for one, until in pieces_of(size, list(held), count)]
    assert sum(until - start for start, until in pieces) == missing
    everything = sorted(spans + pieces)
    assert all(before[1] == after[0] for before, after in pairwise(everything))
    assert len(pieces) <= count + len(held) + 1


def _range(start: int, end: int) -> Range:
    running = RunningHash(start)
    running.position = end  # as if it had seen them
    return Range(start, running)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 3_000_000), max_size=6), parts=st.integers(1, 4))
def test_any_parts_survive_any_cuts(tmp_path: Path, pauses: list[float], cuts: list[int], parts: int) -> None:
    target = tmp_path / "copy.avi"
    target.unlink(missing_ok=True)
    with Peer() as peer, Client(peer.address, token=TOKEN) as youku:
        movie = peer.add_movie(DATA)
        peer.cuts = [10**9, *cuts]
        assert youku.download(movie, target, parts=parts).path.read_bytes() == DATA


def test_a_stream_gets_every_byte_once(peer: Peer, youku: Client, movie: int, pauses: list[float]) -> None:
    peer.cuts = [1_000_000, 3_000_000]
    received = bytearray()
    assert youku.stream(movie, received.extend).size == len(DATA)
    assert received == DATA
    assert len(pauses) == 2


def test_a_stream_that_was_wrong_is_said(peer: Peer, youku: Client, movie: int) -> None:
    peer.blobs[movie] = DATA[:-1] + b"?"
    with pytest.raises(IntegrityFailure, match="throw it away"):
        youku.stream(movie, bytearray().extend)


def test_jobs_share_one_limit() -> None:
    now, slept = 100.0, list[float]()
    pacer = Pacer(1_000_000, lambda: now, slept.append)
    for _ in range(4):
        pacer.spend(500_000)  # at the same moment, as four jobs would
    assert slept == pytest.approx([0.5, 1.0, 1.5, 2.0], abs=0.06)


def test_a_limit_that_starves_its_jobs_is_refused() -> None:
    assert shared_pacer("8k", 4).rate == 4 * SLOWEST_RATE
    with pytest.raises(BadRequest, match="at least 10k"):
        shared_pacer("8k", 5)
