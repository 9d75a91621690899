"""Documentation that can fail: help, examples, and the page that is made of them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import click
import pytest

from client_cli.framework import Described, variable
from client_cli.main import cli
from client_cli.manual import pages
from client_cli.reference import every_command, page
from tests.client.command import Command
from tests.support.server import CHECKOUT

ROOT: Final = click.Context(cli, info_name="youku")
COMMANDS: Final = dict(every_command(ROOT, cli))


def test_the_page_is_what_the_commands_say() -> None:
    assert (CHECKOUT / "docs" / "cli.md").read_text() == page(), "run scripts/make-cli-docs"


def test_the_script_makes_the_page() -> None:
    before = (CHECKOUT / "docs" / "cli.md").read_text()
    subprocess.run([sys.executable, CHECKOUT / "scripts" / "make-cli-docs"], check=True, capture_output=True)
    assert (CHECKOUT / "docs" / "cli.md").read_text() == before


def test_the_manual_is_what_the_commands_say() -> None:
    written = {file.name: file.read_text() for file in (CHECKOUT / "docs" / "man").iterdir()}
    assert written == pages(), "run scripts/make-cli-docs"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff, which sets manual pages, is not installed")
def test_groff_has_nothing_to_say_about_the_manual() -> None:
    for file in sorted((CHECKOUT / "docs" / "man").iterdir()):
        command = ["groff", "-man", "-ww", "-z", "-Kutf8", "-Tutf8", str(file)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        assert said.stderr == ""


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_says_what_it_does_and_shows_it(path: str) -> None:
    described = COMMANDS[path]
    assert described.help
    assert len(described.examples) >= 2
    assert described.document.startswith("{") or path == "youku menu", "what is not for people alone has results"
    assert all(meaning.endswith(".") for _, meaning in described.examples)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_explained(path: str) -> None:
    for option in COMMANDS[path].params:
        assert not isinstance(option, click.Option) or option.help, option.name


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_every_form_of_output(path: str) -> None:
    options = {name for option in COMMANDS[path].params for name in option.opts}
    assert options >= {"--json", "--json-lines", "--quiet", "--progress", "--no-input", "--retry", "--timeout"}


@pytest.mark.parametrize("path", ["youku", *COMMANDS])
def test_every_option_has_the_variable_that_the_page_shows(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    described = COMMANDS.get(path, cli)
    assert isinstance(described, Described)
    prefix = path.replace(" ", "_").replace("-", "_").upper()
    context = click.Context(described, info_name=path, auto_envvar_prefix=prefix, resilient_parsing=True)
    described.parse_args(context, [])
    own, shown = described.own_options(), (CHECKOUT / "docs" / "cli.md").read_text()
    for option in [option for option in described.params if isinstance(option, click.Option)]:
        name = variable(path, option)
        if option.name == "version":
            assert option.resolve_envvar_value(context) is None, "YOUKU_VERSION may be anything"
            continue
        monkeypatch.setenv(name, "1")
        assert option.resolve_envvar_value(context) == "1", name
        assert f"`{name}`" in shown or option not in own, name


def test_no_secret_is_an_option() -> None:
    names = {name for described in COMMANDS.values() for option in described.params for name in option.opts}
    assert not [name for name in names if any(word in name for word in ("password", "token", "secret"))]


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_every_command_has_its_examples(command: Command, path: str) -> None:
    said = command(*path.split()[1:], "--help")
    assert said.code == 0
    assert all(line in said.out for line, _ in COMMANDS[path].examples)
    assert "--server HOST:PORT" in said.out


def example_lines() -> Iterator[list[str]]:
    """The part of each example that is a `youku` command, as words."""
    for described in [*COMMANDS.values(), cli]:
        assert isinstance(described, Described)
        for line, _ in described.examples:
            words = shlex.split(line.replace('"$(', "").replace(')"', "").replace("$(cat secret)", "secret"))
            start = words.index("youku")
            ends = [place for place, word in enumerate(words) if word in ("|", ">") and place > start]
            yield words[start + 1 : ends[0] if ends else None]


@pytest.mark.parametrize("words", list(example_lines()), ids=" ".join)
def test_every_example_can_be_typed(command: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    for described in COMMANDS.values():
        monkeypatch.setattr(described, "callback", lambda **_values: None)  # parsed for real, and then nothing is done
    assert command(*words).err == ""
