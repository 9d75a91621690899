"""Users and invitations, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from client_cli import candidates, text
from client_cli.app import App
from client_cli.commands.pages import collect, limit_option, list_pages, say_more
from client_cli.framework import YoukuCommand, YoukuGroup, pass_app, yes_option
from client_cli.output import Column

if TYPE_CHECKING:
    from client_cli.values import Account, Invitation

COLUMNS = (
    Column("ID", right=True),
    Column("NAME"),
    Column("TYPE"),
    Column("VIP UNTIL"),
    Column("REGISTERED", optional=True),
    Column(""),
)
INVITATION_COLUMNS = (
    Column("ID", right=True),
    Column("BY"),
    Column("MADE", optional=True),
    Column("EXPIRES"),
    Column("USED BY"),
)


@click.group(
    "users",
    cls=YoukuGroup,
    invoke_without_command=True,
    document='{"users": [ACCOUNT, ...], "more": true | false}',
    examples=(
        ("youku users", "The users, newest first."),
        ("youku users --name bo --locked", "Those who are locked and whose name begins with bo."),
    ),
)
@click.option("--name", default="", metavar="TEXT", help="Names that begin so.")
@click.option("--type", "kind", type=click.Choice(["admin", "user"]), help="Of one type.")
@click.option("--locked/--unlocked", default=None, help="Only locked ones, or only the others.")
@limit_option
@click.pass_context
def users(context: click.Context, name: str, kind: str | None, locked: bool | None, limit: int) -> None:
    """List users (administrators); the subcommands make, lock and delete them, and give them VIP."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    with app.client() as youku:
        found, more = collect(list_pages(youku.users, name=name, kind=kind, locked=locked), limit)
    app.output.table(COLUMNS, [_row(app, user) for user in found], found, [user.name for user in found])
    app.output.document({"users": found, "more": more})
    say_more(app, more)


@users.command(
    "show",
    cls=YoukuCommand,
    document='{"user": ACCOUNT}',
    examples=(
        ("youku users show bob", "One user."),
        ("youku users show bob --json | jq .user.is_locked", "`true` or `false`."),
    ),
)
@click.argument("name", shell_complete=candidates.users)
@pass_app
def show(app: App, name: str) -> None:
    """Show a user."""
    with app.client() as youku:
        _done(app, youku.user(name))


@users.command(
    "create",
    cls=YoukuCommand,
    document='{"user": ACCOUNT}',
    examples=(
        ("youku users create bob", "Make an account for bob; asks for a password twice."),
        ("YOUKU_PASSWORD=$(cat secret) youku users create bob --json", "The same from a script."),
    ),
)
@click.argument("name")
@pass_app
def create(app: App, name: str) -> None:
    """Make an account for somebody else, who can change the password later (`youku passwd`).

    The password is asked for on a terminal, or taken from YOUKU_PASSWORD; it never leaves this machine.
    """
    with app.client() as youku:
        password = app.password(f"A password for {name}", confirm=True)
        user = youku.create_user(name, password)
    app.output.item(user, user.name, f"Made the account {user.name}.")
    app.output.document({"user": user})


@users.command(
    "delete",
    cls=YoukuCommand,
    document='{"user": ACCOUNT}',
    examples=(
        ("youku users delete bob", "Remove bob's account; asks first."),
        ("youku users --name test -q | xargs -n 1 youku users delete --yes", "Everybody whose name begins with test."),
    ),
)
@click.argument("name", shell_complete=candidates.users)
@yes_option
@pass_app
def delete(app: App, name: str, yes: bool) -> None:
    """Remove an account for good, with its sessions, searches and download records.

    An administrator's stays, and that of somebody who has bought something: `youku users lock` shuts them out.
    """
    app.require_yes(yes)
    with app.client() as youku:
        if not yes:
            name = youku.user(name).name
            app.confirm(f"Remove the account {name} for good?", otherwise="Nothing was removed.")
        user = youku.delete_user(name)
    app.output.item(user, user.name, f"Removed the account {user.name}.")
    app.output.document({"user": user})


@users.command(
    "lock",
    cls=YoukuCommand,
    document='{"user": ACCOUNT}',
    examples=(
        ("youku users lock bob", "Shut bob out at once, downloads under way included."),
        ("youku users --name spam -q | xargs -n 1 youku users lock", "Everybody whose name begins with spam."),
    ),
)
@click.argument("name", shell_complete=candidates.users)
@pass_app
def lock(app: App, name: str) -> None:
    """Lock a user: all sessions end at once."""
    with app.client() as youku:
        _done(app, youku.lock(name))


@users.command(
    "unlock",
    cls=YoukuCommand,
    document='{"user": ACCOUNT}',
    examples=(
        ("youku users unlock bob", "Let bob log in again."),
        ("youku users --locked -q | xargs -n 1 youku users unlock", "Everybody."),
    ),
)
@click.argument("name", shell_complete=candidates.users)
@pass_app
def unlock(app: App, name: str) -> None:
    """Let a locked user log in again."""
    with app.client() as youku:
        _done(app, youku.unlock(name))


