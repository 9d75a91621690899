"""The `youku` command: the table of its commands, and how every run of it ends.

Whatever goes wrong ends as one line on standard error (with `--json` one JSON object) and an exit code of
`youku_evloop.errors.ExitCode`. Commands, and what they need, are imported when they are called.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import click

from client_cli import __version__, text
from client_cli.app import App
from client_cli.framework import YoukuGroup
from client_cli.output import Form
from youku_evloop.errors import Ambiguous, BadRequest, ExitCode, Interrupted, UnknownCommand, YoukuError

COMMANDS: Final = {
    "register": "client_cli.commands.accounts:register",
    "login": "client_cli.commands.accounts:login",
    "logout": "client_cli.commands.accounts:logout",
    "whoami": "client_cli.commands.accounts:whoami",
    "passwd": "client_cli.commands.sessions:passwd",
    "sessions": "client_cli.commands.sessions:sessions",
    "list": "client_cli.commands.movies:list_movies",
    "search": "client_cli.commands.searches:search",
    "searches": "client_cli.commands.searches:searches",
    "show": "client_cli.commands.movies:show",
    "download": "client_cli.commands.downloads:download",
    "buy": "client_cli.commands.purchases:buy",
    "vip": "client_cli.commands.purchases:vip",
    "purchases": "client_cli.commands.purchases:purchases",
    "records": "client_cli.commands.records:records",
    "notices": "client_cli.commands.notices:notices",
    "menu": "client_cli.commands.menu:menu",
    "upload": "client_cli.commands.uploads:upload",
    "uploads": "client_cli.commands.uploads:uploads",
    "sync": "client_cli.commands.sync:sync",
    "delete": "client_cli.commands.movies:delete",
    "restore": "client_cli.commands.movies:restore",
    "edit": "client_cli.commands.movies:edit",
    "notice": "client_cli.commands.notices:notice",
    "users": "client_cli.commands.users:users",
    "invite": "client_cli.commands.users:invite",
    "ping": "client_cli.commands.service:ping",
    "loadtest": "client_cli.commands.loadtest:loadtest",
    "config": "client_cli.commands.config:config",
    "api": "client_cli.commands.api:api",
    "completion": "client_cli.commands.completion:completion",
}
"""In the order in which somebody who is new here needs them."""

PREFIX: Final = "YOUKU"
"""Of the variables of the environment: YOUKU_SERVER is --server, YOUKU_LIST_LIMIT is --limit of `list`."""

COMPLETION_VARIABLE: Final = "_YOUKU_COMPLETE"
"""Set by a shell's completion script when it asks for candidates."""

LONGEST_COMPLETION: Final = 2.0
"""Seconds after which a shell gets nothing: looking up a host's name knows no other limit."""

NO_TEXT: Final = (
    "An argument, a YOUKU_ variable or a title cannot be written as {}: correct it, or set LC_ALL to a UTF-8 locale."
)

EXAMPLES: Final = (
    ("youku login alice", "Log in; later commands need no password."),
    ("youku list --type free", "What can be downloaded for nothing."),
    ("youku --server library.example:9685 download 12", "Fetch movie 12 from another server."),
)


