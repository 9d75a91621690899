"""The schema: one source, two databases, and a way forward from every older version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from youku_evloop import grams, orm, schema
from youku_evloop.errors import Conflict, NameTaken
from youku_evloop.models import (
    MODELS,
    DownloadRecord,
    Movie,
    MovieGram,
    Notice,
    Purchase,
    SearchHistory,
    Session,
    Upload,
    User,
)
from youku_evloop.services import accounts
from youku_evloop.services.accounts import Verifier

CHECKOUT = Path(__file__).parent.parent
SCHEMAS = CHECKOUT / "tests" / "schemas"
LATER_INDEXES = {"movie_is_delete", "movie_user_id_is_delete_file_size"}
LATER_COLUMNS = [("movie", "delete_time"), ("upload", "file_hash"), ("download_record", "ranges")]


@pytest.fixture
def database(database_url: str) -> Iterator[orm.Database]:
    database = orm.Database(database_url, runtime=orm.BlockingRuntime())
    with database.use():
        yield database
    database.close()


def make_version_2(database: orm.Database) -> None:
    """The tables as they were before the whole service came: kept as text, since the models have moved on."""
    statements = (SCHEMAS / f"version_2.{database.dialect}.sql").read_text().split(";\n")
    for statement in filter(str.strip, statements):
        database.execute(statement)


def populate_version_2(database: orm.Database) -> None:
    """A row in every table that gets a new column."""
    time, digest = "2026-01-01 00:00:00.000000", "0" * 64
    rows: dict[str, tuple[object, ...]] = {
        "user": (1, "root", "x", "admin", 0, None, time),
        "session": (1, digest, 1, time, time, time),
        "movie": (1, "大话西游 Part Two", "a 4K film", digest, 1, digest, 1, None, None, 0, 1, time, None),
        "notice": (1, "title", "content", 1, time),
        "purchase": (1, 1, "movie", 1, 2000, "paid", time),
        "search_history": (1, 1, "query", time),
    }
    for table, values in rows.items():
        database.execute(f"INSERT INTO `{table}` VALUES ({', '.join('?' * len(values))})", values)


def shape(database: orm.Database) -> dict[str, object]:
    """Of every table its columns and indexes, whatever order they came in."""
    return {model.__table__.name: (columns_of(database, model), indexes_of(database, model)) for model in MODELS}


def columns_of(database: orm.Database, model: type[orm.Model]) -> set[tuple[object, ...]]:
    table = model.__table__.name
    if database.dialect == "mysql":
        return {tuple(row) for row in database.execute(f"SHOW COLUMNS FROM `{table}`").rows}
    return {(row[1], row[2], row[3]) for row in database.execute(f"PRAGMA table_info(`{table}`)").rows}


def indexes_of(database: orm.Database, model: type[orm.Model]) -> set[tuple[object, ...]]:
    table = model.__table__.name
    if database.dialect == "mysql":
        return {(row[1], row[2], row[3], row[4]) for row in database.execute(f"SHOW INDEX FROM `{table}`").rows}
    return {(row[1], row[2]) for row in database.execute(f"PRAGMA index_list(`{table}`)").rows}


def make_version_0(database: orm.Database) -> None:
    """The first release's tables, with something in them."""
    make_version_2(database)
    drop = "DROP INDEX `movie_is_delete` ON `movie`" if database.dialect == "mysql" else 'DROP INDEX "movie_is_delete"'
    database.execute(drop)
    for table, column in LATER_COLUMNS:
        database.execute(f"ALTER TABLE `{table}` DROP COLUMN `{column}`")
    database.execute("INSERT INTO `user` VALUES (1, 'root', 'x', 'admin', 0, NULL, '2026-01-01 00:00:00.000000')")
    database.execute(
        "INSERT INTO `movie` VALUES (1, ?, '', ?, 1, ?, 1, NULL, NULL, 0, 1, '2026-01-01 00:00:00.000000')",
        ("電影 🎬", "0" * 64, "0" * 64),
    )


def test_names_that_differ_in_case_alone_stay_as_they_are_and_no_more_come(database: orm.Database) -> None:
    make_version_2(database)
    insert = "INSERT INTO `user` VALUES (?, ?, 'x', 'user', 0, NULL, '2026-01-01 00:00:00.000000')"
    for number, name in enumerate(("Alice", "alice", "STRAßE"), 1):
        database.execute(insert, [number, name])
    schema.migrate(database)
    found = [accounts.named(name) for name in ("Alice", "alice", "ALICE", "strasse", "bob")]
    assert [user and user.id for user in found] == [1, 2, 1, 3, None]
    for name in ("aLICE", "Strasse"):
        with pytest.raises(NameTaken):
            accounts.create(name, Verifier(b"s" * 16, 4096, b"k" * 32, b"k" * 32))


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


def test_a_database_from_before_the_whole_service_becomes_like_a_new_one(
    database: orm.Database, database_url: str
) -> None:
    make_version_2(database)
    populate_version_2(database)
    schema.MIGRATIONS.version(database)
    schema.migrate(database)
    migrated = shape(database)
    movie = Movie.select().get()
    assert movie.search_text == "大话西游 part two\na 4k film"
    assert {row.gram for row in MovieGram.select()} == grams.of_text(movie.search_text)
    assert (User.select().get().notice_seen, Session.select().get().address) == (0, "")
    assert Purchase.select().get().provider == "instant"
    assert Notice.select(is_withdrawn=False).count() == SearchHistory.select(is_found=True).count() == 1
    orm.drop_all(database, MODELS)
    orm.create_all(database, MODELS)
    assert migrated == shape(database)


def test_a_step_that_was_broken_off_can_be_made_again(database: orm.Database) -> None:
    make_version_2(database)
    populate_version_2(database)
    schema.make_room_for_the_whole_service(database)
    schema.index_the_search_text(database)
    schema.migrate(database)
    assert MovieGram.select().count() == len(grams.of_text(Movie.select().get().search_text))


def test_a_newer_database_is_refused(database: orm.Database) -> None:
    schema.prepare(database)
    table = "`schema_version`" if database.dialect == "mysql" else '"schema_version"'
    database.execute(f"UPDATE {table} SET version = version + 1")
    with pytest.raises(orm.DatabaseTooNew):
        schema.prepare(database)
    with pytest.raises(orm.DatabaseTooNew):
        schema.migrate(database)
