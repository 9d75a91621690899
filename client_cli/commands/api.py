"""Any command of the protocol, for what has no command of its own here."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from client_cli.app import App
from client_cli.framework import command, pass_app
from client_cli.output import Form
from youku_evloop.errors import BadRequest, NotLoggedIn

OURS: Final = frozenset({"id", "op", "body", "timeout", "reading", "within"})
"""Fields that the client sets."""


@command(
    "api",
    document="{...}",
    examples=(
        ("youku api movie.list type=free limit=5", "Five free movies, as the server answers."),
        ("youku api movie.show movie=12 | jq -r .movie.name", "One field of an answer."),
    ),
)
@click.argument("op", metavar="OP")
@click.argument("fields", metavar="KEY=VALUE...", nargs=-1)
@pass_app
def api(app: App, op: str, fields: tuple[str, ...]) -> None:
    """Send the command OP of the protocol and print the answer as JSON.

    A VALUE that is JSON is sent as that, anything else as text: limit=5 is a number, name=5am is text, and so is
    name='"5"'. The commands are described in docs/protocol.md; those that carry a body have commands of their own
    (upload, download).
    """
    arguments = dict(_field(field) for field in fields)
    try:
        client = app.client()
    except NotLoggedIn:
        client = app.client(logged_in=False)
    with client as youku:
        reply = youku.call(op, **arguments)
    reply = {key: value for key, value in reply.items() if key not in ("id", "ok")}
    if app.output.form is Form.JSON:
        app.output.document(reply)
    else:
        indent = 2 if app.output.is_for_people else None
        line = json.dumps(reply, ensure_ascii=False, indent=indent)
        app.output.item(reply, line, line)


def _field(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise BadRequest(f"{text!r} is no argument: write KEY=VALUE.")
    if key in OURS:
        raise BadRequest(f"{key!r} is set by this program.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
