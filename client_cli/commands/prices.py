"""Options that are prices."""

from __future__ import annotations

import click

from client_cli.money import parse_yuan
from youku_evloop.errors import BadRequest


def parse_price(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Yuan as people write them (`20`, `9.90`) to fen."""
    try:
        return parse_yuan(value)
    except BadRequest as problem:
        raise click.BadParameter(problem.message.rstrip(".")) from None
