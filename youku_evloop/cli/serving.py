"""`youku-server run`, `restart`, `stats`: the server while it runs."""

from __future__ import annotations

import logging
import os
import signal
import ssl
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from youku_evloop import inspector, logs
from youku_evloop.certificates import Identity
from youku_evloop.cli.options import (
    FiniteRange,
    data_option,
    database_option,
    keep_deleted_option,
    main,
    open_database,
    size,
)
from youku_evloop.config import (
    DEFAULT_HOST,
    DEFAULT_POOL_SIZE,
    DEFAULT_PORT,
    DEFAULT_SLOW_QUERY,
    DEFAULT_STATEMENT_TIMEOUT,
    Config,
    Keeping,
    read_limits,
    read_rules,
)
from youku_evloop.errors import BadRequest, Unavailable
from youku_evloop.logs import LogFormat
from youku_evloop.process import Inheritance, find_server, raise_descriptor_limit
from youku_evloop.server import Server, is_loopback
from youku_evloop.transport.listener import most_connections

log = logging.getLogger(__name__)

RESTART_PATIENCE: Final = 30.0
"""Seconds for a new process to serve; a large database may have to be brought forward first."""


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
    "--pool-size",
    type=click.IntRange(min=1, max=1000),
    default=DEFAULT_POOL_SIZE,
    envvar="YOUKU_POOL_SIZE",
    show_default=True,
    help="Connections to the database at most.",
)
@click.option(
    "--statement-timeout",
    type=FiniteRange(min=0.1),
    default=DEFAULT_STATEMENT_TIMEOUT,
    envvar="YOUKU_STATEMENT_TIMEOUT",
    show_default=True,
    metavar="SECONDS",
    help="The database stops a statement that takes longer; one that does not even answer is given up 2 s later.",
)
@click.option(
    "--slow-query",
    type=FiniteRange(min=0),
    default=DEFAULT_SLOW_QUERY,
    envvar="YOUKU_SLOW_QUERY",
    show_default=True,
    metavar="SECONDS",
    help="A statement that takes as long is logged, without its values; 0 logs every one.",
)
@click.option(
    "--keep-free",
    type=size,
    metavar="SIZE",
    envvar="YOUKU_KEEP_FREE",
    show_default="1 GiB or 1 % of the disk, whichever is less",
    help="Refuse uploads that would leave less of the disk free than this.",
)
@click.option(
    "--quota",
    type=size,
    metavar="SIZE",
    envvar="YOUKU_QUOTA",
    show_default="none",
    help="What the movies and unfinished uploads of one user may take.",
)
@keep_deleted_option
@click.option(
    "--rule",
    "changed_rules",
    multiple=True,
    envvar="YOUKU_RULES",
    metavar="NAME=NUMBER",
    help="Change how users are treated (docs/operations.md has the names), as in --rule free_wait=10. "
    "May be repeated; the environment variable separates by spaces.",
)
@click.option(
    "--payments",
    default="instant",
    envvar="YOUKU_PAYMENTS",
    show_default=True,
    metavar="PROVIDER",
    help="instant: purchases are paid at once; manual: an administrator confirms them; or a plugin's.",
)
@click.option(
    "--log-format",
    type=click.Choice([form.value for form in LogFormat]),
    default=LogFormat.TEXT.value,
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
def run(log_format: str, log_file: Path | None, log_level: str, **settings: Any) -> None:
    """Serve until SIGTERM or Ctrl-C. SIGHUP reopens the log and the certificate, SIGUSR2 restarts without a gap.

    \b
    Examples:
      youku-server run
      youku-server run --data /srv/youku --listen 0.0.0.0:9685 --tls auto
    """
    config = read_config(**settings)
    inheritance = Inheritance()
    refuse_to_be_overheard(config, inheritance.host or config.host)
    logs.set_up(LogFormat(log_format), log_file, log_level)
    allowed = raise_descriptor_limit()
    most = most_connections(config.limits)
    log.info("%d descriptors, %d of them in reserve: %d clients are allowed", allowed, allowed - most, most)
    with closing(inheritance.take_lock(config.data)) as lock:
        try:
            Server(config, inheritance, lock, main.app).run(announce)
        except ssl.SSLError as error:
            raise BadRequest(f"The certificate or its key cannot be used: {error}.") from None


def read_config(
    *,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    changed_limits: Sequence[str],
    changed_rules: Sequence[str],
    keep_free: int | None,
    quota: int | None,
    keep_deleted: float,
    **as_they_are: Any,
) -> Config:
    """The configuration that the options of `run` ask for; `as_they_are` have the names of its fields.

    Raises `BadRequest`.
    """
    if (tls_cert is None) != (tls_key is None):
        raise BadRequest("--tls-cert and --tls-key go together.")
    host, port = parse_address(listen)
    return Config(
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        limits=read_limits(changed_limits),
        rules=read_rules(changed_rules),
        keeping=Keeping(keep_free=keep_free, quota=quota, keep_deleted=keep_deleted),
        **as_they_are,
    )


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
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    click.echo(f"youku-server: listening on {address}", err=True)


@main.command()
@data_option
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


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, an IPv6 host in brackets; raises `BadRequest`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        raise BadRequest(f"An address is HOST:PORT, as in {DEFAULT_HOST}:{DEFAULT_PORT}, and not {text[:100]!r}.")
    return host.strip("[]"), int(port)


def wait_for_successor(data: Path, pid: int) -> bool:
    """Whether another process than `pid` announces itself in time."""
    until = time.monotonic() + RESTART_PATIENCE
    while time.monotonic() < until:
        if find_server(data).pid != pid:
            return True
        time.sleep(0.05)
    return False
