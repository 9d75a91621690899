"""`youku-server`: what an operator types on the server's own machine."""

from __future__ import annotations

import logging
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

import click
import msgspec

from youku_evloop import __version__, inspector, logs, orm, schema
from youku_evloop.certificates import Identity
from youku_evloop.config import DEFAULT_HOST, DEFAULT_PORT, Config, default_data_directory, read_limits
from youku_evloop.errors import BadRequest, Unavailable, YoukuError
from youku_evloop.logs import LogFormat
from youku_evloop.models import UserType
from youku_evloop.process import Inheritance, find_server, raise_descriptor_limit
from youku_evloop.server import Server, is_loopback
from youku_evloop.services import accounts
from youku_evloop.transport.listener import most_connections

log = logging.getLogger(__name__)

RESTART_PATIENCE: Final = 30.0
"""Seconds for a new process to serve; a large database may have to be brought forward first."""

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
    "--tls",
    type=click.Choice(["off", "auto"]),
    default="off",
    envvar="YOUKU_TLS",
    show_default=True,
    help="auto: encrypt with a certificate of our own, made at the first start, which clients pin.",
)
@click.option("--tls-cert", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Certificate (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Its key (PEM).")
@click.option("--insecure", is_flag=True, help="Serve other machines in the clear.")
@click.option(
    "--limit",
    "changed_limits",
    multiple=True,
    envvar="YOUKU_LIMITS",
    metavar="NAME=NUMBER",
    help="Change what one client may take (docs/operations.md has the names), as in --limit idle=60. "
    "May be repeated; the environment variable separates by spaces.",
)
@click.option(
    "--log-format",
    type=click.Choice(list(LogFormat)),
    default=LogFormat.TEXT,
    envvar="YOUKU_LOG_FORMAT",
    show_default=True,
    help="A line for people, or a JSON object for programs.",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="YOUKU_LOG_FILE",
    show_default="standard error",
    help="SIGHUP opens it anew.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    envvar="YOUKU_LOG_LEVEL",
    show_default=True,
    help="The least that is written.",
)
@ends_with_exit_code
def run(
    data: Path,
    database: str,
    listen: str,
    tls: Literal["off", "auto"],
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure: bool,
    changed_limits: tuple[str, ...],
    log_format: LogFormat,
    log_file: Path | None,
    log_level: str,
) -> None:
    """Serve until SIGTERM or Ctrl-C. SIGHUP reopens the log and the certificate, SIGUSR2 restarts without a gap.

    \b
    Examples:
      youku-server run
      youku-server run --data /srv/youku --listen 0.0.0.0:9685 --tls auto
    """
    host, port = parse_address(listen)
    if (tls_cert is None) != (tls_key is None):
        raise BadRequest("--tls-cert and --tls-key go together.")
    config = Config(
        data=data,
        host=host,
        port=port,
        database=database,
        tls=tls,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure=insecure,
        limits=read_limits(changed_limits),
    )
    inheritance = Inheritance()
    refuse_to_be_overheard(config, inheritance.host or host)
    logs.set_up(log_format, log_file, log_level)
    allowed = raise_descriptor_limit()
    most = most_connections(config.limits)
    log.info("%d descriptors, %d of them in reserve: %d clients are allowed", allowed, allowed - most, most)
    with closing(inheritance.take_lock(data)) as lock:
        try:
            Server(config, inheritance, lock).run(announce)
        except ssl.SSLError as error:
            raise BadRequest(f"The certificate or its key cannot be used: {error}.") from None


def refuse_to_be_overheard(config: Config, host: str) -> None:
    """Raise `BadRequest` when other machines could reach `host`, and the server would serve them in the clear."""
    if not (config.insecure or is_loopback(host) or config.encrypts):
        raise BadRequest(
            f"Without encryption the server only listens on this machine, and {host} is not it. "
            "Add --tls auto, or --insecure if the network is trusted."
        )


def announce(host: str, port: int, identity: Identity | None) -> None:
    """Tell whoever started the server that clients can connect."""
    if identity is not None:
        click.echo(f"youku-server: TLS certificate {identity.fingerprint()}", err=True)
    click.echo(f"youku-server: listening on {host}:{port}", err=True)


@main.command()
@data_option
@ends_with_exit_code
def restart(data: Path) -> None:
    """Let a new process take over from the running one, without refusing anybody.

    \b
    Examples:
      youku-server restart
      pip install --upgrade youku && youku-server restart --data /srv/youku
    """
    address = find_server(data)
    os.kill(address.pid, signal.SIGUSR2)
    if not wait_for_successor(data, address.pid):
        raise Unavailable("No new process has taken over; the old one goes on. Its log says why.")
    click.echo(f"Process {find_server(data).pid} has taken over from {address.pid}.")


@main.command()
@data_option
@database_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document, as `server.stats` in docs/protocol.md.")
@ends_with_exit_code
def stats(data: Path, database: str, as_json: bool) -> None:
    """Show the inside of the running server: connections, commands, delays, what is used of what is allowed.

    \b
    Examples:
      youku-server stats
      youku-server stats --json | jq .loop_lag.worst_ms
    """
    address = find_server(data)
    with open_database(data, database):
        found = inspector.server_stats(address)
    click.echo(msgspec.json.encode(found) if as_json else inspector.as_text(found))


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
        schema.prepare(db)
    click.echo("The database is ready.")


@main.command()
@data_option
@database_option
@ends_with_exit_code
def migrate(data: Path, database: str) -> None:
    """Bring the tables of an older version forward. Back the database up first.

    \b
    Examples:
      youku-server migrate
      YOUKU_DATABASE=mysql://youku:secret@127.0.0.1/youku youku-server migrate
    """
    with open_database(data, database) as db:
        reached = schema.migrate(db)
    click.echo(f"The database is at version {schema.MIGRATIONS.latest}; steps made: {len(reached)}.")


@main.command("schema")
def print_schema() -> None:
    """Print the tables as SQL for MySQL and MariaDB.

    \b
    Examples:
      youku-server schema
      youku-server schema | mysql youku
    """
    click.echo(schema.text(), nl=False)


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
        schema.prepare(db)
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


def wait_for_successor(data: Path, pid: int) -> bool:
    """Whether another process than `pid` announces itself in time."""
    until = time.monotonic() + RESTART_PATIENCE
    while time.monotonic() < until:
        if find_server(data).pid != pid:
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    main()
