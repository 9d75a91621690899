"""Progress as somebody sees it: a bar on a terminal, lines of JSON for a program, nothing in a pipe.

All of it goes to standard error. The library reports every slice; here it is thinned out to what an eye or a program
can use.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, TextIO

from client_cli.progress import Phase, Progress

if TYPE_CHECKING:
    from rich.progress import TaskID

DRAW_EVERY: Final = 0.1
"""Seconds between two looks of the bar."""

REPORT_EVERY: Final = 1.0
"""Seconds between two lines of JSON."""

WORDS: Final = {Phase.CHECKING: "checking", Phase.TRANSFERRING: "", Phase.FINISHING: "finishing"}


class Bars(Protocol):
    """Shows the progress of one file after the other."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def begin(self, name: str) -> None:
        """What follows is about this file."""

    def show(self, progress: Progress) -> None:
        """The library's callback."""

    def message(self, line: str) -> None:
        """A line beside the bars."""


def bars_for(kind: str, stderr: TextIO, say: Callable[[str], None]) -> Bars:
    """`kind` as in `--progress`; `say` prints a message where there are no bars in its way."""
    if kind == "json":
        return JsonBars(stderr, say)
    if kind == "auto" and stderr.isatty():
        return TerminalBars(stderr)
    return NoBars(say)


class NoBars:
    """For a pipe."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.message = say

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, name: str) -> None:
        """Nothing to see."""

    def show(self, progress: Progress) -> None:
        """Nothing to see."""


class JsonBars(NoBars):
    """One object a line: `event` (`progress`), `file`, `phase`, `done`, `total`, `rate` (bytes per second)."""

    def __init__(self, stderr: TextIO, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(say)
        self._stderr = stderr
        self._clock = clock
        self._name = ""
        self._phase: Phase | None = None
        self._reported = 0.0
        self._started = (0.0, 0)

    def begin(self, name: str) -> None:
        self._name = name
        self._phase = None

    def show(self, progress: Progress) -> None:
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
        self._stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stderr.flush()


class TerminalBars:
    """A bar for each file: name, share, size, rate, time left."""

    def __init__(self, stderr: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Drawing
        from rich.table import Column

        name = TextColumn("{task.description}", table_column=Column(ratio=2, no_wrap=True, overflow="ellipsis"))
        self._drawing = Drawing(
            name,
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
            TaskProgressColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(file=stderr, highlight=False, markup=False),
            expand=True,
            transient=True,
        )
        self._clock = clock
        self._name = ""
        self._task: TaskID | None = None
        self._phase: Phase | None = None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._drawing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drawing.stop()

    def begin(self, name: str) -> None:
        self._remove()
        self._name = name

    def show(self, progress: Progress) -> None:
        now = self._clock()
        if progress.phase is not self._phase:
            self._begin_phase(progress)
        elif progress.done < progress.total and now - self._drawn < DRAW_EVERY:
            return
        self._drawn = now
        assert self._task is not None
        self._drawing.update(self._task, completed=progress.done)

    def message(self, line: str) -> None:
        self._drawing.console.print(line, markup=False, highlight=False)

    def _begin_phase(self, progress: Progress) -> None:
        """A bar of its own for every phase: its rate must not be mixed with another's."""
        self._remove()
        self._phase = progress.phase
        words = " ".join(part for part in (WORDS[progress.phase], self._name) if part)
        self._task = self._drawing.add_task(words, total=progress.total, completed=progress.done)

    def _remove(self) -> None:
        if self._task is not None:
            self._drawing.remove_task(self._task)
        self._task, self._phase = None, None
