"""Downloads through everything that can happen to them on the way."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_cli.client import Client
from client_cli.progress import Phase, Progress
from tests.client.peer import Peer
from tests.client.talk import TOKEN
from youku_evloop.errors import BadRequest, Conflict, Forbidden, IntegrityFailure, NoSpace, NotFound

DATA = os.urandom(3_000_000)


@pytest.fixture
def movie(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(tmp_path)
    return peer.add_movie(DATA, "A movie.avi")


def test_a_movie_arrives_as_it_is(youku: Client, movie: int) -> None:
    done = youku.download(movie)
    assert (done.path, done.resumed_from, done.was_there) == (Path("A movie.avi"), 0, False)
    assert done.path.read_bytes() == DATA
    assert names() == ["A movie.avi"]


def test_a_target_may_be_a_file_or_a_directory(youku: Client, movie: int, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    assert youku.download(movie, "copy.avi").path == Path("copy.avi")
    assert youku.download(movie, tmp_path / "videos").path == tmp_path / "videos" / "A movie.avi"


def test_a_title_never_leads_out_of_the_directory(peer: Peer, youku: Client, movie: int, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    os.chdir(tmp_path / "here")
    hostile = peer.add_movie(b"boo", "../../.ssh/authorized_keys")
    assert youku.download(hostile).path == Path("_.._.ssh_authorized_keys")
    assert names(tmp_path) == ["here"]


def test_progress_is_told_to_the_end(youku: Client, movie: int) -> None:
    seen: list[Progress] = []
    youku.download(movie, progress=seen.append)
    received = [progress.done for progress in seen if progress.phase is Phase.TRANSFERRING]
    assert received == sorted(received)
    assert received[-1] == len(DATA)


def test_a_cut_download_goes_on_where_it_was(peer: Peer, youku: Client, movie: int, pauses: list[float]) -> None:
    peer.cuts = [1_000_000, 700_000]
    assert youku.download(movie).path.read_bytes() == DATA
    offsets = [arguments["offset"] for op, arguments in peer.requests if op == "movie.read"]
    assert len(offsets) == 3
    assert offsets == sorted(set(offsets))
    assert len(pauses) == 2


def test_a_later_run_goes_on_with_what_an_earlier_one_received(peer: Peer, youku: Client, movie: int) -> None:
    Path("A movie.avi.part").write_bytes(DATA[:1_234_567])
    done = youku.download(movie)
    assert (done.resumed_from, done.path.read_bytes()) == (1_234_567, DATA)
    assert ("movie.hash", {"movie": movie, "length": 1_234_567}) in peer.requests
    assert not Path("A movie.avi.part").exists()


def test_a_part_that_is_whole_already_is_only_renamed(peer: Peer, youku: Client, movie: int) -> None:
    Path("A movie.avi.part").write_bytes(DATA)
    assert youku.download(movie).path.read_bytes() == DATA
    assert peer.ops() == ["movie.show"]


@pytest.mark.parametrize("part", [b"not the beginning", DATA + b"!", b"x" * len(DATA)])
def test_a_part_of_other_bytes_is_not_gone_on_with(youku: Client, movie: int, part: bytes) -> None:
    Path("A movie.avi.part").write_bytes(part)
    with pytest.raises(IntegrityFailure, match=r"A movie\.avi\.part .* --restart"):
        youku.download(movie)
    assert Path("A movie.avi.part").read_bytes() == part
    assert youku.download(movie, restart=True).path.read_bytes() == DATA


def test_bytes_spoiled_on_the_way_are_never_kept(peer: Peer, youku: Client, movie: int) -> None:
    peer.blobs[movie] = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(IntegrityFailure, match="removed"):
        youku.download(movie)
    assert names() == []


def test_what_is_there_already_is_not_fetched_again(peer: Peer, youku: Client, movie: int) -> None:
    Path("A movie.avi").write_bytes(DATA)
    assert youku.download(movie).was_there
    assert peer.ops() == ["movie.show"]


@pytest.mark.parametrize("other", [b"", b"short", b"x" * len(DATA)])
def test_another_file_is_not_replaced_unasked(youku: Client, movie: int, other: bytes) -> None:
    Path("A movie.avi").write_bytes(other)
    with pytest.raises(Conflict, match="--force"):
        youku.download(movie)
    assert Path("A movie.avi").read_bytes() == other
    assert youku.download(movie, force=True).path.read_bytes() == DATA


def test_two_downloads_do_not_write_one_part(youku: Client, movie: int) -> None:
    with Path("A movie.avi.part").open("wb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another download"):
            youku.download(movie)


def test_an_unknown_movie_leaves_nothing_behind(youku: Client, movie: int) -> None:
    with pytest.raises(NotFound):
        youku.download(99)
    assert names() == []


def test_a_movie_that_disappears_leaves_nothing_behind(peer: Peer, youku: Client, movie: int) -> None:
    peer.before = lambda op, arguments: peer.movies.clear() if op == "movie.read" else None
    with pytest.raises(NotFound):
        youku.download(movie)
    assert names() == []


def test_a_movie_that_becomes_another_is_noticed(peer: Peer, youku: Client, movie: int) -> None:
    peer.before = lambda op, arguments: peer.movies[movie].update(size=5) if op == "movie.read" else None
    with pytest.raises(IntegrityFailure, match="a moment ago"):
        youku.download(movie)


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [("nowhere/copy.avi", NotFound, "no directory"), ("nowhere/", NotFound, "no directory")],
)
def test_a_place_that_is_not_there_is_said(
    youku: Client, movie: int, target: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        youku.download(movie, target)


def test_a_part_that_is_a_directory_is_said(youku: Client, movie: int) -> None:
    Path("A movie.avi.part").mkdir()
    with pytest.raises(BadRequest, match="is a directory"):
        youku.download(movie)


def test_a_place_that_may_not_be_written_is_said(youku: Client, movie: int, monkeypatch: pytest.MonkeyPatch) -> None:
    youku.ping()  # the known servers are read before
    fail(monkeypatch, "open", PermissionError(13, "Permission denied"))
    with pytest.raises(Forbidden, match="-o"):
        youku.download(movie)


def test_a_disk_without_room_is_said_before_anything_is_fetched(peer: Peer, youku: Client, movie: int) -> None:
    peer.movies[movie]["size"] = 10**18
    with pytest.raises(NoSpace) as caught:
        youku.download(movie)
    assert caught.value.facts["needed"] == 10**18
    assert "movie.read" not in peer.ops()


def test_a_disk_that_fills_up_is_not_tried_again(
    youku: Client, movie: int, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, "pwrite", OSError(28, "No space left on device"))
    with pytest.raises(NoSpace, match="no room left"):
        youku.download(movie)
    assert pauses == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 2_500_000), here=st.integers(0, 2_500_000), cuts=st.lists(st.integers(0, 1_500_000), max_size=4)
)
def test_any_movie_survives_any_cuts(
    tmp_path: Path, pauses: list[float], size: int, here: int, cuts: list[int]
) -> None:
    target = tmp_path / "copy.avi"
    target.unlink(missing_ok=True)
    target.with_name("copy.avi.part").write_bytes(DATA[: min(here, size)])
    with Peer() as peer, Client(peer.address, token=TOKEN) as youku:
        movie = peer.add_movie(DATA[:size])
        peer.cuts = cuts
        assert youku.download(movie, target).path.read_bytes() == DATA[:size]


def names(directory: Path = Path()) -> list[str]:
    """What is in a directory."""
    return [path.name for path in directory.iterdir()]


def fail(monkeypatch: pytest.MonkeyPatch, function: str, error: OSError) -> None:
    """Let a system call of the part file fail."""

    def refuse(*_arguments: Any) -> int:
        raise error

    monkeypatch.setattr(f"client_cli.part.os.{function}", refuse)
