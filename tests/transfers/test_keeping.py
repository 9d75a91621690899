"""What is kept and what goes: deleted movies, expired uploads, parts and blobs that nobody needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.little_library import KEEPING, ROOT, Play, Stage, Steps, content, hash_of, perform
from youku_evloop.errors import Conflict, MovieExists, NotFound, Unavailable
from youku_evloop.models import Movie, Upload, UploadState
from youku_evloop.services import catalogue, uploads
from youku_evloop.services.upload_states import UploadEvent, advance

FILM = content("film", 5_000)
BLOB = ROOT / "blobs" / hash_of(FILM)[:2] / hash_of(FILM)


@pytest.fixture
def stage(stages: Path) -> Stage:
    return Stage(stages)


def a_day_and_a_sweep(play: Play) -> uploads.Swept:
    """Time enough for what nobody names to be noticed, and then to go."""
    uploads.sweep(play.library)
    play.stage.later(days=1, seconds=1)
    return uploads.sweep(play.library)


def test_a_deleted_movie_can_be_restored_for_thirty_days(stage: Stage) -> None:
    def act(play: Play) -> None:
        movie = play.upload(play.user("alice"), "film", FILM)
        deleted = catalogue.delete(play.library, movie.id)
        until = catalogue.restorable_until(play.library, deleted)
        assert until is not None and (until - stage.now).days == 30
        with pytest.raises(NotFound):
            catalogue.get(movie.id)
        stage.later(days=29, hours=23)
        a_day_and_a_sweep(play)
        stage.later(days=-1)
        assert catalogue.restore(play.library, movie.id).id == movie.id
        assert catalogue.get(movie.id).delete_time is None
        stage.later(days=100)
        a_day_and_a_sweep(play)
        assert stage.disk.contents(BLOB) == FILM

    perform(stage, act)


def test_after_that_its_bytes_go_and_restoring_says_so(stage: Stage) -> None:
    def act(play: Play) -> None:
        movie = play.upload(play.user("alice"), "film", FILM)
        catalogue.delete(play.library, movie.id)
        stage.later(days=30, seconds=1)
        swept = a_day_and_a_sweep(play)
        assert ([blob.digest for blob in swept.blobs], swept.bytes) == ([hash_of(FILM)], 5_000)
        assert stage.disk.contents(BLOB) is None
        with pytest.raises(NotFound, match="30 days"):
            catalogue.restore(play.library, movie.id)
        assert Movie.select(id=movie.id).get().name == "film"

    perform(stage, act)


def test_restoring_what_is_not_deleted_or_was_never_there_or_is_there_again_is_refused(stage: Stage) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        movie = play.upload(alice, "film", FILM)
        with pytest.raises(Conflict, match="not deleted"):
            catalogue.restore(play.library, movie.id)
        with pytest.raises(NotFound):
            catalogue.restore(play.library, 99)
        catalogue.delete(play.library, movie.id)
        with pytest.raises(NotFound):
            catalogue.delete(play.library, movie.id)
        twin = play.upload(alice, "film", FILM)
        with pytest.raises(MovieExists) as refused:
            catalogue.restore(play.library, movie.id)
        assert refused.value.facts == {"movie": twin.id}

    perform(stage, act)


def test_bytes_that_another_movie_has_stay(stage: Stage) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        movie = play.upload(alice, "film", FILM)
        play.upload(alice, "the same film", FILM)
        catalogue.delete(play.library, movie.id)
        stage.later(days=60)
        assert a_day_and_a_sweep(play).blobs == []
        assert stage.disk.contents(BLOB) == FILM

    perform(stage, act)


def test_a_blob_goes_only_when_nobody_has_named_it_for_a_day(stage: Stage) -> None:
    def act(play: Play) -> None:
        movie = play.upload(play.user("alice"), "film", FILM)
        Movie.select(id=movie.id).update(file_hash="0" * 64)  # as in a database that was restored from a backup
        stage.later(days=5)
        assert [blob.digest for blob in uploads.sweep(play.library).waiting] == [hash_of(FILM)]
        stage.later(hours=23)
        assert uploads.sweep(play.library).blobs == []
        Movie.select(id=movie.id).update(file_hash=hash_of(FILM))
        stage.later(hours=2)
        assert uploads.sweep(play.library).waiting == []
        Movie.select(id=movie.id).update(file_hash="0" * 64)
        assert uploads.sweep(play.library).blobs == []  # the day begins anew
        stage.later(days=1, seconds=1)
        assert [blob.digest for blob in uploads.sweep(play.library).blobs] == [hash_of(FILM)]

    perform(stage, act)


def test_an_upload_that_names_a_blob_just_before_it_would_go_keeps_it(stage: Stage) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        movie = play.upload(alice, "film", FILM)
        catalogue.delete(play.library, movie.id)
        stage.later(days=31)
        uploads.sweep(play.library)
        stage.later(days=2)
        claim, _ = play.create(alice, "again", FILM)
        play.finish(alice, claim, claim.upload.id, "again", FILM)
        assert uploads.sweep(play.library).blobs == []
        assert stage.disk.contents(BLOB) == FILM

    perform(stage, act)


def test_an_upload_without_progress_for_a_week_expires(stage: Stage) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        claim, _ = play.create(alice, "film", FILM)
        play.write(claim, FILM, 0)
        stage.later(days=8)
        assert uploads.sweep(play.library).expired == []  # somebody is sending
        uploads.release(play.library, claim)
        swept = uploads.sweep(play.library)
        assert (swept.expired, swept.bytes) == ([claim.upload.id], 2048)
        assert Upload.select(id=claim.upload.id).get().state is UploadState.EXPIRED
        assert stage.disk.contents(ROOT / "parts" / claim.upload.id) is None
        with pytest.raises(NotFound, match="expired"):
            uploads.claim(play.library, alice, claim.upload.id)

    perform(stage, act)


def test_coming_back_counts_as_progress(stage: Stage) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        claim, _ = play.create(alice, "film", FILM)
        play.write(claim, FILM, 0)
        uploads.release(play.library, claim)
        stage.later(days=6)
        uploads.release(play.library, uploads.claim(play.library, alice, claim.upload.id))
        stage.later(days=6)
        assert uploads.sweep(play.library).expired == []

    perform(stage, act)


def until_verified(play: Play) -> None:
    """Stopped in here, at the step where the blob gets its name, the upload is verified and not in the table."""
    play.upload(play.user("alice"), "film", FILM)


@pytest.fixture
def verified(stage: Stage) -> Stage:
    """What a process leaves that is killed just before the transaction that publishes."""
    steps = Steps()
    perform(stage, until_verified, steps)
    last_sync = len(steps.taken) - 1 - steps.taken[::-1].index("sync_directory")
    stage.disk = type(stage.disk)(stage.disk.clock)
    stage.database.unlink()
    steps = Steps()
    steps.stop_at = last_sync + 1
    perform(stage, until_verified, steps)
    return stage


def test_what_was_verified_is_published_at_the_next_start_without_its_client(verified: Stage) -> None:
    def act(play: Play) -> None:
        assert Movie.select().count() == 0
        row = Upload.select().get()
        assert row.state is UploadState.VERIFYING
        assert uploads.sweep(play.library).finished == [row.id]
        movie = Movie.select().get()
        assert (movie.name, movie.file_hash) == ("film", hash_of(FILM))
        assert uploads.finish(play.library, play.user("alice"), None, row.id, hash_of(FILM)).id == movie.id
        assert play.library.open_uploads == {}

    perform(verified, act)


def test_a_dry_sweep_says_what_it_would_do_and_does_nothing(verified: Stage) -> None:
    def act(play: Play) -> None:
        alice = play.user("alice")
        late, _ = play.create(alice, "late", content("late", 3_000))
        play.write(late, content("late", 3_000), 0)
        uploads.release(play.library, late)
        other = play.upload(alice, "other", content("other", 100))
        catalogue.delete(play.library, other.id)
        stage = play.stage
        stage.disk.close(stage.disk.create(ROOT / "parts" / ("0" * 32)))
        stage.later(days=32)
        before = everything(stage)
        swept = uploads.sweep(play.library, dry=True)
        assert len(swept.finished) == 1 and late.upload.id in swept.expired
        assert swept.parts == ["0" * 32]
        assert hash_of(content("other", 100)) in [blob.digest for blob in swept.waiting]
        assert everything(stage) == before

    perform(verified, act)


def everything(stage: Stage) -> list[object]:
    """Rows and files."""
    rows = [(row.id, row.state) for row in Upload.select().order_by(Upload.id)]
    return [rows, Movie.select().count(), files_of(stage, lambda path: stage.disk.names(path))]


def files_of(stage: Stage, names: Callable[[Path], list[str]]) -> list[str]:
    parts = [f"parts/{name}" for name in names(ROOT / "parts")]
    return sorted(parts + [f"{name}/{blob}" for name in names(ROOT / "blobs") for blob in names(ROOT / "blobs" / name)])


def test_keeping_deleted_movies_for_no_time_still_gives_a_day(stage: Stage) -> None:
    def act(play: Play) -> None:
        movie = play.upload(play.user("alice"), "film", FILM)
        catalogue.delete(play.library, movie.id)
        assert uploads.sweep(play.library).blobs == []
        assert catalogue.restore(play.library, movie.id).id == movie.id
        catalogue.delete(play.library, movie.id)
        assert len(a_day_and_a_sweep(play).blobs) == 1

    perform(stage, act, keeping=type(KEEPING)(keep_free=0, keep_deleted=0))


def test_an_upload_that_another_process_has_ended_is_not_brought_back(stage: Stage) -> None:
    def act(play: Play) -> None:
        row = Upload.select(id=play.create(play.user("alice"), "film", FILM)[0].upload.id).get()
        Upload.select(id=row.id).update(state=UploadState.CANCELLED)
        with pytest.raises(Unavailable):
            advance(row, UploadEvent.COMPLETE)
        assert Upload.select(id=row.id).get().state is UploadState.CANCELLED

    perform(stage, act)
