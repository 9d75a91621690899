"""What a command says: results on standard output in the form that was asked for, everything else on standard error.

One command makes its results in three shapes at once (an object, an id, something to read); the `Form` decides which of
them is printed. On a terminal tables are drawn by rich, which is imported only there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Literal, TextIO, TypeVar

from client_cli import text
from client_cli.messages import Translate

UTF_8: Final = "utf-8"

COLUMN_GAP: Final = 2
"""Between the columns of a table on a terminal."""

NARROWEST: Final = 16
"""A title is never cut shorter than this, however narrow the terminal."""

ItemT = TypeVar("ItemT")


class Form(Enum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    JSON_LINES = "json-lines"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    right: bool = False
    flexible: bool = False
    """Shortened first where a terminal is narrow."""
    optional: bool = False
    """Left out where that is not enough, the last one first."""


class Output:
    """The two streams, and the form of what goes to the first.

    Whatever is printed for people is made harmless for their terminal here: titles, names and messages of servers come
    from others.
    """

    def __init__(
        self,
        form: Form = Form.TEXT,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        translate: Translate = str,
    ) -> None:
        self.form = form
        self._say = translate
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self.above: Callable[[str], bool] = lambda _line: False
        """Shows a result above what is drawn on the same terminal; False where nothing is."""

    @property
    def is_for_people(self) -> bool:
        """Whether somebody reads the results on a terminal, in words."""
        return self.form is Form.TEXT and self._stdout.isatty()

    def document(self, document: Mapping[str, Any]) -> None:
        """The whole result of a command: printed with `--json`, and then alone."""
        if self.form is Form.JSON:
            self._write(self._json(document, indent=2 if self._stdout.isatty() else 0))

    def item(self, value: Any, identity: object, words: str) -> None:
        """One result: `value` as a line of JSON, its id, or words, printed as it comes."""
        if self.form is Form.JSON_LINES:
            self._write(self._json(value))
        elif self.form is Form.QUIET:
            self._write(text.visible(str(identity)) if self._stdout.isatty() else str(identity))
        elif self.form is Form.TEXT:
            self._write(text.visible_lines(self._say(words)))

    def table(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str]],
        values: Sequence[Any],
        identities: Sequence[object],
    ) -> None:
        """Several results of a kind; `rows`, `values` and `identities` say the same three times."""
        if self.form is not Form.TEXT:
            for value, identity in zip(values, identities, strict=True):
                self.item(value, identity, "")
            return
        self._print_table(columns, rows, self._stdout)

    def aside(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """A table that is no result, for people: on standard error."""
        if self.form is Form.TEXT and rows:
            self._print_table(columns, rows, self._stderr)

    def details(self, pairs: Sequence[tuple[str, str]]) -> None:
        """The properties of one thing, one a line; the names are translated, the values are what they are."""
        if self.form is Form.TEXT:
            named = [(self._say(name), value) for name, value in pairs]
            wide = max(text.width(name) for name, _ in named)
            for name, value in named:
                self._write(text.visible_lines(f"{name}:{' ' * (wide - text.width(name))}  {value}"))

    def message(self, message: str) -> None:
        """Something to know besides the results; not with `--quiet`."""
        if self.form is not Form.QUIET:
            self.error(self._say(message))

    def error(self, message: str) -> None:
        """A line on standard error, whatever was asked for."""
        self._stderr.write(f"{text.visible_lines(message)}\n")
        self._stderr.flush()

    def moment(self, moment: datetime) -> str:
        """For people how long ago, otherwise the time itself."""
        return self._say(text.ago(moment, datetime.now(UTC))) if self.is_for_people else text.utc(moment)

    def size(self, count: int) -> str:
        """For people in units, otherwise in bytes."""
        return text.size(count) if self.is_for_people else str(count)

    def _print_table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
        columns = [replace(column, title=_encodable(self._say(column.title), stream)) for column in columns]
        rows = [[_encodable(text.visible(cell), stream) for cell in row] for row in rows]
        if stream.isatty():
            _draw(columns, rows, stream)
        else:
            right = frozenset(place for place, column in enumerate(columns) if column.right)
            stream.write(f"{text.table([column.title for column in columns], rows, right)}\n")

    def _write(self, line: str) -> None:
        if not self.above(line):
            self._stdout.write(f"{line}\n")

    def _json(self, value: Any, indent: int = 0) -> str:
        import msgspec

        encoded = msgspec.json.encode(value)
        if not _is_utf_8(self._stdout):  # an escape of the stream's own would be no JSON
            import json

            return json.dumps(json.loads(encoded), indent=indent or None)
        return (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()


def _draw(columns: Sequence[Column], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, COLUMN_GAP, 0, 0), header_style="bold")
    console = Console(file=stream, highlight=False)
    columns, rows, widths = _fitting(columns, rows, console.width)
    console.width = max(console.width, sum(widths) + COLUMN_GAP * len(widths))  # rich would cut ids
    overflow: Literal["ellipsis", "crop"] = "ellipsis" if _is_utf_8(stream) else "crop"
    for column, wide in zip(columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.right else "left"
        drawn.add_column(Text(column.title), justify=justify, no_wrap=True, overflow=overflow, width=wide)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def _fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int
) -> tuple[Sequence[Column], Sequence[Sequence[str]], list[int]]:
    """What fits into so many columns of a terminal, and how wide each is: flexible ones share what is left."""
    widths = [max(map(text.width, cells)) for cells in zip([column.title for column in columns], *rows, strict=True)]
    least = [min(wide, NARROWEST) if column.flexible else wide for wide, column in zip(widths, columns, strict=True)]
    left = room - sum(least) - COLUMN_GAP * (len(columns) - 1)
    optional = [place for place, column in enumerate(columns) if column.optional]
    if left < 0 and optional:
        place = optional[-1]
        return _fitting(_without(columns, place), [_without(row, place) for row in rows], room)
    for place, column in enumerate(columns):
        if column.flexible:
            more = min(widths[place] - least[place], max(left, 0))
            widths[place] = least[place] + more
            left -= more
    return columns, rows, widths


def _without(items: Sequence[ItemT], place: int) -> list[ItemT]:
    return [*items[:place], *items[place + 1 :]]


def _is_utf_8(stream: TextIO) -> bool:
    return (stream.encoding or UTF_8).lower() == UTF_8


def _encodable(cell: str, stream: TextIO) -> str:
    """As the stream's encoding can have it: what is escaped later would make a table crooked."""
    if _is_utf_8(stream):
        return cell
    return cell.encode(stream.encoding, "backslashreplace").decode(stream.encoding)
