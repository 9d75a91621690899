"""Uploads through everything that can happen to them on the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_cli import upload as upload_module
from client_cli.client import Client
from client_cli.pace import SegmentSize
from client_cli.progress import Phase, Progress
from client_cli.source import Source
from tests.client.peer import Peer
from tests.client.talk import HangUp
from youku_evloop.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    IntegrityFailure,
    NoSpace,
    NotFound,
    Superseded,
    Unavailable,
    WrongOffset,
)

DATA = os.urandom(3_000_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "holiday.avi"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were read of sources, besides their fingerprints."""
    sizes: list[int] = []
    honest = Source.read_into

    def counted(self: Source, view: memoryview, offset: int) -> None:
        sizes.append(len(view))
        honest(self, view, offset)

    monkeypatch.setattr(Source, "read_into", counted)
    return sizes


def test_a_file_arrives_as_it_is(peer: Peer, youku: Client, file: Path, reads: list[int]) -> None:
    movie = youku.upload(file)
    assert peer.blobs[movie.id] == DATA
    assert (movie.name, movie.size, movie.hash) == ("holiday.avi", len(DATA), blake3(DATA).hexdigest())
    assert sum(reads) == len(DATA)  # read once, hashed on the way


def test_options_travel(peer: Peer, youku: Client, file: Path) -> None:
    youku.upload(file, title="The Feature", description="Long", is_free=False, price=990, vip_price=0, again=True)
    create = dict(peer.requests)["upload.create"]
    del create["size"], create["fingerprint"]
    assert create == {
        "name": "The Feature",
        "description": "Long",
        "is_free": False,
        "price": 990,
        "vip_price": 0,
        "again": True,
    }


def test_progress_is_told_to_the_end(youku: Client, file: Path) -> None:
    seen: list[Progress] = []
    youku.upload(file, progress=seen.append)
    sent = [progress.done for progress in seen if progress.phase is Phase.TRANSFERRING]
    assert sent == sorted(sent)
    assert sent[-1] == len(DATA)
    assert seen[-1] == Progress(Phase.FINISHING, len(DATA), len(DATA))


def test_a_cut_upload_goes_on_where_the_server_is(peer: Peer, youku: Client, file: Path, pauses: list[float]) -> None:
    peer.cuts = [1_000_000, 700_000]
    movie = youku.upload(file)
    assert peer.blobs[movie.id] == DATA
    assert peer.ops().count("upload.create") == 3
    assert len(pauses) == 2


def test_progress_forgives_earlier_cuts(peer: Peer, youku: Client, file: Path, pauses: list[float]) -> None:
    peer.cuts = [300_000] * 9  # less than the first segment: it has to shrink as well
    assert peer.blobs[youku.upload(file).id] == DATA
    assert len(pauses) == 9


def test_a_later_run_goes_on_with_what_an_earlier_one_sent(
    peer: Peer, youku: Client, file: Path, tmp_path: Path, pauses: list[float]
) -> None:
    peer.cuts = [2_000_000]
    with Client(peer.address, token=youku.token, retries=0) as first, pytest.raises(Exception, match="lost"):
        first.upload(file)
    sent = len(next(iter(peer.parts.values())))
    assert 0 < sent < len(DATA)
    renamed = file.rename(tmp_path / "renamed.avi")
    movie = youku.upload(renamed)
    assert peer.blobs[movie.id] == DATA
    writes = [arguments["offset"] for op, arguments in peer.requests if op == "upload.write"]
    assert sent in writes
    assert movie.name == "renamed.avi"


def test_bytes_that_are_here_already_need_no_transfer(peer: Peer, youku: Client, file: Path, reads: list[int]) -> None:
    peer.add_movie(DATA, "Under another title")
    movie = youku.upload(file)
    assert movie.name == "holiday.avi"
    assert peer.ops() == ["upload.create", "upload.finish"]
    assert sum(reads) == len(DATA)


def test_bytes_that_only_look_known_are_sent(peer: Peer, youku: Client, file: Path, reads: list[int]) -> None:
    similar = bytearray(DATA)
    similar[100_000] ^= 1  # between two samples of the fingerprint
    peer.add_movie(bytes(similar), "Nearly the same")
    movie = youku.upload(file)
    assert peer.blobs[movie.id] == DATA
    assert peer.ops()[:2] == ["upload.create", "upload.finish"]
    assert "upload.write" in peer.ops()


def test_a_movie_that_is_there_is_a_conflict(peer: Peer, youku: Client, file: Path) -> None:
    youku.upload(file)
    with pytest.raises(Conflict) as caught:
        youku.upload(file)
    assert caught.value.facts == {"movie": 1}


