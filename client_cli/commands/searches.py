"""Searching, and what was searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from client_cli import text
from client_cli.app import App
from client_cli.commands.movies import print_movies
from client_cli.commands.pages import collect, limit_option
from client_cli.framework import command, pass_app, yes_option
from client_cli.output import Column
from youku_evloop.errors import BadRequest

if TYPE_CHECKING:
    from client_cli.values import Movie, Page

COLUMNS = (Column("SEARCHED"), Column("FOUND"), Column("QUERY", flexible=True))
MISSED_COLUMNS = (Column("TIMES", right=True), Column("LAST"), Column("QUERY", flexible=True))


@command(
    "search",
    document='{"movies": [MOVIE, ...], "more": true | false}',
    examples=(
        ("youku search 西游 part", "Movies with both, in title or description; parts of words will do."),
        ("youku search holiday --type free --quiet | xargs youku download", "Fetch all that is found."),
    ),
)
@click.argument("words", metavar="WORD...", nargs=-1, required=True)
@click.option("--type", "kind", type=click.Choice(["all", "free", "charge"]), default="all", help="Which movies (all).")
@limit_option
@pass_app
def search(app: App, words: tuple[str, ...], kind: str, limit: int) -> None:
    """Search titles and descriptions for movies that have every WORD, newest first.

    Part of a word is enough; single letters alone are looked for at the beginnings of words.
    """
    query = " ".join(words)
    with app.client() as youku:

        def page(count: int, cursor: str | None) -> Page[Movie]:
            from client_cli.values import Page

            found = youku.search(query, kind, count, cursor)
            return Page(rows=found.movies, next=found.next)

        movies, more = collect(page, limit)
    print_movies(app, movies, more)
    if app.output.is_for_people and not movies:
        app.message("Nothing was found.")


@command(
    "searches",
    document='{"searches": [{"query": TEXT, ...}, ...]}',
    examples=(
        ("youku searches", "What you searched last."),
        ("youku searches --clear --yes", "Forget them, without asking."),
        ("youku searches --missed", "What was searched and not found (administrators)."),
    ),
)
@click.option("--clear", is_flag=True, help="Forget them.")
@yes_option
@click.option("--missed", is_flag=True, help="What anybody searched lately and did not find (administrators).")
@pass_app
def searches(app: App, clear: bool, yes: bool, missed: bool) -> None:
    """List your last searches, or forget them."""
    if clear and missed:
        raise BadRequest("--clear and --missed do not go together.")
    if clear:
        _clear(app, yes)
    elif missed:
        _list_missed(app)
    else:
        _list(app)


def _clear(app: App, yes: bool) -> None:
    app.require_yes(yes)
    if not yes:
        app.confirm("Forget all that you have searched?", otherwise="Nothing was forgotten.")
    with app.client() as youku:
        count = youku.clear_searches()
    app.output.item({"cleared": count}, count, f"Searches forgotten: {count}.")
    app.output.document({"cleared": count, "searches": []})


def _list(app: App) -> None:
    with app.client() as youku:
        found = youku.searches()
    rows = [
        (app.output.moment(row.create_time), app.translate("yes" if row.found else "no"), text.visible(row.query))
        for row in found
    ]
    app.output.table(COLUMNS, rows, found, [row.query for row in found])
    app.output.document({"searches": found})


def _list_missed(app: App) -> None:
    with app.client() as youku:
        found = youku.missed_searches(50)
    rows = [(str(row.times), app.output.moment(row.last), text.visible(row.query)) for row in found]
    app.output.table(MISSED_COLUMNS, rows, found, [row.query for row in found])
    app.output.document({"searches": found})
