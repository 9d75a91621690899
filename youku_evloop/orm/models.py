"""Models: a class for each table, an object for each row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from .database import current_database
from .errors import ModelError, NotFound
from .expressions import Condition, Expression, Raw, Statement, Value
from .fields import Field, ForeignKey, Index, Table, Unique
from .query import Query, assign

M = TypeVar("M", bound="Model")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")  # 64 characters is MySQL's limit
VALUES_AT_ONCE = 30_000  # in one INSERT: SQLite takes 32,766
BYTES_AT_ONCE = 1 << 20  # in one INSERT: far below any server's max_allowed_packet


class ModelMeta(type):
    """Collects the fields of a model, and refuses at once what could not work later."""

    __table__: Table

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, table: str | None = None,
                indexes: Sequence[Index] = ()) -> ModelMeta:  # fmt: skip
        declared = {key: value for key, value in namespace.items() if isinstance(value, Field | ForeignKey)}
        for attribute, relation in declared.items():
            if isinstance(relation, ForeignKey):
                namespace[f"{attribute}_id"] = relation.column
        cls = super().__new__(mcls, name, bases, namespace)
        if bases:
            cls.__table__ = _table(cls, table or re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower(), declared, indexes)
        return cls


def _table(cls: type, name: str, declared: Mapping[str, Any], indexes: Sequence[Index]) -> Table:
    fields: dict[str, Field[Any]] = {}
    relations: dict[str, ForeignKey[Any]] = {}
    for attribute, found in declared.items():
        if isinstance(found, ForeignKey):
            relations[attribute] = found
            _add_column(cls, fields, attribute + "_id", found.column)
        else:
            _add_column(cls, fields, attribute, found)
    primary = [column for column in fields.values() if column.primary_key]
    if len(primary) != 1:
        found_names = ", ".join(column.name for column in primary) or "none"
        raise ModelError(f"{cls.__name__} needs one field with primary_key=True; it has {found_names}")
    table = Table(cls, _identifier(cls, name), fields, relations, primary[0])
    for column in fields.values():
        column.table = table
    for attribute, key in relations.items():
        key.table, key.name = table, attribute
    table.indexes = _indexes(table, indexes)
    return table


def _add_column(cls: type, fields: dict[str, Field[Any]], name: str, column: Field[Any]) -> None:
    if name in fields or hasattr(Model, name):
        raise ModelError(f"{cls.__name__} cannot have a field {name!r}: the name is taken")
    column.name = _identifier(cls, name)
    fields[name] = column


def _identifier(cls: type, name: str) -> str:
    if not IDENTIFIER.fullmatch(name):
        raise ModelError(f"{cls.__name__}: {name!r} cannot be the name of a table or column")
    return name


def _indexes(table: Table, composite: Sequence[Index]) -> list[Index]:
    """All indexes of a table, by column names: those of single fields first."""
    single = [
        (Unique if column.unique else Index)(column.name)
        for column in table.columns
        if (column.unique or column.index) and not column.primary_key
    ]
    columns = [[getattr(found, "column", found).name for found in map(table.find, index.names)] for index in composite]
    return single + [type(index)(*names) for index, names in zip(composite, columns, strict=True)]


class Model(metaclass=ModelMeta):
    """A row. `class Movie(orm.Model, table="movie", indexes=[...])` declares a table, its fields in the body."""

    __table__: ClassVar[Table]
    _stored: tuple[Raw, ...] | None = None  # the row as the database has it, by columns; None: not there

    def __init__(self, **values: Any) -> None:
        """An object that the database does not have yet: `save()` inserts it."""
        table = self.__table__
        self.__dict__.update(table.complete(values))
        for name in values.keys() & table.relations.keys():
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
        if not filled:
            return 0
        columns = table.unnumbered if table.auto and table.primary.name not in filled[0] else table.columns
        stored = [[column.store(row.get(column.name)) for column in columns] for row in filled]
        with current_database().transaction():
            for batch in _batches(stored, VALUES_AT_ONCE // len(columns)):
                _insert_rows(table, columns, batch)
        return len(stored)

    @classmethod
    def upsert(cls, key: Field[Any] | Sequence[Field[Any]], update: Mapping[str, Any] | None = None, /,
               **values: Any) -> None:  # fmt: skip
        """Insert a row, or, where one with the same unique `key` exists, set `update` in it.

        Without `update`, all the values given are set but the key; with an empty one, the row stays as it is."""
        table, keys = cls.__table__, [key] if isinstance(key, Field) else list(key)
        row = table.complete(values)
        names = [column.name for column in keys]
        if update is None:
            update = {name: value for name, value in values.items() if name not in names}
        columns = [column for column in table.columns if column.name in row]
        out = Statement({table: table.name})
        out.add(_insert_sql(table, columns, 1))
        out.values += [column.store(row[column.name]) for column in columns]
        database = current_database()
        if database.dialect == "mysql":
            out.add(" ON DUPLICATE KEY UPDATE " + ("" if update else f"`{names[0]}` = `{table.name}`.`{names[0]}`"))
        else:
            out.add(" ON CONFLICT (" + ", ".join(f"`{name}`" for name in names) + ") DO ")
            out.add("UPDATE SET " if update else "NOTHING")
        assign(out, table, dict(update))
        database.perform(*out.finish(), write=True, table=table)

    # this row

    def save(self) -> None:
        """Write what changed since the object was loaded or saved; insert it if it is new.

        `NotFound` if the row is gone."""
        if self._stored is None:
            self._insert()
            return
        row = self._row(self.__table__.columns)
        changed = {
            column.name: Value(value)
            for column, value, before in zip(self.__table__.columns, row, self._stored, strict=True)
            if value != before
        }
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
            found = table.find(name)
            column = found.column if isinstance(found, ForeignKey) else found
            stored[table.place(column)] = column.store(getattr(self, column.name))
        self._stored = tuple(stored)

    def refresh(self) -> None:
        """Read the row again; `NotFound` if it is gone."""
        fresh = self._myself().get()
        self.__dict__.clear()
        self.__dict__.update(fresh.__dict__)

    def delete(self) -> None:
        """Delete the row; `NotFound` if it is gone. Saving the object afterwards would insert it anew."""
        if self._myself().delete() == 0:
            raise NotFound(f"{self!r} is gone")
        self._stored = None

    def _row(self, columns: Sequence[Field[Any]]) -> list[Raw]:
        values = self.__dict__
        return [column.store(values.get(column.name)) for column in columns]

    def _insert(self) -> None:
        table = self.__table__
        numbered = table.auto and self.__dict__.get(table.primary.name) is None
        columns = table.unnumbered if numbered else table.columns
        row = self._row(columns)
        last_id = _insert_rows(table, columns, [row])
        if numbered:
            self.__dict__[table.primary.name] = last_id
            row.insert(table.place(table.primary), last_id)
        self._settle(row)

    def _settle(self, row: Sequence[Raw]) -> None:
        """Remember what the database has now, and show it as it would be read back."""
        self._stored = tuple(row)
        for position, name, decoder in self.__table__.decoders:
            raw = row[position]
            self.__dict__[name] = None if raw is None else decoder(raw)

    def _myself(self) -> Query[Any]:
        """The row of this object, as it was known when loaded."""
        if self._stored is None:
            raise ModelError(f"{self!r} is not in the database: save() it first")
        table = self.__table__
        key = self._stored[table.place(table.primary)]
        return Query(table).where(table.primary._compare(" = ", Value(key)))

    def _write(self, values: Mapping[str, Any]) -> None:
        if self._myself().update(**values) == 0 and values:
            raise NotFound(f"{self!r} is gone")

    def __eq__(self, other: object) -> bool:
        """The same row of the same table."""
        return self is other or (type(self) is type(other) and None is not self._key() == other._key())

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def _key(self) -> Any:
        return self.__dict__.get(self.__table__.primary.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__table__.primary.name}={self._key()!r}>"


def _insert_sql(table: Table, columns: Sequence[Field[Any]], rows: int) -> str:
    names = ", ".join(f"`{column.name}`" for column in columns)
    places = "(" + ", ".join("?" * len(columns)) + ")"
    return f"INSERT INTO `{table.name}` ({names}) VALUES " + ", ".join([places] * rows)


def _insert_rows(table: Table, columns: Sequence[Field[Any]], rows: Sequence[Sequence[Raw]]) -> int | None:
    values = [value for row in rows for value in row]
    return current_database().perform(_insert_sql(table, columns, len(rows)), values, True, table).last_id


def _batches(rows: Sequence[Sequence[Raw]], most: int) -> Iterable[Sequence[Sequence[Raw]]]:
    """The rows in parts small enough for one statement each."""
    start = size = 0
    for number, row in enumerate(rows):
        weight = sum(len(value) for value in row if isinstance(value, str | bytes))
        if number > start and (number - start >= most or size + weight > BYTES_AT_ONCE):
            yield rows[start:number]
            start, size = number, 0
        size += weight
    yield rows[start:]

