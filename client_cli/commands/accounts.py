"""Accounts: register, log in, log out, who am I."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from client_cli import text
from client_cli.app import App
from client_cli.framework import command, pass_app
from youku_evloop.errors import NotLoggedIn


@command(
    "register",
    document='{"user": USER}',
    examples=(
        ("youku register alice", "Make an account; asks for a password twice."),
        ("YOUKU_PASSWORD=$(cat secret) youku register alice --json", "The same from a script."),
    ),
)
@click.argument("name")
@click.option("--invitation", metavar="CODE", help="Become an administrator, with a code that one has given you.")
@pass_app
def register(app: App, name: str, invitation: str | None) -> None:
    """Make an account for NAME.

    The password is asked for on a terminal, or taken from YOUKU_PASSWORD; it never leaves this machine.
    """
    password = app.password(f"A password for {name}", confirm=True)
    with app.client(logged_in=False) as youku:
        user = youku.register(name, password, invitation=invitation)
    app.output.item(user, user.name, f"Registered {user.name}.")
    app.output.document({"user": user})
    app.message(f"Log in next: youku login {user.name}")


@command(
    "login",
    document='{"user": USER, "server": TEXT, "expire_time": TIME}',
    examples=(
        ("youku login alice", "Asks for the password; later commands need none."),
        ("YOUKU_PASSWORD=$(cat secret) youku login alice", "The same from a script."),
    ),
)
@click.argument("name")
@pass_app
def login(app: App, name: str) -> None:
    """Log in as NAME and remember it for later commands.

    The password is asked for on a terminal, or taken from YOUKU_PASSWORD; it never leaves this machine. What is
    remembered is a session token, in a file that only you can read.
    """
    password = app.password(f"Password of {name}")
    server = str(app.settings.server)
    with app.client(logged_in=False) as youku:
        session = youku.login(name, password, lambda rounds: _look_at_rounds(app, server, name, rounds))
    app.sessions.put(server, name=session.user.name, token=session.token, expire_time=text.utc(session.expire_time))
    app.output.item(
        {"user": session.user, "server": server, "expire_time": session.expire_time},
        session.user.name,
        f"Logged in at {server} as {session.user.name} ({session.user.user_type}).",
    )
    app.output.document({"user": session.user, "server": server, "expire_time": session.expire_time})


@command(
    "logout",
    document='{"server": TEXT, "was_logged_in": true | false}',
    examples=(
        ("youku logout", "End the session here and on the server."),
        ("youku --server library.example:9685 logout", "Log out of another server."),
    ),
)
@pass_app
def logout(app: App) -> None:
    """End the session, here and on the server."""
    server = str(app.settings.server)
    was_logged_in = True
    try:
        with app.client() as youku:
            youku.logout()
    except NotLoggedIn:
        was_logged_in = False
    if not app.settings.token:
        app.sessions.remove(server)
    words = f"Logged out of {server}." if was_logged_in else f"You were not logged in at {server}."
    app.output.item({"server": server, "was_logged_in": was_logged_in}, server, words)
    app.output.document({"server": server, "was_logged_in": was_logged_in})


@command(
    "whoami",
    document='{"user": USER, "server": TEXT}',
    examples=(
        ("youku whoami", "Who is logged in, and as what."),
        ("youku whoami --json | jq -r .user.user_type", "`admin` or `user`, for a script."),
    ),
)
@pass_app
def whoami(app: App) -> None:
    """Say who is logged in."""
    with app.client() as youku:
        user = youku.whoami()
    server = str(app.settings.server)
    is_vip = user.vip_until is not None and user.vip_until > datetime.now(UTC)
    vip = f", VIP until {text.utc(user.vip_until)}" if is_vip and user.vip_until else ""
    app.output.item(user, user.name, f"{user.name} ({user.user_type}{vip}) at {server}")
    app.output.document({"user": user, "server": server})


def _look_at_rounds(app: App, server: str, name: str, rounds: int) -> None:
    before = app.sessions.note_rounds(server, name, rounds)
    if before is not None:
        app.message(
            f"Careful: {server} asks for a proof of {rounds} rounds, and it was {before} before. If the password of"
            f" {name} was not changed in between, this may not be the server that it claims to be."
        )
