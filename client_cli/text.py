"""Values as people read them, and tables as plain text. Knows no terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from client_cli.names import DIRECTION_MARKS

SIZE_UNITS: Final = ("KiB", "MiB", "GiB", "TiB", "PiB")
SPANS: Final = (
    ("year", 365 * 86_400),
    ("month", 30 * 86_400),
    ("day", 86_400),
    ("hour", 3_600),
    ("minute", 60),
)
"""Seconds, roughly: "3 months ago" needs no calendar."""

GAP: Final = "  "

WITHOUT_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})
"""Unicode categories that a terminal draws on what stands before: accents, and what joins the parts of an emoji."""
COMMANDING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that a terminal obeys, cannot show, or takes for the end of a line."""


PIECES: Final = re.compile(r"\s+|（?(?:[^\s\u2e80-\uffef]+|[\u2e80-\uffef])[，。；：、）？！]*")
"""What a line is not broken within: words, and Chinese characters with the signs that do not stand at its ends."""


def size(count: int) -> str:
    """`64.0 MiB`."""
    if count < 1024:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, len(SIZE_UNITS))
    return f"{count / 1024**power:.1f} {SIZE_UNITS[power - 1]}"


def price(fen: int) -> str:
    """Yuan: `20.00`, `-0.05`."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def utc(moment: datetime) -> str:
    """As on the wire: `2026-11-21T08:15:30Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(moment: datetime, now: datetime) -> str:
    """`3 minutes ago`, `in 2 days`, `just now`."""
    seconds = (now - moment).total_seconds()
    for name, length in SPANS:
        count = int(abs(seconds) // length)
        if count:
            span = f"{count} {name}{'s' if count > 1 else ''}"
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "just now"


def duration(seconds: float) -> str:
    """`0:42`, `1:03:20`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def wrapped(words: str, columns: int) -> list[str]:
    """Lines of at most so many columns, broken at blanks and between Chinese characters, as far as that is possible."""
    lines = [""]
    for piece in PIECES.findall(words):
        if lines[-1] and width(lines[-1] + piece.rstrip()) > columns:
            lines.append(piece.lstrip())
        else:
            lines[-1] += piece
    return [line.rstrip() for line in lines]


def width(text: str) -> int:
    """Columns of a terminal that the text takes: two for a Chinese character, none for a combining mark."""
    return sum(_columns(mark) for mark in text)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Aligned columns, two blanks between them, nothing shortened; the columns in `right` are flush right."""
    lines = [headers, *rows]
    widths = [max(width(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(_line(line, widths, right) for line in lines)


def in_columns(cells: Sequence[str], room: int) -> list[str]:
    """Lines with the cells one below the other, in as many columns as fit into so many columns of a terminal."""
    widest = max(map(width, cells)) + len(GAP)
    height = -(-len(cells) // max(room // widest, 1))
    lines = [cells[start::height] for start in range(height)]
    return ["".join(cell + " " * (widest - width(cell)) for cell in line).rstrip() for line in lines]


def visible(text: str) -> str:
    """The text on one line, without what would command a terminal or turn its direction (each becomes `?`)."""
    return "".join("?" if _is_commanding(mark) else mark for mark in text)


def visible_lines(text: str) -> str:
    """The same for a text that may have several lines."""
    return "\n".join(map(visible, text.split("\n")))


def _is_commanding(mark: str) -> bool:
    return mark in DIRECTION_MARKS or unicodedata.category(mark) in COMMANDING


def _columns(mark: str) -> int:
    if unicodedata.category(mark) in WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(mark) in "WF" else 1


def _line(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    padded = []
    for column, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        blanks = " " * (wide - width(cell))
        padded.append(blanks + cell if column in right else cell + blanks)
    return GAP.join(padded).rstrip()
