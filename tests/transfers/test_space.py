"""Room on the disk and for a user: what is promised, what is refused, and that the refusal names the numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.little_library import OPTIONS, SYNC_EVERY, Play, Stage, content, perform
from youku_evloop.config import GIB, Keeping
from youku_evloop.errors import NoSpace, QuotaExceeded
from youku_evloop.services import catalogue, uploads

DATA = content("space", 10_000)


def in_a_library(stages: Path, act: Callable[[Play], Any], *, free: int = 1 << 40, **keeping: Any) -> None:
    stage = Stage(stages)
    stage.disk.free = free
    perform(stage, act, keeping=Keeping(**{"keep_free": 0, "sync_every": SYNC_EVERY, **keeping}))


def test_one_gib_or_one_percent_is_kept_free_whichever_is_less() -> None:
    keeping = Keeping()
    assert keeping.kept_free(1000 * GIB) == GIB
    assert keeping.kept_free(64 * 1024 * 1024) == 671_088
    assert Keeping(keep_free=5).kept_free(1000 * GIB) == 5


def test_what_is_kept_free_is_not_given_away(stages: Path) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        with pytest.raises(NoSpace) as refused:
            play.create(alice, "film", DATA)
        assert refused.value.facts == {"needed": 10_000, "free": 9_999}
        assert "10000 bytes" in refused.value.message and "9999" in refused.value.message
        play.stage.disk.free += 1
        play.create(alice, "film", DATA)

    in_a_library(stages, act, free=14_999, keep_free=5_000)


def test_what_open_uploads_have_still_to_receive_is_promised_to_them(stages: Path) -> None:
    def act(play: Play) -> None:
        alice, other = play.user("alice"), content("other", 6_000)
        claim, _ = play.create(alice, "film", DATA)
        with pytest.raises(NoSpace) as refused:
            play.create(alice, "other", other)
        assert refused.value.facts == {"needed": 6_000, "free": 5_000}
        play.write(claim, DATA, 0)  # what has come is not promised any more, but it takes room
        play.stage.disk.free -= 2048
        with pytest.raises(NoSpace):
            play.create(alice, "other", other)
        uploads.cancel(play.library, alice, claim.upload.id)
        play.stage.disk.free += 2048
        play.create(alice, "other", other)

    in_a_library(stages, act, free=15_000)


def test_going_on_with_an_upload_needs_no_room_of_its_own(stages: Path) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        play.create(alice, "film", DATA)
        play.stage.disk.free = 0
        play.create(alice, "film", DATA)

    in_a_library(stages, act, free=10_000)


def test_an_upload_of_unknown_size_finds_its_room_as_it_grows(stages: Path) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        claim, _, _ = uploads.create(play.library, alice, "stream", None, None, OPTIONS)
        assert play.write(claim, DATA, 0) == 2048
        with pytest.raises(NoSpace):  # the rest of the disk is promised to the stream
            play.create(alice, "film", DATA)
        play.stage.disk.free -= 2048
        assert play.write(claim, DATA, 2048) == 4096
        play.stage.disk.free = 0
        with pytest.raises(NoSpace) as refused:
            play.write(claim, DATA, 4096)
        assert refused.value.facts == {"needed": 1144, "free": 0}
        play.stage.disk.free = 100_000
        play.send(claim, DATA, 4096)
        play.finish(alice, claim, claim.upload.id, "stream", DATA)

    in_a_library(stages, act, free=5_000)


def test_a_user_has_a_quota_of_movies_and_unfinished_uploads(stages: Path) -> None:
    def act(play: Play) -> None:
        alice, bob = play.user("alice"), play.user("bob")
        movie = play.upload(alice, "film", DATA)
        play.create(alice, "half", content("half", 9_000))
        with pytest.raises(QuotaExceeded) as refused:
            play.create(alice, "short", content("short", 6_001))
        assert refused.value.facts == {"needed": 6_001, "used": 19_000, "quota": 25_000}
        assert all(number in refused.value.message for number in ("6001", "19000", "25000"))
        play.create(bob, "short", content("short", 6_001))
        catalogue.delete(play.library, movie.id)
        play.create(alice, "short", content("short", 6_001))

    in_a_library(stages, act, quota=25_000)


def test_the_quota_counts_an_upload_of_unknown_size_as_it_grows(stages: Path) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        claim, _, _ = uploads.create(play.library, alice, "stream", None, None, OPTIONS)
        assert play.write(claim, DATA, 0) == 2048
        with pytest.raises(QuotaExceeded):
            play.write(claim, DATA, 2048)
        with pytest.raises(QuotaExceeded):
            play.create(alice, "film", DATA)

    in_a_library(stages, act, quota=4_000)
