"""Uploads: send files, see what is unfinished, cancel it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client_cli import text
from client_cli.app import App
from client_cli.commands.batches import run_batch
from client_cli.framework import YoukuCommand, YoukuGroup, command, pass_app
from client_cli.names import readable
from client_cli.output import Column
from client_cli.progress import Phase, Progress, ProgressCallback
from youku_evloop.errors import BadRequest

if TYPE_CHECKING:
    from client_cli.bars import Bars

COLUMNS = (
    Column("ID"),
    Column("DONE", right=True),
    Column("SIZE", right=True),
    Column("STATE"),
    Column("BEGUN"),
    Column("EXPIRES"),
    Column("TITLE", flexible=True),
)


def parse_price(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Yuan as people write them (`20`, `9.90`) to fen."""
    if value is None:
        return None
    try:
        fen = Decimal(value) * 100
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no price: write yuan, such as 20 or 9.90") from None
    if not fen.is_finite() or fen != int(fen) or fen < 0:
        raise click.BadParameter(f"{value!r} is no price: write yuan, such as 20 or 9.90")
    return int(fen)


@command(
    "upload",
    document=(
        '{"uploaded": [{"path": TEXT, "movie": MOVIE}, ...], "failed": [{"path": TEXT, "error": CODE, '
        '"message": TEXT}, ...]}'
    ),
    examples=(
        ("youku upload holiday.avi", "Publish a free movie under its file name."),
        ("youku upload feature.mkv --charge --title 'The Feature' --price 9.90", "A paid one."),
        ("youku upload *.mp4 --json", "Several, with one document about all of them."),
    ),
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
@click.option("--title", help="The title (the file's name).")
@click.option("--description", default="", help="What it is about.")
@click.option("--charge", is_flag=True, help="A paid movie; without it, it is free.")
@click.option("--price", metavar="YUAN", callback=parse_price, help="Its price (the server's).")
@click.option("--vip-price", metavar="YUAN", callback=parse_price, help="Its price for VIPs (the server's).")
@click.option("--again", is_flag=True, help="Even if these bytes have this title already.")
@click.option("--limit-rate", metavar="RATE", help="Bytes per second at most: 500k, 2.5M, 1G.")
@pass_app
def upload(app: App, /, paths: tuple[Path, ...], limit_rate: str | None, **options: Any) -> None:
    """Send files and publish them (administrators).

    An upload that was cut off goes on where it stopped when the same command is repeated.
    """
    from client_cli.pace import parse_rate

    rate = parse_rate(limit_rate) if limit_rate else None
    movie_options = _movie_options(len(paths), **options)
    with app.client() as youku:

        def send(path: Path, bars: Bars) -> dict[str, Any]:
            with bars.showing(text.visible(readable(path.name))) as progress:
                telling = _telling_of_a_resume(app, path, progress)
                movie = youku.upload(path, progress=telling, limit_rate=rate, **movie_options)
            result = {"path": readable(path), "movie": movie}
            app.output.item(result, movie.id, f"{movie.id}  {text.visible(movie.name)}  ({text.size(movie.size)})")
            return result

        run_batch(app, "uploaded", paths, send, lambda path: {"path": readable(path)})


def _telling_of_a_resume(app: App, path: Path, progress: ProgressCallback) -> ProgressCallback:
    """The same progress, and a message where the server has the beginning of the file from an earlier upload."""
    begun = False

    def tell(step: Progress) -> None:
        nonlocal begun
        if step.phase is Phase.TRANSFERRING and not begun:
            begun = True
            if step.done:
                held = f"{text.size(step.done)} of {text.size(step.total)}"
                app.message(f"{text.visible(readable(path.name))}: the server has {held} already; resuming from there.")
        progress(step)

    return tell


@click.group(
    "uploads",
    cls=YoukuGroup,
    invoke_without_command=True,
    document='{"uploads": [UPLOAD, ...]}',
    examples=(
        ("youku uploads", "Your unfinished uploads, newest first."),
        ("youku uploads cancel 7f3a", "Throw one away."),
    ),
)
@click.pass_context
def uploads(context: click.Context) -> None:
    """List your unfinished uploads; `uploads cancel ID` throws one away."""
    if context.invoked_subcommand is None:
        _list_uploads(context.ensure_object(App))


@uploads.command(
    "cancel",
    cls=YoukuCommand,
    document='{"upload": TEXT}',
    examples=(
        ("youku uploads cancel 7f3a", "Throw away what the server has of it."),
        ("youku uploads --quiet | xargs -n 1 youku uploads cancel", "All of them."),
    ),
)
@click.argument("upload_id", metavar="ID")
@pass_app
def cancel(app: App, upload_id: str) -> None:
    """Throw away what the server has of an unfinished upload."""
    with app.client() as youku:
        youku.cancel_upload(upload_id)
    app.output.item({"upload": upload_id}, upload_id, f"Cancelled upload {upload_id}.")
    app.output.document({"upload": upload_id})


def _list_uploads(app: App) -> None:
    with app.client() as youku:
        found = youku.uploads()
    rows = [
        (
            upload.id,
            f"{upload.offset * 100 // upload.size}%" if app.output.is_for_people else str(upload.offset),
            app.output.size(upload.size),
            upload.state,
            app.output.moment(upload.create_time),
            app.output.moment(upload.expire_time),
            text.visible(upload.name),
        )
        for upload in found
    ]
    app.output.table(COLUMNS, rows, found, [upload.id for upload in found])
    app.output.document({"uploads": found})


def _movie_options(
    count: int,
    title: str | None,
    description: str,
    charge: bool,
    price: int | None,
    vip_price: int | None,
    again: bool,
) -> dict[str, Any]:
    if title is not None and count > 1:
        raise BadRequest("--title is for a single file: give several files their titles one by one.")
    if not charge and (price is not None or vip_price is not None):
        raise BadRequest("--price and --vip-price are for paid movies: add --charge.")
    return {
        "title": title,
        "description": description,
        "is_free": not charge,
        "price": price,
        "vip_price": vip_price,
        "again": again,
    }
