"""Databases with the tables of these tests: made once, emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.orm.tables import MODELS
from tests.support.mariadb import MariaDB
from youku_evloop import orm


@pytest.fixture(scope="session")
def mysql_tables(mariadb: MariaDB) -> Iterator[str]:
    yield mariadb.create_database("orm_tables")
    mariadb.drop_database("orm_tables")


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('orm') / 'tables.db'}"


@pytest.fixture(params=["sqlite", "mysql"])
def tables_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with all tables in it, empty; the test runs once on each kind."""
    return str(request.getfixturevalue(f"{request.param}_tables"))


@pytest.fixture
def database(tables_url: str) -> Iterator[orm.Database]:
    """A database with all tables, in use; nothing may be left lent out at the end."""
    yield from _in_use(tables_url)


@pytest.fixture
def mysql(mysql_tables: str) -> Iterator[orm.Database]:
    """As `database`, where only MySQL is meant."""
    yield from _in_use(mysql_tables)


@pytest.fixture
def sqlite(sqlite_tables: str) -> Iterator[orm.Database]:
    """As `database`, where only SQLite is meant."""
    yield from _in_use(sqlite_tables)


def _in_use(url: str) -> Iterator[orm.Database]:
    database = orm.Database(url)
    orm.create_all(database, MODELS)
    with database.use():
        yield database
        assert database.stats().in_use == 0
        for model in MODELS:
            model.select().delete()
    database.close()
