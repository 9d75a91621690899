"""A library without a server: the services on a model disk and a small database, one call after the other.

Its process can be stopped before or after any operation on the disk and any statement of the database; its machine
can lose power. `Stage` is what outlives that, `Play` is one process.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from blake3 import blake3

from tests.support.model_disk import ModelDisk
from youku_evloop import orm
from youku_evloop.config import Keeping
from youku_evloop.models import MODELS, Movie, User, UserType
from youku_evloop.services import uploads
from youku_evloop.services.library import Caller, Library
from youku_evloop.services.uploads import Claim
from youku_evloop.storage.store import Store
from youku_evloop.wire.fingerprint import fingerprint

T = TypeVar("T")

ROOT: Final = Path("/data")
SEGMENT: Final = 2048
SYNC_EVERY: Final = 4096
KEEPING: Final = Keeping(keep_free=0, sync_every=SYNC_EVERY)
NUMBERS: Final = itertools.count()
START: Final = datetime(2026, 11, 21, tzinfo=UTC)
OPTIONS: Final = {"description": "", "is_free": True, "price": None, "vip_price": None, "again": False}


class Stopped(BaseException):
    """The process was killed here; no BaseException handler may mistake it for an error."""


def content(name: str, size: int) -> bytes:
    """Always the same bytes for a name."""
    return random.Random(hashlib.sha256(name.encode()).digest()).randbytes(size)


def hash_of(data: bytes) -> str:
    """As the wire has it."""
    return blake3(data).hexdigest()


def fingerprint_of(data: bytes) -> str:
    """As the wire has it."""
    return fingerprint(len(data), lambda length, offset: data[offset : offset + length])


class Steps:
    """Counts operations of the disk and statements of the database; stops the process at one, or lets one fail."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.stop_at: int | None = None
        self.fail: Callable[[int, str], OSError | None] = lambda number, operation: None

    def step(self, name: str) -> None:
        """Before an operation, and after a statement."""
        if self.stop_at is not None and len(self.taken) >= self.stop_at:
            raise Stopped(name)  # and again and again: what is dead does nothing any more
        self.taken.append(name)
        problem = self.fail(len(self.taken) - 1, name)
        if problem is not None:
            raise problem


class SteppingRuntime(orm.BlockingRuntime):
    """Every use of the database is two steps: before it, and before its answer arrives."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.is_stepping = True
        self.links: list[Any] = []

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        if not self.is_stepping or isinstance(fn, type):
            answer = super().call(fn, *args)
            self.links += [answer] if isinstance(fn, type) else []
            return answer
        self._steps.step("statement")
        answer = super().call(fn, *args)
        self._steps.step("answer")
        return answer


@dataclass
class Stage:
    """Disk, database and clock: what is still there when the process is not."""

    directory: Path
    disk: ModelDisk = field(default_factory=ModelDisk)
    boot: int = 1
    now: datetime = START
    answered: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Title -> movie and hash: what clients have been told is published."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Upload -> the offset that its client was told, in this boot of the machine."""
    has_failed_sync: bool = False
    """What was acknowledged and not durable has been cut off."""

    def __post_init__(self) -> None:
        self.disk.clock = lambda: self.now.timestamp()

    @property
    def database(self) -> Path:
        """SQLite, which is durable at every commit."""
        return self.directory / "youku.db"

    def power_loss(self, chance: random.Random) -> Stage:
        """Another stage: the machine has started again."""
        directory = self.directory.parent / f"stage-{next(NUMBERS)}"
        directory.mkdir()
        with sqlite3.connect(self.database) as old, sqlite3.connect(directory / "youku.db") as new:
            old.backup(new)
        old.close()
        new.close()
        disk = self.disk.after_power_loss(chance)
        return Stage(directory, disk, self.boot + 1, self.now, dict(self.answered), {})

    def clear(self) -> None:
        """Remove what it has on the real disk."""
        shutil.rmtree(self.directory)

    def later(self, **period: float) -> None:
        """Let time pass."""
        self.now += timedelta(**period)


class Play:
    """One process on a stage."""

    def __init__(self, stage: Stage, steps: Steps, keeping: Keeping) -> None:
        self.stage = stage
        stage.disk.before = steps.step
        self.library = Library.for_one(
            Store(ROOT, stage.disk), f"boot {stage.boot}", keeping, now=lambda: self.stage.now
        )
        self.library.store.prepare()

    def user(self, name: str) -> Caller:
        """An administrator of that name."""
        user = User.select(name=name).first() or User.create(name=name, password="x", user_type=UserType.ADMIN)
        return Caller(user.id, user.name, user.user_type, 0)

    def create(self, who: Caller, title: str, data: bytes, **options: Any) -> tuple[Claim, int]:
        """Begin or go on with an upload: its claim and its offset."""
        claim, _, _ = uploads.create(self.library, who, title, len(data), fingerprint_of(data), {**OPTIONS, **options})
        return claim, claim.upload.part.size

    def send(self, claim: Claim, data: bytes, offset: int) -> None:
        """Send everything from `offset` on, in segments."""
        while offset < len(data):
            offset = self.write(claim, data, offset)

    def write(self, claim: Claim, data: bytes, offset: int) -> int:
        """Send one segment, in two pieces; the offset after it."""
        segment = memoryview(data)[offset : offset + SEGMENT]

        def receive(take: Callable[[memoryview], object]) -> None:
            take(segment[: SEGMENT // 3])
            take(segment[SEGMENT // 3 :])

        reached = uploads.write(self.library, claim, offset, len(segment), receive)
        self.stage.acknowledged[claim.upload.id] = reached
        return reached

    def finish(self, who: Caller, claim: Claim | None, upload_id: str, title: str, data: bytes) -> Movie:
        """Publish, and remember that the client was told."""
        movie = uploads.finish(self.library, who, claim, upload_id, hash_of(data), len(data))
        self.stage.answered[title] = (movie.id, movie.file_hash)
        self.stage.acknowledged.pop(upload_id, None)
        return movie

    def cancel(self, who: Caller, claim: Claim) -> None:
        """Give an upload up: whatever was acknowledged may be gone."""
        self.stage.acknowledged.pop(claim.upload.id, None)
        uploads.cancel(self.library, who, claim.upload.id)

    def upload(self, who: Caller, title: str, data: bytes, **options: Any) -> Movie:
        """The whole of it, as a client does it."""
        claim, offset = self.create(who, title, data, **options)
        self.send(claim, data, offset)
        return self.finish(who, claim, claim.upload.id, title, data)


def perform(stage: Stage, act: Callable[[Play], T], steps: Steps | None = None, keeping: Keeping = KEEPING) -> T | None:
    """What a process does on the stage, from its start; None when it was stopped, as if by SIGKILL."""
    steps = steps or Steps()
    runtime = SteppingRuntime(steps)
    database = orm.Database(f"sqlite:///{stage.database}", runtime=runtime)
    try:
        with database.use():
            runtime.is_stepping = False
            orm.create_all(database, MODELS)
            runtime.is_stepping = True
            return act(Play(stage, steps, keeping))
    except Stopped:
        return None
    finally:
        runtime.is_stepping = False
        database.close()
        for link in runtime.links:  # a stop in a transaction leaves one that nobody gave back
            link.close()
        stage.disk.end_processes()
