"""How a test goes, while it goes: a line that is written over again on a terminal, or lines of JSON for a program."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Final, TextIO

from client_cli import text
from client_cli.loadtest.quantities import say_duration
from client_cli.loadtest.recorder import Recorder, Window
from client_cli.messages import Translate

BACK: Final = "\r\x1b[K"
"""To the beginning of the line, which is emptied."""
GAP: Final = "  "
USUAL: Final = 80


class Live:
    """`kind`: as `--progress`, where `auto` needs a terminal."""

    def __init__(self, kind: str, stream: TextIO, translate: Translate = str) -> None:
        self._stream = stream
        self._translate = translate
        self._is_json = kind == "json"
        self._is_line = kind == "auto" and stream.isatty()
        self._is_there = False

    def show(self, recorder: Recorder, window: Window) -> None:
        """The latest window."""
        if self._is_json:
            self._write(json.dumps(_event(window)) + "\n")
        elif self._is_line:
            self._write(BACK + fitting(_parts(recorder, window, self._translate), self._columns()))
            self._is_there = True

    def clear(self) -> None:
        """Make room for something else."""
        if self._is_there:
            self._write(BACK)
            self._is_there = False

    def _columns(self) -> int:
        """Of the terminal; some do not know."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or USUAL
        except OSError:
            return USUAL

    def _write(self, what: str) -> None:
        try:
            self._stream.write(what)
            self._stream.flush()
        except OSError:  # the terminal is gone, and the test goes on to where it removes what it has made
            self._is_line = self._is_json = False


def fitting(parts: Sequence[str], columns: int) -> str:
    """As many of them as such a terminal has room for: only one line can be written over again."""
    while len(parts) > 1 and text.width(GAP.join(parts)) >= columns:
        parts = parts[:-1]
    return GAP.join(parts)


def _parts(recorder: Recorder, window: Window, translate: Translate) -> Sequence[str]:
    """What there is to say, the most important first."""
    errors = recorder.errors.total()
    return (
        f"{window.end:5.1f} s",
        f"{window.rate:,.0f}/s",
        f"p50 {say_duration(window.percentile(0.5))}",
        f"p99 {say_duration(window.percentile(0.99))}",
        translate("1 error" if errors == 1 else f"{errors:,} errors"),
        f"{text.size(int((window.sent + window.received) / window.length))}/s",
    )


def _event(window: Window) -> dict[str, object]:
    return {
        "event": "progress",
        "seconds": round(window.end, 3),
        "rate": round(window.rate, 1),
        "errors": window.failed,
        "p50": window.percentile(0.5),
        "p99": window.percentile(0.99),
        "bytes": window.sent + window.received,
    }
