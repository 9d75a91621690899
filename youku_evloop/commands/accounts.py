"""Accounts: register, log in and out, passwords, sessions, invitations."""

from __future__ import annotations

from typing import Final

from youku_evloop.commands.base import Access, Call, Command, Id, Paged, Results
from youku_evloop.services import accounts, invitations, sessions
from youku_evloop.services.library import timestamp
from youku_evloop.wire.messages import Request


class NewPassword(Request):
    salt: str
    iterations: int
    stored_key: str
    server_key: str

    def verifier(self) -> accounts.Verifier:
        """What the server keeps; raises `BadRequest`."""
        return accounts.Verifier.from_client(self.salt, self.iterations, self.stored_key, self.server_key)


class Register(NewPassword, tag="account.register"):
    name: str
    invitation: str | None = None


class ChangePassword(NewPassword, tag="account.password"):
    pass


class ScramMessage(Request):
    message: str


class Login(ScramMessage, tag="account.login"):
    pass


class Proof(ScramMessage, tag="account.proof"):
    pass


class Logout(Request, tag="account.logout"):
    pass


class Whoami(Request, tag="account.whoami"):
    pass


class ListSessions(Request, tag="session.list"):
    pass


class EndSession(Request, tag="session.end"):
    session: Id


class EndOtherSessions(Request, tag="session.end_others"):
    pass


class CreateInvitation(Request, tag="invitation.create"):
    pass


class ListInvitations(Paged, tag="invitation.list"):
    pass


class CancelInvitation(Request, tag="invitation.cancel"):
    invitation: Id


def register(call: Call, arguments: Register) -> Results:
    a = arguments
    user = accounts.register(call.library, a.name, a.verifier(), a.invitation, call.address)
    return {"user": accounts.as_json(user)}


def change_password(call: Call, arguments: ChangePassword) -> Results:
    return {"ended": accounts.change_password(call.library, call.who, arguments.verifier())}


def login(call: Call, arguments: Login) -> Results:
    exchange, message = accounts.begin_login(call.library, arguments.message, call.address)
    call.begin_login(exchange)
    return {"message": message}


def proof(call: Call, arguments: Proof) -> Results:
    message, token, user, session = accounts.finish_login(call.library, call.end_login(), arguments.message)
    call.log_in(accounts.caller(user, session, by_password=True))
    expire_time = timestamp(session.expire_time)
    return {"message": message, "user": accounts.as_json(user), "token": token, "expire_time": expire_time}


def logout(call: Call, arguments: Logout) -> Results:
    accounts.logout(call.library, call.who, call.log_out)
    return {}


def list_sessions(call: Call, arguments: ListSessions) -> Results:
    return {"sessions": [sessions.as_json(session, call.who) for session in sessions.of_caller(call.who)]}


def end_session(call: Call, arguments: EndSession) -> Results:
    sessions.end_own(call.library, call.who, arguments.session, call.log_out)
    return {}


def create_invitation(call: Call, arguments: CreateInvitation) -> Results:
    code, invitation = invitations.create(call.library, call.who)
    return {"code": code, "invitation": invitations.as_json(invitation)}


def list_invitations(call: Call, arguments: ListInvitations) -> Results:
    rows, following = invitations.list_all(arguments.limit, arguments.cursor)
    return {"invitations": [invitations.as_json(row) for row in rows], "next": following}


def cancel_invitation(call: Call, arguments: CancelInvitation) -> Results:
    invitations.cancel(arguments.invitation)
    return {}


COMMANDS: Final = (
    Command(Register, Access.ANYONE, register),
    Command(Login, Access.ANYONE, login),
    Command(Proof, Access.ANYONE, proof),
    Command(Logout, Access.USER, logout),
    Command(Whoami, Access.USER, lambda call, arguments: {"user": accounts.as_json(accounts.whoami(call.who))}),
    Command(ChangePassword, Access.USER, change_password),
    Command(ListSessions, Access.USER, list_sessions),
    Command(EndSession, Access.USER, end_session),
    Command(EndOtherSessions, Access.USER, lambda call, _: {"ended": sessions.end_others(call.library, call.who)}),
    Command(CreateInvitation, Access.ADMIN, create_invitation),
    Command(ListInvitations, Access.ADMIN, list_invitations),
    Command(CancelInvitation, Access.ADMIN, cancel_invitation),
)
