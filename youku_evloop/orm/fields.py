"""Fields: the columns of a model, as descriptors.

On the class a field is an expression (`Movie.price > 3`); on an object it is the value. Fields are non-data
descriptors: a loaded value lies in the object's `__dict__` and is read at the speed of any attribute; the field
itself is asked only for what is missing there. Values are checked when they are compared and when they are saved.

Stored forms are the same in both databases: flags as 0 and 1, times as UTC text, JSON as text, enums as their value.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from .errors import FieldError, ModelError, UniqueViolation
from .expressions import LARGEST, SMALLEST, Expression, Operation, Raw, Statement, is_unicode, timestamp

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)
M = TypeVar("M")


class Options(TypedDict, total=False):
    """What every field takes beside `null`."""

    primary_key: bool
    unique: bool
    index: bool
    default: Any  # a value, or a callable that makes one


class Field(Expression[T]):
    """One column. `name` is the attribute's and the column's; `table` is set when the model is made."""

    python: type = object
    mysql = sqlite = ""  # the column's type in each database
    table: Table
    name: str
    references: ForeignKey[Any] | None = None

    def __init__(self, *, null: bool = False, primary_key: bool = False, unique: bool = False, index: bool = False,
                 default: Any = None) -> None:  # fmt: skip
        self.null, self.primary_key, self.unique, self.index, self.default = null, primary_key, unique, index, default

    @overload
    def __get__(self, instance: None, owner: type) -> Field[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Field[T] | T:
        if instance is None:
            return self
        raise ModelError(f"{self} has no value here yet: save(), or refresh(), the object first")

    def __repr__(self) -> str:
        return f"{self.table.model.__name__}.{self.name}"

    def error(self, value: object, problem: str) -> FieldError:
        return FieldError(self.table.model.__name__, self.name, value, problem)

    def compile(self, out: Statement) -> None:
        out.text.append(f"`{out.alias(self.table)}`.`{self.name}`")

    def initial(self) -> Any:
        return self.default() if callable(self.default) else self.default

    def encode(self, value: Any) -> Raw:
        """The stored form of a value of the right type."""
        if isinstance(value, self.python) and (self.python is bool or not isinstance(value, bool)):
            return self.dump(value)
        raise self.error(value, f"takes {self.python.__name__}")

    def dump(self, value: Any) -> Raw:
        return value  # type: ignore[no-any-return]  # encode() has looked at the type

    def limit(self, raw: Any) -> None:
        """Raise if a stored form is too long or too large for the column."""

    def store(self, value: Any) -> Raw:
        """The stored form of a value that is about to be written, checked in every way."""
        if value is None:
            if self.null:
                return None
            raise self.error(value, "needs a value")
        raw = self.encode(value)
        self.limit(raw)
        return raw


class Integer(Field[T]):
    """32 bits, signed."""

    python, mysql, sqlite = int, "INT", "INTEGER"
    low, high = -(2**31), 2**31 - 1

    @overload
    def __init__(self: Integer[int], *, null: Literal[False] = ..., **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: Integer[int | None], *, null: Literal[True], **options: Unpack[Options]) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        super().__init__(null=null, **options)

    def dump(self, value: int) -> Raw:
        if SMALLEST <= value <= LARGEST:
            return int(value)
        raise self.error(value, "takes at most 64 bits")

    def limit(self, raw: int) -> None:
        if not self.low <= raw <= self.high:
            raise self.error(raw, f"must lie between {self.low} and {self.high}")


class BigInteger(Integer[T]):
    """64 bits, signed."""

    mysql, low, high = "BIGINT", SMALLEST, LARGEST

    @overload
    def __init__(self: BigInteger[int], *, null: Literal[False] = ..., **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: BigInteger[int | None], *, null: Literal[True], **options: Unpack[Options]) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        Field.__init__(self, null=null, **options)


class Boolean(Field[T]):
    python, mysql, sqlite, decoder = bool, "BOOLEAN", "INTEGER", bool

    @overload
    def __init__(self: Boolean[bool], *, null: Literal[False] = ..., **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: Boolean[bool | None], *, null: Literal[True], **options: Unpack[Options]) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        super().__init__(null=null, **options)

    def dump(self, value: bool) -> Raw:
        return int(value)


class Text(Field[T]):
    """Text of any length."""

    python, mysql, sqlite = str, "LONGTEXT", "TEXT"

    @overload
    def __init__(self: Text[str], *, null: Literal[False] = ..., **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: Text[str | None], *, null: Literal[True], **options: Unpack[Options]) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        super().__init__(null=null, **options)

    def dump(self, value: str) -> Raw:
        if is_unicode(value):
            return str(value)
        raise self.error(value, "takes text that UTF-8 can hold")


class _Sized(Field[T]):
    """A field with a greatest length: characters of a text, bytes of a binary."""

    length: int

    def limit(self, raw: str | bytes) -> None:
        if len(raw) > self.length:
            raise self.error(raw, f"takes at most {self.length} characters or bytes, not {len(raw)}")


class String(_Sized[T], Text[T]):
    """Text of at most `length` characters."""

    @overload
    def __init__(self: String[str], length: int, *, null: Literal[False] = ..., **o: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: String[str | None], length: int, *, null: Literal[True], **o: Unpack[Options]) -> None: ...
    def __init__(self, length: int, *, null: bool = False, **o: Unpack[Options]) -> None:
        Field.__init__(self, null=null, **o)
        self.length, self.mysql = length, f"VARCHAR({length})"


class Binary(_Sized[T]):
    """At most `length` bytes."""

    python, sqlite = bytes, "BLOB"

    @overload
    def __init__(self: Binary[bytes], length: int, *, null: Literal[False] = ..., **o: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: Binary[bytes | None], length: int, *, null: Literal[True], **o: Unpack[Options]) -> None: ...
    def __init__(self, length: int, *, null: bool = False, **o: Unpack[Options]) -> None:
        super().__init__(null=null, **o)
        self.length, self.mysql = length, f"VARBINARY({length})" if length <= 16_000 else "LONGBLOB"


class DateTime(Field[T]):
    """An aware datetime, given back in UTC, to the microsecond.

    Text in SQLite, where its own date functions understand it and a person can read it; of fixed width, so that it
    sorts; and read back faster than a number of microseconds would be."""

    python, mysql, sqlite = datetime, "DATETIME(6)", "TEXT"

    @overload
    def __init__(self: DateTime[datetime], *, null: Literal[False] = ..., **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: DateTime[datetime | None], *, null: Literal[True], **options: Unpack[Options]) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        super().__init__(null=null, **options)

    def dump(self, value: datetime) -> Raw:
        if value.tzinfo is None:
            raise self.error(value, "takes a datetime with a time zone")
        if not 1000 < value.year < 9999:  # DATETIME begins with the year 1000; a day's room for the change to UTC
            raise self.error(value, "takes the years 1001 to 9998")
        return timestamp(value)

    @staticmethod
    def decoder(raw: str) -> datetime:
        return datetime.fromisoformat(raw + "+00:00")


class Json(Field[T]):
    """Anything that `json` can write. The type is the caller's word: `options: orm.Json[dict[str, int]]`."""

    mysql, sqlite, decoder = "LONGTEXT", "TEXT", staticmethod(json.loads)

    @overload
    def __init__(self: Json[Any], *, null: Literal[False] = ..., **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: Json[Any | None], *, null: Literal[True], **options: Unpack[Options]) -> None: ...
    def __init__(self, *, null: bool = False, **options: Unpack[Options]) -> None:
        super().__init__(null=null, **options)

    def encode(self, value: Any) -> Raw:
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as problem:
            raise self.error(value, f"takes what JSON can hold ({problem})") from None


