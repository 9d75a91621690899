"""The same work in three ORMs: a table of videos, read, written and changed."""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import peewee
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from youku_evloop import orm

CREATED = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
NAIVE = CREATED.replace(tzinfo=None)


def video(number: int, created: datetime) -> dict[str, Any]:
    """The columns of the row of this number, without its key."""
    return {
        "name": f"video number {number}", "file_hash": f"{number:064x}", "file_size": number * 1_000_003,
        "is_free": number % 2 == 0, "price": number % 5000, "owner": number % 7, "created": created,
    }  # fmt: skip


class Contestant(AbstractContextManager["Contestant"]):
    """One ORM with its own table in the database of `url`; each method is one piece of work over `rows` rows."""

    name: ClassVar[str]

    @abstractmethod
    def __init__(self, url: str, rows: int) -> None: ...
    @abstractmethod
    def clear(self) -> None: ...
    @abstractmethod
    def insert_each(self) -> Any: ...
    @abstractmethod
    def insert_many(self) -> Any: ...
    @abstractmethod
    def read_all(self) -> Any: ...
    @abstractmethod
    def read_each(self) -> Any: ...
    @abstractmethod
    def update_each(self) -> Any: ...


class OurVideo(orm.Model, table="our_video"):
    """The table, as Youku's ORM declares it."""

    id = orm.BigInteger(primary_key=True)
    name = orm.String(200)
    file_hash = orm.String(64, index=True)
    file_size = orm.BigInteger()
    is_free = orm.Boolean()
    price = orm.Integer()
    owner = orm.BigInteger()
    created = orm.DateTime()


class Ours(Contestant):
    """Youku's ORM, in its default runtime: no loop."""

    name = "youku"

    def __init__(self, url: str, rows: int) -> None:
        self.database = orm.Database(url)
        self.videos = [video(number, CREATED) for number in range(1, rows + 1)]
        orm.create_all(self.database, [OurVideo])
        self._use = self.database.use()
        self._use.__enter__()

    def __exit__(self, *error: object) -> None:
        self._use.__exit__(None, None, None)
        self.database.close()

    def clear(self) -> None:
        OurVideo.select().delete()

    def insert_each(self) -> None:
        with self.database.transaction():
            for values in self.videos:
                OurVideo.create(**values)

    def insert_many(self) -> None:
        OurVideo.insert_many(self.videos)

    def read_all(self) -> list[OurVideo]:
        return OurVideo.select().all()

    def read_each(self) -> None:
        first = OurVideo.select().columns(orm.min(OurVideo.id)).rows()[0][0]
        for number in range(len(self.videos)):
            OurVideo.select(id=first + number).get()

    def update_each(self) -> None:
        with self.database.transaction():
            for found in OurVideo.select():
                found.price += 1
                found.save()


class Peewee(Contestant):
    """peewee, each piece of work in the way that its own documentation has it."""

    name = "peewee"

    def __init__(self, url: str, rows: int) -> None:
        self.database = _peewee_database(url)
        self.videos = [video(number, NAIVE) for number in range(1, rows + 1)]
        self.model = _peewee_model(self.database)
        self.database.create_tables([self.model])

    def __exit__(self, *error: object) -> None:
        self.database.close()

    def clear(self) -> None:
        self.model.delete().execute()

    def insert_each(self) -> None:
        with self.database.atomic():
            for values in self.videos:
                self.model.create(**values)

    def insert_many(self) -> None:
        with self.database.atomic():
            self.model.insert_many(self.videos).execute()

    def read_all(self) -> list[Any]:
        return list(self.model.select())

    def read_each(self) -> None:
        first = self.model.select(peewee.fn.MIN(self.model.id)).scalar()
        for number in range(len(self.videos)):
            self.model.get(self.model.id == first + number)

    def update_each(self) -> None:
        with self.database.atomic():
            for found in self.model.select():
                found.price += 1
                found.save(only=found.dirty_fields)


def _peewee_database(url: str) -> Any:
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        return peewee.SqliteDatabase(path, pragmas={"journal_mode": "wal", "synchronous": "full"})
    parts = urlsplit(url)
    return peewee.MySQLDatabase(
        parts.path[1:],
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=unquote(parts.password or ""),
    )


class _Moment(peewee.DateTimeField):  # type: ignore[misc,unused-ignore]  # where peewee is not installed
    def get_modifiers(self) -> list[int] | None:
        return [6] if isinstance(self.model._meta.database, peewee.MySQLDatabase) else None


def _peewee_model(connected: Any) -> Any:
    class PeeweeVideo(peewee.Model):  # type: ignore[misc,unused-ignore]  # where peewee is not installed
        """The same table for peewee, in a database that is known only now."""

        id = peewee.BigAutoField() if isinstance(connected, peewee.MySQLDatabase) else peewee.AutoField()
        name = peewee.CharField(200)
        file_hash = peewee.CharField(64, index=True)
        file_size = peewee.BigIntegerField()
        is_free = peewee.BooleanField()
        price = peewee.IntegerField()
        owner = peewee.BigIntegerField()
        created = _Moment()

        class Meta:
            database = connected
            table_name = "peewee_video"
            only_save_dirty = True

    return PeeweeVideo


class Base(DeclarativeBase):  # type: ignore[misc,unused-ignore]  # where SQLAlchemy is not installed
    """Where SQLAlchemy collects its tables."""


class AlchemyVideo(Base):
    """The same table for SQLAlchemy."""

    __tablename__ = "alchemy_video"
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    file_hash: Mapped[str] = mapped_column(sa.String(64), index=True)
    file_size: Mapped[int] = mapped_column(sa.BigInteger)
    is_free: Mapped[bool]
    price: Mapped[int]
    owner: Mapped[int] = mapped_column(sa.BigInteger)
    created: Mapped[datetime] = mapped_column(sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"))


class SqlAlchemy(Contestant):
    """SQLAlchemy's ORM: a session for each piece of work."""

    name = "SQLAlchemy"

    def __init__(self, url: str, rows: int) -> None:
        self.engine = sa.create_engine(url.replace("mysql://", "mysql+pymysql://"))
        if url.startswith("sqlite"):
            sa.event.listen(self.engine, "connect", _durable)
        self.videos = [video(number, NAIVE) for number in range(1, rows + 1)]
        Base.metadata.create_all(self.engine)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.engine.dispose()

    def clear(self) -> None:
        with Session(self.engine) as session, session.begin():
            session.execute(sa.delete(AlchemyVideo))

    def insert_each(self) -> None:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            for values in self.videos:
                session.add(AlchemyVideo(**values))
                session.flush()

    def insert_many(self) -> None:
        with Session(self.engine) as session, session.begin():
            session.execute(sa.insert(AlchemyVideo), self.videos)

    def read_all(self) -> list[Any]:
        with Session(self.engine) as session:
            return list(session.scalars(sa.select(AlchemyVideo)))

    def read_each(self) -> None:
        with Session(self.engine) as session:
            first = session.scalar(sa.select(sa.func.min(AlchemyVideo.id))) or 0
            for number in range(len(self.videos)):
                session.scalars(sa.select(AlchemyVideo).where(AlchemyVideo.id == first + number)).one()

    def update_each(self) -> None:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            for found in session.scalars(sa.select(AlchemyVideo)).all():
                found.price += 1
                session.flush()


def _durable(connection: sqlite3.Connection, _: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
