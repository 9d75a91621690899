"""The database's schema over time: made whole where there is nothing, brought forward by steps where it is older.

Version 0 is the first release. A step is never changed once released; a change of the models comes with a new step
that does the same to an existing database, and a test holds both ways together.
"""

from __future__ import annotations

from typing import Any, Final

from youku_evloop import grams, orm
from youku_evloop.errors import Conflict
from youku_evloop.models import (
    MODELS,
    DownloadRecord,
    DownloadWait,
    Invitation,
    LoginFailures,
    Movie,
    MovieGram,
    Notice,
    Purchase,
    SearchHistory,
    Session,
    Upload,
    User,
    folded_name,
)

HEADER: Final = """\
-- The tables of Youku for MySQL and MariaDB: what youku_evloop/models.py declares.
-- Made by `youku-server schema`; `youku-server init-db` makes them in a database.

"""


def index_movies_by_deletion(database: orm.Database) -> None:
    """The list of all movies, newest first, is a walk along one index."""
    _add_index(database, Movie, orm.Index("is_delete"))


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
    _add_index(database, Movie, orm.Index("user_id", "is_delete", "file_size"))


def make_room_for_the_whole_service(database: orm.Database) -> None:
    """Purchases that are settled, waits, invitations, login limits, notices that change, lists in several orders."""
    orm.create_all(database, [MovieGram, DownloadWait, Invitation, LoginFailures])
    for column in LATER_COLUMNS:
        _add_column(database, column)
    for index, model in LATER_INDEXES:
        _add_index(database, model, index)


def index_the_search_text(database: orm.Database) -> None:
    """What movies that were published before are found by."""
    with database.use():
        last = 0
        oldest = Movie.select().columns(Movie.id, Movie.name, Movie.description).order_by(Movie.id).limit(AT_ONCE)
        while rows := oldest.where(Movie.id > last).rows():
            for movie_id, name, description in rows:
                _index_movie(movie_id, grams.normalised(f"{name}\n{description}"))
            last = rows[-1][0]


def _index_movie(movie_id: int, text: str) -> None:
    found = grams.of_text(text)
    MovieGram.select(movie_id=movie_id).where(MovieGram.gram.in_(found)).delete()  # of a step that was broken off
    MovieGram.insert_many({"gram": gram, "movie_id": movie_id} for gram in found)
    Movie.select(id=movie_id).update(search_text=text)


def compare_names_without_case(database: orm.Database) -> None:
    """Of names that differ in case alone the first keeps them all; the others are found by their very spelling."""
    _add_column(database, (User.folded_name, None))
    with database.use():
        known: set[str] = set()
        for user_id, name in User.select().columns(User.id, User.name).order_by(User.id).rows():
            if (folded := folded_name(name)) not in known:
                known.add(folded)
                User.select(id=user_id).update(folded_name=folded)
    _add_index(database, User, orm.Unique("folded_name"))


def index_pairs_of_letters(database: orm.Database) -> None:
    """Two letters are found wherever they stand in a word. What led to beginnings of two stays; nobody asks for it."""
    index_the_search_text(database)


AT_ONCE: Final = 500
"""Rows that a step holds at a time."""
LATER_COLUMNS: Final = (
    (User.notice_seen, 0),
    (Session.address, ""),
    (Movie.search_text, ""),
    (Notice.edit_time, None),
    (Notice.is_withdrawn, 0),
    (Purchase.months, None),
    (Purchase.claim, None),
    (Purchase.provider, "instant"),
    (Purchase.reference, ""),
    (Purchase.settle_time, None),
    (SearchHistory.is_found, 1),
)
"""Columns that came with the third step, and what older rows have in them."""
LATER_INDEXES: Final[tuple[tuple[orm.Index, type[orm.Model]], ...]] = (
    (orm.Index("is_delete", "name"), Movie),
    (orm.Index("is_delete", "file_size"), Movie),
    (orm.Index("is_delete", "is_free", "name"), Movie),
    (orm.Index("is_delete", "is_free", "file_size"), Movie),
    (orm.Index("is_withdrawn"), Notice),
    (orm.Index("state"), Purchase),
    (orm.Unique("claim"), Purchase),
    (orm.Index("is_found", "create_time"), SearchHistory),
)
MIGRATIONS: Final = orm.Migrations(
    [
        index_movies_by_deletion,
        remember_deletions_hashes_and_ranges,
        index_movies_by_user,
        make_room_for_the_whole_service,
        index_the_search_text,
        compare_names_without_case,
        index_pairs_of_letters,
    ]
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


def _add_column(database: orm.Database, later: tuple[orm.Field[Any], int | str | None]) -> None:
    column, value = later
    table = column.table.name
    if _has_column(database, table, column.name):
        return
    ddl = orm.column_ddl(column, database.dialect)
    if value is None:
        default = ""
    elif database.dialect == "mysql" and column.kind.mysql == "LONGTEXT":
        default = " DEFAULT ('')"
    else:
        default = f" DEFAULT {value!r}"
    database.execute(f"ALTER TABLE `{table}` ADD COLUMN {ddl}{default}")
    if value is not None and database.dialect == "mysql":  # SQLite cannot take a default back
        database.execute(f"ALTER TABLE `{table}` ALTER COLUMN `{column.name}` DROP DEFAULT")


def _add_index(database: orm.Database, model: type[orm.Model], index: orm.Index) -> None:
    table = model.__table__
    name, columns = table.name_of(index), ", ".join(f"`{column}`" for column in index.names)
    kind = "UNIQUE INDEX" if index.unique else "INDEX"
    if database.dialect == "sqlite":
        database.execute(f"CREATE {kind} IF NOT EXISTS `{name}` ON `{table.name}` ({columns})")
    elif not _count(database, "statistics", f"table_name = '{table.name}' AND index_name = '{name}'"):
        database.execute(f"CREATE {kind} `{name}` ON `{table.name}` ({columns})")


def _has_column(database: orm.Database, table: str, name: str) -> bool:
    if database.dialect == "sqlite":
        return any(row[1] == name for row in database.execute(f"PRAGMA table_info(`{table}`)").rows)
    return _count(database, "columns", f"table_name = '{table}' AND column_name = '{name}'") > 0


def _count(database: orm.Database, view: str, condition: str) -> int:
    """Rows about this database in one of MySQL's `information_schema` views."""
    sql = f"SELECT count(*) FROM information_schema.{view} WHERE table_schema = DATABASE() AND {condition}"
    return int(database.execute(sql).rows[0][0])
