"""Progress drawn on a terminal by rich, which is imported when there is something to draw.

All that is under way shares one drawing, as a terminal has room for one only: a line for each file, each pause and each
answer that is long in coming. Each is gone when it is over, and with the last one the drawing. What several threads do
to the drawing itself is done under one lock; rich has its own for the lines.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from client_cli import text
from client_cli.messages import Translate
from client_cli.progress import Phase, Progress, ProgressCallback, Wait

if TYPE_CHECKING:
    from rich.progress import Progress as Drawing
    from rich.progress import Task, TaskID
    from rich.text import Text

DRAW_EVERY: Final = 0.1
"""Seconds between two looks of a bar."""

LONG: Final = 1.0
"""Seconds: a wait of more is worth a word."""

WORDS: Final = {Phase.CHECKING: "checking", Phase.TRANSFERRING: "", Phase.FINISHING: "finishing"}


class TerminalBars:
    """A line for each file (name, share, size, rate, time left), each pause (time left), each late answer (time)."""

    def __init__(
        self,
        stderr: TextIO,
        say: Callable[[str], None],
        translate: Translate = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stderr = stderr
        self._say = say
        self._translate = translate
        self._clock = clock
        self._lock = threading.Lock()
        self._drawing: Drawing | None = None
        self._shown = 0
        self._pauses: dict[int, _Line] = {}

    @contextmanager
    def showing(self, name: str) -> Iterator[ProgressCallback]:
        """A bar for this file."""
        line = _Line(self)
        try:
            yield _Bar(line, name, self._translate, self._clock).show
        finally:
            line.remove()

    def waiting(self, wait: Wait) -> None:
        """A countdown, one for each thread that waits."""
        thread = threading.get_ident()
        if not wait.left:
            if (line := self._pauses.pop(thread, None)) is not None:
                line.remove()
        elif wait.seconds > LONG:
            line = self._pauses.setdefault(thread, _Line(self))
            words = {"total": wait.seconds, "completed": wait.seconds - wait.left, "left": wait.left}
            line.draw(self._translate("waiting"), **words)

    @contextmanager
    def asking(self, whom: str) -> Iterator[None]:
        """A line that says for how long already, once it is long."""
        line = _Line(self)
        words = self._translate(f"waiting for {whom}")
        timer = threading.Timer(LONG, lambda: line.draw(words, total=None, since=LONG))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            line.remove()

    def message(self, line: str) -> None:
        """Above the bars."""
        if not self.above(line):
            self._say(line)

    def above(self, line: str) -> bool:
        """Above the bars too; standard output is the same terminal, most likely."""
        from rich.text import Text

        with self._lock:
            if self._drawing is None:
                return False
            self._drawing.console.print(Text(line), soft_wrap=True)
            return True

    def begin(self) -> Drawing:
        """The drawing, for one line more."""
        with self._lock:
            self._shown += 1
            if self._drawing is None:
                self._drawing = _drawing(self._stderr)
                self._drawing.start()
            return self._drawing

    def end(self, task: TaskID | None) -> None:
        """One line less; the last one is still there when the drawing ends, so that it is seen to be complete."""
        with self._lock:
            self._shown -= 1
            if self._drawing is None:
                return
            if not self._shown:
                self._drawing.stop()
                self._drawing = None
            elif task is not None:
                self._drawing.remove_task(task)


class _Line:
    """A line of the drawing, from when it is first drawn until it is removed; then it is never drawn again."""

    def __init__(self, bars: TerminalBars) -> None:
        self._bars = bars
        self._lock = threading.Lock()
        self._drawing: Drawing | None = None
        self._task: TaskID | None = None
        self._is_removed = False

    def draw(self, words: str, **values: Any) -> None:
        """Make it so."""
        with self._lock:
            if self._is_removed:
                return
            if self._drawing is None:
                self._drawing = self._bars.begin()
            if self._task is None:
                self._task = self._drawing.add_task(words, **values)
            else:
                self._drawing.update(self._task, description=words, **values)

    def renew(self) -> None:
        """The next drawing is of something else: rates and times begin anew."""
        with self._lock:
            if self._drawing is not None and self._task is not None:
                self._drawing.remove_task(self._task)
                self._task = None

    def remove(self) -> None:
        """Nothing is left of it."""
        with self._lock:
            self._is_removed = True
            if self._drawing is not None:
                self._drawing = None
                self._bars.end(self._task)


class _Bar:
    """The line of a file; a new one for every phase, whose rate must not be mixed with another's."""

    def __init__(self, line: _Line, name: str, translate: Translate, clock: Callable[[], float]) -> None:
        self._line = line
        self._name = name
        self._translate = translate
        self._clock = clock
        self._phase: Phase | None = None
        self._drawn = 0.0

    def show(self, progress: Progress) -> None:
        """The library's callback."""
        now = self._clock()
        if progress.phase is not self._phase:
            self._phase = progress.phase
            self._line.renew()
        elif progress.done != progress.total and now - self._drawn < DRAW_EVERY:
            return
        self._drawn = now
        words = " ".join(part for part in (self._translate(WORDS[progress.phase]), self._name) if part)
        if progress.phase is Phase.FINISHING:  # the server is at work: nobody knows how far it is
            self._line.draw(words, total=None, since=0.0)
        else:
            self._line.draw(words, total=progress.total, completed=progress.done)


def _drawing(stderr: TextIO) -> Drawing:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Words(ProgressColumn):
        """What a function says of a line."""

        def __init__(self, say: Callable[[Task], str], style: str) -> None:
            super().__init__(table_column=Column(no_wrap=True, justify="right"))
            self._say = say
            self._style = style

        def render(self, task: Task) -> Text:
            return Text(self._say(task), style=self._style)

    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=2, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8)),
        Words(_share, "progress.percentage"),
        Words(_moved, ""),
        Words(_time, "progress.remaining"),
        console=Console(file=stderr, highlight=False),
        expand=True,
        transient=True,
    )


def _share(task: Task) -> str:
    return f"{task.percentage:.0f}%" if task.total and "left" not in task.fields else ""


def _moved(task: Task) -> str:
    """`12.0 MiB / 64.0 MiB  20.5 MiB/s`, in the units of the rest of the program; a wait moves nothing."""
    if "left" in task.fields or "since" in task.fields:
        return ""
    rate = f"{text.size(int(task.speed))}/s" if task.speed else ""
    total = f" / {text.size(int(task.total))}" if task.total is not None else ""
    return f"{text.size(int(task.completed))}{total}  {rate:>12}"


def _time(task: Task) -> str:
    """What is left, of a late answer what has passed."""
    if "since" in task.fields:
        return text.duration(task.fields["since"] + (task.elapsed or 0))
    seconds = task.fields.get("left", task.time_remaining)
    return text.duration(seconds) if seconds is not None else ""
