"""Prices as people write them. Amounts are whole fen everywhere else."""

from __future__ import annotations

from typing import Final

from youku_evloop.errors import BadRequest

HIGHEST_PRICE: Final = 100_000_000
"""Fen; the protocol's limit."""


def check_prices(price: int | None, vip_price: int | None) -> None:
    """Raise `BadRequest` where both are known, in fen, and VIPs would pay more. The server knows its own prices."""
    if price is not None and vip_price is not None and vip_price > price:
        raise BadRequest(
            f"A VIP price of {vip_price / 100:.2f} yuan is above the price of {price / 100:.2f} yuan: "
            "VIPs never pay more than others."
        )


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
