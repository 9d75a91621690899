"""Small tests of a server, and what they might have left in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.server import Person, RunningServer
from youku_evloop import orm

SMALL: Final = ("--clients", "3", "--users", "2", "--movies", "2", "--size", "uniform:1KiB,300KiB", "--seed", "1")


def load(person: Person, *options: str | Path) -> Any:
    """The document of a small test that went well."""
    return person.do("loadtest", *SMALL, *options)


def left_in(server: RunningServer) -> dict[str, int]:
    """How many rows there are of what a test makes."""
    database = orm.Database(f"sqlite:///{server.data / 'youku.db'}")
    tables = ("movie", "movie_gram", "download_record", "download_wait", "search_history")
    try:
        counts = {table: int(database.execute(f"SELECT COUNT(*) FROM {table}").rows[0][0]) for table in tables}
        unfinished = database.execute("SELECT COUNT(*) FROM upload WHERE state <> 'cancelled'").rows[0][0]
        users = database.execute("SELECT COUNT(*) FROM user WHERE name LIKE 'loadtest%'").rows[0][0]
        return {
            name: count for name, count in {**counts, "user": int(users), "upload": int(unfinished)}.items() if count
        }
    finally:
        database.close()


def files_in(server: RunningServer) -> list[str]:
    """Bytes of movies and uploads on its disk."""
    return [path.name for path in server.data.rglob("*") if path.is_file() and {"blobs", "parts"} & set(path.parts)]
