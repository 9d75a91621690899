"""A plugin for Youku: `youku-server import-sheet`, which publishes the movies that a CSV or Excel sheet lists.

The first row names the columns: `path` (of a video on this machine, beside the sheet where it is relative), and, as far
as they are there, `title`, `description`, `charge` (yes or no), `price` and `vip_price` (yuan). Repeating it publishes
what is missing and skips what is there. A server may be running meanwhile.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import click
from blake3 import blake3

from youku_evloop.cli.maintenance import library_of
from youku_evloop.cli.options import data_option, database_option, open_database
from youku_evloop.config import DEFAULT_KEEP_DELETED
from youku_evloop.errors import BadRequest, Forbidden, MovieExists, NotFound, YoukuError
from youku_evloop.models import UserType
from youku_evloop.plugins import PluginApp
from youku_evloop.services import accounts, uploads
from youku_evloop.services.library import Caller, Library
from youku_evloop.wire.fingerprint import fingerprint

CHUNK: Final = 4 * 1024 * 1024
"""Bytes read, hashed and written at a time."""
COLUMNS: Final = ("path", "title", "description", "charge", "price", "vip_price")
EXCEL: Final = (".xlsx", ".xlsm")
YES: Final = ("yes", "y", "true", "1", "是")


@dataclass(frozen=True, slots=True)
class Line:
    """A movie as the sheet has it; prices in fen."""

    number: int
    path: Path
    title: str
    options: dict[str, Any]


def read_sheet(sheet: Path) -> Iterator[Line]:
    """The lines of a .csv or .xlsx; raises `BadRequest`, which names the line."""
    rows = _excel_rows(sheet) if sheet.suffix.lower() in EXCEL else _csv_rows(sheet)
    header = [str(name or "").strip().lower() for name in next(rows, [])]
    if "path" not in header or not set(header) <= {*COLUMNS, ""}:
        raise BadRequest(f"The first row of {sheet} names the columns: path, and any of {', '.join(COLUMNS[1:])}.")
    for number, row in enumerate(rows, 2):
        cells = {name: str(cell if cell is not None else "").strip() for name, cell in zip(header, row, strict=False)}
        if cells.get("path"):
            yield _line(sheet, number, cells)


def _csv_rows(sheet: Path) -> Iterator[list[Any]]:
    try:
        with sheet.open(newline="", encoding="utf-8-sig") as file:
            yield from csv.reader(file)
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadRequest(f"{sheet} is no CSV in UTF-8 ({problem}): save it as such, or as .xlsx.") from None


def _excel_rows(sheet: Path) -> Iterator[list[Any]]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(sheet, read_only=True, data_only=True)
    except (BadZipFile, KeyError, ValueError) as problem:  # of what openpyxl finds inside, or does not
        raise BadRequest(f"{sheet} is no Excel sheet: {problem}.") from None
    try:
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield list(row)
    finally:
        book.close()


def _line(sheet: Path, number: int, cells: dict[str, str]) -> Line:
    path = sheet.parent / cells["path"]
    options = {
        "description": cells.get("description", ""),
        "is_free": cells.get("charge", "").lower() not in YES,
        "price": _fen(number, "price", cells.get("price", "")),
        "vip_price": _fen(number, "vip_price", cells.get("vip_price", "")),
        "again": False,
    }
    return Line(number, path, cells.get("title") or path.name, options)


def _fen(number: int, column: str, text: str) -> int | None:
    try:
        fen = Decimal(text) * 100 if text else None
    except InvalidOperation:
        fen = Decimal("NaN")
    if fen is not None and (not fen.is_finite() or fen != int(fen)):
        raise BadRequest(f"Line {number}: {text!r} is no {column}; write yuan, such as 9.90.")
    return None if fen is None else int(fen)


def publish(library: Library, who: Caller, line: Line) -> int:
    """Publish the movie of a line as if it had been uploaded; its id. Raises `MovieExists` where it is there."""
    with line.path.open("rb", buffering=0) as file:
        size = line.path.stat().st_size
        mark = fingerprint(size, partial(os.pread, file.fileno()))
        claim, row, _ = uploads.create(library, who, line.title, size, mark, line.options)
        try:
            digest = _send(library, claim, file)
            return uploads.finish(library, who, claim, row.id, digest).id
        finally:
            uploads.release(library, claim)


def _send(library: Library, claim: uploads.Claim, file: FileIO) -> str:
    """Hand over the bytes that the library does not have from an earlier try; the hash of all of them."""
    running = blake3()
    offset, known = 0, claim.upload.part.size
    file.seek(0)
    while data := file.read(CHUNK if offset >= known else min(CHUNK, known - offset)):
        running.update(data)
        if offset >= known:
            uploads.write(library, claim, offset, len(data), _giver(data))
        offset += len(data)
    return running.hexdigest()


def _giver(data: bytes) -> Callable[[Callable[[memoryview], object]], None]:
    def give(sink: Callable[[memoryview], object]) -> None:
        sink(memoryview(data))

    return give


def _administrator(name: str) -> Caller:
    user = accounts.named(name)
    if user is None:
        raise NotFound(f"There is no user {name}; `youku-server create-admin` makes administrators.")
    if user.user_type is not UserType.ADMIN:
        raise Forbidden(f"{name} is no administrator.")
    return Caller(user.id, user.name, user.user_type, 0)


@click.command("import-sheet")
@click.argument("sheet", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--as", "name", required=True, metavar="NAME", help="The administrator whose movies they become.")
@data_option
@database_option
def import_sheet(sheet: Path, name: str, data: Path, database: str) -> None:
    """Publish the movies that a CSV or Excel SHEET lists.

    \b
    Examples:
      youku-server import-sheet movies.csv --as alice
      youku-server import-sheet movies.xlsx --as alice --data /srv/youku
    """
    first: YoukuError | None = None
    with open_database(data, database):
        library = library_of(data, DEFAULT_KEEP_DELETED)
        who = _administrator(name)
        for line in read_sheet(sheet):
            try:
                click.echo(f"line {line.number}: movie {publish(library, who, line)}, {line.title}")
            except MovieExists as error:
                click.echo(f"line {line.number}: movie {error.facts['movie']} is there already, {line.title}")
            except (YoukuError, OSError) as problem:
                wrong = problem if isinstance(problem, YoukuError) else NotFound(f"{line.path}: {problem.strerror}.")
                first = first or wrong
                click.echo(f"line {line.number}: {wrong.message}", err=True)
    if first is not None:
        raise first


def install(app: PluginApp) -> None:
    """The entry point."""
    app.add_subcommand(import_sheet)
