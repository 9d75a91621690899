"""Sessions: where a user is logged in, and ending that, on connections that stand open too."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, Final

from youku_evloop import orm
from youku_evloop.errors import AccountLocked, NotFound, NotLoggedIn
from youku_evloop.models import Session, User
from youku_evloop.services.library import Caller, Library, timestamp

LISTED: Final = 50
"""The newest ones; nobody looks through more."""
OVER: Final = "The session was ended: log in again."


def as_json(session: Session, who: Caller) -> dict[str, Any]:
    """A session as the wire shows it; `current`: the one that asks."""
    return {
        "id": session.id,
        "address": session.address,
        "create_time": timestamp(session.create_time),
        "last_seen": timestamp(session.last_seen),
        "expire_time": timestamp(session.expire_time),
        "current": session.id == who.session_id,
    }


def of_caller(who: Caller) -> list[Session]:
    """The caller's sessions that are good, newest first."""
    mine = Session.select(user_id=who.id).where(Session.expire_time > orm.utcnow())
    return mine.order_by(Session.id.desc()).limit(LISTED).all()


def end_own(library: Library, who: Caller, session_id: int, log_out: Callable[[], None]) -> None:
    """End one of the caller's sessions; raises `NotFound`. `log_out`: see `end`."""
    if not Session.select(id=session_id, user_id=who.id).exists():
        raise NotFound("You have no such session; `youku sessions` lists them.", session=session_id)
    end(library, {session_id}, log_out if session_id == who.session_id else None)


def end_others(library: Library, who: Caller) -> int:
    """End all of the caller's sessions but this one; answers how many."""
    others = Session.select(user_id=who.id).where(Session.id != who.session_id).columns(Session.id).rows()
    end(library, {row[0] for row in others})
    return len(others)


def end(library: Library, ended: Set[int], log_out: Callable[[], None] | None = None) -> None:
    """Revoke the tokens and hang up on those who use them.

    `log_out` is called in between: with it the conversation that asks escapes, and can be told that it is done.
    """
    if ended:
        Session.select().where(Session.id.in_(ended)).delete()
        if log_out is not None:
            log_out()
        library.end_conversations(lambda who: who.session_id in ended, NotLoggedIn(OVER))


def end_locked(library: Library, user: User) -> int:
    """End all sessions of a user who is locked now; answers how many."""
    why = AccountLocked(f"The account {user.name} is locked: ask an administrator of this library.")
    count = Session.select(user_id=user.id).delete()
    library.end_conversations(lambda who: who.id == user.id, why)
    return count


def sweep() -> int:
    """Forget expired sessions; answers how many."""
    return Session.select().where(Session.expire_time < orm.utcnow()).delete()
