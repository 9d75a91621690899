"""The commands as a page: docs/cli.md is what `page()` returns, and a test compares the two."""

from __future__ import annotations

from collections.abc import Iterator

import click

from client_cli.framework import Described, variable
from client_cli.main import cli
from youku_evloop.errors import BY_CODE, ExitCode

HEAD = """\
# The `youku` command

<!-- Made by scripts/make-cli-docs from the commands themselves: change those, then run it. -->

    youku [common options] COMMAND [options] [arguments]

Results go to standard output, everything else (messages, questions, progress, errors) to standard error. In a pipe
tables are aligned text with sizes in bytes and times in UTC; on a terminal they have units and relative times.
"""

TRUST = """\
## Which server is believed

Every host but this machine is spoken to through TLS (1.2 or newer). A server that was never seen before is believed,
and its certificate is remembered in `known_servers`, one `HOST:PORT sha256:HEX` a line; from then on this certificate
is demanded, on this machine too. Another one is believed only when an authority that this machine trusts vouches for it
and the host's name. Otherwise the command ends with `untrusted_server` before anything was sent, a password or a token
above all. `--fingerprint` demands one certificate from the beginning (`youku-server run` prints its own), and
remembers it.
"""

FORMS = """\
## Forms of output

| option | standard output |
|---|---|
| (none) | words and tables |
| `--json` | one JSON document, of the shape that each command shows below |
| `--json-lines` | one JSON object a line, one for each result |
| `--quiet` | the ids of the results, one a line, and no messages |

With `--json` and `--json-lines` an error is one JSON object on standard error: `{"ok": false, "error": CODE,
"message": TEXT, ...}` with the facts that [the protocol](protocol.md#errors) lists; its exit code is in the
[last table](#exit-codes). With `--progress json` a transfer writes lines to standard error, about one a second:
`{"event": "progress", "file": NAME, "phase": "checking" | "transferring" | "finishing", "done": BYTES, "total": BYTES,
"rate": BYTES_PER_SECOND}`. A pause before another try, and the wait before a free download, is a line about every
second, the last one with 0: `{"event": "waiting", "reason": CODE, "message": TEXT, "left": SECONDS, "total": SECONDS}`.
Messages are lines then, too: `{"event": "message", "message": TEXT}`.

In the shapes below a MOVIE, USER, UPLOAD, SESSION, PURCHASE, RECORD, NOTICE or INVITATION is
[the protocol's](protocol.md#movies), an ACCOUNT a USER with `is_locked`. A ROW says what came of a file:
`{"path": TEXT, "outcome": "uploaded" | "existing" | "missing" | "failed"}`, with `line` if it stands in a list, `movie`
if there is one, and `error` (CODE) and `message` if it failed. TEXT, a NAME, PATH or TITLE is text; a CODE that of an
error; a NUMBER or SECONDS a number; an ID, BYTES and FEN whole ones; a TIME UTC, such as `2026-11-21T08:15:30Z`.
"""

QUESTIONS = """\
## Questions

- Where something is lost, at once or after a while, there is a question on the terminal first. Where nobody is there to
  be asked (no terminal, or `--no-input`), it is refused with exit code 2 and nothing is done, unless `--yes` says that
  it is meant: {}.
- Where money moves ({}), there is a question on the terminal, too; elsewhere it is done at once.
- With `--yes` nobody is asked. Nothing else asks.
"""
MOVING_MONEY = ("youku buy", "youku vip buy", "youku purchases confirm")

VARIABLES = """\
## Variables of the environment

| variable | |
|---|---|
| `YOUKU_SERVER`, `YOUKU_LIST_LIMIT`, ... | every option has one: those of the tables on this page |
| `YOUKU_TOKEN` | a session token, instead of the one that `youku login` left |
| `YOUKU_PASSWORD` | the password, where nobody is there to type it |
| `YOUKU_NEW_PASSWORD` | the one to change to with `youku passwd` |
| `LC_ALL`, `LC_MESSAGES`, `LANG` | the language of messages and help: Chinese for `zh...`, otherwise English |
| `NO_COLOR` | no colours on a terminal |
| `XDG_STATE_HOME`, `XDG_CONFIG_HOME` | where `youku/sessions.json`, `youku/known_servers` and `youku/config.toml` are |

Options win over variables, variables over the profile, the profile over the defaults.
"""


