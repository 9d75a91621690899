"""Expressions: what can stand in a WHERE, an ORDER BY, a SET or a list of columns.

An expression writes itself into a `Statement`, which gathers SQL text and parameters. Every value becomes a
parameter; only identifiers that a model declared, and operators named here, become text. The text is the same
for both databases: names stand in backticks (SQLite takes them too) and places for values are `?`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar

from .errors import FieldError, ModelError

T = TypeVar("T")
Raw: TypeAlias = int | float | str | bytes | None
Piece: TypeAlias = "str | Compilable"

INTEGERS = range(-(2**63), 2**63)  # what a BIGINT, and SQLite's INTEGER, can hold


class Statement:
    """SQL in the making: text, parameters, and by which alias each table is known here."""

    __slots__ = ("aliases", "text", "values")

    def __init__(self, aliases: Mapping[object, str | None]) -> None:
        self.text: list[str] = []
        self.values: list[Any] = []  # stored forms, and places for some (`Given`)
        self.aliases = aliases

    def add(self, *pieces: Piece) -> Statement:
        for piece in pieces:
            if isinstance(piece, str):
                self.text.append(piece)
            else:
                piece.compile(self)
        return self

    def join(self, before: str, separator: str, items: Iterable[Piece]) -> Statement:
        """Nothing, if there are no items."""
        for number, item in enumerate(items):
            self.add(separator if number else before, item)
        return self

    def alias(self, key: object) -> str:
        """The alias of a table, or of the table that a joined foreign key leads to."""
        alias = self.aliases.get(key, "")
        if alias is None:
            raise ModelError(f"{key} is joined more than once: say which with Model.relation.of(column)")
        if not alias:
            raise ModelError(f"{key} is not part of this query: join it first")
        return alias

    def finish(self) -> tuple[str, list[Any]]:
        return "".join(self.text), self.values


def plain(value: object) -> Raw:
    """The stored form of a value that stands beside no field."""
    if value is None or isinstance(value, float | bytes):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return timestamp(value)
    if isinstance(value, int) and int(value) in INTEGERS:
        return int(value)
    if isinstance(value, str) and is_unicode(value):
        return str(value)
    raise FieldError("expression", "value", value, "cannot be stored")


def timestamp(value: datetime) -> str:
    """UTC, always 26 characters, so that texts sort as the times do."""
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ", "microseconds")[:26]


def is_unicode(text: str) -> bool:
    """False for lone surrogates, which UTF-8 has no bytes for."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


class Compilable:
    """What can write itself into a statement; a query does so as a subquery."""

    def compile(self, out: Statement) -> None:
        raise NotImplementedError

    def __bool__(self) -> bool:
        raise TypeError("SQL is neither true nor false: join conditions with &, | and ~; ask a query with exists()")