class Enum(_Sized[T]):
    """A member of a Python enum with texts as values, stored as its value."""

    sqlite = "TEXT"
    length = 32  # room for members to come, without a change of the table

    @overload
    def __init__(self: Enum[E], kind: type[E], *, null: Literal[False] = ..., **o: Unpack[Options]) -> None: ...
    @overload
    def __init__(self: Enum[E | None], kind: type[E], *, null: Literal[True], **o: Unpack[Options]) -> None: ...
    def __init__(self, kind: type[enum.Enum], *, null: bool = False, **o: Unpack[Options]) -> None:
        super().__init__(null=null, **o)
        self.kind, self.mysql = kind, f"VARCHAR({self.length})"
        self._members = {member.value: member for member in kind}
        self.decoder = self._decode

    def encode(self, value: Any) -> Raw:
        key = value.value if isinstance(value, self.kind) else value
        if isinstance(key, str) and key in self._members:
            return str(key)
        raise self.error(value, f"takes a member of {self.kind.__name__}")

    def _decode(self, raw: str) -> enum.Enum:
        member = self._members.get(raw)
        if member is None:
            raise self.error(raw, f"holds no member of {self.kind.__name__}")
        return member


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
    def __init__(self, target: Any, *, null: bool = False, on_delete: OnDelete = "restrict",
                 **options: Unpack[Options]) -> None:  # fmt: skip
        self.target: Table = table_of(target)
        self.null, self.on_delete = null, on_delete
        self.column = self._raw_column({"index": True, **options})

    def _raw_column(self, options: Options) -> Field[Any]:
        """A field like the target's primary key, with this key's own options."""
        key = self.target.primary
        column: Field[Any] = type(key).__new__(type(key))
        column.__dict__.update(key.__dict__)
        Field.__init__(column, null=self.null, **options)
        column.references = self
        return column

    @overload
    def __get__(self, instance: None, owner: type) -> ForeignKey[M]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> M: ...
    def __get__(self, instance: Any, owner: type) -> ForeignKey[M] | M:
        if instance is None:
            return self
        key = getattr(instance, self.column.name)
        found = instance.__dict__.get(self.name)
        if key is not None and (found is None or getattr(found, self.target.primary.name) != key):
            raise ModelError(f"{self} was not loaded: add .join({self}) to the query, or use .{self.column.name}")
        return found if key is not None else None  # type: ignore[return-value]  # None only where null=True allows it

    def __set__(self, instance: Any, value: M) -> None:
        instance.__dict__[self.name] = value
        instance.__dict__[self.column.name] = None if value is None else self._key(value)

    def __repr__(self) -> str:
        return f"{self.table.model.__name__}.{self.name}"

    def _key(self, value: Any) -> Any:
        if not isinstance(value, self.target.model):
            raise self.column.error(value, f"takes a {self.target.model.__name__}")
        return getattr(value, self.target.primary.name)

    def compile(self, out: Statement) -> None:
        self.column.compile(out)

    def encode(self, value: Any) -> Raw:
        return self.column.encode(self._key(value) if isinstance(value, self.target.model) else value)

    def of(self, column: Expression[T]) -> Expression[T]:
        """A column of the target as reached by this key, where the target is joined more than once."""
        return _Reached(self, column)


