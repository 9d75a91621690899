"""`youku-server init-db`, `migrate`, `schema`, `create-admin`: the database and who is in it from the beginning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from youku_evloop import schema
from youku_evloop.cli.options import data_option, database_option, main, open_database
from youku_evloop.errors import BadRequest
from youku_evloop.models import UserType
from youku_evloop.services import accounts


@main.command("init-db")
@data_option
@database_option
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
def migrate(data: Path, database: str) -> None:
    """Bring the tables of an older version forward. Back the database up first.

    \b
    Examples:
      youku-server migrate
      YOUKU_DATABASE=mysql://youku:secret@127.0.0.1/youku youku-server migrate
    """
    with open_database(data, database, statement_timeout=None) as db:
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
        accounts.create(name, verifier, UserType.ADMIN)
    click.echo(f"{name} is an administrator now. Next: youku login {name}")


def read_password() -> str:
    """From the environment or a prompt; raises `BadRequest` where there is neither."""
    password = os.environ.get("YOUKU_PASSWORD", "")
    if not password and sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not password:
        raise BadRequest("A password is needed: set YOUKU_PASSWORD, or run this on a terminal.")
    return password
