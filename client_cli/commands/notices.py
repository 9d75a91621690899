"""Notices: read them, follow them, publish them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click
from msgspec import UNSET

from client_cli import candidates, text
from client_cli.app import App
from client_cli.commands.pages import collect, limit_option, say_more
from client_cli.framework import YoukuCommand, YoukuGroup, pass_app, yes_option
from client_cli.output import Column
from youku_evloop.errors import BadRequest, Interrupted

if TYPE_CHECKING:
    from client_cli.client import Client
    from client_cli.values import Notice

COLUMNS = (Column("ID", right=True), Column(""), Column("PUBLISHED"), Column("BY"), Column("TITLE", flexible=True))

ENOUGH: Final = 5_000
"""Characters of standard input that are read: more than a notice may have, and no more than fit memory."""


@click.group(
    "notices",
    cls=YoukuGroup,
    invoke_without_command=True,
    document='{"notices": [NOTICE, ...], "more": true | false}',
    examples=(
        ("youku notices", "The notices, newest first; the new ones are marked."),
        ("youku notices --follow --json-lines", "Each as it is published, for a program."),
    ),
)
@click.option("--follow", is_flag=True, help="Wait for new ones and print them as they come, until Ctrl-C.")
@limit_option
@click.pass_context
def notices(context: click.Context, follow: bool, limit: int) -> None:
    """List the notices; `notices show ID` reads one."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    with app.client() as youku:
        if follow:
            _follow(app, youku)
        else:
            _list(app, youku, limit)


@notices.command(
    "show",
    cls=YoukuCommand,
    document='{"notice": NOTICE}',
    examples=(
        ("youku notices show 3", "Read notice 3."),
        ("youku notices show 3 --json | jq -r .notice.content", "Its text alone."),
    ),
)
@click.argument("notice_id", metavar="ID", type=click.IntRange(1), shell_complete=candidates.notices)
@pass_app
def show(app: App, notice_id: int) -> None:
    """Read a notice."""
    with app.client() as youku:
        found = youku.notice(notice_id)
    app.output.item(found, found.id, _whole(app, found))
    app.output.document({"notice": found})


@click.group(
    "notice",
    cls=YoukuGroup,
    document='{"notice": NOTICE}',
    examples=(
        ("youku notice publish 'Maintenance' 'Tonight at ten.'", "Announce something."),
        ("youku notice withdraw 3", "Take it back."),
    ),
)
def notice() -> None:
    """Publish, edit and withdraw notices (administrators)."""


@notice.command(
    "publish",
    cls=YoukuCommand,
    document='{"notice": NOTICE}',
    examples=(
        ("youku notice publish 'Maintenance' 'Tonight at ten.'", "Whoever follows gets it at once."),
        ("cat rules.txt | youku notice publish 'New rules' -", "The text from standard input."),
    ),
)
@click.argument("title")
@click.argument("content")
@pass_app
def publish(app: App, title: str, content: str) -> None:
    """Announce something to everybody. A CONTENT of `-` is read from standard input."""
    with app.client() as youku:
        _done(app, youku.publish_notice(title, _content(content)), "Published")


@notice.command(
    "edit",
    cls=YoukuCommand,
    document='{"notice": NOTICE}',
    examples=(
        ("youku notice edit 3 --title 'Maintenance, later'", "Another title."),
        ("cat text.txt | youku notice edit 3 --content -", "Another text, from standard input."),
    ),
)
@click.argument("notice_id", metavar="ID", type=click.IntRange(1), shell_complete=candidates.notices)
@click.option("--title", help="The title.")
@click.option("--content", help="The text; - reads it from standard input.")
@pass_app
def edit(app: App, notice_id: int, title: str | None, content: str | None) -> None:
    """Change a notice."""
    if title is None and content is None:
        raise BadRequest("Say what to change: --title or --content.")
    with app.client() as youku:
        text_now = None if content is None else _content(content)
        _done(app, youku.edit_notice(notice_id, title, text_now), "Changed")


@notice.command(
    "withdraw",
    cls=YoukuCommand,
    document='{"notice": NOTICE}',
    examples=(
        ("youku notice withdraw 3", "Nobody sees it any more."),
        ("youku notices -q | xargs -n 1 youku notice withdraw --yes", "All of them, without asking."),
    ),
)
@click.argument("notice_id", metavar="ID", type=click.IntRange(1), shell_complete=candidates.notices)
@yes_option
@pass_app
def withdraw(app: App, notice_id: int, yes: bool) -> None:
    """Take a notice back, for good."""
    app.require_yes(yes)
    with app.client() as youku:
        if not yes:
            title = text.visible(youku.notice(notice_id).title)
            app.confirm(f"Withdraw notice {notice_id}, {title!r}?", otherwise="Nothing was withdrawn.")
        _done(app, youku.withdraw_notice(notice_id), "Withdrawn:")


def _list(app: App, youku: Client, limit: int) -> None:
    found, more = collect(youku.notices, limit)
    rows = [
        (
            str(row.id),
            app.translate("new") if row.new is True else "",
            app.output.moment(row.create_time),
            row.by,
            text.visible(row.title),
        )
        for row in found
    ]
    app.output.table(COLUMNS, rows, found, [row.id for row in found])
    app.output.document({"notices": found, "more": more})
    say_more(app, more)
    if found and found[0].new is True:
        youku.see_notices(found[0].id)


def _follow(app: App, youku: Client) -> None:
    app.message("Waiting for notices; Ctrl-C ends it.")
    try:
        for found in youku.follow_notices():
            app.output.item(found, found.id, _whole(app, found))
            app.output.document({"notice": found})
            sys.stdout.flush()
    except KeyboardInterrupt:
        raise Interrupted("Stopped.") from None


def _done(app: App, found: Notice, verb: str) -> None:
    app.output.item(found, found.id, f"{verb} notice {found.id}: {text.visible(found.title)}")
    app.output.document({"notice": found})


def _content(text_or_dash: str) -> str:
    return sys.stdin.read(ENOUGH) if text_or_dash == "-" else text_or_dash


def _whole(app: App, found: Notice) -> str:
    content = found.content if found.content is not UNSET else ""
    lines = "\n".join(text.visible(line) for line in str(content).splitlines())
    return f"{text.visible(found.title)}  ({found.by}, {app.output.moment(found.create_time)})\n{lines}"
