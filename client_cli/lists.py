"""Lists of files to upload, as spreadsheets save them: CSV with a header line. Knows no server.

    path,title,description,price,vip_price,free
    holiday.avi,Holiday,By the sea,,,
    films/feature.mkv,The Feature,,9.90,5,no

Only `path` has to be there, the columns may come in any order, and `;` or a tab may stand for the comma.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from client_cli.money import check_prices, parse_yuan
from client_cli.names import MAX_DESCRIPTION, MAX_TITLE, is_title
from client_cli.source import Source
from youku_evloop.errors import BadRequest, YoukuError

COLUMNS: Final = ("path", "title", "description", "price", "vip_price", "free")
LARGEST_LIST: Final = 64 * 1024 * 1024
"""Bytes: far more than a person keeps in a spreadsheet; what is longer is another kind of file."""
SEPARATORS: Final = ",;\t"
YES: Final = frozenset({"yes", "true", "1", "free", "是"})
NO: Final = frozenset({"no", "false", "0", "charge", "否"})


@dataclass(frozen=True, slots=True)
class Listed:
    """One row: the file, the line of the list where it stands, and what the movie shall be (`Client.upload`)."""

    line: int
    path: Path
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be done, and why."""

    line: int
    message: str


def read_list(content: bytes, directory: Path) -> tuple[list[Listed], list[BadRow]]:
    """The rows of a list, and those that are wrong; relative paths start at `directory`, and every file is looked at.

    Raises `BadRequest` when the whole is no list.
    """
    text = _text(content)
    rows = _rows(text)
    _line, header = next(rows, (1, []))
    columns = _columns(header)
    good: list[Listed] = []
    bad: list[BadRow] = []
    seen: dict[Path, int] = {}
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            listed = _listed(line, columns, cells, directory)
            _require_new(listed, seen)
            good.append(listed)
        except YoukuError as problem:
            bad.append(BadRow(line, problem.message))
    return good, bad


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise BadRequest(f"Line {line} of the list is no UTF-8: save it as UTF-8.", line=line) from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins; a quoted cell may have lines of its own."""
    first = text.split("\n", 1)[0].split("\r", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as problem:
        raise BadRequest(f"Line {line} of the list is no CSV: {problem}.", line=line) from None


def _columns(header: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    while columns and not columns[-1]:  # spreadsheets leave empty ones at the end
        columns.pop()
    for name in columns:
        if name not in COLUMNS:
            raise BadRequest(f"The list has a column {name!r}, which is not one of {', '.join(COLUMNS)}.")
        if columns.count(name) > 1:
            raise BadRequest(f"The list has two columns {name!r}.")
    if "path" not in columns:
        raise BadRequest(f"The first line of the list names its columns, `path` among them: {', '.join(COLUMNS)}.")
    return columns


def _listed(line: int, columns: list[str], cells: list[str], directory: Path) -> Listed:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise BadRequest(f"There are {len(cells)} cells and {len(columns)} columns: quote what has a separator in it.")
    row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()}
    path = _path(row.get("path", ""), directory)
    price, vip_price = parse_yuan(row.get("price")), parse_yuan(row.get("vip_price"))
    check_prices(price, vip_price)
    is_free = _is_free(row.get("free"), price is not None or vip_price is not None)
    options: dict[str, Any] = {"is_free": is_free, "price": price, "vip_price": vip_price}
    return Listed(line, path, {**options, "title": _title(row), "description": _description(row)})


def _path(name: str, directory: Path) -> Path:
    if not name or "\0" in name:
        raise BadRequest("There is no path.")
    path = directory / name
    with Source(path):  # raises what is wrong with it
        return path


def _title(row: dict[str, str]) -> str | None:
    """None: the file's name, or what of it can be a title."""
    title = row.get("title")
    if title is not None and not is_title(title):
        raise BadRequest(f"A title has 1 to {MAX_TITLE} characters and no control characters.")
    return title


def _description(row: dict[str, str]) -> str:
    description = row.get("description", "")
    if len(description) > MAX_DESCRIPTION:
        raise BadRequest(f"A description has at most {MAX_DESCRIPTION} characters.")
    return description


def _is_free(word: str | None, has_price: bool) -> bool:
    if word is None:
        return not has_price
    if word.lower() not in YES | NO:
        raise BadRequest(f"`free` is yes or no, not {word!r}.")
    is_free = word.lower() in YES
    if is_free and has_price:
        raise BadRequest("What is free has no price.")
    return is_free


def _require_new(listed: Listed, seen: dict[Path, int]) -> None:
    before = seen.setdefault(listed.path.resolve(), listed.line)
    if before != listed.line:
        raise BadRequest(f"{listed.path} stands on line {before} already.")
