"""Uploads: send files, see what is unfinished, cancel it."""

from __future__ import annotations

import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from client_cli import candidates, text
from client_cli.app import App
from client_cli.commands.batches import STOPPED, Result, run_batch
from client_cli.commands.prices import parse_price
from client_cli.commands.publishing import Outcome, Publishing, Turns, Wanted, publish_all, telling_of_a_resume
from client_cli.directories import files_below
from client_cli.framework import YoukuCommand, YoukuGroup, command, pass_app, yes_option
from client_cli.money import check_prices
from client_cli.names import readable
from client_cli.output import Column
from youku_evloop.errors import Ambiguous, BadRequest, NotFound

if TYPE_CHECKING:
    from client_cli.bars import Bars
    from client_cli.client import Client
    from client_cli.values import Upload

STANDARD_INPUT: Final = Path("-")
ID_LENGTH: Final = 32
"""Characters of an upload's id; what is shorter is the beginning of one."""
STREAM_STOPPED: Final = "Stopped. What standard input had brought was thrown away: begin again."

COLUMNS = (
    Column("ID"),
    Column("DONE", right=True),
    Column("SIZE", right=True),
    Column("STATE", optional=True),
    Column("BEGUN", optional=True),
    Column("EXPIRES"),
    Column("TITLE", flexible=True),
)


@command(
    "upload",
    document=(
        '{"uploaded": [ROW, ...], "existing": [ROW, ...], "failed": [ROW, ...], '
        '"skipped": [{"path": TEXT, "reason": TEXT}, ...]}'
    ),
    examples=(
        ("youku upload holiday.avi", "Publish a free movie under its file name."),
        ("youku upload feature.mkv --charge --title 'The Feature' --price 9.90", "A paid one."),
        ("youku upload *.mp4 --jobs 3 --json", "Several, three at once, with one document about all of them."),
        ("youku upload ~/Videos --recursive", "All files of a directory and those below it."),
        ("youku upload --from list.csv --jobs 2", "The files of a list, with their titles and prices."),
        ("ffmpeg -i in.mov -f matroska - | youku upload - --title Holiday", "What another program makes."),
    ),
)
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--from",
    "source",
    metavar="LIST",
    shell_complete=candidates.files,
    help="A CSV file that names the files; `-` for standard input.",
)
@click.option("--title", help="The title (the file's name).")
@click.option("--description", default="", help="What it is about.")
@click.option("--charge", is_flag=True, help="A paid movie; without it, it is free.")
@click.option("--price", metavar="YUAN", callback=parse_price, help="Its price (the server's).")
@click.option("--vip-price", metavar="YUAN", callback=parse_price, help="Its price for VIPs (the server's).")
@click.option("--again", is_flag=True, help="Even if these bytes have this title already.")
@click.option("--recursive", is_flag=True, help="Directories too: all files in them, hidden and empty ones left out.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Files at once (1).")
@click.option("--limit-rate", metavar="RATE", help="Bytes per second at most, of all together: 500k, 2.5M, 1G.")
@pass_app
def upload(
    app: App,
    /,
    paths: tuple[Path, ...],
    source: str | None,
    recursive: bool,
    jobs: int,
    limit_rate: str | None,
    **options: Any,
) -> None:
    """Send files and publish them (administrators); PATH may be `-` for standard input.

    An upload that was cut off goes on where it stopped when the same command is repeated; one from standard input,
    whose bytes come only once, survives lost connections but not the end of the command.

    A list (--from) is CSV in UTF-8 whose first line names its columns: path (relative to the list), and if you like
    title, description, price, vip_price (yuan) and free (yes or no; without it, what has no price is free). All of it
    is checked before anything is sent. A file whose bytes are published already, under whatever title, is reported and
    left alone; so the same command can be repeated until nothing fails. Its exit code is that of the first failure.
    """
    if source is not None:
        _require_nothing_besides(paths, recursive, options)
        _upload_list(app, source, jobs, limit_rate, options["again"])
    elif paths:
        _upload_files(app, paths, recursive, jobs, limit_rate, movie_options(**options))
    else:
        raise BadRequest("Name the files to upload, or a list of them with --from.")


