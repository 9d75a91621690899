"""Searches of many users at the same moment are written together, and each is there when it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.mariadb import MariaDB
from youku_evloop import orm
from youku_evloop.config import Keeping
from youku_evloop.kernel import Loop, LoopRuntime
from youku_evloop.kernel.locks import KeyedLocks
from youku_evloop.models import MODELS, SearchHistory, User, UserType
from youku_evloop.services import history
from youku_evloop.services.library import Caller, Library
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store

CROWD = 40
NOBODY = 10**9


class Watched(orm.Database):
    """A database that notes which statements write."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.writes = 0

    def perform(self, sql: str, values: Any, write: bool, *rest: Any, **options: Any) -> orm.Result:
        self.writes += write
        return super().perform(sql, values, write, *rest, **options)


@dataclass
class House:
    """A library on MariaDB in a loop of its own, with one user."""

    loop: Loop
    database: Watched
    library: Library
    user: int

    def search_at_once(self, *users: int) -> list[str]:
        """Each looks for a number; what became of it."""
        outcomes = [""] * len(users)

        def search(number: int, user: int) -> None:
            with self.database.use():
                try:
                    history.remember(self.library, Caller(user, "", UserType.USER, 0), str(number), is_found=True)
                    outcomes[number] = f"there {SearchHistory.select(query=str(number)).count()} times"
                except orm.OrmError as error:
                    outcomes[number] = type(error).__name__

        def main() -> None:
            for number, user in enumerate(users):
                self.loop.spawn(search, number, user)
            while "" in outcomes:
                self.loop.sleep(0)

        self.loop.run_task(main)
        return outcomes


@pytest.fixture
def house(mariadb: MariaDB, tmp_path: Path) -> Iterator[House]:
    url, loop = mariadb.create_database("searches"), Loop()
    with orm.Database(url).use() as setting:
        orm.create_all(setting, MODELS)
        user = User.create(name="somebody", password="")
    setting.close()
    database = Watched(url, runtime=LoopRuntime(loop))
    library = Library.for_one(Store(tmp_path, Files()), "boot", Keeping())
    library.hold = KeyedLocks(loop).hold
    yield House(loop, database, library, user.id)
    loop.run_task(database.close)
    loop.close()
    mariadb.drop_database("searches")


def test_searches_of_one_moment_are_written_together_and_are_there_when_answered(house: House) -> None:
    assert house.search_at_once(*[house.user] * CROWD) == ["there 1 times"] * CROWD
    assert house.database.writes < CROWD / 4


def test_one_that_cannot_be_stored_does_not_spoil_the_others(house: House) -> None:
    others = [house.user] * 5
    assert house.search_at_once(*others, NOBODY, *others) == [
        *["there 1 times"] * 5,
        "ForeignKeyViolation",
        *["there 1 times"] * 5,
    ]


def test_a_database_that_is_away_is_told_to_everybody(house: House) -> None:
    house.database.close()
    assert house.search_at_once(*[house.user] * 5) == ["Unavailable"] * 5
