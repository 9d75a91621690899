"""Every command, as scripts use it: documents of the shape that docs/cli.md shows, lines, and ids; nothing else.

One session with a server of its own, from the first registration to the end of the account, runs each command of
`youku` once in each form.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest

from client_cli import Client
from client_cli.main import cli
from client_cli.reference import every_command
from tests.client.command import Command, Said
from tests.support.server import CHECKOUT, Person, RunningServer
from tests.support.shapes import KINDS, Shape
from tests.system.conftest import bytes_of, on_sqlite_alone
from youku_evloop.errors import ExitCode

COMMANDS: Final = dict(every_command(click.Context(cli, info_name="youku"), cli))
FOR_PEOPLE: Final = {"youku menu", "youku notice"}
"""What prints no results: it asks, or is only the beginning of others."""

STEPS: Final[dict[str, tuple[str, ...]]] = {
    "youku ping": (),
    "youku loadtest": ("--requests", "100", "--fail-if", "p99>1h"),
    "youku completion": ("bash",),
    "youku config": (),
    "youku config set": ("--profile", "p", "retry", "3"),
    "youku config unset": ("--profile", "p", "retry"),
    "youku config use": ("p",),
    "youku register": ("{name}",),
    "youku upload": ("{file}", "{missing}"),
    "youku sync": ("{directory}",),
    "youku uploads": (),
    "youku uploads cancel": ("{upload}", "--yes"),
    "youku list": (),
    "youku search": ("video",),
    "youku searches": (),
    "youku show": ("{movie}",),
    "youku download": ("{movie}", "99", "-o", "{out}"),
    "youku edit": ("{movie}", "--charge", "--price", "5"),
    "youku buy": ("{movie}",),
    "youku vip": (),
    "youku vip buy": ("1",),
    "youku purchases": (),
    "youku purchases confirm": ("{waiting}",),
    "youku purchases decline": ("{waiting_too}", "--yes"),
    "youku records": (),
    "youku notice publish": ("A title", "Some content"),
    "youku notices": (),
    "youku notices show": ("{notice}",),
    "youku notice edit": ("{notice}", "--title", "Another"),
    "youku notice withdraw": ("{notice}", "--yes"),
    "youku delete": ("{movie}", "--yes"),
    "youku restore": ("{movie}",),
    "youku users create": ("{name}2",),
    "youku users delete": ("{name}2", "--yes"),
    "youku users": (),
    "youku users show": ("{name}",),
    "youku users lock": ("{name}",),
    "youku users unlock": ("{name}",),
    "youku users grant-vip": ("{name}", "1"),
    "youku users end-vip": ("{name}", "--yes"),
    "youku invite": (),
    "youku invite list": (),
    "youku invite cancel": ("{invitation}",),
    "youku api": ("movie.list",),
    "youku whoami": (),
    "youku passwd": (),
    "youku sessions": (),
    "youku sessions end": ("--others",),
    "youku logout": (),
    "youku login": ("alice",),
}
"""In an order in which each finds what it needs."""

FAILING: Final = {"youku upload": ExitCode.NOT_FOUND, "youku download": ExitCode.NOT_FOUND}
"""What these end with, for one of two of theirs; the other one is in the document all the same."""


@pytest.fixture
def alice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """An administrator of a server of her own, where payments wait for her; this process's environment is hers."""
    server = RunningServer(tmp_path / "server", options=["--payments", "manual"])
    server.start()
    try:
        somebody = server.create_admin("alice")
        monkeypatch.setenv("YOUKU_NEW_PASSWORD", "")
        for name, value in somebody.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(somebody.home)
        yield somebody
    finally:
        server.kill()


