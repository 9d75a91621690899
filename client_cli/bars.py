"""Progress as somebody sees it: a bar on a terminal, lines where that cannot draw, JSON for programs, nothing in pipes.

All of it goes to standard error. The library reports every slice; here it is thinned out to what an eye or a program
can use.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Protocol, TextIO

from client_cli import text
from client_cli.messages import Translate
from client_cli.progress import Phase, Progress, ProgressCallback, Wait, no_progress

REPORT_EVERY: Final = 1.0
"""Seconds between two lines of JSON."""

SAY_EVERY: Final = 5.0
"""Seconds between two lines for people: they stay on the screen."""

DUMB: Final = frozenset({"dumb", "unknown"})
"""Values of TERM: terminals that cannot draw over what is there."""


class Bars(Protocol):
    """Shows the progress of files and waits, of several at once where they are in different threads."""

    def showing(self, name: str) -> AbstractContextManager[ProgressCallback]:
        """While inside, the library's progress is about this file."""

    def waiting(self, wait: Wait) -> None:
        """How a pause of this thread goes on; told when it begins, about every second, and when it is over."""

    def asking(self, whom: str) -> AbstractContextManager[object]:
        """While inside, an answer of somebody is awaited; worth a word when it takes long."""

    def message(self, line: str) -> None:
        """A line beside the bars."""

    def above(self, line: str) -> bool:
        """Show a line above what is drawn; False where nothing is."""


def bars_for(kind: str, stderr: TextIO, say: Callable[[str], None], translate: Translate = str) -> Bars:
    """`kind` as in `--progress`; `say` prints a message where there are no bars in its way."""
    if kind == "json":
        return JsonBars(stderr, say)
    if kind == "auto" and stderr.isatty():
        if os.environ.get("TERM", "").lower() in DUMB:
            return LineBars(say)
        from client_cli.drawing import TerminalBars

        return TerminalBars(stderr, say, translate)
    return NoBars(say)


class NoBars:
    """For a pipe."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.message = say

    @contextmanager
    def showing(self, name: str) -> Iterator[ProgressCallback]:
        """Nothing to see."""
        yield no_progress

    def waiting(self, wait: Wait) -> None:
        """Nothing to see."""

    def asking(self, whom: str) -> AbstractContextManager[object]:
        """Nothing to see."""
        return nullcontext()

    def above(self, line: str) -> bool:
        """Nothing is drawn."""
        return False


class LineBars(NoBars):
    """For a terminal that cannot draw: a line from time to time."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(say)
        self._clock = clock

    @contextmanager
    def showing(self, name: str) -> Iterator[ProgressCallback]:
        """`holiday.avi: 12.0 MiB / 64.0 MiB`, when it has taken a while."""
        said = self._clock()

        def show(progress: Progress) -> None:
            nonlocal said
            if self._clock() - said >= SAY_EVERY:
                said = self._clock()
                total = "" if progress.total is None else f" / {text.size(progress.total)}"
                self.message(f"{name}: {text.size(progress.done)}{total}")

        yield show


class JsonBars:
    """One object a line: `event` is `progress` (of bytes) or `waiting` (seconds); docs/cli.md has the rest."""

    def __init__(self, stderr: TextIO, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.message = say
        self._stderr = stderr
        self._clock = clock

    @contextmanager
    def showing(self, name: str) -> Iterator[ProgressCallback]:
        """Lines about this file."""
        yield _Reporter(name, self._stderr, self._clock).show

    def waiting(self, wait: Wait) -> None:
        """A line about the wait."""
        error = wait.error
        reason = {"reason": error.code, "message": error.message}
        seconds = {"left": round(wait.left, 1), "total": round(wait.seconds, 1)}
        _write(self._stderr, {"event": "waiting", **reason, **seconds})

    def asking(self, whom: str) -> AbstractContextManager[object]:
        """No line."""
        return nullcontext()

    def above(self, line: str) -> bool:
        """Nothing is drawn."""
        return False


class _Reporter:
    """The lines about one file."""

    def __init__(self, name: str, stderr: TextIO, clock: Callable[[], float]) -> None:
        self._name = name
        self._stderr = stderr
        self._clock = clock
        self._phase: Phase | None = None
        self._reported = 0.0
        self._started = (0.0, 0)

    def show(self, progress: Progress) -> None:
        """The library's callback."""
        now = self._clock()
        is_new = progress.phase is not self._phase
        if is_new:
            self._phase = progress.phase
            self._started = (now, progress.done)
        if is_new or progress.done == progress.total or now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._report(progress, now)

    def _report(self, progress: Progress, now: float) -> None:
        seconds = now - self._started[0]
        line = {
            "event": "progress",
            "file": self._name,
            "phase": progress.phase.value,
            "done": progress.done,
            "total": progress.total,
            "rate": round((progress.done - self._started[1]) / seconds) if seconds > 0 else 0,
        }
        _write(self._stderr, line)


def _write(stream: TextIO, line: dict[str, Any]) -> None:
    stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    stream.flush()
