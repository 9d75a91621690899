"""Prices as people write them. Amounts are whole fen everywhere else."""

from __future__ import annotations

from typing import Final

from youku_evloop.errors import BadRequest

HIGHEST_PRICE: Final = 100_000_000
"""Fen; the protocol's limit."""


def parse_yuan(words: str | None) -> int | None:
    """Yuan (`20`, `9.90`) as fen; None where nothing is written. Raises `BadRequest`."""
    from decimal import Decimal, InvalidOperation

    if words is None:
        return None
    try:
        fen = Decimal(words) * 100
    except InvalidOperation:
        fen = Decimal("nan")
    if not fen.is_finite() or not 0 <= fen <= HIGHEST_PRICE or fen != int(fen):
        raise BadRequest(f"{words!r} is no price: write yuan, such as 20 or 9.90.")
    return int(fen)