def _upload_files(
    app: App, paths: tuple[Path, ...], recursive: bool, jobs: int, limit_rate: str | None, chosen: dict[str, Any]
) -> None:
    """`chosen`: arguments of `Client.upload`, the same for all."""
    from client_cli.pace import shared_pacer

    files, skipped = files_below(paths) if recursive else (list(paths), [])
    _check_paths(files, recursive, chosen["title"])
    pacer = shared_pacer(limit_rate, max(min(jobs, len(files)), 1))
    for entry in skipped:
        app.message(f"Skipped {text.visible(entry['path'])}: {entry['reason']}.")
    turns = Turns()

    def send(youku: Client, path: Path, bars: Bars) -> Result:
        with nullcontext() if min(jobs, len(files)) == 1 else turns.of(path):
            return _send(app, youku, path, bars, {**chosen, "limit_rate": pacer})

    run_batch(
        app,
        "uploaded",
        files,
        send,
        lambda path: {"path": readable(path), "outcome": "failed"},
        jobs=jobs,
        besides={"existing": [], "skipped": skipped},
        stopped=STREAM_STOPPED if STANDARD_INPUT in files else STOPPED,
    )


def _send(app: App, youku: Client, path: Path, bars: Bars, options: dict[str, Any]) -> Result:
    with bars.showing(text.visible(readable(path.name))) as progress:
        if path == STANDARD_INPUT:
            movie = youku.upload_stream(sys.stdin.buffer, progress=progress, **options)
        else:
            movie = youku.upload(path, progress=telling_of_a_resume(app, path, progress), **options)
    words = f"{movie.id}  {text.visible(movie.name)}  ({text.size(movie.size)})"
    return Result({"path": readable(path), "outcome": "uploaded", "movie": movie}, movie.id, words)


def _upload_list(app: App, source: str, jobs: int, limit_rate: str | None, again: bool) -> None:
    from client_cli.pace import shared_pacer

    files = read_wanted(app, source)
    publishing = Publishing(app, shared_pacer(limit_rate, min(jobs, len(files))), again)
    kinds = (Outcome.UPLOADED, Outcome.EXISTS, Outcome.FAILED)
    publish_all(publishing, files, kinds, jobs=jobs, besides={"skipped": []})


def read_wanted(app: App, source: str) -> list[Wanted]:
    """The files of a list; raises `BadRequest`, after a line about each row that is wrong."""
    from client_cli.lists import read_list

    name = "standard input" if source == "-" else source
    try:
        content = _content(source)
        listed, bad = read_list(content, Path() if source == "-" else Path(source).parent)
    except FileNotFoundError:
        raise NotFound(f"There is no list {source}.", path=source) from None
    except OSError as problem:
        raise BadRequest(f"{source} cannot be read: {problem.strerror}.", path=source) from None
    except BadRequest as problem:
        raise BadRequest(f"{text.visible(readable(name))}: {problem.message}", **problem.facts) from None
    for row in bad:
        app.message(f"{text.visible(readable(name))}, line {row.line}: {app.translate(row.message)}")
    if bad:
        rows = [{"line": row.line, "message": row.message} for row in bad]
        lines = ", ".join(str(row.line) for row in bad)
        raise BadRequest(f"Rows that are wrong: {len(bad)} (line {lines}); nothing was sent.", rows=rows)
    if not listed:
        raise BadRequest(f"{text.visible(readable(name))} names no file.")
    return [Wanted(row.path, row.options, row.line) for row in listed]


def _content(source: str) -> bytes:
    """What stands in the file, or comes from standard input."""
    from client_cli.lists import LARGEST_LIST

    with ExitStack() as opened:
        stream = sys.stdin.buffer if source == "-" else opened.enter_context(open(source, "rb"))
        content = stream.read(LARGEST_LIST + 1)
    if len(content) > LARGEST_LIST:
        raise BadRequest(f"That is no list: it has more than {text.size(LARGEST_LIST)}.")
    return content