class Expression(Compilable, Generic[T]):
    """Anything with a value in SQL. Comparisons give conditions, to be joined with `&`, `|` and `~`."""

    decoder: Callable[[Any], Any] | None = None  # turns what the database gives into T; None: it is T already
    fits_json = False  # whether JSON holds all that the database may give, to the last bit: integers and text

    def encode(self, value: Any) -> Raw:
        """The stored form of a Python value that is compared with, or added to, this expression."""
        return plain(value)

    def operand(self, value: object) -> Expression[Any]:
        return value if isinstance(value, Expression) else Value(self.encode(value))

    def compare(self, operator: str, value: object) -> Condition:
        if value is None:
            raise ModelError(f"NULL cannot be compared with{operator}: use is_null()")
        return Operation(self, operator, self.operand(value))

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]  # SQL, not a truth value
        return self.is_null() if other is None else self.compare(" = ", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]  # SQL, not a truth value
        return self.is_null(False) if other is None else self.compare(" <> ", other)

    __hash__ = object.__hash__

    def __lt__(self, other: T | Expression[T]) -> Condition:
        return self.compare(" < ", other)

    def __le__(self, other: T | Expression[T]) -> Condition:
        return self.compare(" <= ", other)

    def __gt__(self, other: T | Expression[T]) -> Condition:
        return self.compare(" > ", other)

    def __ge__(self, other: T | Expression[T]) -> Condition:
        return self.compare(" >= ", other)

    def between(self, low: T, high: T) -> Condition:
        """Both ends included."""
        return Operation(self, " BETWEEN ", self.operand(low), " AND ", self.operand(high))

    def in_(self, values: Iterable[T] | Compilable) -> Condition:
        """One of the values, or of a query's one column. Nothing is in an empty list."""
        if isinstance(values, Compilable):
            return Operation(self, " IN ", values)
        pieces = [piece for value in values for piece in (", ", self.operand(value))]
        return Operation(self, " IN (", *pieces[1:], ")") if pieces else Operation("1 = 0")

    def like(self, pattern: str) -> Condition:
        r"""`%` any text, `_` any character, `\` takes the next one literally. Case-sensitive."""
        return Operation(self, " LIKE ", Value(plain(pattern)), " ESCAPE ", Value("\\"))

    def ilike(self, pattern: str) -> Condition:
        """As `like`, in any case."""
        return Operation("LOWER(", self, ")").like(pattern.lower())

    def contains(self, text: str, *, ignore_case: bool = False) -> Condition:
        """The text itself, `%` and `_` included, stands somewhere in the value."""
        return (self.ilike if ignore_case else self.like)(f"%{_escaped(text)}%")

    def startswith(self, text: str) -> Condition:
        return self.like(_escaped(text) + "%")

    def is_null(self, null: bool = True) -> Condition:
        return Operation(self, " IS NULL" if null else " IS NOT NULL")

    def __and__(self, other: Expression[bool]) -> Condition:
        return Operation("(", self, " AND ", other, ")")

    def __or__(self, other: Expression[bool]) -> Condition:
        return Operation("(", self, " OR ", other, ")")

    def __invert__(self) -> Condition:
        return Operation("NOT (", self, ")")

    def __add__(self, other: T | Expression[T]) -> Expression[T]:
        return Operation("(", self, " + ", self.operand(other), ")")

    def __sub__(self, other: T | Expression[T]) -> Expression[T]:
        return Operation("(", self, " - ", self.operand(other), ")")

    def __mul__(self, other: T | Expression[T]) -> Expression[T]:
        return Operation("(", self, " * ", self.operand(other), ")")

    @property
    def stored(self) -> Expression[Raw]:
        """The same, of which `rows` gives what the database has: times as text, flags as 0 and 1."""
        stored: Operation[Raw] = Operation(self)
        stored.fits_json = self.fits_json
        return stored

    def desc(self) -> Ordering:
        return Ordering(self, " DESC")

    def asc(self) -> Ordering:
        return Ordering(self, "")


class Ordering(Compilable):
    """An expression in an ORDER BY, and its direction."""

    def __init__(self, expression: Expression[Any], direction: str) -> None:
        self.expression, self.direction = expression, direction

    def compile(self, out: Statement) -> None:
        out.add(self.expression, self.direction)

    def beyond(self, value: object, *, or_equal: bool = False) -> Condition:
        """What comes after the value in this order."""
        operator = (" <" if self.direction else " >") + ("= " if or_equal else " ")
        return self.expression.compare(operator, value)


class Value(Expression[Any]):
    """A parameter, already in its stored form."""

    def __init__(self, value: Raw) -> None:
        self.value = value

    def compile(self, out: Statement) -> None:
        out.text.append("?")
        out.values.append(self.value)


class Given(Expression[Any]):
    """A place for a value that comes with each use of a query (`Query.given`)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def compile(self, out: Statement) -> None:
        out.text.append("?")
        out.values.append(self)


class Operation(Expression[T]):
    """Text and expressions one after the other."""

    def __init__(self, *pieces: Piece) -> None:
        self.pieces = pieces

    def compile(self, out: Statement) -> None:
        out.add(*self.pieces)

    def like_type(self, expression: Expression[Any]) -> Operation[T]:
        """The same, with the other expression's type of value."""
        self.decoder, self.encode = expression.decoder, expression.encode  # type: ignore[method-assign]
        self.fits_json = expression.fits_json
        return self


Condition: TypeAlias = Expression[bool]
Order: TypeAlias = Expression[Any] | Ordering


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
