"""Passwords and sessions."""

from __future__ import annotations

import click

from client_cli import text
from client_cli.app import App
from client_cli.framework import YoukuCommand, YoukuGroup, command, pass_app
from client_cli.output import Column
from youku_evloop.errors import BadRequest

COLUMNS = (
    Column("ID", right=True),
    Column("FROM"),
    Column("LOGGED IN", optional=True),
    Column("LAST SEEN"),
    Column("EXPIRES"),
    Column(""),
)


@command(
    "passwd",
    document='{"user": USER, "ended": NUMBER}',
    examples=(
        ("youku passwd", "Asks for the old password, and twice for the new one."),
        ("YOUKU_PASSWORD=$(cat old) YOUKU_NEW_PASSWORD=$(cat new) youku passwd", "The same from a script."),
    ),
)
@pass_app
def passwd(app: App) -> None:
    """Change your password. Every other session of yours ends."""
    server = str(app.settings.server)
    with app.client() as youku:
        name = youku.whoami().name
        old = app.password(f"Old password of {name}")
        new = app.new_password(f"New password for {name}")
        if new == old:
            raise BadRequest("The new password is the old one: nothing was changed.")
        session, ended = youku.change_password(name, old, new)
    app.sessions.put(server, name=name, token=session.token, expire_time=text.utc(session.expire_time))
    words = f"The password of {name} is changed; sessions ended elsewhere: {ended}."
    app.output.item({"user": session.user, "ended": ended}, name, words)
    app.output.document({"user": session.user, "ended": ended})


@click.group(
    "sessions",
    cls=YoukuGroup,
    invoke_without_command=True,
    document='{"sessions": [SESSION, ...]}',
    examples=(
        ("youku sessions", "Where you are logged in."),
        ("youku sessions end --others", "Log out everywhere else."),
    ),
)
@click.pass_context
def sessions(context: click.Context) -> None:
    """List where you are logged in; `sessions end` logs out there."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    with app.client() as youku:
        found = youku.sessions()
    rows = [
        (
            str(session.id),
            session.address or "-",
            app.output.moment(session.create_time),
            app.output.moment(session.last_seen),
            app.output.moment(session.expire_time),
            app.translate("this one") if session.current else "",
        )
        for session in found
    ]
    app.output.table(COLUMNS, rows, found, [session.id for session in found])
    app.output.document({"sessions": found})


@sessions.command(
    "end",
    cls=YoukuCommand,
    document='{"ended": NUMBER}',
    examples=(
        ("youku sessions end 7", "Log out there, at once."),
        ("youku sessions end --others", "Everywhere but here."),
    ),
)
@click.argument("session_id", metavar="ID", required=False, type=click.IntRange(1))
@click.option("--others", is_flag=True, help="All but this one.")
@pass_app
def end(app: App, session_id: int | None, others: bool) -> None:
    """End a session of yours, on every connection that uses it."""
    if (session_id is None) is not others:
        raise BadRequest("Name one session, or say --others.")
    with app.client() as youku:
        if session_id is None:
            ended = youku.end_other_sessions()
        else:
            youku.end_session(session_id)
            ended = 1
    app.output.item({"ended": ended}, ended, f"Sessions ended: {ended}.")
    app.output.document({"ended": ended})
