"""The schema: one source, two databases, and a way forward from every older version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from youku_evloop import orm, schema
from youku_evloop.errors import Conflict
from youku_evloop.models import MODELS, DownloadRecord, Movie, Upload, User

CHECKOUT = Path(__file__).parent.parent
LATER_INDEXES = {"movie_is_delete", "movie_user_id_is_delete_file_size"}
LATER_COLUMNS = [("movie", "delete_time"), ("upload", "file_hash"), ("download_record", "ranges")]


@pytest.fixture
def database(database_url: str) -> Iterator[orm.Database]:
    database = orm.Database(database_url, runtime=orm.BlockingRuntime())
    with database.use():
        yield database
    database.close()


def make_version_0(database: orm.Database) -> None:
    """The first release's tables, with something in them."""
    orm.create_all(database, MODELS)
    for index in LATER_INDEXES:
        database.execute(f"DROP INDEX `{index}`" + (" ON `movie`" if database.dialect == "mysql" else ""))
    for table, column in LATER_COLUMNS:
        database.execute(f"ALTER TABLE `{table}` DROP COLUMN `{column}`")
    database.execute("INSERT INTO `user` VALUES (1, 'root', 'x', 'admin', 0, NULL, '2026-01-01 00:00:00.000000')")
    database.execute(
        "INSERT INTO `movie` VALUES (1, ?, '', ?, 1, ?, 1, NULL, NULL, 0, 1, '2026-01-01 00:00:00.000000')",
        ("電影 🎬", "0" * 64, "0" * 64),
    )


def indexes_of_movie(database: orm.Database) -> set[str]:
    if database.dialect == "mysql":
        return {row[2] for row in database.execute("SHOW INDEX FROM `movie`").rows}
    return {row[1] for row in database.execute('PRAGMA index_list("movie")').rows}


def test_schema_sql_is_what_the_models_declare() -> None:
    assert (CHECKOUT / "schema.sql").read_text() == schema.text()


def test_an_empty_database_is_made_whole_and_preparing_it_again_changes_nothing(database: orm.Database) -> None:
    schema.prepare(database)
    User.create(name="root", password="x")
    schema.prepare(database)
    assert User.select().count() == 1
    assert schema.MIGRATIONS.version(database) == schema.MIGRATIONS.latest
    assert indexes_of_movie(database) >= LATER_INDEXES


def test_an_older_database_is_refused_until_it_is_migrated_and_keeps_its_rows(database: orm.Database) -> None:
    make_version_0(database)
    with pytest.raises(Conflict, match="youku-server migrate"):
        schema.prepare(database)
    assert schema.migrate(database) == list(range(1, schema.MIGRATIONS.latest + 1))
    schema.prepare(database)
    assert Movie.select().get().name == "電影 🎬"
    assert indexes_of_movie(database) >= LATER_INDEXES
    assert Movie.select().get().delete_time is None
    assert (Upload.select(file_hash=None).count(), DownloadRecord.select(ranges=None).count()) == (0, 0)
    assert schema.migrate(database) == []


def test_a_newer_database_is_refused(database: orm.Database) -> None:
    schema.prepare(database)
    table = "`schema_version`" if database.dialect == "mysql" else '"schema_version"'
    database.execute(f"UPDATE {table} SET version = version + 1")
    with pytest.raises(orm.DatabaseTooNew):
        schema.prepare(database)
    with pytest.raises(orm.DatabaseTooNew):
        schema.migrate(database)
