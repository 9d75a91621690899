"""The models that these tests speak of."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from youku_evloop import orm


class Colour(enum.StrEnum):
    RED = "red"
    GREEN = "green"


class Author(orm.Model, table="author"):
    id = orm.BigInteger(primary_key=True)
    name = orm.String(64, unique=True)
    colour = orm.Enum(Colour, default=Colour.RED)
    is_locked = orm.Boolean(default=False)
    born = orm.DateTime(null=True)


class Book(
    orm.Model, table="book", indexes=[orm.Index("is_free", "price", "id"), orm.Unique("author", "title")]
):  # fmt: skip
    id = orm.BigInteger(primary_key=True)
    author = orm.ForeignKey(Author, on_delete="cascade")
    author_id: orm.Field[int]
    editor = orm.ForeignKey(Author, null=True, on_delete="set null")
    editor_id: orm.Field[int | None]
    title = orm.String(200)
    is_free = orm.Boolean(default=True)
    price = orm.Integer(default=0)
    added = orm.DateTime(default=orm.utcnow)


class Review(orm.Model):
    id = orm.Integer(primary_key=True)
    book = orm.ForeignKey(Book, on_delete="cascade")
    book_id: orm.Field[int]
    stars = orm.Integer()


class Everything(orm.Model, table="everything"):
    """One field of each kind, each of which may be NULL."""

    key = orm.String(40, primary_key=True)
    small = orm.Integer(null=True)
    big = orm.BigInteger(null=True)
    flag = orm.Boolean(null=True)
    short = orm.String(100, null=True)
    text = orm.Text(null=True)
    blob = orm.Binary(1 << 21, null=True)
    moment = orm.DateTime(null=True)
    colour = orm.Enum(Colour, null=True)
    data: orm.Field[Any] = orm.Json(null=True)


class Order(orm.Model, table="order", indexes=[orm.Index("group", "key")]):
    """Names that are words of SQL."""

    key = orm.Binary(16, primary_key=True)
    group = orm.Integer(default=0)
    table = orm.String(20, default="select")


class Counter(orm.Model, table="counter"):
    name = orm.String(40, primary_key=True)
    count = orm.BigInteger(default=0)
    changed: orm.Field[datetime] = orm.DateTime(default=orm.utcnow)


MODELS: list[type[orm.Model]] = [Review, Book, Author, Everything, Order, Counter]
