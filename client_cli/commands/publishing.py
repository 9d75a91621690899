"""Publishing what is not there yet, of a list or a directory, and the report about it: repeatable without harm.

Whether a file is there is asked by its bytes, not by its title (`Client.find`); so a list may be sent again after some
of it has failed, or every night.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from client_cli import text
from client_cli.app import App
from client_cli.commands.batches import failure_of, transfer_all
from client_cli.names import readable, title_from
from client_cli.output import Column, Form
from client_cli.progress import Phase, Progress, ProgressCallback
from client_cli.source import Source
from youku_evloop.errors import Interrupted, MovieExists, YoukuError

if TYPE_CHECKING:
    from client_cli.bars import Bars
    from client_cli.client import Client
    from client_cli.pace import Pacer
    from client_cli.values import Movie

COLUMNS: Final = (
    Column("RESULT"),
    Column("ID", right=True),
    Column("FILE", flexible=True),
    Column("TITLE", flexible=True),
)


class Outcome(Enum):
    """What came of a file, and where the document has it."""

    UPLOADED = "uploaded"
    EXISTS = "existing"
    MISSING = "missing"
    """It would have been uploaded (`--dry-run`)."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that shall be in the library, what its movie shall be (`Client.upload`), and its line in a list."""

    path: Path
    options: dict[str, Any]
    line: int | None = None

    @property
    def title(self) -> str:
        """Of the movie."""
        return str(self.options.get("title") or title_from(self.path))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    wanted: Wanted
    outcome: Outcome
    movie: Movie | None = None
    error: YoukuError | None = None

    def as_json(self) -> dict[str, Any]:
        """As `--json` and `--json-lines` show it."""
        line = {} if self.wanted.line is None else {"line": self.wanted.line}
        shown: dict[str, Any] = {"path": readable(self.wanted.path), **line, "outcome": self.outcome.value}
        if self.movie is not None:
            shown["movie"] = self.movie
        if self.error is not None:
            shown |= {"error": self.error.code, "message": self.error.message}
        return shown


class Turns:
    """Files of the same bytes are sent one after the other: at once, they would be one upload to the server."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}

    def of(self, path: Path) -> threading.Lock:
        """What whoever sends this file has to hold meanwhile."""
        with Source(path) as source:
            return self._locks.setdefault(source.fingerprint(), threading.Lock())


@dataclass(slots=True)
class Publishing:
    """One run: how to publish, and what."""

    app: App
    pacer: Pacer
    again: bool = False
    dry_run: bool = False
    _turns: Turns = field(default_factory=Turns)

    def publish(self, youku: Client, wanted: Wanted, bars: Bars) -> Row:
        """Make sure that the file is in the library."""
        name = text.visible(readable(wanted.path.name))
        with self._turns.of(wanted.path), bars.showing(name) as progress:
            there = None if self.again else _find(youku, wanted, progress)
            if there is not None:
                return Row(wanted, Outcome.EXISTS, there)
            if self.dry_run:
                return Row(wanted, Outcome.MISSING)
            return self._upload(youku, wanted, telling_of_a_resume(self.app, wanted.path, progress))

    def _upload(self, youku: Client, wanted: Wanted, progress: ProgressCallback) -> Row:
        def upload(again: bool) -> Row:
            options: dict[str, Any] = {**wanted.options, "again": again, "limit_rate": self.pacer}
            return Row(wanted, Outcome.UPLOADED, youku.upload(wanted.path, progress=progress, **options))

        try:
            return upload(self.again)
        except MovieExists:  # of other bytes between the samples, or published in this moment by somebody else
            there = _find(youku, wanted, progress)
            return upload(True) if there is None else Row(wanted, Outcome.EXISTS, there)


def _find(youku: Client, wanted: Wanted, progress: ProgressCallback) -> Movie | None:
    """The movie of these bytes, of this title if there are several."""
    found = youku.find(wanted.path, progress)
    return next((movie for movie in found if movie.name == wanted.title), found[0] if found else None)


def publish_all(
    publishing: Publishing, files: Sequence[Wanted], kinds: Iterable[Outcome], *, jobs: int, besides: dict[str, Any]
) -> None:
    """Publish the files, `jobs` at once, and report: `{kind: [row, ...], ..., **besides}`.

    Raises, after the report, the first of the errors if there were any.
    """
    app, ended, said = publishing.app, list[Row](), set[int]()

    def hear(wanted: Wanted, outcome: Row | YoukuError) -> None:
        row = outcome if isinstance(outcome, Row) else Row(wanted, Outcome.FAILED, error=outcome)
        if row.error is not None and id(row.error) not in said:  # what is hopeless is said once
            said.add(id(row.error))
            app.message(f"youku: {text.visible(readable(wanted.path))}: {app.translate(row.error.message)}")
        ended.append(row)
        if app.output.form is not Form.TEXT and (row.movie is not None or app.output.form is Form.JSON_LINES):
            app.output.item(row.as_json(), row.movie and row.movie.id, "")

    try:
        transfer_all(app, files, publishing.publish, hear, jobs=jobs)
    except Interrupted:
        _report(app, ended, kinds, besides)
        raise
    places = {id(wanted): place for place, wanted in enumerate(files)}
    _report(app, sorted(ended, key=lambda row: places[id(row.wanted)]), kinds, besides)
    errors = [row.error for row in ended if row.error is not None]
    if errors:
        raise failure_of(errors, len(files))


def _report(app: App, rows: Sequence[Row], kinds: Iterable[Outcome], besides: dict[str, Any]) -> None:
    parts = {kind: [row.as_json() for row in rows if row.outcome is kind] for kind in kinds}
    app.output.document({**{kind.value: part for kind, part in parts.items()}, **besides})
    if app.output.form is Form.TEXT and rows:
        app.output.table(COLUMNS, [_cells(app, row) for row in rows], rows, rows)
    app.message(", ".join(f"{app.translate(kind.value)}: {len(part)}" for kind, part in parts.items()) + ".")


def _cells(app: App, row: Row) -> tuple[str, str, str, str]:
    movie = row.movie
    identity, title = (str(movie.id), text.visible(movie.name)) if movie is not None else ("-", "-")
    return app.translate(row.outcome.value), identity, text.visible(readable(row.wanted.path)), title


def telling_of_a_resume(app: App, path: Path, progress: ProgressCallback) -> ProgressCallback:
    """The same progress, and a message where the server has the beginning of the file from an earlier upload."""
    begun = False

    def tell(step: Progress) -> None:
        nonlocal begun
        if step.phase is Phase.TRANSFERRING and not begun:
            begun = True
            if step.done and step.total is not None:
                held = f"{text.size(step.done)} of {text.size(step.total)}"
                app.message(f"{text.visible(readable(path.name))}: the server has {held} already; resuming from there.")
        progress(step)

    return tell
