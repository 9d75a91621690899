"""Every statement that a command makes finds its rows by an index, in tables that are as large as tables become.

The commands run as in the server, on the real services and a MariaDB whose tables were filled and analysed; each
statement that they send is written down and explained by the database afterwards. A new command fails here until it has
an exercise (`exercises.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from scramp import ScramClient

from tests.support.filled import ROWS, fill
from tests.support.mariadb import MariaDB
from tests.system.exercises import EXERCISES, Conversation, log_in
from youku_evloop import orm, schema
from youku_evloop.commands import COMMANDS
from youku_evloop.config import Keeping
from youku_evloop.models import Movie, SearchHistory, User
from youku_evloop.orm.expressions import Raw
from youku_evloop.orm.pool import Link, Result
from youku_evloop.services import accounts, uploads
from youku_evloop.services import search as search_service
from youku_evloop.services.library import SESSION_LIFETIME, Library
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store

MANY: Final = 500
"""Rows that a statement may look at without being stopped by a LIMIT: a tenth of a table, in which indexes are used."""
EXPLAINED: Final = ("select", "update", "delete")
ALLOWED: Final[Mapping[str, str]] = {
    "SELECT SUM(`movie`.`file_size`) FROM `movie` WHERE `movie`.`user_id`": "What one user has published: a "
    "sum of many rows, read from an index that has the sizes, and only where there is a quota.",
}
"""Statements that may look at many rows, but at no whole table or index: how they begin, and the reason."""


class Recorder(orm.Database):
    """A database that writes down every statement."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.statements: list[tuple[str, list[Raw]]] = []

    def timed(self, link: Link, sql: str, values: Any = ()) -> Result:
        """As ever, and written down."""
        self.statements.append((sql, list(values)))
        return super().timed(link, sql, values)


@dataclass(frozen=True)
class Step:
    """A line of EXPLAIN: how one table of a statement is read."""

    table: str | None
    how: str | None
    """`type`: ALL is the whole table, index a whole index."""
    rows: int
    extra: str

    def problem(self, sql: str) -> str | None:
        """What is wrong with it in a table that grows; None: nothing."""
        if self.table is None or self.how is None:  # decided without reading anything
            return None
        if self.table.startswith(
            ("<derived", "<subquery")
        ):  # of a statement inside this one, which has a line of its own
            return None
        stops_early = " LIMIT " in sql and "filesort" not in self.extra and "temporary" not in self.extra
        if self.how == "ALL":
            return f"reads the whole of {self.table}"
        if self.how == "index" and not stops_early:
            return f"reads a whole index of {self.table}"
        if self.rows > MANY and not stops_early and not sql.startswith(tuple(ALLOWED)):
            return f"looks at {self.rows} rows of {self.table}"
        return None


def plan(database: orm.Database, sql: str, values: list[Raw]) -> list[Step]:
    """How the database would carry a statement out."""
    rows = database.execute(f"EXPLAIN {sql}", values).rows
    return [Step(row[2], row[3], int(str(row[8] or 0).split()[0]), str(row[9] or "")) for row in rows]


def problems(database: orm.Database, statements: list[tuple[str, list[Raw]]]) -> list[str]:
    """What is wrong with the plans of these statements; each kind of statement is looked at once."""
    found = []
    for sql, values in dict(reversed(statements)).items():
        if sql.split(None, 1)[0].lower() in EXPLAINED:
            steps = plan(database, sql, values)
            found += [f"{problem} ({step}): {sql}" for step in steps if (problem := step.problem(sql))]
    return found


# -- the tests


@pytest.fixture(scope="module")
def database(mariadb: MariaDB) -> Iterator[Recorder]:
    """A filled one."""
    database = Recorder(mariadb.create_database("plans"))
    with database.use():
        schema.prepare(database)
        fill(database)
    yield database
    database.close()
    mariadb.drop_database("plans")


@pytest.fixture
def talk(database: Recorder, tmp_path: Path) -> Iterator[Conversation]:
    """The conversation of an administrator who has uploaded much; what is asked from here on is on record."""
    store = Store(tmp_path, Files())
    store.prepare()
    library = Library.for_one(store, "now", Keeping(quota=2**40, keep_free=0))
    with database.use():
        admin = User.select(name="user 0").get()
        _, session = accounts.open_session(admin, SESSION_LIFETIME)
        database.statements.clear()
        yield Conversation(library, accounts.caller(admin, session))
    for upload in library.open_uploads.values():
        upload.part.close()


def test_every_command_has_an_exercise() -> None:
    assert EXERCISES.keys() == {command.name for command in COMMANDS.values()}


@pytest.mark.parametrize("op", EXERCISES)
def test_no_command_reads_a_whole_table(database: Recorder, talk: Conversation, op: str) -> None:
    EXERCISES[op](talk)
    assert problems(database, database.statements) == []


def test_the_sweep_reads_no_whole_table(database: Recorder, talk: Conversation) -> None:
    talk.whole_upload()
    talk.movie()
    swept = uploads.sweep(talk.library)
    assert swept.problems == [] and swept.expired
    assert problems(database, database.statements) == []


def test_forgetting_old_searches_reads_no_whole_table(database: Recorder, talk: Conversation) -> None:
    age = timedelta(seconds=talk.library.rules.forget_searches)
    talk.library.now = lambda: orm.utcnow() + age - timedelta(minutes=ROWS // 2)
    before = SearchHistory.select().count()
    database.statements.clear()
    assert ROWS // 3 < search_service.sweep(talk.library) < ROWS
    assert problems(database, database.statements) == []
    left, newest = SearchHistory.select().count(), orm.utcnow() - timedelta(minutes=ROWS // 3)
    assert ROWS // 3 < left < before
    assert SearchHistory.select(SearchHistory.create_time > newest).count() >= ROWS // 4
    assert search_service.sweep(talk.library) == 0


def test_what_reads_a_whole_table_is_found(database: Recorder, talk: Conversation) -> None:
    Movie.select(Movie.name.contains("7")).all()
    Movie.select(description="").update(description="")
    Movie.select(is_delete=False).count()
    Movie.select().order_by(Movie.create_time).limit(1).all()
    Movie.select().order_by(Movie.id).limit(10).all()
    assert len(problems(database, database.statements)) == 4


def test_an_unknown_name_costs_the_same_statements_as_a_known_one(database: Recorder, talk: Conversation) -> None:
    log_in(talk)  # so that there is somebody
    known = User.select().order_by(User.id.desc()).first()
    assert known is not None
    asked = []
    for name in (f"n{uuid.uuid4().hex[:20]}", known.name, f"n{uuid.uuid4().hex[:20]}"):  # at first our address is new
        database.statements.clear()
        client = ScramClient(["SCRAM-SHA-256"], name, "guess")
        client.set_server_first(talk.ask("account.login", message=client.get_client_first())["message"])
        with pytest.raises(Exception, match="Wrong name or password"):
            talk.ask("account.proof", message=client.get_client_final())
        asked.append([sql for sql, _ in database.statements])
    assert asked[1] == asked[2]
