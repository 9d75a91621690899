"""Users as administrators see them."""

from __future__ import annotations

from typing import Final

from youku_evloop.commands.accounts import NewPassword
from youku_evloop.commands.base import Access, Call, Command, Paged, Results
from youku_evloop.models import UserType
from youku_evloop.services import removal, users
from youku_evloop.wire.messages import Request


class ListUsers(Paged, tag="user.list"):
    """A page of the users whose names begin so; null: of either type, locked or not."""

    name: str = ""
    type: UserType | None = None
    locked: bool | None = None


class OneUser(Request):
    """A user by name, in upper or lower case."""

    user: str


class ShowUser(OneUser, tag="user.show"):
    """The user to be looked at."""


class CreateUser(NewPassword, tag="user.create"):
    """A name and a verifier, for somebody else's account."""

    name: str


class DeleteUser(OneUser, tag="user.delete"):
    """The user to be removed for good."""


class LockUser(OneUser, tag="user.lock"):
    """The user to be shut out, at once."""


class UnlockUser(OneUser, tag="user.unlock"):
    """The user to be let in again."""


class GrantVip(OneUser, tag="user.grant_vip"):
    """Months of VIP, as a present."""

    months: int


class EndVip(OneUser, tag="user.end_vip"):
    """The user whose VIP is to end, at once."""


def list_users(call: Call, arguments: ListUsers) -> Results:
    a = arguments
    rows, following = users.list_users(a.limit, a.cursor, begins=a.name, user_type=a.type, is_locked=a.locked)
    return {"users": [users.as_json(user) for user in rows], "next": following}


def show_user(call: Call, arguments: ShowUser) -> Results:
    return {"user": users.as_json(users.find(arguments.user))}


def create_user(call: Call, arguments: CreateUser) -> Results:
    return {"user": users.as_json(users.create(call.library, arguments.name, arguments.verifier()))}


def delete_user(call: Call, arguments: DeleteUser) -> Results:
    return {"user": users.as_json(removal.delete_user(call.library, call.who, arguments.user))}


def lock_user(call: Call, arguments: LockUser) -> Results:
    return {"user": users.as_json(users.lock(call.library, call.who, arguments.user))}


def unlock_user(call: Call, arguments: UnlockUser) -> Results:
    return {"user": users.as_json(users.unlock(arguments.user))}


def grant_vip(call: Call, arguments: GrantVip) -> Results:
    return {"user": users.as_json(users.grant_vip(arguments.user, arguments.months))}


def end_vip(call: Call, arguments: EndVip) -> Results:
    return {"user": users.as_json(users.end_vip(arguments.user))}


COMMANDS: Final = (
    Command(ListUsers, Access.ADMIN, list_users),
    Command(ShowUser, Access.ADMIN, show_user),
    Command(CreateUser, Access.ADMIN, create_user),
    Command(DeleteUser, Access.ADMIN, delete_user),
    Command(LockUser, Access.ADMIN, lock_user),
    Command(UnlockUser, Access.ADMIN, unlock_user),
    Command(GrantVip, Access.ADMIN, grant_vip),
    Command(EndVip, Access.ADMIN, end_vip),
)
