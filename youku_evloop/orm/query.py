"""Queries: what to read or change, built up step by step. Every step gives a new query; nothing is sent before
one of `all`, `first`, `get`, `rows`, `count`, `exists`, `iterate`, `update`, `delete` or a `for` asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Generic, Self, TypeVar

from .database import current_database
from .errors import ModelError, NotFound
from .expressions import (
    Compilable,
    Condition,
    Expression,
    Given,
    Operation,
    Order,
    Ordering,
    Raw,
    Statement,
    Value,
    plain,
)
from .fields import Field, ForeignKey, Table
from .functions import count

M = TypeVar("M")
BATCH = 1000  # rows that `iterate` holds at a time
ALL_ROWS = 2**63 - 1  # a LIMIT that is none, which MySQL wants before an OFFSET


class Query(Compilable, Generic[M]):
    """The rows of a model that meet all conditions, in an order, from and up to a number."""

    _where: tuple[Condition, ...] = ()
    _order: tuple[Ordering, ...] = ()
    _joins: tuple[ForeignKey[Any], ...] = ()
    _columns: tuple[Expression[Any], ...] = ()
    _groups: tuple[Expression[Any], ...] = ()
    _having: tuple[Condition, ...] = ()
    _limit: int | Given | None = None
    _offset = 0
    _distinct = _for_update = False
    _given: Mapping[str, Any] = MappingProxyType({})
    _made: tuple[str, list[Any]] | None = None  # the SELECT, once it has been made
    _places: Self | None = None  # the query whose places were given their values

    def __init__(self, table: Table) -> None:
        self._table = table

    def _with(self, **changes: Any) -> Self:
        query = object.__new__(type(self))
        query.__dict__ = {**self.__dict__, "_made": None, "_places": None, **changes}
        return query

    # steps

    def where(self, *conditions: Condition, **equal: Any) -> Self:
        """Only rows that meet these conditions too; `name=value` means equal, `name=None` means NULL."""
        named = [self._table.member(name) == value for name, value in equal.items()]
        return self._with(_where=(*self._where, *conditions, *named))

    def order_by(self, *order: Order) -> Self:
        """In this order, instead of any before."""
        return self._with(_order=tuple(item if isinstance(item, Ordering) else item.asc() for item in order))

    def limit(self, rows: int | Given) -> Self:
        return self._with(_limit=rows if isinstance(rows, Given) else _natural(rows))

    def offset(self, rows: int) -> Self:
        return self._with(_offset=_natural(rows))

    def distinct(self) -> Self:
        return self._with(_distinct=True)

    def join(self, *keys: Any) -> Self:
        """Load the objects behind foreign keys too, and let conditions use their columns.

        A key that may be NULL loses no row. A key of a joined model goes on from there."""
        for key in keys:
            if not isinstance(key, ForeignKey):
                raise ModelError(f"join takes a foreign key, such as Movie.user, not {key!r}")
        return self._with(_joins=(*self._joins, *keys))

    def columns(self, *columns: Expression[Any]) -> Self:
        """For `rows` and subqueries: these expressions instead of whole objects."""
        return self._with(_columns=columns)

    def group_by(self, *expressions: Expression[Any]) -> Self:
        return self._with(_groups=expressions)

    def having(self, *conditions: Condition) -> Self:
        return self._with(_having=(*self._having, *conditions))

    def for_update(self) -> Self:
        """Lock the rows until the transaction ends. (SQLite's transactions that write are alone anyway.)"""
        return self._with(_for_update=True)

    def given(self, **values: Any) -> Self:
        """The same statement, made only once, with these values in the places that `orm.Given(name)` keeps for them."""
        if self._made is None:
            self._made, self._places = self._make(), self
        return self._with(_made=self._made, _places=self._places, _given=values)

    def after(self, last: M | Sequence[Any] | None) -> Self:
        """What follows `last` in this query's order: an object, or the values it is ordered by; None: from the start.

        The order must end in something unique and hold no NULLs, or rows would be lost between two pages."""
        if last is None:
            return self
        values = list(last) if isinstance(last, list | tuple) else [self._value(last, item) for item in self._order]
        if not values or len(values) != len(self._order):
            raise ModelError("after() needs an order, and a value for each part of it")
        *front, (item, value) = zip(self._order, values, strict=True)
        condition = item.beyond(value)
        for item, value in reversed(front):  # in this form, an index over the order's columns leads to the page
            condition = item.beyond(value, or_equal=True) & (item.beyond(value) | condition)
        return self._with(_where=(*self._where, condition))

    def _value(self, row: object, item: Ordering) -> Any:
        column = item.expression
        if not isinstance(column, Field) or column.table is not self._table or column.null:
            raise ModelError("after() takes an object only where the order is by its own columns without NULLs")
        return getattr(row, column.name)

    # answers

    def all(self) -> list[M]:
        if self._columns:
            raise ModelError("selected columns come as rows()")
        if self._joins:
            return [self._joined(row) for row in self._fetch()]
        table = self._table
        return [load(table, row) for row in self._fetch()]

    def first(self) -> M | None:
        """The first object, or None."""
        one = self if self._is_one else self.limit(1)
        return next(iter(one.all()), None)

    def get(self) -> M:
        """The first object; `NotFound` where there is none."""
        if (found := self.first()) is None:
            raise NotFound(f"no {self._table} matches")
        return found

    def rows(self) -> list[tuple[Any, ...]]:
        """One tuple of the selected columns for each row."""
        columns = self._columns or self._table.columns
        decoders = [(place, column.decoder) for place, column in enumerate(columns) if column.decoder]
        return [_decoded(row, decoders) for row in self._fetch()]

    def count(self) -> int:
        """How many rows."""
        if not (self._groups or self._distinct or self._offset or self._limit is not None):
            return int(self._with(_columns=(count(),), _order=())._fetch()[0][0])
        out = Statement({}).add("SELECT COUNT(*) FROM ", self, " AS counted")
        return int(current_database().perform(*out.finish(), write=False).rows[0][0])

    def exists(self) -> bool:
        return bool(self._with(_columns=(Value(1),), _order=(), _limit=1)._fetch())

    def iterate(self, batch: int = BATCH) -> Iterator[M]:
        """One object after the other, holding `batch` of them at a time and no connection in between.

        Ordered by the primary key last, a row is seen once at most; what changes meanwhile is seen as it is then."""
        query = page = self.order_by(*self._order, self._table.primary)
        left = self._limit if isinstance(self._limit, int) else ALL_ROWS
        while found := page.limit(min(batch, left)).all():
            yield from found
            left -= len(found)
            page = query.offset(0).after(found[-1])

    def __iter__(self) -> Iterator[M]:
        return iter(self.all())

    # changes

    def update(self, **values: Any) -> int:
        """Set columns, to values or expressions (`count=Movie.count + 1`); how many rows were matched."""
        if not values:
            return 0
        columns = self._table.by_column(values)
        if self._places is None or any(isinstance(value, Expression) for value in columns.values()):
            return self._change(*self._changing(_update(self._table), *assignments(self._table, columns)))
        text, parameters = _update_made_once(self._places, tuple(columns))
        stored = [self._table.fields[name].store(value) for name, value in columns.items()]
        return self._change(text, [*stored, *parameters[len(stored) :]])

    def delete(self) -> int:
        """How many rows were deleted."""
        return self._change(*self._changing(f"DELETE FROM `{self._table.name}`"))

    def _changing(self, verb: str, *assigned: Expression[Any]) -> tuple[str, list[Any]]:
        if self._joins or self._groups or self._offset or self._limit is not None:
            raise ModelError("update() and delete() take conditions only: no joins, groups or limits")
        out = Statement({self._table: self._table.name}).add(verb).join(" SET ", ", ", assigned)
        return out.join(" WHERE ", " AND ", self._where).finish()

    def _change(self, text: str, parameters: Sequence[Any]) -> int:
        return current_database().perform(text, self._filled(parameters), write=True, table=self._table).count

    # the statement

    def sql(self) -> tuple[str, list[Raw]]:
        """The SELECT and its parameters."""
        text, parameters = self._made or self._make()
        return text, self._filled(parameters)

    def _filled(self, parameters: Sequence[Any]) -> list[Raw]:
        return [self._value_of(value) if type(value) is Given else value for value in parameters]

    def _value_of(self, place: Given) -> Raw:
        if place.name not in self._given:
            raise ModelError(f"this query needs a value for {place.name!r}: say given({place.name}=...)")
        return plain(self._given[place.name])

    def _make(self) -> tuple[str, list[Any]]:
        return self._select({}, self._columns or self._loaded() if self._joins else self._columns).finish()

    def compile(self, out: Statement) -> None:
        inner = self._select(out.aliases, self._columns or (self._table.primary,))
        limited = self._limit is not None  # which MySQL allows in no IN, except one level further in
        out.text += ["(SELECT * FROM (" if limited else "(", *inner.text, ") AS limited)" if limited else ")"]
        out.values += inner.values

    def _fetch(self) -> Sequence[tuple[Any, ...]]:
        sql, values = self.sql()
        database = current_database()
        if self._for_update and database.dialect == "mysql":
            sql += " FOR UPDATE"
        return database.fetch(sql, values, 0 if self._is_one else self._width())

    @property
    def _is_one(self) -> bool:
        """Whether it asks for one row, and says so."""
        return type(self._limit) is int and self._limit == 1

    def _width(self) -> int:
        """How many columns are read, if JSON can hold them all."""
        columns = self._columns or (self._loaded() if self._joins else self._table.columns)
        return len(columns) if all(column.fits_json for column in columns) else 0

    def _loaded(self) -> list[Expression[Any]]:
        joined = [key.of(column) for key in self._joins for column in key.target.columns]
        return [*self._table.columns, *joined]

    def _select(self, outer: Mapping[object, str | None], columns: Sequence[Expression[Any]]) -> Statement:
        out = Statement({**outer, **self._aliases()} if outer or self._joins else {self._table: self._table.name})
        out.add("SELECT DISTINCT " if self._distinct else "SELECT ", *(() if columns else (self._table.selection,)))
        out.join("", ", ", columns).add(f" FROM `{self._table.name}`")
        for key in self._joins:  # LEFT, or the planner might begin with the other table and sort all rows afterwards
            out.add(f" LEFT JOIN `{key.target.name}` AS `{out.alias(key)}` ON ", key.of(key.target.primary), " = ", key)
        out.join(" WHERE ", " AND ", self._where).join(" GROUP BY ", ", ", self._groups)
        out.join(" HAVING ", " AND ", self._having).join(" ORDER BY ", ", ", self._order)
        if self._offset or self._limit is not None:
            limit = ALL_ROWS if self._limit is None else self._limit
            out.add(" LIMIT ", limit if isinstance(limit, Given) else Value(limit))
        return out.add(" OFFSET ", Value(self._offset)) if self._offset else out

    def _aliases(self) -> dict[object, str | None]:
        """By which alias a table, or the target of a joined key, is known; None: by more than one."""
        aliases: dict[object, str | None] = {self._table: self._table.name}
        for key in self._joins:
            parent = aliases.get(key.table)
            if parent is None:
                raise ModelError(f"{key} starts from {key.table}, which is not joined before it, or more than once")
            aliases[key] = f"{parent}${key.name}"
            if key.target is not self._table:
                aliases[key.target] = None if key.target in aliases else aliases[key]
        return aliases

    def _joined(self, row: tuple[Any, ...]) -> M:
        """An object with the joined objects in place."""
        end = len(self._table.columns)
        loaded = {self._table: load(self._table, row[:end])}
        for key in self._joins:
            start, end = end, end + len(key.target.columns)
            owner = loaded[key.table]
            missing = owner is None or owner.__dict__[key.column.name] is None
            target = None if missing else load(key.target, row[start:end])
            if owner is not None:
                owner.__dict__[key.name] = target
            loaded.setdefault(key.target, target)
        return loaded[self._table]  # type: ignore[no-any-return]  # load() gives an M for this table


def load(table: Table, row: tuple[Any, ...]) -> Any:
    """The object of a row that holds all columns of a table."""
    loaded: Any = object.__new__(table.model)
    values = loaded.__dict__
    values.update(zip(table.fields, row, strict=True))
    values["_stored"] = row
    for position, name, decoder in table.decoders:
        value = row[position]
        if value is not None:
            try:
                values[name] = decoder(value)
            except (LookupError, ValueError):
                raise table.fields[name].error(value, "holds what cannot be read") from None
    return loaded


def _update(table: Table) -> str:
    return f"UPDATE `{table.name}`"


@lru_cache(maxsize=128)
def _update_made_once(query: Query[Any], names: tuple[str, ...]) -> tuple[str, list[Any]]:
    """An UPDATE of these columns: its parameters begin with a place for the value of each."""
    return query._changing(_update(query._table), *[Operation(f"`{name}` = ", Given(name)) for name in names])


def assignments(table: Table, values: Mapping[str, Any]) -> list[Expression[Any]]:
    """The `column = value` parts of an UPDATE."""
    return [
        Operation(f"`{name}` = ", value if isinstance(value, Expression) else Value(table.fields[name].store(value)))
        for name, value in table.by_column(values).items()
    ]


def _natural(number: int) -> int:
    if not isinstance(number, int) or number < 0:
        raise ModelError(f"limit and offset take a number of rows, not {number!r}")
    return number


def _decoded(row: tuple[Any, ...], decoders: Sequence[tuple[int, Callable[[Any], Any]]]) -> tuple[Any, ...]:
    if not decoders:
        return row
    values = list(row)
    for place, decode in decoders:
        if values[place] is not None:
            values[place] = decode(values[place])
    return tuple(values)