def page() -> str:
    """The whole page, in Markdown."""
    context = click.Context(cli, info_name="youku")
    head = [HEAD, _contents(context), _common_options(), VARIABLES, TRUST, FORMS, _questions(context)]
    parts = [*head, *_commands(context, cli), _exit_codes()]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def every_command(context: click.Context, group: click.Group) -> Iterator[tuple[str, Described]]:
    """All commands of a group with the words that call them, subcommands after their group."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert isinstance(command, Described)
        below = click.Context(command, info_name=name, parent=context)
        yield below.command_path, command
        if isinstance(command, click.Group):
            yield from every_command(below, command)


def _contents(context: click.Context) -> str:
    rows = [
        f"| [`{path}`](#{_anchor(path)}) | {first_sentence(command)} |" for path, command in every_command(context, cli)
    ]
    return "\n".join(["| command | |", "|---|---|", *rows])


def _commands(context: click.Context, group: click.Group) -> Iterator[str]:
    for path, command in every_command(context, group):
        yield f"## `{path}`"
        yield f"    {' '.join([path, *arguments_of(command)])}"
        yield paragraphs(command.help or "")
        own = command.own_options()
        if own:
            yield _options(path, own)
        if command.document:
            yield f"With `--json`: `{command.document}`"
        examples = [f"    $ {line}\n        {meaning}" for line, meaning in command.examples]
        yield "\n".join(["Examples:", "", *examples])


def arguments_of(command: click.Command) -> list[str]:
    """What stands after its name: `[options]`, `ID...`, `[COMMAND]`."""
    words = ["[options]"] if any(isinstance(parameter, click.Option) for parameter in command.params) else []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = parameter.metavar or _choices(parameter) or (parameter.name or "").upper()
            words.append(name if parameter.required else f"[{name}]")
    return [*words, "[COMMAND]"] if isinstance(command, click.Group) else words


def _options(path: str, options: list[click.Option]) -> str:
    rows = [f"| {_names(option)} | {option.help or ''} | `{variable(path, option)}` |" for option in options]
    return "\n".join(["| option | | variable |", "|---|---|---|", *rows])


def value_of(option: click.Option) -> str:
    """What stands after its name; "" after a flag."""
    return "" if option.is_flag else option.metavar or _choices(option) or "TEXT"


def _names(option: click.Option) -> str:
    value = f" {value_of(option)}".rstrip()
    names = ", ".join(f"`{name}`" for name in option.opts[:-1])
    last = f"`{option.opts[-1]}{value}`".replace("|", "\\|")
    return f"{names}, {last}" if names else last


def _choices(parameter: click.Parameter) -> str:
    return "|".join(map(str, parameter.type.choices)) if isinstance(parameter.type, click.Choice) else ""


def common_options() -> list[click.Option]:
    """Those that every command has."""
    return [option for option in cli.params if isinstance(option, click.Option) and option.name in cli.common_names()]


def _common_options() -> str:
    return f"## Common options\n\nBefore the command or after it, the same.\n\n{_options('youku', common_options())}"


def exit_codes() -> Iterator[tuple[int, str, list[str]]]:
    """Each with its meaning and the codes of the errors that end so."""
    for code in ExitCode:
        errors = sorted(f"`{name}`" for name, kind in BY_CODE.items() if kind.exit_code is code)
        yield code.value, code.name.lower().replace("_", " "), errors


def _questions(context: click.Context) -> str:
    asking = [
        path for path, command in every_command(context, cli) if "yes" in {option.name for option in command.params}
    ]
    losing = [f"`{path}`" for path in asking if path not in MOVING_MONEY]
    words = ", ".join(losing).replace("searches`", "searches --clear`")
    return QUESTIONS.format(words, ", ".join(f"`{path}`" for path in MOVING_MONEY))


def _exit_codes() -> str:
    rows = [f"| {number} | {meaning} | {', '.join(errors)} |" for number, meaning, errors in exit_codes()]
    return "\n".join(["## Exit codes", "", "| code | meaning | errors |", "|---|---|---|", *rows])


def paragraphs(text: str) -> str:
    """Each on one line, as Markdown has them."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def first_sentence(command: click.Command) -> str:
    """What it does, in short."""
    return paragraphs(command.help or "").split("\n\n")[0]


def _anchor(path: str) -> str:
    return path.replace(" ", "-")
