"""What clients do to a library, what may stop it in the middle, and what has to hold afterwards."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.support.little_library import NUMBERS, ROOT, Play, Stage, Steps, content, hash_of, perform
from youku_evloop.errors import IntegrityFailure, MovieExists, YoukuError
from youku_evloop.models import Movie, Upload, User
from youku_evloop.services import catalogue, uploads
from youku_evloop.services.checking import check
from youku_evloop.services.library import Caller
from youku_evloop.services.uploads.rows import UNFINISHED

FILM: Final = content("film", 10_000)
SHORT: Final = content("short", 700)
CONTENTS: Final = {"film": FILM, "short": SHORT, "stream": content("stream", 9_000), "again": FILM}
"""Title -> bytes."""

MEMORY: Final = next((path for path in (Path("/dev/shm"),) if path.is_dir()), None)
"""Where small databases are quick: a filesystem in memory, if there is one."""
TRIES: Final = 10

Scenario = Callable[[Play], None]


def one_upload(play: Play) -> None:
    """The plain case."""
    play.upload(play.user("alice"), "film", FILM)


def one_upload_in_two_sittings(play: Play) -> None:
    """The client leaves, comes back, and finishes twice, as one does that got no answer."""
    alice = play.user("alice")
    claim, offset = play.create(alice, "film", FILM)
    play.write(claim, FILM, offset)
    uploads.release(play.library, claim)
    uploads.sweep(play.library)
    claim, offset = play.create(alice, "film", FILM)
    play.send(claim, FILM, offset)
    play.finish(alice, claim, claim.upload.id, "film", FILM)
    play.finish(alice, None, claim.upload.id, "film", FILM)


def twins(play: Play) -> None:
    """Two send the same file at once."""
    alice, bob = play.user("alice"), play.user("bob")
    first, _ = play.create(alice, "film", FILM)
    second, _ = play.create(bob, "film", FILM)
    one = other = 0
    while one < len(FILM):
        one, other = play.write(first, FILM, one), play.write(second, FILM, other)
    movie = play.finish(alice, first, first.upload.id, "film", FILM)
    assert play.finish(bob, second, second.upload.id, "film", FILM).id == movie.id


def known_bytes(play: Play) -> None:
    """The second one only brings the hash."""
    play.upload(play.user("alice"), "film", FILM)
    bob = play.user("bob")
    claim, _ = play.create(bob, "again", FILM)
    play.finish(bob, claim, claim.upload.id, "again", FILM)


def spoilt_bytes(play: Play) -> None:
    """The bytes are not those of the hash; the client begins anew."""
    alice = play.user("alice")
    claim, offset = play.create(alice, "short", SHORT)
    play.write(claim, bytes(len(SHORT)), offset)
    play.stage.acknowledged.clear()
    with suppress(IntegrityFailure):
        play.finish(alice, claim, claim.upload.id, "short", SHORT)
    play.upload(alice, "short", SHORT)


def given_up(play: Play) -> None:
    """An upload is cancelled, another one goes on."""
    alice = play.user("alice")
    claim, offset = play.create(alice, "film", FILM)
    play.write(claim, FILM, offset)
    play.upload(alice, "short", SHORT)
    play.cancel(alice, claim)


def of_unknown_size(play: Play) -> None:
    """From a pipe."""
    alice, data = play.user("alice"), CONTENTS["stream"]
    options = {"description": "", "is_free": True, "price": None, "vip_price": None, "again": False}
    claim, _, _ = uploads.create(play.library, alice, "stream", None, None, options)
    play.send(claim, data, 0)
    play.finish(alice, claim, claim.upload.id, "stream", data)


def deleted_and_back(play: Play) -> None:
    """Deleted, restored, deleted for good, removed, and uploaded once more."""
    alice, stage = play.user("alice"), play.stage
    movie = play.upload(alice, "film", FILM)
    catalogue.delete(play.library, movie.id)
    stage.later(days=29)
    uploads.sweep(play.library)
    catalogue.restore(play.library, movie.id)
    stage.answered.pop("film")
    catalogue.delete(play.library, movie.id)
    stage.later(days=31)
    uploads.sweep(play.library)
    stage.later(days=2)
    uploads.sweep(play.library)
    play.upload(alice, "film", FILM)


SCENARIOS: Final[tuple[Scenario, ...]] = (
    one_upload,
    one_upload_in_two_sittings,
    twins,
    known_bytes,
    spoilt_bytes,
    given_up,
    of_unknown_size,
    deleted_and_back,
)


def fresh(directory: Path) -> Path:
    """A place for another stage."""
    path = directory / f"stage-{next(NUMBERS)}"
    path.mkdir()
    return path


def steps_of(scenario: Scenario, directory: Path) -> int:
    """How many there are, when nothing stops it."""
    steps = Steps()
    perform(Stage(directory), scenario, steps)
    return len(steps.taken)


def stopped(scenario: Scenario, directory: Path, step: int) -> Stage:
    """What is left when the process is killed at that step."""
    steps = Steps()
    steps.stop_at = step
    stage = Stage(directory)
    perform(stage, scenario, steps)
    return stage


def verify(stage: Stage) -> None:
    """Start again, let every client finish what it began: nothing is lost, nothing is wrong, nothing is left over."""
    perform(stage, _verify)
    assert stage.disk.open_files == 0


def _verify(play: Play) -> None:
    uploads.sweep(play.library)
    _require_answered(play.stage)
    _require_whole_movies(play.stage)
    _resume_all(play)
    for title in CONTENTS:
        with suppress(MovieExists):
            play.upload(play.user("alice"), title, CONTENTS[title])
    _require_answered(play.stage)
    _require_whole_movies(play.stage)
    uploads.sweep(play.library)
    report = check(play.library, deep=True)
    assert report.problems == [], report.problems
    assert (report.uploads, report.orphan_parts) == (0, 0)
    assert play.library.open_uploads == {}


def _require_answered(stage: Stage) -> None:
    """What a client was told is published, is."""
    for movie_id, digest in stage.answered.values():
        movie = Movie.select(id=movie_id).first()
        assert movie is not None and movie.file_hash == digest


def _resume_all(play: Play) -> None:
    for row in Upload.select().where(Upload.state.in_(UNFINISHED)).all():
        _resume(play, row)


def _resume(play: Play, row: Upload) -> None:
    """The client comes back: the offset is right, and so are the bytes before it."""
    data = CONTENTS[row.name]
    user = User.select(id=row.user_id).get()
    who = Caller(user.id, user.name, user.user_type, 0)
    claim = uploads.claim(play.library, who, row.id)
    offset = claim.upload.part.size
    if not play.stage.has_failed_sync:
        assert offset >= play.stage.acknowledged.get(row.id, 0), "an acknowledged byte is lost"
    assert offset >= row.durable_offset, "a durable byte is lost"
    part = play.stage.disk.contents(ROOT / "parts" / row.id)
    if part != data[:offset]:
        assert part is not None and not any(part), "bytes have changed"  # zeros are what its client sent
        uploads.cancel(play.library, who, row.id)
        return
    play.send(claim, data, offset)
    play.finish(who, claim, row.id, row.name, data)


def _require_whole_movies(stage: Stage) -> None:
    for movie in Movie.select(is_delete=False).all():
        blob = stage.disk.contents(ROOT / "blobs" / movie.file_hash[:2] / movie.file_hash)
        assert blob is not None, "a movie has no blob"
        assert hash_of(blob) == movie.file_hash and blob == CONTENTS[movie.name], "a movie has the wrong bytes"


def power_losses(directory: Path, seed: int) -> Iterator[str]:
    """Machines that lose power at random moments, once, twice or three times; each is verified, then described."""
    chance = random.Random(seed)
    lengths: dict[Scenario, int] = {}
    while True:
        scenario = chance.choice(SCENARIOS)
        if scenario not in lengths:
            lengths[scenario] = steps_of(scenario, fresh(directory))
        step = chance.randrange(lengths[scenario])
        stage = stopped(scenario, fresh(directory), step)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            before = stage
            stage = stage.power_loss(chance)
            before.clear()
            _start_and_stop(stage, chance)
        description = f"{scenario.__name__}, step {step}, seed {seed}"
        try:
            verify(stage)
        except BaseException as problem:
            problem.add_note(description)
            raise
        stage.clear()
        yield description


def _start_and_stop(stage: Stage, chance: random.Random) -> None:
    """A start that may get far or not: the next power loss comes in the middle of its recovery."""
    steps = Steps()
    steps.stop_at = chance.randrange(120)

    def act(play: Play) -> None:
        uploads.sweep(play.library)
        _resume_all(play)

    perform(stage, act, steps)


# -- a disk that fails

NAMING: Final = frozenset({"create", "link", "rename", "make_directory", "sync_directory"})
FAILURES: Final = {
    errno.ENOSPC: NAMING | {"write", "sync"},
    errno.EDQUOT: NAMING | {"write", "sync"},
    errno.EMFILE: frozenset({"create", "open", "open_for_reading", "lock_directory", "sync_directory", "names"}),
    errno.EIO: None,
}
"""Error -> the operations that meet it; None: all."""
PREPARING: Final = 4
"""Operations of the start: where they fail, there is no server."""


def fails_at(number: int, error: int, times: int = 1) -> Callable[[int, str], OSError | None]:
    """For `Steps.fail`: from step `number` on, the next so many operations that can meet the error do."""
    left = times

    def fail(step: int, operation: str) -> OSError | None:
        nonlocal left
        affected = FAILURES[error]
        is_of_disk = operation not in ("statement", "answer")
        if step < number or not left or not is_of_disk or (affected is not None and operation not in affected):
            return None
        left -= 1
        return OSError(error, os.strerror(error))

    return fail


def on_a_failing_disk(scenario: Scenario, directory: Path, fail: Callable[[int, str], OSError | None]) -> Stage:
    """Clients that try again what may succeed later; any other error is the end of the test."""
    steps, stage = Steps(), Stage(directory)

    def fail_and_note(step: int, operation: str) -> OSError | None:
        problem = fail(step, operation)
        stage.has_failed_sync |= problem is not None and operation == "sync"
        return problem

    steps.fail = fail_and_note
    perform(stage, lambda play: _stubbornly(play, scenario), steps)
    return stage


def _stubbornly(play: Play, scenario: Scenario) -> None:
    for act in (scenario, *[_resume_all] * TRIES):
        try:
            act(play)
        except YoukuError as error:
            if not error.retryable:
                raise
    assert play.stage.disk.open_files == len(play.library.open_uploads), "a descriptor is lost"
