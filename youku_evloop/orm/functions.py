"""SQL's aggregates and a few functions, named as SQL names them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from .expressions import Expression, Operation

T = TypeVar("T")


def utcnow() -> datetime:
    """This instant as an aware datetime, good as a field's `default`."""
    return datetime.now(UTC)


def count(expression: Expression[Any] | None = None, *, distinct: bool = False) -> Expression[int]:
    """How many rows; of an expression: in how many rows it is not NULL."""
    return Operation("COUNT(DISTINCT " if distinct else "COUNT(", "*" if expression is None else expression, ")")


def sum(expression: Expression[T]) -> Expression[T | None]:
    """NULL where there is no row."""
    return Operation("SUM(", expression, ")")


def avg(expression: Expression[Any]) -> Expression[float | None]:
    average: Operation[float | None] = Operation("AVG(", expression, ")")
    average.decoder = float
    return average


def min(expression: Expression[T]) -> Expression[T | None]:
    smallest: Operation[T | None] = Operation("MIN(", expression, ")")
    return smallest.like_type(expression)


def max(expression: Expression[T]) -> Expression[T | None]:
    largest: Operation[T | None] = Operation("MAX(", expression, ")")
    return largest.like_type(expression)


def lower(expression: Expression[str]) -> Expression[str]:
    return Operation("LOWER(", expression, ")")


def coalesce(expression: Expression[Any], *others: Expression[Any] | T) -> Expression[Any]:
    """The first that is not NULL."""
    pieces = [piece for other in others for piece in (", ", expression.operand(other))]
    first: Operation[Any] = Operation("COALESCE(", expression, *pieces, ")")
    return first.like_type(expression)
