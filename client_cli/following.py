"""Notices as they come: pushed by the server, and looked up after a connection that was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from client_cli import values
from client_cli.conversation import LARGEST_PAGE
from client_cli.values import Notice
from youku_evloop.errors import NotFound, YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client
    from client_cli.connection import Connection

PING_EVERY: Final = 30.0
"""Seconds without an event; the server hangs up on a connection that says nothing for ten times as long."""


def follow(client: Client) -> Iterator[Notice]:
    """Every notice from now on, once, for as long as somebody asks for the next one; over as many connections."""
    newest: int | None = None
    shown: set[int] = set()
    retry = client.retry()
    while True:
        try:
            connection = client.connection()
            if newest is None:
                newest = max((notice.id for notice in _page(connection, 1)[0]), default=0)
            for notice in _coming(client, connection, newest):
                retry.progressed()
                if notice.id not in shown:  # pushed and listed, or overtaken by one with a higher number
                    shown.add(notice.id)
                    newest = max(newest, notice.id)
                    yield notice
        except YoukuError as error:
            client.recover(error, retry)


def _coming(client: Client, connection: Connection, newest: int) -> Iterator[Notice]:
    """Those after `newest`, on this connection: first asked to be pushed, then listed, or one would fall in between."""
    connection.request("notice.follow")
    yield from _missed(connection, newest)
    while True:
        events = client.take_events()
        yield from (values.read(Notice, event.get("notice")) for event in events if event.get("event") == "notice")
        if not events and not connection.listen(PING_EVERY):
            connection.request("ping")


def _missed(connection: Connection, newest: int) -> Iterator[Notice]:
    """Those after `newest` that have not been withdrawn, oldest first."""
    ids: list[int] = []
    cursor: str | None = None
    while True:
        notices, cursor = _page(connection, LARGEST_PAGE, cursor)
        ids += [notice.id for notice in notices if notice.id > newest]
        if cursor is None or notices[-1].id <= newest:
            break
    for number in reversed(ids):
        try:
            yield values.read(Notice, connection.request("notice.show", notice=number).get("notice"))
        except NotFound:
            continue


def _page(connection: Connection, limit: int, cursor: str | None = None) -> tuple[list[Notice], str | None]:
    """Of the list of notices: a page, and the cursor of the next one. Never over another connection."""
    reply = connection.request("notice.list", limit=limit, cursor=cursor)
    return values.read(list[Notice], reply.get("notices")), reply.get("next")