@click.group(cls=YoukuGroup, lazy=COMMANDS, examples=EXAMPLES, invoke_without_command=True)
@click.version_option(__version__, prog_name="youku", message="%(prog)s %(version)s", allow_from_autoenv=False)
@click.pass_context
def cli(context: click.Context) -> None:
    """Videos of your own library: look, download, and, for administrators, upload."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """The whole of a process; `client_cli.__main__` is its door."""
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a title may hold what this terminal's encoding cannot
    code = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # how it ends is decided: nothing is left to stop
    sys.exit(code)


def _replace_closed_streams() -> None:
    """Python has no object for a stream that is closed (`youku list >&-`). There is nobody to ask, then, and messages
    are lost; but results that cannot be written have to be an error, so what stands for standard output refuses them.
    """
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            stream = open(os.open(os.devnull, flags), "r" if name == "stdin" else "w")  # noqa: SIM115 - until the end
            setattr(sys, name, stream)


def run(arguments: Sequence[str]) -> int:
    """One command; the exit code. Never raises."""
    app = App()
    try:
        code = _invoke(app, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
        return ExitCode.OK
    except OSError as problem:
        _let_go_of_stdout()
        return _report(app, _refused(problem), wants_json=False)
    return code


def _invoke(app: App, arguments: Sequence[str]) -> int:
    wants_json = any(argument in ("--json", "--json-lines") for argument in arguments)
    try:
        if COMPLETION_VARIABLE in os.environ:
            return _complete(app, os.environ[COMPLETION_VARIABLE])
        with cli.make_context("youku", list(arguments), obj=app, auto_envvar_prefix=PREFIX) as context:
            cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, EOFError, click.Abort):
        return _report(app, Interrupted("Stopped."), wants_json)
    except click.ClickException as problem:
        return _report(app, BadRequest(_usage_message(problem)), wants_json)
    except UnknownCommand as error:
        if (op := error.facts.get("op")) not in arguments:  # nobody typed it: this program took it for granted
            error = UnknownCommand(f"The server is older than this program: it has no command {op!r} yet.", op=op)
        return _report(app, error, wants_json)
    except YoukuError as error:
        return _report(app, error, wants_json)
    except OSError as problem:
        return _report(app, _refused(problem), wants_json)
    except UnicodeEncodeError as problem:  # bytes of the command line that were no text, or a title as a file's name
        return _report(app, BadRequest(NO_TEXT.format(problem.encoding)), wants_json)
    except Exception as problem:
        unforeseen = YoukuError(f"Something went wrong that nobody foresaw: {type(problem).__name__}: {problem}")
        unforeseen.__cause__ = problem
        return _report(app, unforeseen, wants_json)
    return ExitCode.OK


def _complete(app: App, instruction: str) -> int:
    """Answer the shell, which has put the line into the environment; nothing, when that would take too long."""
    import threading

    from click.shell_completion import shell_complete

    from client_cli.shells import register

    register()
    alarm = threading.Timer(LONGEST_COMPLETION, os._exit, (ExitCode.OK,))
    alarm.daemon = True
    alarm.start()
    try:
        return shell_complete(
            cli, {"obj": app, "auto_envvar_prefix": PREFIX}, "youku", COMPLETION_VARIABLE, instruction
        )
    finally:
        alarm.cancel()


def _report(app: App, error: YoukuError, wants_json: bool) -> int:
    if app.overrides.get("debug"):
        import traceback

        traceback.print_exception(error)
    if wants_json or _is_asked_for_json(app):
        import json

        fields = {"ok": False, "error": error.code, "message": error.message}
        line = json.dumps({**fields, **error.facts, **fields}, ensure_ascii=False, default=str)
    else:
        line = text.visible(f"youku: {' '.join(app.translate(error.message).split(chr(10)))}")  # one line, whatever
    sys.stderr.write(f"{line}\n")
    if isinstance(error, Ambiguous) and not wants_json:
        from client_cli.commands.wanted import say_candidates

        say_candidates(app, error)
    return error.exit_code


def _is_asked_for_json(app: App) -> bool:
    """By an option, a variable, or the profile, as far as it can be read."""
    try:
        return app.settings.form in (Form.JSON, Form.JSON_LINES)
    except YoukuError:
        return bool(app.overrides.get("json") or app.overrides.get("json_lines"))


def _refused(problem: OSError) -> YoukuError:
    return YoukuError(f"{problem.filename or 'Standard output'}: {problem.strerror or problem}.")


def _usage_message(problem: click.ClickException) -> str:
    message = " ".join(problem.format_message().split()).rstrip(".")
    if isinstance(problem, click.NoSuchOption):
        close = " or ".join(problem.possibilities or ())
        name = problem.option_name
        message = f"There is no option {name}: did you mean {close}?" if close else f"There is no option {name}."
        message = message.rstrip(".")
    if isinstance(problem, click.UsageError) and problem.ctx is not None and "--help`" not in message:
        ending = "" if message.endswith("?") else "."
        return f"{message}{ending} (`{problem.ctx.command_path} --help` says more)"
    return f"{message}."


def _let_go_of_stdout() -> None:
    """Whoever read standard output has enough of it; keep Python from complaining when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
