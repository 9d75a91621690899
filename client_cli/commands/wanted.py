"""Arguments that name a movie: by its id, its title, or a part of one. See `client_cli.titles`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from client_cli import candidates, text
from client_cli.app import App
from client_cli.output import Column
from youku_evloop.errors import BadRequest, YoukuError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from client_cli.titles import Wanted

METAVAR: Final = "ID|TITLE"

COLUMNS: Final = (
    Column("ID", right=True),
    Column("SIZE", right=True),
    Column("PUBLISHED"),
    Column("TITLE", flexible=True),
)


class MovieName(click.ParamType["Wanted"]):
    """A movie that is there, or one that was deleted: an id or a title."""

    name = "movie"

    def __init__(self, *, deleted: bool = False) -> None:
        self._deleted = deleted

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Wanted:
        from client_cli.titles import parse_wanted

        try:
            return value if isinstance(value, int) else parse_wanted(value)
        except BadRequest as error:
            self.fail(error.message, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        deleted = self._deleted or bool(ctx.params.get("purge"))
        return candidates.movies(ctx, incomplete, deleted=deleted)


def movie_argument(name: str = "wanted", *, deleted: bool = False, **options: Any) -> Callable[[Any], Any]:
    """The argument of a command that takes a movie."""
    metavar = METAVAR + ("..." if options.get("nargs") == -1 else "")
    return click.argument(name, metavar=metavar, type=MovieName(deleted=deleted), **options)


def say_candidates(app: App, error: YoukuError) -> None:
    """What a title can mean, where that is the error, as a table beside it."""
    from client_cli.values import Movie, read

    movies = read(list[Movie], error.facts.get("candidates", []))
    rows = [
        (str(movie.id), text.size(movie.size), app.output.moment(movie.create_time), text.visible(movie.name))
        for movie in movies
    ]
    app.output.aside(COLUMNS, rows)
    if error.facts.get("more"):
        app.message("There are more: write more of the title.")
