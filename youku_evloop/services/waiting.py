"""The wait before a free download of somebody who is no VIP. The server keeps the time; a client only sleeps.

Asking for a movie starts the wait and says how long it is; asking again before it is over says what is left. When it is
over the download begins and the wait is spent: the next download of the movie waits anew. A download that was begun and
not completed goes on without waiting.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from youku_evloop import orm
from youku_evloop.errors import WaitRequired
from youku_evloop.models import DownloadRecord, DownloadWait, Movie
from youku_evloop.services import vip
from youku_evloop.services.library import Caller, Library

PATIENCE: Final = timedelta(hours=1)
"""How long a wait that is over stays good: the client sleeps a little longer, or its link is down for a while."""
TOGETHER: Final = timedelta(seconds=10)
"""How far apart the ranges of one download may be asked for the first time, over several connections."""
RESUMABLE: Final = timedelta(days=7)
"""How long after its start a download that was not completed goes on without a wait; as long as an upload."""


def is_needed(library: Library, who: Caller, movie: Movie, offset: int) -> bool:
    """Whether the caller has to have waited for this movie, from this offset on; only reads."""
    if not movie.is_free or who.is_admin or not library.rules.free_wait:
        return False
    return not (_goes_on(library, who, movie, offset) or vip.is_vip(who.id))


def require(library: Library, who: Caller, movie: Movie) -> None:
    """Raise `WaitRequired` while the caller has to wait for this free movie; returns when it may begin."""
    now = library.now()
    mine = DownloadWait.select(user_id=who.id, movie_id=movie.id)
    over = mine.where(DownloadWait.ready_time <= now, DownloadWait.ready_time > now - PATIENCE)
    if over.update(ready_time=now - PATIENCE) or _has_just_begun(who, movie, now):
        return
    mine.where(DownloadWait.ready_time <= now).delete()
    ready = _begin(library, who, movie, now)
    left = max(math.ceil((ready - now).total_seconds()), 1)
    raise WaitRequired(
        f"This download may begin in {left} s; VIPs do not wait (`youku vip buy`).", wait=left, movie=movie.id
    )


def sweep(library: Library) -> int:
    """Forget waits that nobody came back for; answers how many."""
    return DownloadWait.select().where(DownloadWait.ready_time < library.now() - PATIENCE).delete()


def _goes_on(library: Library, who: Caller, movie: Movie, offset: int) -> bool:
    """From the middle also where all seems to have been sent: what was sent last may not have arrived."""
    begun = DownloadRecord.select(user_id=who.id, movie_id=movie.id)
    begun = begun.where(DownloadRecord.create_time > library.now() - RESUMABLE)
    return (begun if offset else begun.where(completed=False)).exists()


def _has_just_begun(who: Caller, movie: Movie, now: datetime) -> bool:
    """Whether another range of the same download has spent the wait a moment ago, and nothing is complete since."""
    spent = DownloadWait.select(user_id=who.id, movie_id=movie.id)
    spent = spent.where(DownloadWait.ready_time <= now - PATIENCE, DownloadWait.ready_time > now - PATIENCE - TOGETHER)
    if not spent.exists():
        return False
    whole = DownloadRecord.select(user_id=who.id, movie_id=movie.id, completed=True)
    return not whole.where(DownloadRecord.create_time > now - TOGETHER).exists()


def _begin(library: Library, who: Caller, movie: Movie, now: datetime) -> datetime:
    """When the wait that runs will be over; one is started where none runs."""
    ready = now + timedelta(seconds=library.rules.free_wait)
    try:
        DownloadWait.create(user_id=who.id, movie_id=movie.id, ready_time=ready)
    except orm.UniqueViolation:
        running = DownloadWait.select(user_id=who.id, movie_id=movie.id).first()
        return running.ready_time if running else ready
    return ready
