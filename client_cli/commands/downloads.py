"""Downloads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from client_cli import candidates, text
from client_cli.app import App
from client_cli.commands.batches import Result, run_batch
from client_cli.commands.wanted import movie_argument
from client_cli.framework import command, pass_app
from client_cli.names import readable
from client_cli.output import Form
from youku_evloop.errors import BadRequest

if TYPE_CHECKING:
    from client_cli.bars import Bars
    from client_cli.client import Client
    from client_cli.download import Download
    from client_cli.pace import Pacer
    from client_cli.titles import Wanted

STANDARD_OUTPUT: Final = "-"


@command(
    "download",
    document=(
        '{"downloaded": [{"movie": MOVIE, "path": TEXT, "resumed_from": BYTES, "was_there": true | '
        'false}, ...], "failed": [{"movie": ID | TITLE, "error": CODE, "message": TEXT}, ...]}'
    ),
    examples=(
        ("youku download 12", "Fetch movie 12 into the current directory."),
        ("youku download 'part of a title'", "The same, where only one movie has this in its title."),
        ("youku download 12 --no-wait", "Now or not at all: exit code 8 where it would have to wait."),
        ("youku download 12 -o copy.avi --parts 4", "Under another name, over four connections."),
        ("youku download 12 13 14 -o ~/Videos --jobs 2 --limit-rate 2M", "Several, two at once, gently."),
        ("youku download 12 -o - | mpv -", "Watch it while it comes."),
    ),
)
@movie_argument("wanted", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    shell_complete=candidates.files,
    help="A file or a directory (the title, in the current directory); `-` to a pipe.",
)
@click.option("--restart", is_flag=True, help="Throw a partial download away and start over.")
@click.option("--force", is_flag=True, help="Replace a file that is another one.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Movies at once (1).")
@click.option("--parts", type=click.IntRange(1, 64), default=1, metavar="N", help="Connections for each movie (1).")
@click.option("--no-wait", is_flag=True, help="Fail (exit code 8) where the server asks for a wait.")
@click.option("--limit-rate", metavar="RATE", help="Bytes per second at most, of all together: 500k, 2.5M, 1G.")
@pass_app
def download(
    app: App,
    /,
    wanted: tuple[Wanted, ...],
    output: str | None,
    jobs: int,
    parts: int,
    no_wait: bool,
    limit_rate: str | None,
    **options: bool,
) -> None:
    """Fetch movies and check that they arrived as they are.

    A number is an id; write `title:2012` for a title that looks like one. Part of a title is enough where only one
    movie has it; otherwise those that do are listed, and the exit code is 6.

    Free movies begin after a wait for those who are no VIPs; the command waits by itself, and says for how long.

    Until it is complete a download is called `<name>.part`; it goes on where it stopped when the same command is
    repeated. What goes to standard output (`-o -`) is compared with the hash too: exit code 10 says that it was wrong.
    """
    from client_cli.pace import shared_pacer

    pacer = shared_pacer(limit_rate, min(jobs, len(wanted)) * parts)
    if output == STANDARD_OUTPUT:
        _check_stream(app, wanted, parts)
        _stream(app, wanted[0], pacer, waits=not no_wait)
        return
    _check_output(output, len(wanted))

    def fetch(youku: Client, one: Wanted, bars: Bars) -> Result:
        youku.waits = not no_wait
        return _fetch(youku, one, bars, target=output, parts=parts, limit_rate=pacer, **options)

    run_batch(app, "downloaded", wanted, fetch, lambda one: {"movie": one}, jobs=jobs)


def _fetch(youku: Client, wanted: Wanted, bars: Bars, **options: Any) -> Result:
    """One movie, with the options of `Client.download`."""
    from client_cli.titles import find_movie

    movie = find_movie(youku, wanted)
    with bars.showing(text.visible(movie.name)) as progress:
        done = youku.download(movie, progress=progress, **options)
    value = {
        "movie": done.movie,
        "path": readable(done.path),
        "resumed_from": done.resumed_from,
        "was_there": done.was_there,
    }
    return Result(value, movie.id, _words(done))


def _stream(app: App, wanted: Wanted, pacer: Pacer, *, waits: bool) -> None:
    from client_cli.titles import find_movie

    with app.client() as youku:
        youku.waits = waits
        movie = find_movie(youku, wanted)
        with app.bars().showing(text.visible(movie.name)) as progress:
            youku.stream(movie, sys.stdout.buffer.write, progress=progress, limit_rate=pacer)
    sys.stdout.buffer.flush()
    app.message(f"{text.visible(movie.name)}  ({text.size(movie.size)}, hash verified)")


def _words(done: Download) -> str:
    size = text.size(done.movie.size)
    if done.was_there:
        return f"{done.path} is there already, whole and the same ({size})."
    resumed = f", resumed from {text.size(done.resumed_from)}" if done.resumed_from else ""
    return f"{done.path}  ({size}, hash verified{resumed})"


def _check_output(output: str | None, count: int) -> None:
    if output == "":
        raise BadRequest("The place that -o names is empty: leave it out, or name a file or a directory.")
    if output is not None and count > 1 and not Path(output).is_dir():
        raise BadRequest(f"Several movies need a directory, and {output} is none: make it, or name another with -o.")


def _check_stream(app: App, wanted: tuple[Wanted, ...], parts: int) -> None:
    if len(wanted) > 1 or parts > 1:
        raise BadRequest("To standard output goes a single movie, in one part: leave out the others, and --parts.")
    if app.output.form in (Form.JSON, Form.JSON_LINES):
        raise BadRequest("With -o - the movie itself is on standard output: leave out --json.")
    if sys.stdout.isatty():
        raise BadRequest("A movie is nothing to read on a terminal: send it to a file or a program.")
