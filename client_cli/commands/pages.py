"""Lists that the server gives page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from client_cli.app import App

if TYPE_CHECKING:
    from client_cli.values import Page

RowT = TypeVar("RowT")
LARGEST_PAGE: Final = 50

limit_option = click.option(
    "--limit", type=click.IntRange(0), default=50, metavar="N", help="How many at most (50); 0 for all."
)


def collect(fetch: Callable[[int, str | None], Page[RowT]], limit: int) -> tuple[list[RowT], bool]:
    """At most `limit` rows (0: all), and whether there are more; `fetch(count, cursor)` gets a page."""
    rows: list[RowT] = []
    cursor = None
    while True:
        page = fetch(min(limit - len(rows), LARGEST_PAGE) if limit else LARGEST_PAGE, cursor)
        rows += page.rows
        cursor = page.next
        if cursor is None or (limit and len(rows) >= limit):
            return rows, cursor is not None


def say_more(app: App, more: bool) -> None:
    """Where a list was cut."""
    if more:
        app.message("There are more: --limit 0 lists them all.")


def list_pages(fetch: Callable[..., Any], **arguments: Any) -> Callable[[int, str | None], Page[Any]]:
    """`fetch` with these arguments, as `collect` wants it."""
    return lambda limit, cursor: fetch(limit, cursor, **arguments)
