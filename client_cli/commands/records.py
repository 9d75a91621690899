"""The download history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from client_cli import candidates, text
from client_cli.app import App
from client_cli.commands.pages import collect, limit_option, list_pages, say_more
from client_cli.commands.wanted import METAVAR, MovieName
from client_cli.framework import command, pass_app
from client_cli.output import Column
from youku_evloop.errors import BadRequest

if TYPE_CHECKING:
    from client_cli.titles import Wanted
    from client_cli.values import Record

COLUMNS = (
    Column("ID", right=True),
    Column("WHEN"),
    Column("BY", optional=True),
    Column("BYTES", right=True),
    Column("WHOLE", optional=True),
    Column("MOVIE", right=True),
    Column("TITLE", flexible=True),
)


@command(
    "records",
    document='{"records": [RECORD, ...], "more": true | false}',
    examples=(
        ("youku records", "What you downloaded, newest first."),
        ("youku records --all --movie 12 --limit 0 --json", "Everybody who fetched movie 12 (administrators)."),
    ),
)
@click.option("--all", "everybody", is_flag=True, help="Everybody's (administrators).")
@click.option("--user", metavar="NAME", shell_complete=candidates.users, help="With --all: of one user.")
@click.option("--movie", metavar=METAVAR, type=MovieName(), help="With --all: of one movie.")
@limit_option
@pass_app
def records(app: App, everybody: bool, user: str | None, movie: Wanted | None, limit: int) -> None:
    """List downloads, newest first: movie, time, bytes, and whether all of it was fetched."""
    if not everybody and (user is not None or movie is not None):
        raise BadRequest("--user and --movie go with --all.")
    from client_cli.titles import find_id

    with app.client() as youku:
        number = None if movie is None else find_id(youku, movie)
        fetch = list_pages(youku.all_records, user=user, movie=number) if everybody else youku.records
        found, more = collect(fetch, limit)
    app.output.table(COLUMNS, [_row(app, record) for record in found], found, [record.id for record in found])
    app.output.document({"records": found, "more": more})
    say_more(app, more)


def _row(app: App, record: Record) -> tuple[str, ...]:
    deleted = " (deleted)" if record.deleted else ""
    return (
        str(record.id),
        app.output.moment(record.create_time),
        record.user,
        app.output.size(record.bytes_sent),
        app.translate("yes" if record.completed else "no"),
        str(record.movie),
        text.visible(record.name) + deleted,
    )
