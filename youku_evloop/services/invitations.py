"""Invitations: codes with which somebody may register as an administrator, once, for a while."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Final

from youku_evloop import orm
from youku_evloop.errors import NotFound
from youku_evloop.models import Invitation, User
from youku_evloop.services.library import Caller, Library, page, timestamp

CODE_BYTES: Final = 16


def as_json(invitation: Invitation) -> dict[str, Any]:
    """An invitation as the wire shows it; the code itself is shown once, to who made it. Both users must be joined."""
    return {
        "id": invitation.id,
        "by": invitation.user.name,
        "create_time": timestamp(invitation.create_time),
        "expire_time": timestamp(invitation.expire_time),
        "used_by": invitation.used_by.name if invitation.used_by is not None else None,
        "use_time": timestamp(invitation.use_time),
    }


def create(library: Library, who: Caller) -> tuple[str, Invitation]:
    """A new code, and its row."""
    code = secrets.token_urlsafe(CODE_BYTES)
    expire_time = orm.utcnow() + timedelta(seconds=library.rules.invitation)
    row = Invitation.create(code_hash=_hash(code), user_id=who.id, expire_time=expire_time)
    return code, _with_users().where(id=row.id).get()


def use(code: str, user: User) -> None:
    """Spend a code for this user, in the transaction that makes the account; raises `NotFound`."""
    now = orm.utcnow()
    good = Invitation.select(code_hash=_hash(code), used_by_id=None).where(Invitation.expire_time > now)
    if not good.update(used_by_id=user.id, use_time=now) and not _is_spent_for(code, user):
        raise NotFound("This invitation is unknown, used or expired: ask for a new one.")


def _is_spent_for(code: str, user: User) -> bool:
    """Whether this is the same request again, after an answer that was lost."""
    return Invitation.select(code_hash=_hash(code), used_by_id=user.id).exists()


def list_all(limit: int, cursor: str | None) -> tuple[list[Invitation], str | None]:
    """A page of invitations, newest first, and the cursor of the next page."""
    return page(Invitation.select(), _with_users(), Invitation.id, limit, cursor)


def cancel(invitation_id: int) -> None:
    """Take an unused invitation back; raises `NotFound`."""
    if not Invitation.select(id=invitation_id, used_by_id=None).delete():
        raise NotFound(f"There is no unused invitation {invitation_id}.", invitation=invitation_id)


def _with_users() -> orm.Query[Invitation]:
    return Invitation.select().join(Invitation.user, Invitation.used_by)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
