"""Queries: what to read or change, built up step by step. Every step gives a new query; nothing is sent before
one of `all`, `first`, `get`, `rows`, `count`, `exists`, `iterate`, `update`, `delete` or a `for` asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, Self, TypeVar

from .database import current_database
from .errors import ModelError, NotFound
from .expressions import LARGEST, Condition, Expression, Order, Ordering, Raw, Statement, Subselect, Value
from .fields import Field, ForeignKey, Table
from .functions import count

M = TypeVar("M")
BATCH = 1000  # rows that `iterate` holds at a time


class Query(Subselect, Generic[M]):
    """The rows of a model that meet all conditions, in an order, from and up to a number."""

    _where: tuple[Condition, ...] = ()
    _order: tuple[Ordering, ...] = ()
    _joins: tuple[ForeignKey[Any], ...] = ()
    _columns: tuple[Expression[Any], ...] = ()
    _groups: tuple[Expression[Any], ...] = ()
    _having: tuple[Condition, ...] = ()
    _limit: int | None = None
    _offset: int | None = None
    _distinct = False
    _for_update = False

    def __init__(self, table: Table) -> None:
        self._table = table

    def _with(self, **changes: Any) -> Self:
        query = object.__new__(type(self))
        query.__dict__ = {**self.__dict__, **changes}
        return query

    # steps

    def where(self, *conditions: Condition, **equal: Any) -> Self:
        """Only rows that meet these conditions too; `name=value` means equal, `name=None` means NULL."""
        named = [self._table.find(name) == value for name, value in equal.items()]
        return self._with(_where=(*self._where, *conditions, *named))

    def order_by(self, *order: Order) -> Self:
        """In this order, instead of any before."""
        return self._with(_order=tuple(item if isinstance(item, Ordering) else item.asc() for item in order))

    def limit(self, rows: int) -> Self:
        return self._with(_limit=_natural(rows))

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

    def after(self, last: M | Sequence[Any] | None) -> Self:
        """What follows `last` in this query's order: an object, or the values it is ordered by; None: from the start.

        The order must end in something unique and hold no NULLs, or rows would be lost between two pages."""
        if last is None:
            return self
        values = list(last) if isinstance(last, list | tuple) else [self._value(last, item) for item in self._order]
        if not self._order or len(values) != len(self._order):
            raise ModelError("after() needs an order, and a value for each part of it")
        *front, tail = zip(self._order, values, strict=True)
        condition = tail[0].beyond(tail[1])
        for item, value in reversed(front):
            condition = item.beyond(value) | ((item.expression == value) & condition)
        return self.where(condition)

    def _value(self, row: object, item: Ordering) -> Any:
        column = item.expression
        if not isinstance(column, Field) or column.table is not self._table or column.null:
            raise ModelError("after() takes an object only where the order is by its own columns without NULLs")
        return getattr(row, column.name)

    # answers

    def all(self) -> list[M]:
        if self._columns:
            raise ModelError("selected columns come as rows()")
        rows = self._fetch()
        if self._joins:
            return self._joined(rows)
        table = self._table
        return [load(table, row) for row in rows]

    def first(self) -> M | None:
        """The first object, or None."""
        found = self.limit(1).all()
        return found[0] if found else None

    def get(self) -> M:
        """The first object; `NotFound` where there is none."""
        found = self.first()
        if found is None:
            raise NotFound(f"no {self._table.model.__name__} matches")
        return found

    def rows(self) -> list[tuple[Any, ...]]:
        """One tuple of the selected columns for each row."""
        decoders = [column.decoder for column in self._columns or self._table.columns]
        if not any(decoders):
            return list(self._fetch())
        return [
            tuple(
                value if decoder is None or value is None else decoder(value)
                for value, decoder in zip(row, decoders, strict=True)
            )
            for row in self._fetch()
        ]

    def count(self) -> int:
        """How many rows."""
        if self._groups or self._distinct or self._limit is not None or self._offset is not None:
            sql, values = self._inner().finish()
            sql = f"SELECT COUNT(*) FROM ({sql}) AS counted"
            return int(current_database().perform(sql, values, write=False).rows[0][0])
        return int(self._with(_columns=(count(),), _order=()).rows()[0][0])

    def exists(self) -> bool:
        return bool(self._with(_columns=(Value(1),), _order=()).limit(1)._fetch())

    def iterate(self, batch: int = BATCH) -> Iterator[M]:
        """One object after the other, holding `batch` of them at a time and no connection in between.

        Ordered by the primary key last, a row is seen once at most; what changes meanwhile is seen as it is then."""
        query, left = self.order_by(*self._order, self._table.primary), self._limit
        page = query
        while left is None or left > 0:
            found = page.limit(batch if left is None else min(batch, left)).all()
            yield from found
            if len(found) < batch:
                return
            left = None if left is None else left - len(found)
            page = query._with(_offset=None).after(found[-1])

    def __iter__(self) -> Iterator[M]:
        return iter(self.all())

    def __bool__(self) -> bool:
        raise TypeError("a query is neither true nor false: use exists()")

    # changes

    def update(self, **values: Any) -> int:
        """Set columns, to values or expressions (`count=Movie.count + 1`); how many rows were matched."""
        self._check_plain("update")
        if not values:
            return 0
        out = Statement({self._table: self._table.name}).add(f"UPDATE `{self._table.name}` SET ")
        assign(out, self._table, values)
        self._add_where(out)
        return current_database().perform(*out.finish(), write=True, table=self._table).count

    def delete(self) -> int:
        """How many rows were deleted."""
        self._check_plain("delete")
        out = Statement({self._table: self._table.name}).add(f"DELETE FROM `{self._table.name}`")
        self._add_where(out)
        return current_database().perform(*out.finish(), write=True, table=self._table).count

    def _check_plain(self, what: str) -> None:
        if self._joins or self._groups or self._limit is not None or self._offset is not None:
            raise ModelError(f"{what}() takes conditions only, no joins, groups or limits")

    # the statement

    def sql(self) -> tuple[str, list[Raw]]:
        """The SELECT and its parameters."""
        return self._select({}, self._columns or self._loaded()).finish()

    def compile(self, out: Statement) -> None:
        inner = self._inner(out)
        out.text += ["(", *inner.text, ")"]
        out.values += inner.values

    def _inner(self, outer: Statement | None = None) -> Statement:
        names: Sequence[Any] = self._columns or (self._table.primary,)
        return self._select(outer.aliases if outer else {}, names)

    def _fetch(self) -> Sequence[tuple[Any, ...]]:
        out = self._select({}, self._columns or self._loaded())
        database = current_database()
        if self._for_update and database.dialect == "mysql":
            out.add(" FOR UPDATE")
        return database.perform(*out.finish(), write=False).rows

    def _loaded(self) -> list[Expression[Any]]:
        joined = [key.of(column) for key in self._joins for column in key.target.columns]
        return [*self._table.columns, *joined]

    def _select(self, outer: Any, columns: Sequence[Expression[Any]]) -> Statement:
        out = Statement({**outer, **self._aliases()})
        out.add("SELECT DISTINCT " if self._distinct else "SELECT ").join(", ", columns)
        out.add(f" FROM `{self._table.name}`")
        for key in self._joins:
            kind = " LEFT JOIN" if any(step.null for step in self._path(key)) else " JOIN"
            out.add(f"{kind} `{key.target.name}` AS `{out.alias(key)}` ON ", key.of(key.target.primary), " = ", key)
        self._add_where(out)
        if self._groups:
            out.add(" GROUP BY ").join(", ", self._groups)
        if self._having:
            out.add(" HAVING ").join(" AND ", self._having)
        if self._order:
            out.add(" ORDER BY ").join(", ", self._order)
        if self._limit is not None or self._offset is not None:
            out.add(" LIMIT ", Value(LARGEST if self._limit is None else self._limit))
        if self._offset is not None:
            out.add(" OFFSET ", Value(self._offset))
        return out

    def _add_where(self, out: Statement) -> None:
        if self._where:
            out.add(" WHERE ").join(" AND ", self._where)

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

    def _path(self, key: ForeignKey[Any]) -> list[ForeignKey[Any]]:
        """The joins from the query's own table to this key, the key first."""
        if key.table is self._table:
            return [key]
        return [key, *self._path(next(step for step in self._joins if step.target is key.table))]

    def _joined(self, rows: Sequence[tuple[Any, ...]]) -> list[M]:
        """Objects with the joined objects in place."""
        found = []
        for row in rows:
            end = len(self._table.columns)
            top: Any = load(self._table, row[:end])
            loaded: dict[Any, Any] = {self._table: top}
            for key in self._joins:
                start, end = end, end + len(key.target.columns)
                part = row[start:end]
                target: Any = None if part[key.target.place(key.target.primary)] is None else load(key.target, part)
                owner = loaded.get(key.table)
                if owner is not None:
                    owner.__dict__[key.name] = target
                if key.target is not self._table:
                    loaded[key.target] = target
            found.append(top)
        return found


def load(table: Table, row: tuple[Any, ...]) -> Any:
    """The object of a row that holds all columns of a table."""
    loaded: Any = object.__new__(table.model)
    values = loaded.__dict__
    values.update(zip(table.fields, row, strict=True))
    values["_stored"] = row
    for position, name, decoder in table.decoders:
        value = row[position]
        if value is not None:
            values[name] = decoder(value)
    return loaded


def assign(out: Statement, table: Table, values: dict[str, Any]) -> None:
    """Write `column = value, ...` of an UPDATE."""
    for number, (name, value) in enumerate(values.items()):
        found = table.find(name)
        column = found.column if isinstance(found, ForeignKey) else found
        if not isinstance(value, Expression):
            raw = None if value is None and column.null else value
            value = Value(column.store(found._key(raw) if isinstance(found, ForeignKey) and raw is not None else raw))
        out.add(", " if number else "", f"`{column.name}` = ", value)


def _natural(number: int) -> int:
    if not isinstance(number, int) or number < 0:
        raise ModelError(f"limit and offset take a number of rows, not {number!r}")
    return number
