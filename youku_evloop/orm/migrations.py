"""Schema versions: numbered steps that bring an older database forward, each recorded when it is done.

Version 0 is what `create_all` made first; step 1 leads to version 1, and so on. Where the database can (SQLite),
a step and its record are one transaction; MySQL ends a transaction at every DDL statement, so a step there is to be
written so that it can be run again after having been broken off half-way (`ADD COLUMN IF NOT EXISTS`, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import fields
from .database import Database
from .errors import DatabaseTooNew, Unavailable
from .functions import max as greatest
from .functions import utcnow
from .models import Model
from .schema import create_all

Step = Callable[[Database], Any]
LOCK_WAIT = 20  # seconds for another process to finish its step


class SchemaVersion(Model, table="schema_version"):
    """A step that was taken: the version that it led to; the highest one is the database's."""

    version: fields.Field[int] = fields.Integer(primary_key=True)
    name: fields.Field[str] = fields.String(200)
    applied: fields.Field[Any] = fields.DateTime(default=utcnow)


class Migrations:
    """The steps a program knows, in order. `steps[0]` leads from version 0 to version 1."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)

    @property
    def latest(self) -> int:
        return len(self.steps)

    def version(self, database: Database) -> int:
        """The database's version; 0 where none was recorded. `DatabaseTooNew` if this program does not know it."""
        create_all(database, [SchemaVersion])  # which, on MySQL, would end a transaction
        with database.use():
            return self._read()

    def _read(self) -> int:
        found: int = SchemaVersion.select().columns(greatest(SchemaVersion.version)).rows()[0][0] or 0
        if found > self.latest:
            raise DatabaseTooNew(found, self.latest)
        return found

    def stamp(self, database: Database) -> None:
        """Record that a database just made from the models is at the latest version."""
        if self.version(database) < self.latest:
            with database.use():
                self._record(self.latest, "created")

    def apply(self, database: Database) -> list[int]:
        """Run the steps that are missing, one process at a time; the versions reached."""
        reached = []
        while (version := self._next(database)) is not None:
            reached.append(version)
        return reached

    def _next(self, database: Database) -> int | None:
        self.version(database)
        with database.transaction(), database.use():
            self._lock(database)
            version = self._read() + 1
            if version > self.latest:
                return None
            step = self.steps[version - 1]
            step(database)
            self._record(version, step.__name__)
            return version

    def _lock(self, database: Database) -> None:
        """Alone until the connection goes back; SQLite's transactions are alone anyway."""
        if database.dialect == "mysql":
            name = f"schema_version of {database.execute('SELECT DATABASE()').rows[0][0]}"[:64]
            if not database.execute("SELECT GET_LOCK(?, ?)", [name, LOCK_WAIT]).rows[0][0]:
                raise Unavailable("another process is migrating this database")

    def _record(self, version: int, name: str) -> None:
        SchemaVersion.create(version=version, name=name)
