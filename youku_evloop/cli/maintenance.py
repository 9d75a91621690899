"""`youku-server check`, `gc`: whether the library is sound, and what of it nobody needs any more."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from youku_evloop.cli.options import (
    data_option,
    database_option,
    keep_deleted_option,
    main,
    open_database,
)
from youku_evloop.config import Keeping
from youku_evloop.errors import ExitCode, NotFound, Unavailable
from youku_evloop.process import boot_id
from youku_evloop.services import checking
from youku_evloop.services.checking import Report
from youku_evloop.services.library import Library
from youku_evloop.services.uploads import Swept, sweep
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
UNITS = ("bytes", "KiB", "MiB", "GiB")


@main.command()
@data_option
@database_option
@keep_deleted_option
@click.option("--deep", is_flag=True, help="Read every video and compare its hash; takes as long as reading them does.")
@json_option
def check(data: Path, database: str, keep_deleted: float, deep: bool, as_json: bool) -> None:
    """Look whether every movie has its whole video, every video a movie, every upload its part. Changes nothing.

    Ends with 0 when all is well and with 10 when something is not. A server may be running.

    \b
    Examples:
      youku-server check
      youku-server check --deep --json | jq .problems
    """
    library = library_of(data, keep_deleted)  # before the database: opening that would make the directory
    with open_database(data, database):
        if deep and sys.stderr.isatty():
            with click.progressbar(length=videos_size(library), label="Reading", file=sys.stderr) as bar:
                report = checking.check(library, deep=True, progress=bar.update)
        else:
            report = checking.check(library, deep=deep)
    click.echo(msgspec.json.encode(report.as_json()) if as_json else report_as_text(report))
    sys.exit(ExitCode.INTEGRITY if report.problems else ExitCode.OK)


@main.command()
@data_option
@database_option
@keep_deleted_option
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
def gc(data: Path, database: str, keep_deleted: float, dry_run: bool, as_json: bool) -> None:
    """Remove what nobody needs: expired uploads, parts without an upload, videos that no movie has had for a day.

    A running server does this every hour by itself; both may do it at once.

    \b
    Examples:
      youku-server gc --dry-run
      youku-server gc --keep-deleted 7
    """
    library = library_of(data, keep_deleted)
    with open_database(data, database):
        swept = sweep(library, dry=dry_run)
    click.echo(msgspec.json.encode(swept) if as_json else swept_as_text(swept, dry_run))
    if swept.problems:
        raise Unavailable("Not everything was possible: " + "; ".join(swept.problems))


def library_of(data: Path, keep_deleted: float) -> Library:
    """The library as these commands work on it; the database is the ambient one. Raises `NotFound`."""
    if not (data / "blobs").is_dir():
        raise NotFound(f"No server has ever run in {data}: name the library's directory with --data.")
    return Library.for_one(Store(data, Files()), boot_id(), Keeping(keep_deleted=keep_deleted))


def videos_size(library: Library) -> int:
    """Bytes of all videos."""
    store = library.store
    return sum(blob.size for directory in store.blob_directories() for blob in store.blobs_in(directory))


def report_as_text(report: Report) -> str:
    """The report for a person."""
    lines = [f"{problem.kind.value}: {problem.message}" for problem in report.problems]
    how = "their hashes compared" if report.deep else "their hashes not read: --deep does that"
    lines.append(
        f"{report.movies} movies, {report.blobs} videos of {readable(report.bytes)} ({how}), "
        f"{report.uploads} unfinished uploads."
    )
    if report.waiting_blobs or report.orphan_parts:
        lines.append(f"To be swept in time: {report.waiting_blobs} videos, {report.orphan_parts} parts.")
    lines.append(f"Wrong: {len(report.problems)}." if report.problems else "All is well.")
    return "\n".join(lines)


def swept_as_text(swept: Swept, dry_run: bool) -> str:
    """What was done, or would be, for a person."""
    lines = [f"upload {upload_id} was complete: publish it" for upload_id in swept.finished]
    lines += [f"upload {upload_id} has expired: remove it" for upload_id in swept.expired]
    lines += [f"part {part_id} belongs to no upload: remove it" for part_id in swept.parts]
    lines += [f"video {blob.digest} belongs to no movie: remove it" for blob in swept.blobs]
    verb = "would be freed" if dry_run else "freed"
    lines.append(f"{readable(swept.bytes)} {verb}.")
    if swept.waiting:
        lines.append(f"{len(swept.waiting)} videos belong to no movie, but not for a day yet.")
    return "\n".join(lines)


def readable(size: int) -> str:
    """A number of bytes as people say it."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {UNITS[unit]}" if unit == 0 else f"{amount:.1f} {UNITS[unit]}"
