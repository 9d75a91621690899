"""Tables from models: DDL, creating, dropping, and schema versions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orm.tables import MODELS, Author, Book, Counter, Order, Review
from youku_evloop import orm


@pytest.fixture
def empty(database_url: str) -> Iterator[orm.Database]:
    database = orm.Database(database_url)
    with database.use():
        yield database
    database.close()


def tables(database: orm.Database) -> set[str]:
    sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
    if database.dialect == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {row[0] for row in database.execute(sql).rows}


def test_the_schema_for_mysql_is_what_the_models_declare() -> None:
    assert orm.schema([Order], "mysql") == (
        "CREATE TABLE IF NOT EXISTS `order` (\n"
        "    `key` VARBINARY(16) NOT NULL,\n"
        "    `group` INT NOT NULL,\n"
        "    `table` VARCHAR(20) NOT NULL,\n"
        "    PRIMARY KEY (`key`),\n"
        "    KEY `order_group_key` (`group`, `key`)\n"
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        " /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;\n\n"
    )


def test_the_schema_for_sqlite_is_what_the_models_declare() -> None:
    assert orm.schema([Order], "sqlite") == (
        "CREATE TABLE IF NOT EXISTS `order` (\n"
        "    `key` BLOB NOT NULL PRIMARY KEY,\n"
        "    `group` INTEGER NOT NULL,\n"
        "    `table` TEXT NOT NULL\n"
        ") STRICT;\n\n"
        "CREATE INDEX IF NOT EXISTS `order_group_key`\n    ON `order` (`group`, `key`);\n\n"
    )


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(orm.ModelError, match="there are mysql and sqlite"):
        orm.schema([Order], "oracle")


def test_the_schema_s_text_makes_the_tables(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "made.db")
    connection.executescript(orm.schema(MODELS, "sqlite"))
    assert {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE%'")} >= {
        "author", "book", "review", "everything", "order", "counter",
    }  # fmt: skip
    connection.close()


def test_create_all_goes_in_order_and_can_be_repeated(empty: orm.Database) -> None:
    orm.create_all(empty, MODELS)
    Author.create(name="ann")
    orm.create_all(empty, MODELS)
    assert Author.select().count() == 1
    assert len(tables(empty)) == len(MODELS)


def test_tables_stand_after_those_they_refer_to_and_else_as_given() -> None:
    text = orm.schema([Order, Review, Counter, Author, Book], "mysql")
    assert re.findall(r"EXISTS `(\w+)`", text) == ["order", "author", "book", "review", "counter"]


def test_drop_all_goes_in_order_and_can_be_repeated(empty: orm.Database) -> None:
    orm.create_all(empty, MODELS)
    Book.create(author=Author.create(name="ann"), title="t")
    orm.drop_all(empty, reversed(MODELS))
    orm.drop_all(empty, MODELS)
    assert tables(empty) == set()


def test_models_may_point_at_each_other_s_models_that_are_not_listed(empty: orm.Database) -> None:
    orm.create_all(empty, [Author])
    orm.create_all(empty, [Book])
    assert tables(empty) == {"author", "book"}


def test_mysql_tables_are_innodb_and_compare_bytes(mysql: orm.Database) -> None:
    found = mysql.execute(
        "SELECT DISTINCT engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()"
    ).rows
    assert [tuple(row) for row in found] == [("InnoDB", "utf8mb4_nopad_bin")]


# schema versions


def add_column(database: orm.Database) -> None:
    database.execute("ALTER TABLE author ADD COLUMN nick TEXT")


def fill_column(database: orm.Database) -> None:
    database.execute("UPDATE author SET nick = name")


def fail_midway(database: orm.Database) -> None:
    database.execute("UPDATE author SET nick = 'broken'")
    raise ZeroDivisionError


def test_an_old_populated_database_is_brought_forward_by_steps(empty: orm.Database) -> None:
    orm.create_all(empty, MODELS)
    Author.insert_many([{"name": "ann"}, {"name": "ben"}])
    migrations = orm.Migrations([add_column])
    assert migrations.version(empty) == 0
    assert migrations.apply(empty) == [1]
    migrations = orm.Migrations([add_column, fill_column])
    assert migrations.apply(empty) == [2]
    assert migrations.apply(empty) == []
    assert migrations.version(empty) == 2
    found = empty.execute("SELECT name, nick FROM author ORDER BY name").rows
    assert [tuple(row) for row in found] == [("ann", "ann"), ("ben", "ben")]
    assert [row[0] for row in empty.execute("SELECT name FROM schema_version ORDER BY version").rows] == [
        "add_column", "fill_column",
    ]  # fmt: skip


def test_a_step_that_fails_leaves_the_version_and_the_data(empty: orm.Database) -> None:
    orm.create_all(empty, MODELS)
    Author.create(name="ann")
    migrations = orm.Migrations([add_column, fill_column, fail_midway])
    with pytest.raises(ZeroDivisionError):
        migrations.apply(empty)
    assert migrations.version(empty) == 2
    assert empty.execute("SELECT nick FROM author").rows[0][0] == "ann"


def test_a_database_just_made_is_at_the_latest_version(empty: orm.Database) -> None:
    migrations = orm.Migrations([add_column, fill_column])
    orm.create_all(empty, MODELS)
    migrations.stamp(empty)
    migrations.stamp(empty)
    assert migrations.version(empty) == 2
    assert migrations.apply(empty) == []


def test_a_database_of_a_newer_program_is_refused(empty: orm.Database) -> None:
    orm.Migrations([add_column, fill_column]).stamp(empty)
    older = orm.Migrations([add_column])
    for attempt in (older.version, older.apply, older.stamp):
        with pytest.raises(orm.DatabaseTooNew, match="has schema version 2; this program knows only 1") as caught:
            attempt(empty)
        assert (caught.value.found, caught.value.known) == (2, 1)


def test_a_column_s_definition_helps_to_write_a_step(empty: orm.Database) -> None:
    assert orm.column_ddl(Author.born, "mysql") == "`born` DATETIME(6)"
    assert orm.column_ddl(Author.name, "sqlite") == "`name` TEXT NOT NULL"