def _require_nothing_besides(paths: tuple[Path, ...], recursive: bool, options: dict[str, Any]) -> None:
    if paths or recursive or any(value for name, value in options.items() if name != "again"):
        raise BadRequest("With --from the list says it all: only --again, --jobs and --limit-rate go with it.")


def _check_paths(files: list[Path], recursive: bool, title: str | None) -> None:
    if not files:
        raise NotFound("There is no file to upload in these directories.")
    if title is not None and len(files) > 1:
        raise BadRequest("--title is for a single file: give several files their titles one by one.")
    if STANDARD_INPUT in files and (title is None or len(files) > 1 or recursive):
        raise BadRequest("Standard input is uploaded alone, and has no name: give it a --title.")


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
    """List your unfinished uploads; `uploads cancel ID` throws one away.

    Only administrators upload: whoever is none has no uploads.
    """
    if context.invoked_subcommand is None:
        _list_uploads(context.ensure_object(App))


@uploads.command(
    "cancel",
    cls=YoukuCommand,
    document='{"upload": TEXT}',
    examples=(
        ("youku uploads cancel 7f3a", "Throw away what the server has of it."),
        ("youku uploads --quiet | xargs -n 1 youku uploads cancel --yes", "All of them, without asking."),
    ),
)
@click.argument("upload_id", metavar="ID", shell_complete=candidates.uploads)
@yes_option
@pass_app
def cancel(app: App, upload_id: str, yes: bool) -> None:
    """Throw away what the server has of an unfinished upload. The beginning of its ID is enough."""
    app.require_yes(yes)
    with app.client() as youku:
        upload = _find_upload(youku, upload_id)
        if not yes:
            question = f"Throw away what the server has of upload {upload.id}, {text.visible(upload.name)!r}?"
            app.confirm(question, otherwise="Nothing was thrown away.")
        youku.cancel_upload(upload.id)
    app.output.item({"upload": upload.id}, upload.id, f"Cancelled upload {upload.id}.")
    app.output.document({"upload": upload.id})


def _find_upload(youku: Client, typed: str) -> Upload:
    """The unfinished upload of this id, or the one whose id begins so; raises `Ambiguous` and `NotFound`."""
    if len(typed) == ID_LENGTH:
        return youku.unfinished_upload(typed)
    found = [upload for upload in youku.uploads() if typed and upload.id.startswith(typed.lower())]
    if not found:
        raise NotFound("There is no such upload of yours; `youku uploads` lists them.", upload=typed)
    if len(found) > 1:
        ids = [upload.id for upload in found]
        message = f"{len(ids)} uploads have an id that begins with {text.visible(typed)!r}: write more of it."
        raise Ambiguous(message, uploads=ids)
    return found[0]


def _list_uploads(app: App) -> None:
    with app.client() as youku:
        found = youku.uploads()
    rows = [
        (
            upload.id,
            _done(app, upload),
            app.output.size(upload.size) if upload.size is not None else "-",
            upload.state,
            app.output.moment(upload.create_time),
            app.output.moment(upload.expire_time),
            text.visible(upload.name),
        )
        for upload in found
    ]
    app.output.table(COLUMNS, rows, found, [upload.id for upload in found])
    app.output.document({"uploads": found})
    if app.output.is_for_people and not found:
        app.message("You have no unfinished uploads.")


def _done(app: App, upload: Upload) -> str:
    """For people the share, where it is known; otherwise bytes."""
    if app.output.is_for_people and upload.size is not None:
        return f"{upload.offset * 100 // upload.size}%"
    return app.output.size(upload.offset)


def movie_options(
    *,
    title: str | None,
    description: str,
    charge: bool,
    price: int | None,
    vip_price: int | None,
    again: bool,
) -> dict[str, Any]:
    """The options of a command as arguments of `Client.upload`; raises `BadRequest`."""
    if not charge and (price is not None or vip_price is not None):
        raise BadRequest("--price and --vip-price are for paid movies: add --charge.")
    check_prices(price, vip_price)
    return {
        "title": title,
        "description": description,
        "is_free": not charge,
        "price": price,
        "vip_price": vip_price,
        "again": again,
    }
