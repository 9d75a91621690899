"""A library's tables as they are after some years of use."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from blake3 import blake3

from youku_evloop import orm
from youku_evloop.models import (
    MODELS,
    DownloadRecord,
    Movie,
    MovieGram,
    Notice,
    Purchase,
    PurchaseKind,
    PurchaseState,
    SearchHistory,
    Session,
    Upload,
    UploadState,
    User,
    UserType,
)

USERS: Final = 2000
ADMINS: Final = 3
"""Who have uploaded everything: the first users."""
ROWS: Final = 5000
SIZE: Final = 1000


def fill(database: orm.Database) -> None:
    """Tables with as many rows as a library has after some years, and statistics about them."""
    names = [f"user {n}" for n in range(USERS)]
    User.insert_many({"name": name, "folded_name": name, "password": "x"} for name in names)
    User.select().where(User.name.in_(names[:ADMINS])).update(user_type=UserType.ADMIN)
    users = [key for (key,) in User.select().order_by(User.id).columns(User.id).rows()]
    now = orm.utcnow()

    def of_many(make: Callable[[int], dict[str, Any]], people: int = USERS) -> Iterator[dict[str, Any]]:
        for number in range(ROWS):
            made = now - timedelta(minutes=number)
            yield {"user_id": users[number % people], "create_time": made, **make(number)}

    Movie.insert_many(of_many(lambda number: {
        "name": f"Movie {number}", "file_hash": digest_of(number), "file_size": SIZE, "fingerprint": digest_of(-number),
        "is_free": number % 2 == 0, "is_delete": number % 20 == 0,
    }, ADMINS))  # fmt: skip
    movies = [key for (key,) in Movie.select().order_by(Movie.id).columns(Movie.id).rows()]
    MovieGram.insert_many({"gram": number % 50, "movie_id": movies[number]} for number in range(ROWS))
    Session.insert_many(of_many(lambda number: {
        "token_hash": digest_of(number), "expire_time": now + timedelta(minutes=number),
    }))  # fmt: skip
    Upload.insert_many(of_many(lambda number: {
        "id": secrets.token_hex(16), "name": f"Movie {number}", "size": SIZE, "fingerprint": digest_of(-number),
        "boot_id": "before", "options": {}, "expire_time": now + timedelta(minutes=number),
        "state": UploadState.RECEIVING if number % 100 == 0 else UploadState.PUBLISHED,
    }, ADMINS))  # fmt: skip
    Notice.insert_many(of_many(lambda number: {"title": f"Notice {number}", "content": "..."}))
    DownloadRecord.insert_many(of_many(lambda number: {"movie_id": movies[number]}))
    Purchase.insert_many(of_many(lambda number: {
        "movie_id": movies[number], "kind": PurchaseKind.MOVIE, "amount": 2000,
        "state": PurchaseState.WAITING if number % 100 == 0 else PurchaseState.PAID,
    }))  # fmt: skip
    SearchHistory.insert_many(of_many(lambda number: {"query": f"query {number}"}))
    analyse(database)


def analyse(database: orm.Database) -> None:
    """Let the database know how its tables are filled by now."""
    for model in MODELS:
        database.execute(f"ANALYZE TABLE `{model.__table__.name}`")


def digest_of(number: int) -> str:
    """Something like a BLAKE3 hash."""
    return blake3(str(number).encode()).hexdigest()
