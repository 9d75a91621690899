"""How a test goes, while it goes: a line that is written over again on a terminal, or lines of JSON for a program."""

from __future__ import annotations

import json
from typing import Final, TextIO

from client_cli import text
from client_cli.loadtest.quantities import say_duration
from client_cli.loadtest.recorder import Recorder, Window

BACK: Final = "\r\x1b[K"
"""To the beginning of the line, which is emptied."""


class Live:
    """`kind`: as `--progress`, where `auto` needs a terminal."""

    def __init__(self, kind: str, stream: TextIO) -> None:
        self._stream = stream
        self._is_json = kind == "json"
        self._is_line = kind == "auto" and stream.isatty()
        self._is_there = False

    def show(self, recorder: Recorder, window: Window) -> None:
        """The latest window."""
        if self._is_json:
            self._write(json.dumps(_event(window)) + "\n")
        elif self._is_line:
            self._write(BACK + _line(recorder, window))
            self._is_there = True

    def clear(self) -> None:
        """Make room for something else."""
        if self._is_there:
            self._write(BACK)
            self._is_there = False

    def _write(self, what: str) -> None:
        self._stream.write(what)
        self._stream.flush()


def _line(recorder: Recorder, window: Window) -> str:
    errors = recorder.errors.total()
    parts = (
        f"{window.end:5.1f} s",
        f"{window.rate:,.0f}/s",
        f"p50 {say_duration(window.percentiles[0])}",
        f"p99 {say_duration(window.percentiles[-1])}",
        f"{text.size(int((window.sent + window.received) / window.length))}/s",
        f"{errors:,} error{'s' * (errors != 1)}",
    )
    return "  ".join(parts)


def _event(window: Window) -> dict[str, object]:
    return {
        "event": "progress",
        "seconds": round(window.end, 3),
        "rate": round(window.rate, 1),
        "errors": window.failed,
        "p50": window.percentiles[0],
        "p99": window.percentiles[-1],
        "bytes": window.sent + window.received,
    }
