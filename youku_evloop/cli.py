"""`youku-server`: what an operator types on the server's own machine."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from youku_evloop import __version__, orm
from youku_evloop.config import DEFAULT_HOST, DEFAULT_PORT, Config, default_data_directory
from youku_evloop.errors import BadRequest, Unavailable, YoukuError
from youku_evloop.models import MODELS, UserType
from youku_evloop.server import Server, lock_data_directory, raise_descriptor_limit
from youku_evloop.services import accounts

log = logging.getLogger(__name__)

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


def ends_with_exit_code(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what goes wrong into one line on standard error and the documented exit code."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except YoukuError as error:
            fail(error)
        except orm.OrmError as error:
            fail(Unavailable(f"The database does not work: {error}. Check --database and whether it runs."))
        except OSError as error:
            fail(Unavailable(f"{error.strerror or error}: {error.filename or 'see above'}."))

    return run


def fail(error: YoukuError) -> NoReturn:
    """Say it and end."""
    click.echo(f"youku-server: {error.message}", err=True)
    sys.exit(error.exit_code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="youku-server")
def main() -> None:
    """Serve a video library from this machine."""


@main.command()
@data_option
@database_option
@click.option(
    "--listen",
    envvar="YOUKU_LISTEN",
    default=f"{DEFAULT_HOST}:{DEFAULT_PORT}",
    show_default=True,
    metavar="HOST:PORT",
    help="Address to serve on; port 0 takes a free one.",
)
@click.option(
    "--insecure", is_flag=True, help="Allow an address that others can reach although the connection is not encrypted."
)
@ends_with_exit_code
def run(data: Path, database: str, listen: str, insecure: bool) -> None:
    """Serve until SIGTERM or Ctrl-C.

    \b
    Examples:
      youku-server run
      youku-server run --data /srv/youku --listen 127.0.0.1:7000
    """
    host, port = parse_address(listen)
    if not insecure and not is_loopback(host):
        raise BadRequest(
            f"Without encryption the server only listens on this machine, and {host} is not it. "
            "Use 127.0.0.1, or --insecure if the network is trusted."
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    raise_descriptor_limit()
    lock = lock_data_directory(data)
    try:
        Server(Config(data=data, host=host, port=port, database=database)).run(announce)
    except OSError as error:
        raise Unavailable(
            f"Cannot listen on {listen}: {error.strerror}. Is another server running there? Try another --listen."
        ) from None
    finally:
        os.close(lock)


def announce(host: str, port: int) -> None:
    """Tell whoever started the server that clients can connect."""
    click.echo(f"youku-server: listening on {host}:{port}", err=True)


@main.command("init-db")
@data_option
@database_option
@ends_with_exit_code
def init_db(data: Path, database: str) -> None:
    """Make the tables, where they are missing; safe to repeat.

    \b
    Examples:
      youku-server init-db
      YOUKU_DATABASE=mysql://youku:secret@127.0.0.1/youku youku-server init-db
    """
    with open_database(data, database) as db:
        orm.create_all(db, MODELS)
    click.echo("The database is ready.")


@main.command("create-admin")
@click.argument("name")
@data_option
@database_option
@ends_with_exit_code
def create_admin(name: str, data: Path, database: str) -> None:
    """Make an administrator called NAME. The password comes from YOUKU_PASSWORD, or is asked for.

    \b
    Examples:
      youku-server create-admin alice
      YOUKU_PASSWORD="$(pass show youku)" youku-server create-admin alice --data /srv/youku
    """
    verifier = accounts.Verifier.of_password(read_password())
    with open_database(data, database) as db:
        orm.create_all(db, MODELS)
        accounts.register(name, verifier, UserType.ADMIN)
    click.echo(f"{name} is an administrator now. Next: youku login {name}")


class open_database:
    """The database from outside the loop, as the ambient one, closed afterwards."""

    def __init__(self, data: Path, url: str) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = orm.Database(Config(data=data, database=url).database_url, runtime=orm.BlockingRuntime())
        self._use = self._database.use()

    def __enter__(self) -> orm.Database:
        return self._use.__enter__()

    def __exit__(self, *problem: Any) -> None:
        self._use.__exit__(*problem)
        self._database.close()


def read_password() -> str:
    """From the environment or a prompt; raises `BadRequest` where there is neither."""
    password = os.environ.get("YOUKU_PASSWORD", "")
    if not password and sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not password:
        raise BadRequest("A password is needed: set YOUKU_PASSWORD, or run this on a terminal.")
    return password


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, an IPv6 host in brackets; raises `BadRequest`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise BadRequest(f"An address is HOST:PORT, as in {DEFAULT_HOST}:{DEFAULT_PORT}, and not {text!r}.")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    return host in ("localhost", "::1") or host.startswith("127.")
