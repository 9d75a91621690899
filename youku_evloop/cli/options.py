"""What the groups of commands share: options, the database, and how a command ends."""

from __future__ import annotations

import logging
import math
import os
import re
import sys
import traceback
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import click

from youku_evloop import __version__, orm, plugins
from youku_evloop.config import DEFAULT_KEEP_DELETED, DEFAULT_STATEMENT_TIMEOUT, Config, default_data_directory
from youku_evloop.errors import BadRequest, Conflict, Forbidden, Interrupted, Unavailable, YoukuError
from youku_evloop.plugins import PluginApp

MOST_DAYS = 36_500
"""A hundred years: for ever, and still a date that can be computed with."""


class FiniteRange(click.FloatRange):
    """A range of numbers; `nan`, which is neither less nor more than anything, is none of them, and `inf` neither."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number that it can be.", param, ctx)
        return number


data_option = click.option(
    "--data",
    envvar="YOUKU_DATA",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data_directory,
    show_default="~/.local/share/youku",
    help="Directory of the library: video bytes, and the SQLite database unless --database names another.",
)
database_option = click.option(
    "--database",
    envvar="YOUKU_DATABASE",
    default="",
    show_default="SQLite in the data directory",
    help="URL of the database: mysql://user:password@host:port/name or sqlite:////path/file.db. "
    "With a password in it, prefer the environment variable YOUKU_DATABASE.",
)


keep_deleted_option = click.option(
    "--keep-deleted",
    envvar="YOUKU_KEEP_DELETED",
    type=FiniteRange(min=0, max=MOST_DAYS),
    default=DEFAULT_KEEP_DELETED,
    show_default=True,
    metavar="DAYS",
    help="For how long a deleted movie can be restored. Give all commands the same.",
)


log = logging.getLogger(__name__)

DEBUG = f"{__name__}.debug"
"""Where a run remembers whether tracebacks are asked for."""
LONGEST_SIZE = 30
"""Characters; more would be a number that no disk has."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def size(text: str) -> int:
    """A number of bytes, with a unit if that is shorter (`500M`, `1.5GiB`); the units are powers of 1024."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or len(text) > LONGEST_SIZE:
        raise click.BadParameter(f"{text[:LONGEST_SIZE]!r} is no size; write it as in 500M or 2GiB.")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


def as_error(problem: Exception) -> YoukuError:
    """What went wrong, with a line for a person and the documented exit code."""
    match problem:
        case YoukuError():
            return problem
        case orm.DatabaseTooNew():
            return Conflict(f"{str(problem).capitalize()}.")
        case orm.ModelError():
            return BadRequest(f"--database cannot be used: {problem}.")
        case orm.Refused():
            return Forbidden(f"The database does not let us: {problem}. Check --database and what its user may do.")
        case orm.OrmError():
            return Unavailable(f"The database does not work: {problem}. Check --database and whether it runs.")
        case OSError():
            place = f": {problem.filename}" if problem.filename else ""
            return Unavailable(f"{problem.strerror or problem}{place}.")
    return YoukuError(
        f"Something went wrong that nobody foresaw: {type(problem).__name__}: {problem}. "
        "`youku-server --debug ...` says where."
    )


def fail(error: YoukuError) -> NoReturn:
    """Say it in one line, and end."""
    click.echo(f"youku-server: {' '.join(error.message.splitlines())}", err=True)
    sys.exit(error.exit_code)


class PluginGroup(click.Group):
    """Our own subcommands, and those that plugins bring; a plugin cannot replace one of ours.

    Whatever goes wrong in one, also in a plugin's, ends as one line on standard error and an exit code.
    """

    @cached_property
    def app(self) -> PluginApp:
        """What the plugins have made of it; they are loaded once, when they are first needed."""
        app = PluginApp()
        plugins.load(app)
        return app

    def list_commands(self, ctx: click.Context) -> list[str]:
        ours = super().list_commands(ctx)
        return [*ours, *(name for name in self.app.subcommands if name not in ours)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self.app.subcommands.get(cmd_name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OSError as problem:  # of --help, which is printed while the line is read
            fail(as_error(problem))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read standard output has enough of it; Python flushes once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (KeyboardInterrupt, click.Abort):
            fail(Interrupted("Stopped."))
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as problem:
            error = as_error(problem)
            if ctx.meta[DEBUG]:
                traceback.print_exception(problem)
            elif type(error) is YoukuError and log.hasHandlers():  # a server that ends so does it once, and unwatched
                log.exception("ended")
            fail(error)
        else:
            return result


def remember_debug(context: click.Context, _option: click.Parameter, debug: bool) -> None:
    """For when something fails; plugins may do so before there is a log."""
    context.meta[DEBUG] = debug
    if debug:
        logging.basicConfig(format="%(message)s")


@click.group(cls=PluginGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="youku-server")
@click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    envvar="YOUKU_DEBUG",
    callback=remember_debug,
    help="Show where an error comes from.",
)
def main() -> None:
    """Serve a video library from this machine."""


class open_database:
    """The database from outside the loop, as the ambient one, closed afterwards.

    `statement_timeout`: seconds; None: as long as it takes, as for changing a large table.
    """

    def __init__(self, data: Path, url: str, statement_timeout: float | None = DEFAULT_STATEMENT_TIMEOUT) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = orm.Database(Config(data=data, database=url).database_url, statement_timeout=statement_timeout)
        self._use = self._database.use()

    def __enter__(self) -> orm.Database:
        return self._use.__enter__()

    def __exit__(self, *problem: Any) -> None:
        self._use.__exit__(*problem)
        self._database.close()
