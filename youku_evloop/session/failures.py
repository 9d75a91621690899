"""What became of a request that failed: the reply, no more than its client may know, and the rest in the log."""

from __future__ import annotations

import logging
from typing import Final

from youku_evloop import orm
from youku_evloop.commands import Results
from youku_evloop.errors import NoSpace, Unavailable, YoukuError
from youku_evloop.transport.listener import OUT_OF_DESCRIPTORS
from youku_evloop.wire.messages import Rejected, Request

log = logging.getLogger(__name__)

AWAY: Final = (orm.Unavailable, orm.OutcomeUnknown, orm.Deadlock, orm.StatementTimeout)
"""What the database may answer otherwise a moment later; none of it is the request's fault."""


def database_failure(peer: str, error: orm.OrmError) -> Results:
    """The database did not do what it was asked."""
    if isinstance(error, orm.DiskFull):
        log.error("%s: the database has no room left: %s", peer, error)
        message = "The disk of the library's database is full. Nothing was changed: try again when there is room."
        return NoSpace(message).as_reply()
    if isinstance(error, AWAY):
        log.warning("%s: the database is away or too busy: %s", peer, error)
        return Unavailable("The library's database does not answer. Try again in a moment.").as_reply()
    log.error("%s: the database refused a statement", peer, exc_info=error)
    return YoukuError("The server made a mistake; its log says more.").as_reply()


def fault(peer: str, request: Request | Rejected, error: BaseException) -> Results:
    """Something failed of which nobody had thought."""
    if isinstance(error, OSError) and error.errno in OUT_OF_DESCRIPTORS:
        log.warning("%s: no descriptor left for %s", peer, type(request).__name__)
        return Unavailable("The server has too many files open. Try again in a moment.").as_reply()
    log.error("%s: %s failed", peer, type(request).__name__, exc_info=error)
    return YoukuError("The server made a mistake; its log says more.").as_reply()