class Session:
    """One run through all commands, in this very process, for somebody whose environment is this process's."""

    def __init__(self, alice: Person, command: Command, directory: Path, form: str) -> None:
        self._alice = alice
        self._command = command
        self._form = form
        self._made: dict[str, object] = {"name": f"bob{form.strip('-')}", "missing": directory / "missing.avi"}
        for name in ("directory", "out"):
            self._made[name] = directory / f"{form} {name}"
            (directory / f"{form} {name}").mkdir()
        self._made["file"] = directory / f"{form} file.avi"
        for file in (directory / f"{form} file.avi", directory / f"{form} directory" / "video.avi"):
            file.write_bytes(bytes_of(1000))

    def run(self, path: str) -> Said:
        """A step, after what it needs has been made past the command; with the exit code that it should have."""
        if path in NEEDS:
            with Client(self._alice.environment["YOUKU_SERVER"], token=self._alice.token) as youku:
                self._made |= NEEDS[path](youku)
        arguments = [word.format(**self._made) for word in STEPS[path]]
        os.environ["YOUKU_NEW_PASSWORD"] = f"new for {self._form}"
        said = self._command(*path.split()[1:], *arguments, self._form)
        if path == "youku passwd":
            os.environ["YOUKU_PASSWORD"] = os.environ["YOUKU_NEW_PASSWORD"]
        assert said.code == FAILING.get(path, ExitCode.OK), said
        return said


NEEDS: Final[dict[str, Callable[[Client], dict[str, object]]]] = {
    "youku uploads": lambda youku: {
        "upload": youku.call("upload.create", name="Half", size=9, fingerprint="0" * 64)["upload"]
    },
    "youku show": lambda youku: {"movie": youku.movie_page().movies[0].id},
    "youku purchases confirm": lambda youku: {
        "waiting": youku.buy_vip(1)[0].id,
        "waiting_too": youku.buy_vip(1)[0].id,
    },
    "youku notices show": lambda youku: {"notice": youku.notices().rows[0].id},
    "youku invite cancel": lambda youku: {"invitation": youku.invitations().rows[0].id},
}
"""What is made before a step, for it and those after it."""


def test_every_command_has_a_step() -> None:
    assert STEPS.keys() | FOR_PEOPLE == COMMANDS.keys()


def test_every_shape_can_be_read_and_every_word_is_explained() -> None:
    page = (CHECKOUT / "docs" / "cli.md").read_text()
    for described in COMMANDS.values():
        if described.document:
            Shape(described.document)
    assert [word for word in KINDS if word not in page] == []


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        ('{"a": TEXT | null, "b": [ID, ...]}', {"a": None, "b": [1, 2]}, {"a": None, "b": [1, "2"]}),
        ('{"a": TEXT}', {"a": ""}, {"a": "", "b": 1}),
        ('{"a": TEXT, ...}', {"a": "", "b": 1}, {"b": 1}),
        ('{"a": true | false}', {"a": False}, {"a": 0}),
        ('{"a": {"b": "x" | "y"}}', {"a": {"b": "y"}}, {"a": {"b": "z"}}),
        ('{"a": TIME}', {"a": "2026-11-21T08:15:30Z"}, {"a": "yesterday"}),
    ],
)
def test_a_shape_fits_what_it_says_and_nothing_else(shape: str, good: Any, bad: Any) -> None:
    assert Shape(shape).fits(good)
    assert not Shape(shape).fits(bad)


@on_sqlite_alone
def test_results_have_the_form_that_was_asked_for_and_nothing_is_beside_them(
    backend: str, alice: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents, lines, quiet = (
        Session(alice, Command(capsys), tmp_path, form) for form in ("--json", "--json-lines", "--quiet")
    )
    for path in STEPS:
        document = json.loads(documents.run(path).out)
        assert Shape(COMMANDS[path].document).fits(document), (path, COMMANDS[path].document, document)
    for path in STEPS:
        said = lines.run(path)
        assert all(isinstance(json.loads(line), dict) for line in said.out.splitlines()), said
    for path in STEPS:
        said = quiet.run(path)
        assert said.code or not said.err, said
        if path not in ("youku completion", "youku api"):
            assert all(len(line.split()) == 1 for line in said.out.splitlines()), said
