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
    if expression is None:
        return Operation("COUNT(*)")
    return Operation("COUNT(DISTINCT " if distinct else "COUNT(", expression, ")")


def sum(expression: Expression[T]) -> Expression[T | None]:
    """NULL where there is no row."""
    return Operation("SUM(", expression, ")")


def avg(expression: Expression[Any]) -> Expression[float | None]:
    return Operation("AVG(", expression, ")", typed=_FLOAT)


def min(expression: Expression[T]) -> Expression[T | None]:
    return Operation("MIN(", expression, ")", typed=expression)


def max(expression: Expression[T]) -> Expression[T | None]:
    return Operation("MAX(", expression, ")", typed=expression)


def lower(expression: Expression[str]) -> Expression[str]:
    return Operation("LOWER(", expression, ")")


def coalesce(expression: Expression[Any], *others: Expression[Any] | T) -> Expression[Any]:
    """The first that is not NULL."""
    pieces = [piece for other in others for piece in (", ", expression._operand(other))]
    return Operation("COALESCE(", expression, *pieces, ")", typed=expression)


class _Float(Expression[float]):
    decoder = float


_FLOAT = _Float()