OnDelete = Literal["restrict", "cascade", "set null"]


class _Reached(Operation[T]):
    def __init__(self, key: ForeignKey[Any], column: Expression[T]) -> None:
        super().__init__(typed=column)
        self.key, self.column = key, column

    def compile(self, out: Statement) -> None:
        assert isinstance(self.column, Field)
        out.text.append(f"`{out.alias(self.key)}`.`{self.column.name}`")


@dataclass(eq=False, slots=True, repr=False)
class Table:
    """What the metaclass found out about a model."""

    model: type
    name: str
    fields: dict[str, Field[Any]]
    relations: dict[str, ForeignKey[Any]]
    primary: Field[Any]
    indexes: list[Index] = field(default_factory=list)
    columns: list[Field[Any]] = field(init=False)
    unnumbered: list[Field[Any]] = field(init=False)  # the columns that a program gives where the database numbers
    decoders: list[tuple[int, str, Callable[[Any], Any]]] = field(init=False)
    auto: bool = field(init=False)  # the database numbers the rows where the program does not

    def __post_init__(self) -> None:
        self.columns = list(self.fields.values())
        self.unnumbered = [column for column in self.columns if column is not self.primary]
        numbered = enumerate(self.columns)
        self.decoders = [(at, column.name, column.decoder) for at, column in numbered if column.decoder is not None]
        self.auto = isinstance(self.primary, Integer) and self.primary.references is None

    def __repr__(self) -> str:
        return self.model.__name__

    def place(self, column: Field[Any]) -> int:
        """Where the column stands in a row. By identity: `==` on columns makes SQL."""
        return next(at for at, candidate in enumerate(self.columns) if candidate is column)

    def find(self, name: str) -> Field[Any] | ForeignKey[Any]:
        if name in self.fields:
            return self.fields[name]
        if name in self.relations:
            return self.relations[name]
        raise ModelError(f"{self} has no field {name!r}; it has {', '.join([*self.fields, *self.relations])}")
    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a new row by column: foreign keys as keys, defaults where nothing is given."""
        row = {}
        for name, value in values.items():
            if name in self.fields:
                row[name] = value
            else:
                key = self.find(name)
                assert isinstance(key, ForeignKey)
                row[key.column.name] = None if value is None else key._key(value)
        for column in self.columns:
            if column.name not in row and (column is not self.primary or not self.auto):
                row[column.name] = column.initial()
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


class Index:
    """An index over several fields, by their names, in this order."""

    unique = False

    def __init__(self, *names: str) -> None:
        self.names = names


class Unique(Index):
    """As `Index`, and no two rows alike in all of them."""

    unique = True


def table_of(model: Any) -> Table:
    table = getattr(model, "__table__", None)
    if not isinstance(table, Table):
        raise ModelError(f"{model!r} is not a model")
    return table
