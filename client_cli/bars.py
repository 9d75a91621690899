"""Progress as somebody sees it: a bar on a terminal, lines of JSON for a program, nothing in a pipe.

All of it goes to standard error. The library reports every slice; here it is thinned out to what an eye or a program
can use.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from client_cli import text
from client_cli.progress import Phase, Progress, ProgressCallback, no_progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Drawing
    from rich.progress import TaskID

DRAW_EVERY: Final = 0.1
"""Seconds between two looks of the bar."""

REPORT_EVERY: Final = 1.0
"""Seconds between two lines of JSON."""

WORDS: Final = {Phase.CHECKING: "checking", Phase.TRANSFERRING: "", Phase.FINISHING: "finishing"}


class Bars(Protocol):
    """Shows the progress of files, of several at once where they are in different threads."""

    def showing(self, name: str) -> AbstractContextManager[ProgressCallback]:
        """While inside, the library's progress is about this file."""

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

    @contextmanager
    def showing(self, name: str) -> Iterator[ProgressCallback]:
        """Nothing to see."""
        yield no_progress


class JsonBars:
    """One object a line: `event` (`progress`), `file`, `phase`, `done`, `total`, `rate` (bytes per second)."""

    def __init__(self, stderr: TextIO, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.message = say
        self._stderr = stderr
        self._clock = clock

    @contextmanager
    def showing(self, name: str) -> Iterator[ProgressCallback]:
        """Lines about this file."""
        yield _Reporter(name, self._stderr, self._clock).show


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
        self._stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stderr.flush()


class TerminalBars:
    """A bar for each file that is on its way: name, share, size, rate, time left. Gone when the file is done."""

    def __init__(self, stderr: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console = Console(file=stderr, highlight=False, markup=False)
        self._clock = clock
        self._lock = threading.Lock()
        self._drawing: Drawing | None = None
        self._shown = 0

    @contextmanager
    def showing(self, name: str) -> Iterator[ProgressCallback]:
        """A bar for this file."""
        bar = _Bar(self._begin(), name, self._clock)
        try:
            yield bar.show
        finally:
            self._end(bar)

    def _begin(self) -> Drawing:
        """The drawing that all bars share, for a terminal has room for one only."""
        with self._lock:
            self._shown += 1
            if self._drawing is None:
                self._drawing = _drawing(self._console)
                self._drawing.start()
            return self._drawing

    def _end(self, bar: _Bar) -> None:
        with self._lock:
            self._shown -= 1
            if self._shown or self._drawing is None:
                bar.remove()
            else:
                self._drawing.stop()
                self._drawing = None

    def message(self, line: str) -> None:
        """Above the bar."""
        self._console.print(line)


class _Bar:
    """One line of the terminal; a new one for every phase, whose rate must not be mixed with another's."""

    def __init__(self, drawing: Drawing, name: str, clock: Callable[[], float]) -> None:
        self._drawing = drawing
        self._name = name
        self._clock = clock
        self._task: TaskID | None = None
        self._phase: Phase | None = None
        self._drawn = 0.0

    def show(self, progress: Progress) -> None:
        """The library's callback."""
        now = self._clock()
        if self._task is None or progress.phase is not self._phase:
            self._begin(progress)
        elif progress.done == progress.total or now - self._drawn >= DRAW_EVERY:
            self._drawn = now
            self._drawing.update(self._task, completed=progress.done)

    def remove(self) -> None:
        """Nothing is left of it."""
        if self._task is not None:
            self._drawing.remove_task(self._task)
            self._task = None

    def _begin(self, progress: Progress) -> None:
        self.remove()
        self._phase = progress.phase
        words = " ".join(part for part in (WORDS[progress.phase], self._name) if part)
        self._task = self._drawing.add_task(words, total=progress.total, completed=progress.done)


def _drawing(console: Console) -> Drawing:
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column
    from rich.text import Text

    class Moved(ProgressColumn):
        """`12.0 of 64.0 MiB  20.5 MiB/s`, in the units of the rest of the program."""

        def render(self, task: Task) -> Text:
            rate = f"{text.size(int(task.speed))}/s" if task.speed else ""
            total = f" of {text.size(int(task.total))}" if task.total is not None else ""
            return Text(f"{text.size(int(task.completed))}{total}  {rate:>12}")

    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=2, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
        TaskProgressColumn(),
        Moved(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        console=console,
        expand=True,
        transient=True,
    )
