"""Users as administrators see them: look, lock and unlock, grant VIP and end it."""

from __future__ import annotations

from typing import Any

from youku_evloop import orm
from youku_evloop.errors import Conflict, NotFound
from youku_evloop.models import User, UserType, folded_name
from youku_evloop.services import accounts, sessions, vip
from youku_evloop.services.library import Caller, Library, page


def as_json(user: User) -> dict[str, Any]:
    """A user as administrators see one."""
    return {**accounts.as_json(user), "is_locked": user.is_locked}


def list_users(
    limit: int,
    cursor: str | None,
    *,
    begins: str = "",
    user_type: UserType | None = None,
    is_locked: bool | None = None,
) -> tuple[list[User], str | None]:
    """A page of users, newest first, and the cursor of the next page; `begins`: only names that begin so."""
    query = User.select()
    if begins:
        query = query.where(User.folded_name.startswith(folded_name(begins)))
    if user_type is not None:
        query = query.where(user_type=user_type)
    if is_locked is not None:
        query = query.where(is_locked=is_locked)
    return page(query, User.select(), User.id, limit, cursor)


def find(name: str) -> User:
    """The user of that name; raises `NotFound`."""
    user = accounts.named(name)
    if user is None:
        raise NotFound(f"There is no user {name[:64]!r}; `youku users` lists them.", user=name[:64])
    return user


def create(library: Library, name: str, verifier: accounts.Verifier) -> User:
    """An account for somebody else, however many were made before; raises `BadRequest` for a bad name, `NameTaken`."""
    user = accounts.create(name, verifier)
    library.signals.send("user_registered", user=user.id, name=user.name, user_type=user.user_type.value)
    return user


def lock(library: Library, who: Caller, name: str) -> User:
    """Shut a user out, at once and everywhere; raises `Conflict` for oneself, `NotFound`."""
    user = find(name)
    if user.id == who.id:
        raise Conflict("You cannot lock yourself out: another administrator can.")
    user.update(is_locked=True)
    sessions.end_locked(library, user)
    return user


def unlock(name: str) -> User:
    """Let a user log in again; raises `NotFound`."""
    user = find(name)
    user.update(is_locked=False)
    return user


def grant_vip(name: str, months: int) -> User:
    """Months of VIP as a present, on top of what is left; raises `BadRequest`, `NotFound`."""
    vip.check_months(months)
    user = find(name)
    orm.current_database().run(vip.extend, user.id, months)
    return find(name)


def end_vip(name: str) -> User:
    """End VIP at once; raises `NotFound`."""
    user = find(name)
    vip.end(user.id)
    return find(name)
