"""The commands as manual pages for `man`: docs/man holds what `pages()` returns, and a test compares the two.

A page for each command, with its subcommands, and `youku` itself with what all of them share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import click

from client_cli import __version__
from client_cli.framework import Described, variable
from client_cli.main import cli
from client_cli.reference import (
    arguments_of,
    common_options,
    every_command,
    exit_codes,
    first_sentence,
    paragraphs,
    value_of,
)

ENVIRONMENT: Final = (
    ("YOUKU_TOKEN", "A session token, instead of the one that `youku login` left."),
    ("YOUKU_PASSWORD, YOUKU_NEW_PASSWORD", "The passwords, where nobody is there to type them."),
    ("NO_COLOR", "No colours on a terminal."),
    ("LC_ALL, LC_MESSAGES, LANG", "The language of messages: Chinese where it begins with zh, otherwise English."),
)
FILES: Final = (
    ("~/.config/youku/config.toml", "The profiles; see `youku config`. Under XDG_CONFIG_HOME where that is set."),
    ("~/.local/state/youku/sessions.json", "What logins left. Under XDG_STATE_HOME where that is set."),
    ("~/.local/state/youku/known_servers", "The certificates of servers that were seen."),
)


def pages() -> dict[str, str]:
    """The text of every page, by its file's name."""
    context = click.Context(cli, info_name="youku")
    commands = list(every_command(context, cli))
    found = {"youku.1": _page(_main(commands))}
    for path, command in commands:
        if path.count(" ") == 1:
            below = [(name, other) for name, other in commands if name.startswith(f"{path} ")]
            found[f"{path.replace(' ', '-')}.1"] = _page(_command(path, command, below))
    return found


def _page(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _main(commands: Sequence[tuple[str, Described]]) -> Iterator[str]:
    yield from _head("youku", cli.help or "")
    yield from _synopsis("youku", ["[common options]", "COMMAND", "[options]", "[arguments]"])
    yield ".SH DESCRIPTION"
    yield from _text(
        "Results go to standard output, everything else (messages, questions, progress, errors) to standard error.\n\n"
        "Each command has a page of its own, such as `youku-upload`(1)."
    )
    yield ".SH COMMANDS"
    for path, command in commands:
        if path.count(" ") == 1:
            yield from _item(_bold(path.replace(" ", "-")) + "(1)", first_sentence(command))
    yield ".SH COMMON OPTIONS"
    yield from _text("Before the command or after it, the same.")
    yield from _options("youku", common_options())
    yield ".SH ENVIRONMENT"
    yield from _text(
        "Options win over variables, variables over the profile, the profile over the defaults. Every option has a"
        " variable, which its page names."
    )
    for name, meaning in ENVIRONMENT:
        yield from _item(_bold(name), meaning)
    yield ".SH FILES"
    for name, meaning in FILES:
        yield from _item(_bold(name), meaning)
    yield ".SH EXIT STATUS"
    for number, meaning, errors in exit_codes():
        yield from _item(_bold(str(number)), ": ".join(part for part in (meaning, ", ".join(errors)) if part))
    yield ".SH EXAMPLES"
    yield from _examples(cli)


def _command(path: str, command: Described, below: Sequence[tuple[str, Described]]) -> Iterator[str]:
    yield from _head(path.replace(" ", "-"), command.help or "")
    yield from _synopsis(path, arguments_of(command))
    yield ".SH DESCRIPTION"
    yield from _text(paragraphs(command.help or ""))
    if command.own_options():
        yield ".SH OPTIONS"
        yield from _options(path, command.own_options())
    if below:
        yield ".SH COMMANDS"
    for name, other in below:
        yield f".SS {_quoted(' '.join([name, *arguments_of(other)]))}"
        yield from _text(paragraphs(other.help or ""))
        yield from _options(name, other.own_options())
        yield from _text(f"With `--json`: {other.document}")
    if command.document:
        yield ".SH OUTPUT"
        yield from _text(f"With `--json`: {command.document}")
    yield ".SH EXAMPLES"
    for described in [command, *(other for _, other in below)]:
        yield from _examples(described)
    yield ".SH SEE ALSO"
    yield from _text("`youku`(1) for the common options, the environment, files and exit codes.")


def _head(name: str, help_text: str) -> Iterator[str]:
    yield f'.TH {_quoted(name.upper())} "1" "" {_quoted(f"Youku {__version__}")} "Youku"'
    yield ".nh\n.ad l"  # names of options and variables stay in one piece
    yield ".SH NAME"
    sentence = re.split(r"[.;:](?:\s|$)", paragraphs(help_text), maxsplit=1)[0]
    yield f"{_plain(name)} \\- {_marked(sentence)}"


def _synopsis(path: str, words: Sequence[str]) -> Iterator[str]:
    yield ".SH SYNOPSIS"
    yield " ".join([_bold(path), *map(_plain, words)])


def _options(path: str, options: Sequence[click.Option]) -> Iterator[str]:
    for option in options:
        value = f" \\fI{_plain(value_of(option))}\\fR" if value_of(option) else ""
        names = ", ".join(map(_bold, [*option.opts, *option.secondary_opts]))
        yield from _item(names + value, f"{option.help} Variable: {variable(path, option)}.")


def _examples(command: Described) -> Iterator[str]:
    for line, meaning in command.examples:
        yield from _item(_bold(line), meaning)


def _item(term: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield term
    yield from _text(text, gap=".sp")


def _text(text: str, gap: str = ".PP") -> Iterator[str]:
    """Paragraphs of Markdown, as much of it as help uses."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if number or gap == ".PP":
            yield gap
        yield _marked(paragraph)


def _marked(text: str) -> str:
    parts = text.split("`")
    return _first(
        "".join(_bold(part, whole=False) if place % 2 else _escaped(part) for place, part in enumerate(parts))
    )


def _bold(text: str, *, whole: bool = True) -> str:
    bold = f"\\fB{_escaped(text)}\\fR"
    return _first(bold) if whole else bold


def _plain(text: str) -> str:
    return _first(_escaped(text))


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', "\\(dq") + '"'


def _escaped(text: str) -> str:
    return (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("~", "\\(ti").replace("^", "\\(ha")
    )


def _first(line: str) -> str:
    """A line that begins with a dot or a quote would be a request."""
    return f"\\&{line}" if line.startswith((".", "'")) else line