def test_a_lost_answer_to_finish_is_asked_for_again(peer: Peer, youku: Client, file: Path) -> None:
    published: list[int] = []

    def before(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.finish" and not published:
            published.append(peer.publish(arguments["upload"]))
            raise HangUp

    peer.before = before
    assert youku.upload(file).id == published[0]
    assert len(peer.movies) == 1


def test_the_newest_connection_wins_and_the_older_is_told(peer: Peer, youku: Client, file: Path) -> None:
    fail_once(peer, "upload.write", Superseded("Another connection has taken this upload over."))
    with pytest.raises(Superseded):
        youku.upload(file)
    assert peer.ops().count("upload.create") == 1


def test_a_full_disk_at_the_start_is_said_at_once(peer: Peer, youku: Client, file: Path, pauses: list[float]) -> None:
    fail_once(peer, "upload.create", NoSpace("The disk is full.", needed=3, free=2))
    with pytest.raises(NoSpace) as caught:
        youku.upload(file)
    assert caught.value.facts == {"needed": 3, "free": 2}
    assert pauses == []


@pytest.mark.parametrize(
    "error", [NoSpace("The disk is full."), Unavailable("The database is away."), WrongOffset("At 0.", offset=0)]
)
def test_what_passes_by_itself_is_tried_again(
    peer: Peer, youku: Client, file: Path, pauses: list[float], error: Exception
) -> None:
    fail_once(peer, "upload.write", error)
    assert peer.blobs[youku.upload(file).id] == DATA
    assert len(pauses) == 1


def test_a_server_that_never_gets_it_right_is_given_up(peer: Peer, youku: Client, file: Path) -> None:
    def before(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.write":
            raise WrongOffset("Somewhere else.", offset=7)

    peer.before = before
    with pytest.raises(WrongOffset):
        youku.upload(file)
    assert peer.ops().count("upload.create") == 6


def test_an_upload_that_was_cancelled_meanwhile_is_said(peer: Peer, youku: Client, file: Path) -> None:
    fail_once(peer, "upload.write", NotFound("There is no upload u1.", upload="u1"))
    with pytest.raises(NotFound):
        youku.upload(file)


def test_a_file_that_grows_while_it_is_sent_is_noticed(peer: Peer, youku: Client, file: Path) -> None:
    def grow(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.write" and arguments["offset"]:
            with file.open("ab") as more:
                more.write(b"!")

    peer.before = grow
    with pytest.raises(IntegrityFailure, match="changed while"):
        youku.upload(file)
    assert peer.ops()[-1] == "upload.cancel"
    assert (peer.movies, peer.uploads) == ({}, {})


def test_a_file_that_shrinks_while_it_is_sent_is_noticed(peer: Peer, youku: Client, file: Path) -> None:
    peer.before = lambda op, arguments: os.truncate(file, 100_000) if op == "upload.create" else None
    with pytest.raises(IntegrityFailure, match="changed while"):
        youku.upload(file)
    assert (peer.movies, peer.uploads) == ({}, {})


def test_a_file_that_shrank_is_noticed_while_the_rest_of_it_is_hashed(peer: Peer, youku: Client, file: Path) -> None:
    peer.cuts = [2_900_000]
    with Client(peer.address, token=youku.token, retries=0) as first, pytest.raises(Exception, match="lost"):
        first.upload(file)
    peer.before = lambda op, arguments: os.truncate(file, 100_000) if op == "upload.create" else None
    with pytest.raises(IntegrityFailure):
        youku.upload(file)
    assert peer.movies == {}


def test_bytes_spoiled_on_the_way_are_noticed(peer: Peer, youku: Client, file: Path) -> None:
    def spoil(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.finish":
            peer.parts["u1"][5] ^= 1

    peer.before = spoil
    with pytest.raises(IntegrityFailure, match="start again"):
        youku.upload(file)
    assert peer.movies == {}


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: path.mkdir(), BadRequest, "is a directory"),
        (lambda path: path.touch(), BadRequest, "is empty"),
        (lambda path: None, NotFound, "There is no file"),
        (os.mkfifo, BadRequest, "no regular file"),
    ],
)
def test_what_cannot_be_uploaded_is_said_before_anything_is_sent(
    peer: Peer, youku: Client, tmp_path: Path, make: Any, error: type[Exception], words: str
) -> None:
    path = tmp_path / "thing"
    make(path)
    with pytest.raises(error, match=words):
        youku.upload(path)
    assert peer.requests == []


def test_an_unreadable_file_is_said(peer: Peer, youku: Client, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("client_cli.source.os.open", refuse)  # whoever runs this may be allowed to read everything
    with pytest.raises(Forbidden, match="may not read"):
        youku.upload(file)
    assert peer.requests == []


def test_a_helper_stops_when_its_upload_ends(peer: Peer, youku: Client, file: Path) -> None:
    peer.cuts = [2_000_000]
    with Client(peer.address, token=youku.token, retries=0) as first, pytest.raises(Exception, match="lost"):
        first.upload(file)
    fail_once(peer, "upload.write", Superseded("Taken over."))
    with pytest.raises(Superseded):
        youku.upload(file)
    with Source(file) as source, upload_module.SourceHash(source) as running:
        running.send_from(1)  # leaving the block must not wait for a whole file, nor leave a thread with a closed one


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 2_500_000), cuts=st.lists(st.integers(0, 1_500_000), max_size=4))
def test_any_file_survives_any_cuts(tmp_path: Path, pauses: list[float], size: int, cuts: list[int]) -> None:
    path = tmp_path / f"{size}.avi"
    path.write_bytes(DATA[:size])
    with Peer() as peer, Client(peer.address, token="a-token-that-is-always-good") as youku:
        peer.cuts = cuts
        assert peer.blobs[youku.upload(path).id] == DATA[:size]


def test_segments_grow_on_a_fast_link_and_shrink_on_a_slow_one() -> None:
    segment = SegmentSize()
    sizes = []
    for seconds in (0.1, 0.1, 0.1, 0.1, 1.0, 10.0, 10.0):
        segment.acknowledged_after(seconds)
        sizes.append(segment.bytes // 1024)
    assert sizes == [1024, 2048, 4096, 4096, 4096, 2048, 1024]


def fail_once(peer: Peer, op: str, error: Exception) -> None:
    """Answer the first `op` with `error`."""
    left = [error]

    def before(asked: str, arguments: dict[str, Any]) -> None:
        if asked == op and left:
            raise left.pop()

    peer.before = before
