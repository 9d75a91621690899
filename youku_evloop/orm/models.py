"""Models: a class for each table, an object for each row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from .database import current_database
from .errors import ModelError, NotFound
from .expressions import Condition, Expression, Raw, Statement, Value
from .fields import Field, ForeignKey, Index, Table, Unique
from .query import Query, assignments

M = TypeVar("M", bound="Model")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")  # 64 characters is MySQL's limit
VALUES_AT_ONCE = 10_000  # in one INSERT: SQLite takes 32,766
BYTES_AT_ONCE = 1 << 20  # in one INSERT: far below any server's max_allowed_packet


class ModelMeta(type):
    """Collects the fields of a model, and refuses at once what could not work later."""

    __table__: Table

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, table: str | None = None,
                indexes: Sequence[Index] = ()) -> ModelMeta:  # fmt: skip
        declared = {key: value for key, value in namespace.items() if isinstance(value, Field | ForeignKey)}
        columns = [
            (f"{key}_id", value.column) if isinstance(value, ForeignKey) else (key, value)
            for key, value in declared.items()
        ]
        cls = super().__new__(mcls, name, bases, {**namespace, **dict(columns)})
        if bases:
            cls.__table__ = _table(cls, table or re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower(), columns)
            for key, value in declared.items():
                value.table = cls.__table__
                if isinstance(value, ForeignKey):
                    value.name, value.column.table, cls.__table__.relations[key] = key, cls.__table__, value
            cls.__table__.indexes = _indexes(cls.__table__, indexes)
        return cls


def _table(cls: type, name: str, columns: Sequence[tuple[str, Field[Any]]]) -> Table:
    fields = dict(columns)
    for column, field in columns:
        if fields[column] is not field or hasattr(Model, column):
            raise ModelError(f"{cls.__name__} cannot have a field {column!r}: the name is taken")
        field.name = column
    for identifier in (name, *fields):
        if not IDENTIFIER.fullmatch(identifier):
            raise ModelError(f"{cls.__name__}: {identifier!r} cannot be the name of a table or column")
    primary = [field for field in fields.values() if field.primary_key]
    if len(primary) != 1:
        found = ", ".join(field.name for field in primary) or "none"
        raise ModelError(f"{cls.__name__} needs one field with primary_key=True; it has {found}")
    return Table(cls, name, fields, {}, primary[0])


def _indexes(table: Table, composite: Sequence[Index]) -> list[Index]:
    """All indexes of a table, by column names: those of single fields first."""
    single = [
        (Unique if field.unique else Index)(field.name)
        for field in table.columns
        if (field.unique or field.index) and not field.primary_key
    ]
    return single + [type(index)(*(table.column(name).name for name in index.names)) for index in composite]


class Model(metaclass=ModelMeta):
    """A row. `class Movie(orm.Model, table="movie", indexes=[...])` declares a table, its fields in the body."""

    __table__: ClassVar[Table]
    _stored: tuple[Raw, ...] | None = None  # the row as the database has it, by columns; None: not there

    def __init__(self, **values: Any) -> None:
        """An object that the database does not have yet: `save()` inserts it."""
        self.__dict__ = self.__table__.complete(values)
        for name in values.keys() & self.__table__.relations.keys():
            self.__dict__[name] = values[name]

    # rows of the table

    @classmethod
    def select(cls: type[M], *conditions: Condition, **equal: Any) -> Query[M]:
        """The rows that meet all conditions; `name=value` means equal."""
        query: Query[M] = Query(cls.__table__)
        return query.where(*conditions, **equal) if conditions or equal else query

    @classmethod
    def create(cls: type[M], **values: Any) -> M:
        """Insert a row and return its object."""
        created = cls(**values)
        created._insert()
        return created

    @classmethod
    def insert_many(cls, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert all the rows or none of them; how many. No objects are made."""
        table = cls.__table__
        filled = [table.complete(row) for row in rows]
        columns = table.columns if any(table.primary.name in row for row in filled) else table.unnumbered
        stored = [[field.store(row.get(field.name)) for field in columns] for row in filled]
        batches = list(_batches(stored))
        with current_database().transaction() if len(batches) > 1 else nullcontext():
            for batch in batches:
                _insert(table, columns, batch)
        return len(stored)

    @classmethod
    def upsert(cls, key: Field[Any] | Sequence[Field[Any]], update: Mapping[str, Any] | None = None, /,
               **values: Any) -> None:  # fmt: skip
        """Insert a row, or, where one with the same unique `key` exists, set `update` in it.

        Without `update`, all the values given are set but the key; with an empty one, the row stays as it is."""
        table, keys = cls.__table__, [field.name for field in ([key] if isinstance(key, Field) else key)]
        if update is None:
            update = {name: value for name, value in table.by_column(values).items() if name not in keys}
        row = table.complete(values)
        columns = table.columns if table.primary.name in row else table.unnumbered
        out = Statement({table: table.name}).add(_insert_sql(table, columns, 1))
        out.values += [field.store(row[field.name]) for field in columns]
        if current_database().dialect == "mysql":
            out.add(" ON DUPLICATE KEY UPDATE " + ("" if update else f"`{keys[0]}` = `{table.name}`.`{keys[0]}`"))
        else:
            out.add(f" ON CONFLICT ({', '.join(f'`{name}`' for name in keys)}) DO ")
            out.add("UPDATE SET " if update else "NOTHING")
        out.join("", ", ", assignments(table, update))
        current_database().perform(*out.finish(), write=True, table=table)

    # this row

    def save(self) -> None:
        """Write what changed since the object was loaded or saved; insert it if it is new.

        `NotFound` if the row is gone."""
        if self._stored is None:
            self._insert()
            return
        columns = self.__table__.columns
        row = [field.store(self.__dict__.get(field.name)) for field in columns]
        changed = {f.name: Value(new) for f, new, old in zip(columns, row, self._stored, strict=True) if new != old}
        if changed:
            self._write(changed)
            self._settle(row)

    def update(self, **values: Any) -> None:
        """Set these fields and write them, and only them. The value of an expression is read at `refresh()`."""
        self._write(values)
        table, stored = self.__table__, list(self._stored or ())
        for name, value in values.items():
            if isinstance(value, Expression):
                self.__dict__.pop(name, None)
                continue
            setattr(self, name, value)
            column = table.column(name)
            stored[table.positions[column.name]] = column.store(self.__dict__[column.name])
        self._stored = tuple(stored)

    def refresh(self) -> None:
        """Read the row again; `NotFound` if it is gone."""
        self.__dict__ = self._myself().get().__dict__

    def delete(self) -> None:
        """Delete the row; `NotFound` if it is gone. Saving the object afterwards would insert it anew."""
        if self._myself().delete() == 0:
            raise NotFound(f"{self!r} is gone")
        self._stored = None

    def _insert(self) -> None:
        table, values = self.__table__, self.__dict__
        numbered = table.numbered and values.get(table.primary.name) is None
        columns = table.unnumbered if numbered else table.columns
        row = [field.store(values.get(field.name)) for field in columns]
        last_id = _insert(table, columns, [row])
        if numbered:
            values[table.primary.name] = last_id
            row.insert(table.positions[table.primary.name], last_id)
        self._settle(row)

    def _settle(self, row: Sequence[Raw]) -> None:
        """Remember what the database has now, and show it as it would be read back."""
        self._stored = tuple(row)
        for position, name, decoder in self.__table__.decoders:
            self.__dict__[name] = None if row[position] is None else decoder(row[position])

    def _myself(self) -> Query[Any]:
        """The row of this object, by the key it was loaded with."""
        if self._stored is None:
            raise ModelError(f"{self!r} is not in the database: save() it first")
        table = self.__table__
        key = Value(self._stored[table.positions[table.primary.name]])
        return Query(table).where(table.primary.compare(" = ", key))

    def _write(self, values: Mapping[str, Any]) -> None:
        if self._myself().update(**values) == 0 and values:
            raise NotFound(f"{self!r} is gone")

    def _key(self) -> Any:
        return self.__dict__.get(self.__table__.primary.name)

    def __eq__(self, other: object) -> bool:
        """The same row of the same table."""
        if not isinstance(other, Model) or type(self) is not type(other):
            return False
        return self is other or (self._key() is not None and self._key() == other._key())

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__table__.primary.name}={self._key()!r}>"


@lru_cache(maxsize=128)
def _insert_sql(table: Table, columns: Sequence[Field[Any]], rows: int) -> str:
    places = ", ".join(["(" + ", ".join("?" * len(columns)) + ")"] * rows)
    return f"INSERT INTO `{table.name}` ({', '.join(f'`{field.name}`' for field in columns)}) VALUES {places}"


def _insert(table: Table, columns: Sequence[Field[Any]], rows: Sequence[Sequence[Raw]]) -> int | None:
    values = [value for row in rows for value in row] if len(rows) > 1 else rows[0]
    return current_database().perform(_insert_sql(table, columns, len(rows)), values, True, table).last_id


def _batches(rows: Sequence[Sequence[Raw]]) -> Iterator[Sequence[Sequence[Raw]]]:
    """The rows in parts small enough for one statement each."""
    start = size = 0
    for number, row in enumerate(rows):
        weight = sum(len(value) for value in row if isinstance(value, str | bytes))
        if size and (size + weight > BYTES_AT_ONCE or (number - start + 1) * len(row) > VALUES_AT_ONCE):
            yield rows[start:number]
            start, size = number, 0
        size += weight + 1
    if rows:
        yield rows[start:]
