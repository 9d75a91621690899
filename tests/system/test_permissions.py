"""Who may do what: every command of the table times everybody who may ask, read from the table itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from msgspec.inspect import BoolType, IntType, StrType, UnionType

from tests.support.server import PASSWORD, Person, RunningServer
from tests.support.wire import Wire
from youku_evloop.commands import COMMANDS, Access, Command
from youku_evloop.errors import BY_CODE, Forbidden, NotLoggedIn

NOBODY: Final = 2**62
"""An id that nothing has, so that a command that is allowed changes nothing."""
VALUES: Final[dict[type, Any]] = {IntType: NOBODY, StrType: "nobody-nowhere", BoolType: False}
REFUSALS: Final = {code for code, kind in BY_CODE.items() if issubclass(kind, (Forbidden, NotLoggedIn))}
APART: Final = ("account.logout", "session.end_others", "account.register")
"""Commands that would change what the tests beside theirs stand on: they are tested with sessions of their own."""
WHO: Final = ("anonymous", "user", "vip", "locked", "administrator")
OWN_REFUSALS: Final = {"hello": {"not_logged_in"}, "account.proof": {"login_failed"}, "account.login": {"login_failed"},
                       "account.password": {"forbidden"}}  # fmt: skip
"""What commands answer that are allowed and find the password, or the token, wrong."""


def arguments_of(command: Command) -> dict[str, Any]:
    """Something of the right type for every argument that has to be there."""
    needed = [field for field in msgspec.structs.fields(command.arguments) if field.required and field.name != "id"]
    return {field.name: _value(field.type) for field in needed}


def _value(kind: Any) -> Any:
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, UnionType):
        return None
    return VALUES[type(info)]


def is_allowed(command: Command, who: str) -> bool:
    """By the table."""
    if command.access is Access.ANYONE:
        return True
    if command.access is Access.USER:
        return who in ("user", "vip", "administrator")
    return who == "administrator"


@pytest.fixture(scope="module")
def tokens(shared_server: RunningServer, admin: Person, user: Person) -> Iterator[dict[str, str]]:
    """A session of everybody; the one who is locked had it before."""
    names = {who: f"p{uuid.uuid4().hex[:10]}" for who in ("vip", "locked")}
    found = {"user": user.token, "administrator": admin.token}
    with Wire(shared_server.address) as wire, admin.wire() as boss:
        for who, name in names.items():
            wire.register(name, PASSWORD)
            found[who] = wire.log_in(name, PASSWORD)["token"]
        boss.ask("user.grant_vip", user=names["vip"], months=1)
        boss.ask("user.lock", user=names["locked"])
    yield found


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(
    "command", [command for command in COMMANDS.values() if command.name not in APART], ids=lambda command: command.name
)
def test_a_command_is_for_those_whom_the_table_names(
    command: Command, who: str, server: RunningServer, tokens: dict[str, str]
) -> None:
    with Wire(server.address) as wire:
        if who != "anonymous":
            wire.request("hello", token=tokens[who])
        reply = wire.request(command.name, **arguments_of(command))
    refused = reply.get("error") in REFUSALS - OWN_REFUSALS.get(command.name, set())
    assert refused is not is_allowed(command, who), reply


@pytest.mark.parametrize("op", ["account.logout", "session.end_others"])
def test_what_ends_sessions_needs_one(op: str, server: RunningServer) -> None:
    with Wire(server.address) as wire:
        assert wire.refused(op)["error"] == "not_logged_in"
        wire.register(name := f"p{uuid.uuid4().hex[:10]}", PASSWORD)
        wire.log_in(name, PASSWORD)
        wire.ask(op)


def test_every_command_says_who_may_call_it() -> None:
    assert {command.access for command in COMMANDS.values()} == set(Access)
    anyone = {command.name for command in COMMANDS.values() if command.access is Access.ANYONE}
    assert anyone == {"hello", "ping", "account.register", "account.login", "account.proof"}
