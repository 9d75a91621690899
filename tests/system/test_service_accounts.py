"""Passwords, sessions, invitations, locks, and those who attack them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import PASSWORD, Person, RunningServer, eventually
from tests.support.wire import Wire
from tests.system.conftest import MakeFile
from youku_evloop.errors import ExitCode
from youku_evloop.services.attempts import source

KEYS: dict[str, Any] = {"salt": "c2FsdHNhbHRzYWx0", "stored_key": "A" * 43 + "=", "server_key": "A" * 43 + "="}
NEW = "another 密码 altogether"


def a_name() -> str:
    return f"s{uuid.uuid4().hex[:12]}"


@pytest.fixture
def somebody(server: RunningServer) -> Person:
    """A user of this test alone, logged in."""
    return server.register(a_name())


@pytest.fixture(scope="module")
def strict_server(
    fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """One that forgives two failures of a name, and lets the third wait for a minute."""
    rules = ["--rule", "name_failures=2", "--rule", "first_pause=60", "--rule", "address_failures=1000"]
    with RunningServer(tmp_path_factory.mktemp("strict"), fresh_database(), options=rules) as running:
        yield running


def test_a_changed_password_replaces_the_old_one_and_ends_the_other_sessions(
    server: RunningServer, somebody: Person
) -> None:
    with Wire(server.address) as elsewhere:
        token = elsewhere.log_in(somebody.name, PASSWORD)["token"]
        changed = somebody.do("passwd", YOUKU_NEW_PASSWORD=NEW)
        assert changed["ended"] == 2  # elsewhere, and the one that was here before
        assert elsewhere.receive()["error"] == "not_logged_in"
    with Wire(server.address) as wire:
        assert wire.refused("hello", token=token)["error"] == "not_logged_in"
        assert wire.log_in(somebody.name, PASSWORD)["error"] == "login_failed"
        assert wire.log_in(somebody.name, NEW)["ok"] is True
    assert somebody.do("whoami")["user"]["name"] == somebody.name  # the command has kept its new session


def test_a_found_token_is_not_enough_to_change_the_password(somebody: Person) -> None:
    with somebody.wire() as wire:
        assert wire.refused("account.password", iterations=4096, **KEYS)["error"] == "forbidden"


def test_sessions_are_listed_and_ended(server: RunningServer, somebody: Person) -> None:
    with Wire(server.address) as elsewhere:
        elsewhere.log_in(somebody.name, PASSWORD)
        sessions = somebody.do("sessions")["sessions"]
        assert [session["current"] for session in sessions] == [False, True]
        assert sessions[0]["address"] == "127.0.0.1"
        assert somebody.do("sessions", "end", str(sessions[0]["id"]))["ended"] == 1
        assert elsewhere.receive()["error"] == "not_logged_in"
    somebody.fail(ExitCode.NOT_FOUND, "sessions", "end", str(sessions[0]["id"]))
    assert somebody.do("sessions", "end", "--others")["ended"] == 0
    assert somebody.do("sessions", "end", str(sessions[1]["id"]))["ended"] == 1
    somebody.fail(ExitCode.NOT_LOGGED_IN, "whoami")


def test_one_user_cannot_end_the_sessions_of_another(somebody: Person, user: Person) -> None:
    theirs = user.do("sessions")["sessions"][0]["id"]
    somebody.fail(ExitCode.NOT_FOUND, "sessions", "end", str(theirs))
    assert user.do("whoami")["user"]["name"] == user.name


def test_a_stolen_token_is_worth_nothing_after_the_logout(server: RunningServer, somebody: Person) -> None:
    token = somebody.token
    with Wire(server.address, token=token) as thief:
        somebody.do("logout")
        assert thief.receive()["error"] == "not_logged_in"
    with Wire(server.address) as thief:
        assert thief.refused("hello", token=token)["error"] == "not_logged_in"


def test_a_locked_user_is_out_at_once_and_back_when_unlocked(
    server: RunningServer, admin: Person, somebody: Person
) -> None:
    with somebody.wire() as idle:
        locked = admin.do("users", "lock", somebody.name)["user"]
        assert locked["is_locked"] is True
        assert idle.receive()["error"] == "account_locked"
        assert idle.rest() == b""
    somebody.fail(ExitCode.NOT_LOGGED_IN, "whoami")
    assert somebody.fail(ExitCode.FORBIDDEN, "login", somebody.name)["error"] == "account_locked"
    wrong = somebody.fail(ExitCode.NOT_LOGGED_IN, "login", somebody.name, YOUKU_PASSWORD="wrong")
    assert wrong["error"] == "login_failed"  # only who knows the password learns of the lock
    admin.do("users", "unlock", somebody.name)
    somebody.log_in()
    assert somebody.do("whoami")["user"]["name"] == somebody.name


def test_a_lock_ends_a_download_under_way(
    server: RunningServer, admin: Person, somebody: Person, make_file: MakeFile
) -> None:
    size = 64 * 1024 * 1024
    movie = admin.do("upload", make_file(size))["uploaded"][0]["movie"]
    with somebody.wire() as wire:
        wire.send("movie.read", movie=movie["id"])
        assert wire.receive()["body"] == size
        wire.read(1024)
        admin.do("users", "lock", somebody.name)
        with pytest.raises((EOFError, ConnectionResetError)):
            wire.read(size - 1024)
    eventually(lambda: bool(admin.do("records", "--all", "--user", somebody.name)["records"][0]["bytes_sent"]), "noted")
    assert admin.do("records", "--all", "--user", somebody.name)["records"][0]["completed"] is False


def test_administrators_do_not_lock_themselves_out(admin: Person) -> None:
    assert "yourself" in admin.fail(ExitCode.CONFLICT, "users", "lock", admin.name)["message"]


def test_users_are_listed_by_name_kind_and_lock(admin: Person, somebody: Person) -> None:
    assert [row["name"] for row in admin.do("users", "--name", somebody.name)["users"]] == [somebody.name]
    assert admin.do("users", "--name", somebody.name, "--locked")["users"] == []
    assert admin.name in [row["name"] for row in admin.do("users", "--type", "admin", "--limit", "0")["users"]]
    admin.fail(ExitCode.NOT_FOUND, "users", "show", "nobody-of-that-name")


def test_an_invitation_makes_one_administrator(server: RunningServer, admin: Person) -> None:
    invitation = admin.do("invite")
    guest = server.somebody(a_name())
    made = guest.do("register", guest.name, "--invitation", invitation["code"])
    assert made["user"]["user_type"] == "admin"
    late = server.somebody(a_name())
    late.fail(ExitCode.NOT_FOUND, "register", late.name, "--invitation", invitation["code"])
    late.fail(ExitCode.NOT_LOGGED_IN, "login", late.name)  # a bad code makes no account at all
    listed = admin.do("invite", "list")["invitations"]
    assert (listed[0]["id"], listed[0]["used_by"]) == (invitation["invitation"]["id"], guest.name)
    admin.fail(ExitCode.NOT_FOUND, "invite", "cancel", str(invitation["invitation"]["id"]))


def test_of_two_who_use_an_invitation_at_once_one_becomes_an_administrator(
    server: RunningServer, admin: Person
) -> None:
    code = admin.do("invite")["code"]

    def register(name: str) -> bool:
        with Wire(server.address) as wire:
            return bool(wire.request("account.register", name=name, iterations=4096, invitation=code, **KEYS)["ok"])

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(register, [a_name() for _ in range(8)])) == 1


def test_a_cancelled_and_an_expired_invitation_are_worth_nothing(
    server: RunningServer, admin: Person, execute: Callable[..., Any]
) -> None:
    cancelled, expired = admin.do("invite"), admin.do("invite")
    admin.do("invite", "cancel", str(cancelled["invitation"]["id"]))
    sql = "UPDATE `invitation` SET `expire_time` = '2020-01-01 00:00:00.000000' WHERE `id` = ?"
    execute(server, sql, [expired["invitation"]["id"]])
    for code in (cancelled["code"], expired["code"], "guessed"):
        guest = server.somebody(a_name())
        assert guest.fail(ExitCode.NOT_FOUND, "register", guest.name, "--invitation", code)["error"] == "not_found"


def test_guessing_is_stopped_and_goes_on_after_the_pause_and_nobody_is_shut_out_for_good(
    strict_server: RunningServer, execute: Callable[..., Any]
) -> None:
    name = a_name()
    with Wire(strict_server.address) as wire:
        wire.register(name, PASSWORD)
        assert [wire.log_in(name, "guess")["error"] for _ in range(2)] == ["login_failed"] * 2
        stopped = wire.log_in(name, "guess")
        assert (stopped["error"], 0 < stopped["wait"] <= 60) == ("too_many_attempts", True)
        assert wire.log_in(name, PASSWORD)["error"] == "too_many_attempts"  # or the right guess would show
        assert wire.log_in(a_name(), PASSWORD)["error"] == "login_failed"  # others are not concerned
        execute(strict_server, "UPDATE `login_failures` SET `blocked_until` = `last_time`")
        assert wire.log_in(name, PASSWORD)["ok"] is True
        assert wire.log_in(name, "guess")["error"] == "login_failed"  # and all is forgiven


def test_guesses_at_once_are_looked_at_no_more_than_guesses_one_by_one(strict_server: RunningServer) -> None:
    name = a_name()
    with Wire(strict_server.address) as wire:
        wire.register(name, PASSWORD)

    def guess(number: int) -> str:
        with Wire(strict_server.address) as wire:
            return str(wire.log_in(name, f"guess {number}")["error"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(guess, range(16))).count("login_failed") == 2


def test_an_unknown_name_is_stopped_like_a_known_one(strict_server: RunningServer) -> None:
    name = a_name()
    with Wire(strict_server.address) as wire:
        errors = [wire.log_in(name, "guess")["error"] for _ in range(3)]
    assert errors == ["login_failed", "login_failed", "too_many_attempts"]


def test_guessing_from_one_address_is_stopped_whatever_the_names(
    fresh_database: Callable[[], str], tmp_path: Path
) -> None:
    rules = ["--rule", "address_failures=3", "--rule", "first_pause=60"]
    with RunningServer(tmp_path / "server", fresh_database(), options=rules) as running, Wire(running.address) as wire:
        errors = [wire.log_in(a_name(), "guess")["error"] for _ in range(4)]
    assert errors == ["login_failed"] * 3 + ["too_many_attempts"]


def test_replayed_messages_of_a_login_are_worth_nothing(server: RunningServer, somebody: Person) -> None:
    with Wire(server.address) as wire:
        sent: list[tuple[str, dict[str, Any]]] = []
        request = wire.request

        def listening(op: str, body: bytes | None = None, **arguments: Any) -> Any:
            sent.append((op, arguments))
            return request(op, body, **arguments)

        wire.request = listening  # type: ignore[method-assign]  # an ear on the line
        assert wire.log_in(somebody.name, PASSWORD)["ok"] is True
    with Wire(server.address) as thief:
        (_, first), (_, final) = sent
        assert thief.ask("account.login", **first)["message"]  # with another nonce of the server's
        assert thief.refused("account.proof", **final)["error"] == "login_failed"
        assert thief.refused("account.proof", **final)["error"] == "bad_request"  # one proof for each beginning
        assert thief.refused("account.whoami")["error"] == "not_logged_in"


def server_first(wire: Wire, name: str) -> dict[str, str]:
    """What a server says of an account to somebody who has proved nothing."""
    message = wire.ask("account.login", message=f"n,,n={name},r=nonce")["message"]
    return dict(part.split("=", 1) for part in message.split(","))


def test_a_name_that_nobody_has_looks_like_one_that_somebody_has(server: RunningServer) -> None:
    somebody = server.somebody(a_name())
    somebody.do("register", somebody.name)  # as people do, and not with a verifier that is cheap
    with Wire(server.address) as wire:
        known, unknown, again = (server_first(wire, name) for name in (somebody.name, "nobody", "nobody"))
    assert unknown["s"] == again["s"] != known["s"]
    assert {key: len(value) for key, value in known.items()} == {key: len(value) for key, value in unknown.items()}
    assert known["i"] == unknown["i"]


def test_a_login_that_was_begun_with_the_old_password_does_not_outlive_it(
    server: RunningServer, somebody: Person
) -> None:
    with Wire(server.address) as thief:
        request = thief.request

        def slowly(op: str, body: bytes | None = None, **arguments: Any) -> Any:
            if op == "account.proof":
                somebody.do("passwd", YOUKU_NEW_PASSWORD=NEW)
            return request(op, body, **arguments)

        thief.request = slowly  # type: ignore[method-assign]
        assert thief.log_in(somebody.name, PASSWORD)["error"] == "login_failed"
    assert [session["current"] for session in somebody.do("sessions")["sessions"]] == [True]


def test_making_accounts_by_the_hundred_is_slowed_down(fresh_database: Callable[[], str], tmp_path: Path) -> None:
    rules = ["--rule", "address_registrations=3", "--rule", "first_pause=60"]
    names = [a_name() for _ in range(16)]
    running = RunningServer(tmp_path / "server", fresh_database(), options=rules)

    def register(name: str) -> str:
        with Wire(running.address) as wire:
            reply = wire.request("account.register", name=name, iterations=4096, **KEYS)
        return "" if reply["ok"] else str(reply["error"])

    with running:
        admin = running.create_admin("alice")  # on the server's machine: not counted
        with ThreadPoolExecutor(16) as pool:
            answers = sorted(pool.map(register, names))
        made = {row["name"] for row in admin.do("users", "--limit", "0")["users"]} - {"alice"}
    assert answers == [""] * 3 + ["too_many_attempts"] * 13
    assert len(made) == 3 and made < set(names)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]", "192.0.2.7"),
        ("[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
        ("[fe80::1%eth0]", "fe80::/64"),
        ("", ""),
    ],
)
def test_whoever_has_one_address_of_a_network_of_ipv6_has_all_of_them(address: str, counted: str) -> None:
    assert source(address) == counted


def test_upper_and_lower_case_are_the_same_name(server: RunningServer, admin: Person) -> None:
    name = a_name()
    somebody, twin = server.register(name.capitalize()), server.somebody(name.upper())
    assert twin.fail(ExitCode.CONFLICT, "register", name.upper())["error"] == "name_taken"
    assert twin.do("login", name.upper())["user"]["name"] == name.capitalize()
    assert admin.do("users", "show", name)["user"]["id"] == somebody.do("whoami")["user"]["id"]
    assert [row["name"] for row in admin.do("users", "--name", name.upper())["users"]] == [name.capitalize()]


def test_guesses_count_together_however_the_name_is_spelt(strict_server: RunningServer) -> None:
    name = a_name()
    with Wire(strict_server.address) as wire:
        wire.register(name, PASSWORD)
        errors = [wire.log_in(spelling, "guess")["error"] for spelling in (name, name.upper(), name.capitalize())]
    assert errors == ["login_failed", "login_failed", "too_many_attempts"]


def test_a_name_that_nobody_has_has_one_salt_however_it_is_spelt(server: RunningServer) -> None:
    with Wire(server.address) as wire:
        assert server_first(wire, "NoBody")["s"] == server_first(wire, "nobody")["s"]
