"""Downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from client_cli import text
from client_cli.app import App
from client_cli.commands import completion
from client_cli.commands.batches import run_batch
from client_cli.framework import command, pass_app
from client_cli.names import readable
from youku_evloop.errors import BadRequest

if TYPE_CHECKING:
    from client_cli.bars import Bars
    from client_cli.download import Download


@command(
    "download",
    document=(
        '{"downloaded": [{"movie": MOVIE, "path": TEXT, "resumed_from": BYTES, "was_there": true | '
        'false}, ...], "failed": [{"movie": ID, "error": CODE, "message": TEXT}, ...]}'
    ),
    examples=(
        ("youku download 12", "Fetch movie 12 into the current directory."),
        ("youku download 12 -o copy.avi", "Under another name."),
        ("youku download 12 13 14 -o ~/Videos --limit-rate 2M", "Several, gently."),
    ),
)
@click.argument(
    "movie_ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1), shell_complete=completion.movies
)
@click.option("-o", "--output", metavar="PATH", help="A file or a directory (the title, in the current directory).")
@click.option("--restart", is_flag=True, help="Throw a partial download away and start over.")
@click.option("--force", is_flag=True, help="Replace a file that is another one.")
@click.option("--limit-rate", metavar="RATE", help="Bytes per second at most: 500k, 2.5M, 1G.")
@pass_app
def download(
    app: App, movie_ids: tuple[int, ...], output: str | None, restart: bool, force: bool, limit_rate: str | None
) -> None:
    """Fetch movies and check that they arrived as they are.

    Until it is complete a download is called `<name>.part`; it goes on where it stopped when the same command is
    repeated.
    """
    from client_cli.pace import parse_rate

    rate = parse_rate(limit_rate) if limit_rate else None
    _check_output(output, len(movie_ids))
    with app.client() as youku:

        def fetch(movie_id: int, bars: Bars) -> dict[str, Any]:
            movie = youku.movie(movie_id)
            with bars.showing(text.visible(movie.name)) as progress:
                done = youku.download(movie, output, restart=restart, force=force, progress=progress, limit_rate=rate)
            result = {
                "movie": done.movie,
                "path": readable(done.path),
                "resumed_from": done.resumed_from,
                "was_there": done.was_there,
            }
            app.output.item(result, movie_id, _words(done))
            return result

        run_batch(app, "downloaded", movie_ids, fetch, lambda movie_id: {"movie": movie_id})


def _words(done: Download) -> str:
    size = text.size(done.movie.size)
    if done.was_there:
        return f"{done.path} is there already, whole and the same ({size})."
    resumed = f", resumed from {text.size(done.resumed_from)}" if done.resumed_from else ""
    return f"{done.path}  ({size}, hash verified{resumed})"


def _check_output(output: str | None, count: int) -> None:
    from pathlib import Path

    if output is not None and count > 1 and not Path(output).is_dir():
        raise BadRequest(f"Several movies need a directory, and {output} is none: make it, or name another with -o.")
