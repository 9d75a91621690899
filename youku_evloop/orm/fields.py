"""Fields: the columns of a model, as descriptors; and what is known of a table.

On the class a field is an expression (`Movie.price > 3`); on an object it is the value. Fields are non-data
descriptors: a loaded value lies in the object's `__dict__` and is read at the speed of any attribute; the field
itself is asked only for what is missing there. Values are checked when they are compared and when they are saved.

Stored forms are the same in both databases: flags as 0 and 1, times as UTC text, JSON as text, enums as their value.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

from .errors import FieldError, ModelError, UniqueViolation
from .expressions import INTEGERS, Expression, Operation, Raw, Statement, is_unicode, timestamp

T = TypeVar("T")
P = TypeVar("P")
E = TypeVar("E", bound=enum.Enum)
M = TypeVar("M")
LONGEST = 16_000  # characters of a VARCHAR: a row of MySQL holds 65,535 bytes, a character up to four
OnDelete = Literal["restrict", "cascade", "set null"]


class Options(TypedDict, total=False):
    """What every field takes beside `null`. `default` is a value, or a callable that makes one."""

    primary_key: bool
    unique: bool
    index: bool
    default: Any


class Field(Expression[T]):
    """One column. `name` is the attribute's and the column's; `table` is set when the model is made."""

    table: Table
    name: str

    def __init__(self, kind: Kind[Any], *, null: bool = False, primary_key: bool = False, unique: bool = False,
                 index: bool = False, default: Any = None) -> None:  # fmt: skip
        self.kind, self.null, self.default, self.decoder = kind, null, default, kind.load
        self.primary_key, self.unique, self.index = primary_key, unique, index
        self.fits_json = kind.sqlite in ("INTEGER", "TEXT")

    @overload
    def __get__(self, instance: None, owner: type) -> Field[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Field[T] | T:
        if instance is None:
            return self
        raise ModelError(f"{self} has no value here yet: save(), or refresh(), the object first")

    def __repr__(self) -> str:
        return f"{self.table}.{self.name}"

    def error(self, value: object, problem: str) -> FieldError:
        return FieldError(repr(self.table), self.name, value, problem)

    def compile(self, out: Statement) -> None:
        out.text.append(f"`{out.alias(self.table)}`.`{self.name}`")

    def encode(self, value: Any) -> Raw:
        """The stored form of a value of the right type."""
        kind = self.kind
        if type(value) is not kind.python and (not isinstance(value, kind.python) or type(value) is bool):
            raise self.error(value, f"takes {kind.python.__name__}")
        try:
            return kind.dump(value)
        except (TypeError, ValueError) as problem:
            raise self.error(value, f"takes {kind.takes or problem}") from None

    def store(self, value: Any) -> Raw:
        """The stored form of a value that is about to be written, checked in every way."""
        if value is None:
            if self.null:
                return None
            raise self.error(value, "needs a value")
        raw, within = self.encode(value), self.kind.within
        if within is not None and (raw if isinstance(raw, int) else len(raw)) not in within:  # type: ignore[arg-type]
            what = "must lie" if isinstance(raw, int) else "must have a length"
            raise self.error(value, f"{what} between {within[0]} and {within[-1]}")
        return raw


@dataclass(frozen=True)
class Kind(Generic[P]):
    """A type of column; called, it makes a field. `dump` and `load` lead to the stored form and back."""

    python: type
    mysql: str
    sqlite: str
    dump: Callable[[Any], Raw]
    load: Callable[[Any], P] | None = None
    within: range | None = None  # of the number, or of the length
    takes: str = ""  # what to say when `dump` fails, if it does not say it itself

    @overload
    def __call__(self, *, null: Literal[False] = ..., **options: Unpack[Options]) -> Field[P]: ...
    @overload
    def __call__(self, *, null: Literal[True], **options: Unpack[Options]) -> Field[P | None]: ...
    def __call__(self, *, null: bool = False, **options: Unpack[Options]) -> Field[Any]:
        return Field(self, null=null, **options)


class SizedKind(Kind[P]):
    """A type of column with a greatest length, in characters or bytes."""

    @overload  # type: ignore[override]  # the length is what makes it a kind
    def __call__(self, length: int, *, null: Literal[False] = ..., **options: Unpack[Options]) -> Field[P]: ...
    @overload
    def __call__(self, length: int, *, null: Literal[True], **options: Unpack[Options]) -> Field[P | None]: ...
    def __call__(self, length: int, *, null: bool = False, **options: Unpack[Options]) -> Field[Any]:
        mysql = self.mysql.format(length) if length <= LONGEST else "LONGTEXT" if self.python is str else "LONGBLOB"
        return Field(replace(self, mysql=mysql, within=range(length + 1)), null=null, **options)


def _integer(value: int) -> Raw:
    if value in INTEGERS:
        return int(value)
    raise ValueError("at most 64 bits")


def _text(value: str) -> Raw:
    if is_unicode(value):
        return str(value)
    raise ValueError("text that UTF-8 can hold")


def _moment(value: datetime) -> Raw:
    if value.tzinfo is None:
        raise ValueError("a datetime with a time zone")
    if not 1000 < value.year < 9999:  # DATETIME begins with the year 1000; a day's room for the change to UTC
        raise ValueError("the years 1001 to 9998")
    return timestamp(value)


_json: Callable[[object], Raw] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


Integer: Kind[int] = Kind(int, "INT", "INTEGER", _integer, within=range(-(2**31), 2**31))
BigInteger: Kind[int] = Kind(int, "BIGINT", "INTEGER", _integer, within=INTEGERS)
Boolean: Kind[bool] = Kind(bool, "BOOLEAN", "INTEGER", int, bool)
String: SizedKind[str] = SizedKind(str, "VARCHAR({})", "TEXT", _text)
Text: Kind[str] = Kind(str, "LONGTEXT", "TEXT", _text)
Binary: SizedKind[bytes] = SizedKind(bytes, "VARBINARY({})", "BLOB", bytes)
# Aware datetimes, given back in UTC, to the microsecond. Text in SQLite: its own date functions understand it, a person
# can read it, its fixed width makes it sort, and it is read back faster than a number of microseconds would be.
DateTime: Kind[datetime] = Kind(
    datetime, "DATETIME(6)", "TEXT", _moment, lambda raw: datetime.fromisoformat(raw + "+00:00")
)
Json: Kind[Any] = Kind(object, "LONGTEXT", "TEXT", _json, json.loads, takes="what JSON can hold")


@overload
def Enum(kind: type[E], *, null: Literal[False] = ..., **options: Unpack[Options]) -> Field[E]: ...
@overload
def Enum(kind: type[E], *, null: Literal[True], **options: Unpack[Options]) -> Field[E | None]: ...
def Enum(kind: type[enum.Enum], *, null: bool = False, **options: Unpack[Options]) -> Field[Any]:
    """A member of a Python enum with texts as values, stored as its value; there is room for members to come."""
    members, takes = {member.value: member for member in kind}, f"a member of {kind.__name__}"
    stored = Kind(object, "VARCHAR(32)", "TEXT", lambda v: str(kind(v).value), members.__getitem__, range(33), takes)
    return Field(stored, null=null, **options)


class ForeignKey(Expression[M]):
    """A row of another model. The column is `<name>_id`, a field of its own; this is the way to the object.

    Type checkers learn of the column by an annotation beside it: `user_id: orm.Field[int]`."""

    table: Table
    name: str

    @overload
    def __init__(self: ForeignKey[T], target: type[T], *, null: Literal[False] = ..., on_delete: OnDelete = ...,
                 **options: Unpack[Options]) -> None: ...  # fmt: skip
    @overload
    def __init__(self: ForeignKey[T | None], target: type[T], *, null: Literal[True], on_delete: OnDelete = ...,
                 **options: Unpack[Options]) -> None: ...  # fmt: skip
    def __init__(self, target: Any, *, null: bool = False, on_delete: OnDelete = "restrict", index: bool = True,
                 **options: Any) -> None:  # fmt: skip
        self.target, self.null, self.on_delete = table_of(target), null, on_delete
        self.column: Field[Any] = Field(self.target.primary.kind, null=null, index=index, **options)

    @overload
    def __get__(self, instance: None, owner: type) -> ForeignKey[M]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> M: ...
    def __get__(self, instance: Any, owner: type) -> ForeignKey[M] | M:
        if instance is None:
            return self
        key, found = getattr(instance, self.column.name), instance.__dict__.get(self.name)
        if key is None:
            found = None
        elif found is None or self.key_of(found) != key:
            raise ModelError(f"{self} was not loaded: add .join({self}) to the query, or use .{self.column.name}")
        return found  # type: ignore[no-any-return]  # None only where null=True allows it

    def __set__(self, instance: Any, value: M) -> None:
        instance.__dict__.update({self.name: value, self.column.name: self.key_of(value)})

    def __repr__(self) -> str:
        return f"{self.table}.{self.name}"

    def key_of(self, value: Any) -> Any:
        """The primary key of an object that this key may lead to."""
        if value is None:
            return None
        if isinstance(value, self.target.model):
            return getattr(value, self.target.primary.name)
        raise self.column.error(value, f"takes a {self.target}")

    def compile(self, out: Statement) -> None:
        self.column.compile(out)

    def encode(self, value: Any) -> Raw:
        return self.column.encode(self.key_of(value) if isinstance(value, self.target.model) else value)

    def of(self, column: Expression[T]) -> Expression[T]:
        """A column of the target as reached by this key, where the target is joined more than once."""
        reached: _Reached[T] = _Reached(self, column)
        return reached.like_type(column)


class _Reached(Operation[T]):
    def compile(self, out: Statement) -> None:
        key, column = self.pieces
        assert isinstance(column, Field)
        out.text.append(f"`{out.alias(key)}`.`{column.name}`")


class Index:
    """An index over several fields, by their names, in this order."""

    unique = False

    def __init__(self, *names: str) -> None:
        self.names = names


class Unique(Index):
    """As `Index`, and no two rows alike in all of them."""

    unique = True


@dataclass(eq=False)
class Table:
    """What the metaclass found out about a model."""

    model: type
    name: str
    fields: dict[str, Field[Any]]
    relations: dict[str, ForeignKey[Any]]
    primary: Field[Any]
    indexes: Sequence[Index] = ()

    def __repr__(self) -> str:
        return self.model.__name__

    @cached_property
    def columns(self) -> tuple[Field[Any], ...]:
        return tuple(self.fields.values())

    @cached_property
    def unnumbered(self) -> tuple[Field[Any], ...]:
        """The columns that a new row is given where the database numbers it."""
        return tuple(field for field in self.columns if field is not self.primary)

    @cached_property
    def selection(self) -> str:
        """All columns, as a SELECT of this table alone names them."""
        return ", ".join(f"`{self.name}`.`{name}`" for name in self.fields)

    @cached_property
    def decoders(self) -> list[tuple[int, str, Callable[[Any], Any]]]:
        """Position, name and decoder of the columns whose stored form is not what an object shows."""
        return [(at, name, field.decoder) for at, (name, field) in enumerate(self.fields.items()) if field.decoder]

    @cached_property
    def numbered(self) -> bool:
        """Whether the database numbers the rows where the program does not."""
        return self.primary.kind.python is int and self.primary not in {key.column for key in self.relations.values()}

    @cached_property
    def positions(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.fields)}

    def column(self, name: str) -> Field[Any]:
        """The column of a field or of a foreign key."""
        found = self.member(name)
        return found.column if isinstance(found, ForeignKey) else found

    def member(self, name: str) -> Field[Any] | ForeignKey[Any]:
        found: Any = self.fields.get(name, self.relations.get(name))
        if found is None:
            raise ModelError(f"{self} has no field {name!r}; it has {', '.join([*self.fields, *self.relations])}")
        return found  # type: ignore[no-any-return]  # one of the two

    def by_column(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with foreign keys as keys."""
        if values.keys() <= self.fields.keys():
            return dict(values)
        named = [(self.member(name), value) for name, value in values.items()]
        return dict((m.column.name, m.key_of(v)) if isinstance(m, ForeignKey) else (m.name, v) for m, v in named)

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a new row by column, defaults where nothing is given."""
        row = self.by_column(values)
        for name, field in self.fields.items():
            if name not in row and not (field is self.primary and self.numbered):
                row[name] = field.default() if callable(field.default) else field.default
        return row

    def name_of(self, index: Index) -> str:
        return "_".join([self.name, *index.names])

    def explain(self, error: UniqueViolation) -> None:
        """Fill in what one database says and the other does not: the columns, or the constraint's name."""
        keys = {self.name_of(index): index.names for index in self.indexes if index.unique}
        keys["PRIMARY"] = (self.primary.name,)
        constraint = error.constraint.rpartition(".")[2]
        error.columns = error.columns or keys.get(constraint, ())
        error.constraint = constraint or next((name for name, names in keys.items() if names == error.columns), "")


def table_of(model: Any) -> Table:
    table = getattr(model, "__table__", None)
    if not isinstance(table, Table):
        raise ModelError(f"{model!r} is not a model")
    return table
