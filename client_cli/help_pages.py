"""What `--help` prints, in the person's language; Chinese is wrapped by the columns that it takes."""

from __future__ import annotations

from collections.abc import Iterable

import click

from client_cli import text
from client_cli.messages import Translate

NARROWEST = 20
"""Columns for a meaning; a terminal with less than this shows longer lines."""


class HelpFormatter(click.HelpFormatter):
    """As click has it, in another language where `say` is one."""

    def __init__(self, width: int, say: Translate) -> None:
        super().__init__(width=width)
        self.say = say

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, self.say("Usage: "))

    def write_heading(self, heading: str) -> None:
        super().write_heading(self.say(heading))


class ChineseFormatter(HelpFormatter):
    """Paragraphs and meanings are looked up one by one."""

    def write_text(self, text: str) -> None:
        paragraphs = [self.say(" ".join(paragraph.split())) for paragraph in text.strip().split("\n\n")]
        self.write("\n".join(self._lines(paragraph, self.current_indent) for paragraph in paragraphs))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        names = min(max(len(name) for name, _ in rows), col_max) + col_spacing
        for name, meaning in rows:
            words, gap, limits = meaning.partition("  [")
            lines = self._lines(self.say(words) + gap + limits, self.current_indent + names)
            if len(name) + col_spacing > names:
                self.write(f"{'':{self.current_indent}}{name}\n{lines}")
            else:
                self.write(f"{'':{self.current_indent}}{name:{names}}{lines.lstrip()}")

    def _lines(self, words: str, indent: int) -> str:
        return "".join(f"{'':{indent}}{line}\n" for line in text.wrapped(words, max(self.width - indent, NARROWEST)))
