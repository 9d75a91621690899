"""The database's schema over time: made whole where there is nothing, brought forward by steps where it is older.

Version 0 is the first release. A step is never changed once released; a change of the models comes with a new step
that does the same to an existing database, and a test holds both ways together.
"""

from __future__ import annotations

from typing import Final

from youku_evloop import orm
from youku_evloop.errors import Conflict
from youku_evloop.models import MODELS, DownloadRecord, Movie, Upload

HEADER: Final = """\
-- The tables of Youku for MySQL and MariaDB: what youku_evloop/models.py declares.
-- Made by `youku-server schema`; `youku-server init-db` makes them in a database.

"""


def index_movies_by_deletion(database: orm.Database) -> None:
    """The list of all movies, newest first, is a walk along one index."""
    _add_index(database, "movie", "is_delete")


def remember_deletions_hashes_and_ranges(database: orm.Database) -> None:
    """When a movie was deleted, what an upload is verified against, which bytes of a movie a user has."""
    for column in (Movie.delete_time, Upload.file_hash, DownloadRecord.ranges):
        table = column.table.name
        if not _has_column(database, table, column.name):
            database.execute(f"ALTER TABLE `{table}` ADD COLUMN {orm.column_ddl(column, database.dialect)}")
    database.execute(
        "UPDATE `movie` SET `delete_time` = ? WHERE `is_delete` <> 0 AND `delete_time` IS NULL", [orm.utcnow()]
    )


def index_movies_by_user(database: orm.Database) -> None:
    """What a user has published is added up from an index, for the quota."""
    _add_index(database, "movie", "user_id", "is_delete", "file_size")


MIGRATIONS: Final = orm.Migrations(
    [index_movies_by_deletion, remember_deletions_hashes_and_ranges, index_movies_by_user]
)


def prepare(database: orm.Database) -> None:
    """Make the tables in an empty database; leave a current one alone.

    Raises `Conflict` when the database is older, `orm.DatabaseTooNew` when it is newer than this program.
    """
    if not _is_made(database):
        orm.create_all(database, MODELS)
        MIGRATIONS.stamp(database)
    elif MIGRATIONS.version(database) < MIGRATIONS.latest:
        raise Conflict("The database was made by an older version: back it up and run `youku-server migrate`.")


def migrate(database: orm.Database) -> list[int]:
    """Bring the database to this program's version; the versions reached, in order. Raises `orm.DatabaseTooNew`."""
    if not _is_made(database):
        prepare(database)
    return MIGRATIONS.apply(database)


def text() -> str:
    """The whole of schema.sql."""
    return HEADER + orm.schema(MODELS, "mysql").rstrip() + "\n"


def _is_made(database: orm.Database) -> bool:
    if database.dialect == "sqlite":
        return bool(database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'movie'").rows)
    return _count(database, "tables", "table_name = 'movie'") > 0


def _add_index(database: orm.Database, table: str, *columns: str) -> None:
    """An index as the models would name it, unless it is there."""
    name, names = "_".join([table, *columns]), ", ".join(f"`{column}`" for column in columns)
    if database.dialect == "sqlite":
        database.execute(f"CREATE INDEX IF NOT EXISTS `{name}` ON `{table}` ({names})")
    elif not _count(database, "statistics", f"table_name = '{table}' AND index_name = '{name}'"):
        database.execute(f"CREATE INDEX `{name}` ON `{table}` ({names})")


def _has_column(database: orm.Database, table: str, name: str) -> bool:
    if database.dialect == "sqlite":
        return any(row[1] == name for row in database.execute(f"PRAGMA table_info(`{table}`)").rows)
    return _count(database, "columns", f"table_name = '{table}' AND column_name = '{name}'") > 0


def _count(database: orm.Database, view: str, condition: str) -> int:
    """Rows about this database in one of MySQL's `information_schema` views."""
    sql = f"SELECT count(*) FROM information_schema.{view} WHERE table_schema = DATABASE() AND {condition}"
    return int(database.execute(sql).rows[0][0])
