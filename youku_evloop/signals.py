"""Signals: what happens in a library, for those who want to know of it without being asked (library: `blinker`).

One set of them belongs to each server; plugins connect to them (docs/plugins.md). A receiver is called on the spot, in
the middle of a request: it has to be quick, and hands what is not to `in_thread` or `spawn` of its `PluginApp`. What
it raises is logged and harms nobody. Values are plain (ids, names, numbers), never rows.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from blinker import Signal

log = logging.getLogger(__name__)

NAMES: Final = {
    "user_registered": "somebody has an account now: user, name, user_type",
    "user_logged_in": "a password was proved: user, name, address",
    "movie_published": "a movie is in the lists: movie, name, user",
    "movie_deleted": "a movie is gone from the lists: movie, name, user",
    "download_started": "bytes of a movie begin to flow: user, movie, offset",
    "download_finished": "they have ended: user, movie, offset, sent, completed (all bytes of it by now)",
    "purchase_made": "a purchase is paid: purchase, user, kind, movie, amount",
    "notice_published": "an announcement: notice, title, user",
    "request_started": "a command begins: op, user, peer",
    "request_finished": "a command has ended: op, user, peer, seconds, outcome",
    "server_started": "clients can connect: host, port",
    "server_stopping": "no new clients are taken: nothing else",
}
"""Every signal, when it is sent, and what with."""


class Signals:
    """The signals of one server, as attributes: `signals.movie_published.connect(receiver)`."""

    user_registered: Signal
    user_logged_in: Signal
    movie_published: Signal
    movie_deleted: Signal
    download_started: Signal
    download_finished: Signal
    purchase_made: Signal
    notice_published: Signal
    request_started: Signal
    request_finished: Signal
    server_started: Signal
    server_stopping: Signal

    def __init__(self) -> None:
        for name, doc in NAMES.items():
            setattr(self, name, Signal(doc))

    def send(self, name: str, /, **facts: Any) -> None:
        """Tell all receivers of the signal; the sender is the signal's name."""
        signal: Signal = getattr(self, name)
        if not signal.receivers:
            return
        for receiver in signal.receivers_for(name):
            try:
                receiver(name, **facts)
            except (Exception, SystemExit):  # which would end the server
                log.exception("a receiver of the signal %s failed", name)
