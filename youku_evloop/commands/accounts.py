"""Accounts: register, log in and out, passwords, sessions, invitations."""

from __future__ import annotations

from typing import Final

from youku_evloop.commands.base import Access, Call, Command, Id, Paged, Results
from youku_evloop.services import accounts, invitations, sessions
from youku_evloop.services.library import timestamp
from youku_evloop.wire.messages import Request


class NewPassword(Request):
    """A SCRAM-SHA-256 verifier (RFC 5802): salt and keys in base64, PBKDF2 rounds."""

    salt: str
    iterations: int
    stored_key: str
    server_key: str

    def verifier(self) -> accounts.Verifier:
        """What the server keeps; raises `BadRequest`."""
        return accounts.Verifier.from_client(self.salt, self.iterations, self.stored_key, self.server_key)


class Register(NewPassword, tag="account.register"):
    """A name for a new account; with an invitation's code an administrator's."""

    name: str
    invitation: str | None = None


class ChangePassword(NewPassword, tag="account.password"):
    """The new verifier; the old password has been proved on this connection."""


class ScramMessage(Request):
    """What a SCRAM client says (RFC 5802), as it stands."""

    message: str


class Login(ScramMessage, tag="account.login"):
    """The client-first message: who, and a nonce."""


class Proof(ScramMessage, tag="account.proof"):
    """The client-final message: the proof of the password."""


class Logout(Request, tag="account.logout"):
    """Nothing: the session of the connection ends."""


class Whoami(Request, tag="account.whoami"):
    """Nothing: the answer is the user of the connection."""


class ListSessions(Request, tag="session.list"):
    """Nothing: the asker's own sessions, all of them."""


class EndSession(Request, tag="session.end"):
    """One of the asker's own sessions, which may be the current one."""

    session: Id


class EndOtherSessions(Request, tag="session.end_others"):
    """Nothing: all of the asker's sessions but the current one."""


class CreateInvitation(Request, tag="invitation.create"):
    """Nothing: the answer has the code, this once."""


class ListInvitations(Paged, tag="invitation.list"):
    """A page of all administrators' invitations."""


class CancelInvitation(Request, tag="invitation.cancel"):
    """An invitation that nobody has used."""

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
