"""Notices as they come: pushed by the server, and looked up after a connection that was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from client_cli import values
from client_cli.values import Notice
from youku_evloop.errors import YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

PING_EVERY: Final = 30.0
"""Seconds without an event; the server hangs up on a connection that says nothing for ten times as long."""


def follow(client: Client) -> Iterator[Notice]:
    """Every notice from now on, once, for as long as somebody asks for the next one; over as many connections."""
    last: int | None = None
    retry = client.retry()
    while True:
        try:
            for notice in _missed(client, last):
                last = notice.id
                yield notice
            last = _newest(client) if last is None else last
            retry.progressed()
            for event in _events(client):
                notice = values.read(Notice, event.get("notice"))
                if last is None or notice.id > last:
                    last = notice.id
                    yield notice
        except YoukuError as error:
            client.recover(error, retry)


def _events(client: Client) -> Iterator[dict[str, Any]]:
    client.call("notice.follow")
    connection = client.connection()
    while True:
        events = client.take_events()
        yield from (event for event in events if event.get("event") == "notice")
        if not events and not connection.listen(PING_EVERY):
            connection.request("ping")


def _newest(client: Client) -> int:
    rows = client.notices(limit=1).rows
    return rows[0].id if rows else 0


def _missed(client: Client, last: int | None) -> list[Notice]:
    """Those after `last`, oldest first."""
    if last is None:
        return []
    page = client.notices(limit=50)
    return [client.notice(notice.id) for notice in reversed(page.rows) if notice.id > last]