@users.command(
    "grant-vip",
    cls=YoukuCommand,
    document='{"user": ACCOUNT}',
    examples=(
        ("youku users grant-vip bob 3", "Three months as a present."),
        ("youku users grant-vip bob 1 --json | jq -r .user.vip_until", "Until when."),
    ),
)
@click.argument("name", shell_complete=candidates.users)
@click.argument("months", type=click.IntRange(1))
@pass_app
def grant_vip(app: App, name: str, months: int) -> None:
    """Give a user months of VIP, on top of what is left."""
    with app.client() as youku:
        _done(app, youku.grant_vip(name, months))


@users.command(
    "end-vip",
    cls=YoukuCommand,
    document='{"user": ACCOUNT}',
    examples=(
        ("youku users end-vip bob", "No VIP from now on; a download under way goes on."),
        ("youku users end-vip bob --yes", "Without asking, for scripts."),
    ),
)
@click.argument("name", shell_complete=candidates.users)
@yes_option
@pass_app
def end_vip(app: App, name: str, yes: bool) -> None:
    """End a user's VIP at once."""
    app.require_yes(yes)
    with app.client() as youku:
        if not yes:
            user = youku.user(name)
            app.confirm(f"End the VIP of {user.name} ({_vip(user)})?", otherwise="Nothing was ended.")
        _done(app, youku.end_vip(name))


@click.group(
    "invite",
    cls=YoukuGroup,
    invoke_without_command=True,
    document='{"code": TEXT, "invitation": INVITATION}',
    examples=(
        ("youku invite", "A code for one new administrator: youku register NAME --invitation CODE."),
        ("youku invite --quiet", "The code alone."),
    ),
)
@click.pass_context
def invite(context: click.Context) -> None:
    """Invite another administrator; the code is shown this once, and good for one use."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    with app.client() as youku:
        code, invitation = youku.invite()
    until = app.output.moment(invitation.expire_time)
    words = f"{code}  (invitation {invitation.id}, ends {until})"
    app.output.item({"code": code, "invitation": invitation}, code, words)
    app.output.document({"code": code, "invitation": invitation})
    app.message(f"For one new administrator: youku register NAME --invitation {code}")


@invite.command(
    "list",
    cls=YoukuCommand,
    document='{"invitations": [INVITATION, ...], "more": true | false}',
    examples=(
        ("youku invite list", "Who invited whom, newest first."),
        ("youku invite list --json | jq '.invitations | length'", "How many."),
    ),
)
@limit_option
@pass_app
def list_invitations(app: App, limit: int) -> None:
    """List invitations."""
    with app.client() as youku:
        found, more = collect(youku.invitations, limit)
    rows = [_invitation_row(app, invitation) for invitation in found]
    app.output.table(INVITATION_COLUMNS, rows, found, [invitation.id for invitation in found])
    app.output.document({"invitations": found, "more": more})
    say_more(app, more)


@invite.command(
    "cancel",
    cls=YoukuCommand,
    document='{"invitation": NUMBER}',
    examples=(
        ("youku invite cancel 3", "Its code is good for nothing any more."),
        ("youku invite list -q | xargs -n 1 youku invite cancel", "All that are unused."),
    ),
)
@click.argument("invitation_id", metavar="ID", type=click.IntRange(1))
@pass_app
def cancel(app: App, invitation_id: int) -> None:
    """Take an unused invitation back."""
    with app.client() as youku:
        youku.cancel_invitation(invitation_id)
    app.output.item({"invitation": invitation_id}, invitation_id, f"Cancelled invitation {invitation_id}.")
    app.output.document({"invitation": invitation_id})


def _done(app: App, user: Account) -> None:
    state = "locked" if user.is_locked else "not locked"
    app.output.item(user, user.name, f"{user.name} ({user.user_type}): {state}, {_vip(user)}.")
    app.output.document({"user": user})


def _vip(user: Account) -> str:
    return f"VIP until {text.utc(user.vip_until)}" if _is_vip(user) and user.vip_until else "no VIP"


def _is_vip(user: Account) -> bool:
    return user.vip_until is not None and user.vip_until > datetime.now(UTC)


def _row(app: App, user: Account) -> tuple[str, ...]:
    return (
        str(user.id),
        user.name,
        app.translate(user.user_type),
        app.output.moment(user.vip_until) if user.vip_until else "-",
        app.output.moment(user.register_time),
        app.translate("locked") if user.is_locked else "",
    )


def _invitation_row(app: App, invitation: Invitation) -> tuple[str, ...]:
    return (
        str(invitation.id),
        invitation.by,
        app.output.moment(invitation.create_time),
        app.output.moment(invitation.expire_time),
        invitation.used_by or "-",
    )
