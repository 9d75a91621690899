"""Movies: list them, show one, delete one, bring it back or remove it for good."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import click

from client_cli import text
from client_cli.app import App
from client_cli.commands.pages import collect, say_more
from client_cli.commands.prices import parse_price
from client_cli.commands.wanted import movie_argument
from client_cli.framework import command, pass_app, yes_option
from client_cli.output import Column
from youku_evloop.errors import BadRequest

if TYPE_CHECKING:
    from client_cli.client import Client, MovieSort, MovieType
    from client_cli.titles import Wanted
    from client_cli.values import Movie, Page

COLUMNS = (
    Column("ID", right=True),
    Column("SIZE", right=True),
    Column("PRICE", right=True),
    Column("VIP", right=True, optional=True),
    Column("PUBLISHED", optional=True),
    Column("BY", optional=True),
    Column("TITLE", flexible=True),
)


@command(
    "list",
    document='{"movies": [MOVIE, ...], "more": true | false}',
    examples=(
        ("youku list --type free --limit 10", "The ten newest movies that cost nothing."),
        ("youku list --limit 0 --json | jq '.movies | length'", "How many movies there are."),
    ),
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["all", "free", "charge", "deleted"]),
    default="all",
    help="Which movies (all); deleted ones are for administrators.",
)
@click.option(
    "--sort",
    type=click.Choice(["newest", "oldest", "title", "size"]),
    default="newest",
    help="In which order (newest first).",
)
@click.option("--limit", type=click.IntRange(0), default=50, metavar="N", help="How many at most (50); 0 for all.")
@pass_app
def list_movies(app: App, kind: MovieType | Literal["deleted"], sort: MovieSort, limit: int) -> None:
    """List the movies, newest first."""
    with app.client() as youku:
        if kind == "deleted":
            if sort != "newest":
                raise BadRequest("Deleted movies are listed newest first: leave --sort out.")
            movies, more = collect(youku.deleted_movies, limit)
        else:
            movies, more = collect(partial(_page, youku, kind, sort), limit)
    print_movies(app, movies, more)
    if app.output.is_for_people and not movies:
        app.message("There are no movies here yet.")


@command(
    "edit",
    document='{"movie": MOVIE}',
    examples=(
        ("youku edit 12 --title 'The Feature' --charge --price 9.90", "Another title, and a price."),
        ("youku edit 'The Feature' --free", "It costs nothing from now on."),
    ),
)
@movie_argument()
@click.option("--title", "name", help="The title.")
@click.option("--description", help="What it is about.")
@click.option("--free/--charge", "is_free", default=None, help="Whether it costs nothing.")
@click.option("--price", metavar="YUAN", callback=parse_price, help="Its price.")
@click.option("--vip-price", metavar="YUAN", callback=parse_price, help="Its price for VIPs.")
@pass_app
def edit(app: App, /, wanted: Wanted, **options: Any) -> None:
    """Change a movie (administrators). What was bought stays bought, at the price of then."""
    changes = {name: value for name, value in options.items() if value is not None}
    if not changes:
        raise BadRequest("Say what to change: --title, --description, --free, --charge, --price or --vip-price.")
    from client_cli.titles import find_id

    with app.client() as youku:
        movie = youku.edit(find_id(youku, wanted), **changes)
    app.output.item(movie, movie.id, f"Changed movie {movie.id}: {text.visible(movie.name)}")
    app.output.document({"movie": movie})


@command(
    "show",
    document='{"movie": MOVIE}',
    examples=(
        ("youku show feature", "Everything about the movie with this in its title."),
        ("youku show 12 --json | jq -r .movie.hash", "Its BLAKE3 hash."),
    ),
)
@movie_argument()
@pass_app
def show(app: App, wanted: Wanted) -> None:
    """Show everything about one movie."""
    from client_cli.titles import find_movie

    with app.client() as youku:
        movie = find_movie(youku, wanted)
    app.output.document({"movie": movie})
    app.output.details(_details(app, movie))
    if app.output.form not in (app.output.form.TEXT, app.output.form.JSON):
        app.output.item(movie, movie.id, "")


@command(
    "delete",
    document='{"movie": MOVIE, "restorable_until": TIME | null}',
    examples=(
        ("youku delete 12", "Delete movie 12; asks first."),
        ("youku delete 12 --yes", "Without asking, for scripts."),
        ("youku delete 12 --purge", "Remove the deleted movie 12 and its bytes for good; asks first."),
    ),
)
@movie_argument()
@click.option("--purge", is_flag=True, help="Remove a movie that is deleted already for good, and its bytes.")
@yes_option
@pass_app
def delete(app: App, wanted: Wanted, purge: bool, yes: bool) -> None:
    """Take a movie out of the library (administrators); `youku restore` brings it back, for a while.

    A movie that somebody has bought or downloaded stays on record and cannot be purged. With --yes a part of a title is
    too little: nobody would see what it stands for.
    """
    app.require_yes(yes)
    (_purge if purge else _delete)(app, wanted, yes)


def _delete(app: App, wanted: Wanted, yes: bool) -> None:
    from client_cli.titles import find_movie

    with app.client() as youku:
        movie = find_movie(youku, wanted, whole=yes)
        if not yes:
            question = f"Delete movie {movie.id}, {text.visible(movie.name)!r} ({text.size(movie.size)})?"
            app.confirm(question, otherwise="Nothing was deleted.")
        until = youku.delete(movie.id)
    app.output.item(movie, movie.id, f"Deleted movie {movie.id}: {text.visible(movie.name)}")
    app.output.document({"movie": movie, "restorable_until": until})
    if until is not None:
        app.message(f"Until {text.utc(until)} it can be brought back: youku restore {movie.id}")


def _purge(app: App, wanted: Wanted, yes: bool) -> None:
    from client_cli.titles import find_deleted

    with app.client() as youku:
        movie = find_deleted(youku, wanted, whole=yes)
        if not yes:
            question = f"Remove movie {movie.id}, {text.visible(movie.name)!r} ({text.size(movie.size)}), for good?"
            app.confirm(question, otherwise="Nothing was removed.")
        youku.purge(movie.id)
    app.output.item(movie, movie.id, f"Removed movie {movie.id} for good: {text.visible(movie.name)}")
    app.output.document({"movie": movie, "restorable_until": None})


@command(
    "restore",
    document='{"movie": MOVIE}',
    examples=(
        ("youku restore 12", "Bring movie 12 back."),
        ("youku restore 12 --json | jq -r .movie.name", "And say what it is called."),
    ),
)
@movie_argument(deleted=True)
@pass_app
def restore(app: App, wanted: Wanted) -> None:
    """Bring a deleted movie back into the library (administrators)."""
    from client_cli.titles import find_id

    with app.client() as youku:
        movie = youku.restore(find_id(youku, wanted, deleted=True))
    app.output.item(movie, movie.id, f"Restored movie {movie.id}: {text.visible(movie.name)}")
    app.output.document({"movie": movie})


def print_movies(app: App, movies: list[Movie], more: bool) -> None:
    """A table of movies, or the same for a program."""
    app.output.table(COLUMNS, [_row(app, movie) for movie in movies], movies, [movie.id for movie in movies])
    app.output.document({"movies": movies, "more": more})
    say_more(app, more)


def _page(youku: Client, kind: MovieType, sort: MovieSort, limit: int, cursor: str | None) -> Page[Movie]:
    from client_cli.values import Page

    page = youku.movie_page(kind, limit, cursor, sort)
    return Page(rows=page.movies, next=page.next)


def _row(app: App, movie: Movie) -> Sequence[str]:
    return (
        str(movie.id),
        app.output.size(movie.size),
        app.translate("free") if movie.is_free else text.price(movie.price),
        app.translate("free") if movie.is_free else text.price(movie.vip_price),
        app.output.moment(movie.create_time),
        movie.uploader or "-",
        text.visible(movie.name),
    )


def _details(app: App, movie: Movie) -> list[tuple[str, str]]:
    say = app.translate
    price = "free" if movie.is_free else f"{text.price(movie.price)} yuan, {text.price(movie.vip_price)} for VIPs"
    published = text.utc(movie.create_time)
    if app.output.is_for_people:
        published = f"{app.output.moment(movie.create_time)} ({published})"
    pairs = [
        ("Id", str(movie.id)),
        ("Title", text.visible(movie.name)),
        ("Size", say(f"{text.size(movie.size)} ({movie.size} bytes)")),
        ("Price", say(price)),
        ("Published", published),
        ("By", movie.uploader or "-"),
        ("BLAKE3", movie.hash),
    ]
    if movie.description:
        pairs.append(("Description", text.visible(str(movie.description))))
    return pairs
