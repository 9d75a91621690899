"""Accounts: register, log in, log out, who am I; and where passwords and tokens may be found."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.proxy import Proxy
from tests.support.server import PASSWORD, Outcome, Person, RunningServer, run
from tests.support.wire import Wire, verifier_of
from tests.system.conftest import on_sqlite_alone
from youku_evloop.errors import ExitCode


def test_somebody_registers_logs_in_is_known_and_logs_out(newcomer: Person) -> None:
    assert newcomer.do("register", newcomer.name)["user"]["user_type"] == "user"
    newcomer.fail(ExitCode.NOT_LOGGED_IN, "whoami")  # registering does not log in
    assert newcomer.do("login", newcomer.name)["user"]["name"] == newcomer.name
    assert newcomer.do("whoami")["user"]["name"] == newcomer.name
    assert newcomer.do("logout")["was_logged_in"] is True
    error = newcomer.fail(ExitCode.NOT_LOGGED_IN, "whoami")
    assert "youku login" in error["message"]
    assert newcomer.do("logout")["was_logged_in"] is False


def test_people_are_told_in_words_what_programs_are_told_in_json(user: Person) -> None:
    assert user.run("whoami").stdout.startswith(f"{user.name} (user)")
    assert user.run("login", user.name).stdout.endswith(f"as {user.name} (user).\n")


def test_a_wrong_password_and_an_unknown_name_fail_alike(user: Person, newcomer: Person) -> None:
    wrong = newcomer.fail(ExitCode.NOT_LOGGED_IN, "login", user.name, YOUKU_PASSWORD="wrong")
    unknown = newcomer.fail(ExitCode.NOT_LOGGED_IN, "login", newcomer.name, YOUKU_PASSWORD="wrong")
    assert wrong == unknown
    assert wrong["error"] == "login_failed"
    assert "Try again" in wrong["message"]
    assert not newcomer.session_file.exists()


def test_a_failed_login_leaves_an_earlier_one_as_it_was(user: Person) -> None:
    user.fail(ExitCode.NOT_LOGGED_IN, "login", user.name, YOUKU_PASSWORD="wrong")
    assert user.do("whoami")["user"]["name"] == user.name


def test_a_name_that_is_taken_is_refused(user: Person, newcomer: Person) -> None:
    error = newcomer.fail(ExitCode.CONFLICT, "register", user.name)
    assert (error["error"], error["name"]) == ("name_taken", user.name)
    assert "another" in error["message"]


def test_registering_again_with_the_same_verifier_answers_the_same_account(
    server: RunningServer, newcomer: Person
) -> None:
    """As after an answer that was lost; with another verifier it is somebody else, even if the password is the same."""
    verifier = verifier_of("sesame")
    with Wire(server.address) as wire:
        made = wire.ask("account.register", name=newcomer.name, **verifier)["user"]
        assert wire.ask("account.register", name=newcomer.name, **verifier)["user"] == made
        other = wire.refused("account.register", name=newcomer.name, **verifier_of("sesame"))
    assert other["error"] == "name_taken"


def test_a_name_is_one_name_however_it_is_typed(server: RunningServer) -> None:
    wide, plain = "\uff41\uff4c\uff49-\u5f20\u4e09", "ali-\u5f20\u4e09"
    with Wire(server.address) as wire:
        assert wire.register(wide, PASSWORD)["user"]["name"] == plain
        assert wire.register(plain, PASSWORD)["error"] == "name_taken"
        assert wire.log_in(wide, PASSWORD)["user"]["name"] == plain


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "-x",
        "_x",
        "a b",
        "a/b",
        "a\x00b",
        "a\nb",
        "\u202eab",
        "a" * 33,
        "\ufdfa" * 9000,
        "a\u200bb",
        "ab\u2060",
        "ab\ufe0f",
        "a\u00adb",
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_what_can(server: RunningServer, name: str) -> None:
    with Wire(server.address) as wire:
        error = wire.register(name, PASSWORD)
        assert error["error"] == "bad_request"
        assert "2 to 32" in error["message"]


@pytest.mark.parametrize(
    ("name", "is_good"),
    [("\u0430lice", False), ("alic\u03b5", False), ("\u13aalice", False), ("alice\u3164", False),
     ("al\u115fice", False), ("\u0430\u043b\u0438\u0441\u0430", True), ("\u738bAlice\u3042\u30fc", True),
     ("\uae40Bob", True), ("\u03b1\u03b2-7", True)],
)  # fmt: skip
def test_a_name_has_no_letters_that_look_like_those_of_another_script(
    server: RunningServer, name: str, is_good: bool
) -> None:
    with Wire(server.address) as wire:
        assert wire.register(name, PASSWORD)["ok"] is is_good


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("iterations", 4095),
        ("iterations", 10_000_001),
        ("iterations", -1),
        ("salt", "AAAA"),
        ("salt", "A" * 4096),
        ("salt", "not base64"),
        ("stored_key", "AAAA"),
        ("server_key", ""),
    ],
)
def test_a_verifier_that_is_none_is_refused_by_the_name_of_its_field(
    server: RunningServer, field: str, value: object
) -> None:
    verifier: dict[str, Any] = {
        "salt": "A" * 24,
        "iterations": 4096,
        "stored_key": "A" * 43 + "=",
        "server_key": "A" * 43 + "=",
    }
    with Wire(server.address) as wire:
        error = wire.refused("account.register", name="nobody", **{**verifier, field: value})
        assert error["error"] == "bad_request"
        assert f"`{field}`" in error["message"]


def test_the_page_of_the_protocol_is_enough_to_log_in(server: RunningServer, newcomer: Person) -> None:
    with Wire(server.address) as wire:
        assert wire.register(newcomer.name, "sesame, open")["ok"]
        assert wire.refused("account.whoami")["error"] == "not_logged_in"
        assert wire.log_in(newcomer.name, "sesame")["error"] == "login_failed"
        session = wire.log_in(newcomer.name, "sesame, open")
        assert session["user"]["name"] == newcomer.name
        assert wire.ask("account.whoami")["user"] == session["user"]
    with Wire(server.address) as again:
        assert again.ask("hello", token=session["token"])["user"] == session["user"]


def test_a_login_takes_its_two_steps_in_order(server: RunningServer, user: Person) -> None:
    with user.wire() as wire:
        assert wire.refused("account.proof", message="c=biws,r=x,p=y")["error"] == "bad_request"
        wire.ask("account.login", message=f"n,,n={user.name},r=abcdef")
        assert wire.refused("account.whoami")["error"] == "not_logged_in", "between the steps it is nobody's"
        assert wire.refused("account.proof", message="c=biws,r=abcdef,p=AAAA")["error"] == "login_failed"
        assert wire.refused("account.proof", message="c=biws,r=abcdef,p=AAAA")["error"] == "bad_request"


def test_a_session_resumed_between_the_steps_of_a_login_ends_that_login(server: RunningServer, user: Person) -> None:
    with user.wire() as wire:
        wire.ask("account.login", message=f"n,,n={user.name},r=abcdef")
        wire.ask("hello", token=user.token)
        assert wire.refused("account.proof", message="c=biws,r=abcdef,p=AAAA")["error"] == "bad_request"
        assert wire.ask("account.whoami")["user"]["name"] == user.name


@pytest.mark.parametrize(
    "message", ["", "n,,", "n,,n=,r=", "n,,n=x", "p=tls-unique,,n=x,r=y", "x,y,z", "=,=,=", "n,,n=\x00,r=x"]
)
def test_what_is_no_login_is_a_failed_one(server: RunningServer, message: str) -> None:
    with Wire(server.address) as wire:
        assert wire.refused("account.login", message=message)["error"] == "login_failed"


def test_an_unknown_name_always_has_the_same_salt(server: RunningServer) -> None:
    def salt(name: str) -> str:
        with Wire(server.address) as wire:
            first = str(wire.ask("account.login", message=f"n,,n={name},r=abcdef")["message"])
        return first.split(",")[1]

    assert salt("nobody-1") == salt("nobody-1") != salt("nobody-2")


def test_the_session_is_kept_where_only_its_owner_can_read_it(user: Person) -> None:
    assert stat.S_IMODE(user.session_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(user.session_file.parent.stat().st_mode) == 0o700


def test_a_token_in_the_environment_serves_a_script(server: RunningServer, user: Person, newcomer: Person) -> None:
    assert newcomer.do("whoami", YOUKU_TOKEN=user.token)["user"]["name"] == user.name
    assert not newcomer.session_file.exists()
    error = newcomer.fail(ExitCode.NOT_LOGGED_IN, "whoami", YOUKU_TOKEN="no token of anybody")
    assert "log in again" in error["message"]


def test_a_token_is_worth_nothing_after_logout_wherever_it_is_kept(newcomer: Person) -> None:
    newcomer.do("register", newcomer.name)
    newcomer.do("login", newcomer.name)
    token = newcomer.token
    newcomer.do("logout")
    newcomer.fail(ExitCode.NOT_LOGGED_IN, "whoami", YOUKU_TOKEN=token)


def test_two_logins_are_two_sessions(server: RunningServer, newcomer: Person) -> None:
    with Wire(server.address) as here, Wire(server.address) as there:
        here.register(newcomer.name, PASSWORD)
        tokens = {wire.log_in(newcomer.name, PASSWORD)["token"] for wire in (here, there)}
        assert len(tokens) == 2
        here.ask("account.logout")
        assert there.ask("account.whoami")["user"]["name"] == newcomer.name


def test_a_name_that_many_register_at_once_is_one_account(server: RunningServer, newcomer: Person) -> None:
    wires = [Wire(server.address) for _ in range(8)]
    for wire in wires:
        wire.send("account.register", name=newcomer.name, **verifier_of(PASSWORD))
    replies = [wire.receive() for wire in wires]
    for wire in wires:
        wire.close()
    assert sorted(reply.get("error", "") for reply in replies) == ["", *["name_taken"] * 7]


def test_a_session_ends_when_its_time_has_come(
    server: RunningServer, newcomer: Person, execute: Callable[..., Any]
) -> None:
    with Wire(server.address) as wire:
        user = wire.register(newcomer.name, PASSWORD)["user"]
        session = wire.log_in(newcomer.name, PASSWORD)
    begun = datetime.fromisoformat(user["register_time"])
    assert timedelta(days=29) < datetime.fromisoformat(session["expire_time"]) - begun < timedelta(days=31)
    assert abs(datetime.now(UTC) - begun) < timedelta(hours=1), "times are UTC, wherever the server is"
    execute(server, "UPDATE session SET expire_time = ? WHERE user_id = ?", ["2020-01-01 00:00:00.000000", user["id"]])
    assert newcomer.fail(ExitCode.NOT_LOGGED_IN, "whoami", YOUKU_TOKEN=session["token"])["error"] == "not_logged_in"


def test_a_locked_account_is_told_so_and_nobody_else_is(
    server: RunningServer, newcomer: Person, execute: Callable[..., Any]
) -> None:
    with Wire(server.address) as wire:
        wire.register(newcomer.name, PASSWORD)
        token = wire.log_in(newcomer.name, PASSWORD)["token"]
    execute(server, "UPDATE `user` SET is_locked = 1 WHERE name = ?", [newcomer.name])
    assert newcomer.fail(ExitCode.FORBIDDEN, "whoami", YOUKU_TOKEN=token)["error"] == "account_locked"
    with Wire(server.address) as wire:
        assert wire.log_in(newcomer.name, PASSWORD)["error"] == "account_locked"
        assert wire.log_in(newcomer.name, "wrong")["error"] == "login_failed", "only who knows the password is told"


@on_sqlite_alone
def test_the_salts_of_unknown_names_stay_the_same_over_restarts_and_differ_between_libraries(
    own_server: RunningServer, server: RunningServer
) -> None:
    secret = own_server.data / "secret"
    before = secret.read_bytes()
    assert (len(before), stat.S_IMODE(secret.stat().st_mode)) == (32, 0o600)
    own_server.kill()
    own_server.start()
    assert secret.read_bytes() == before != (server.data / "secret").read_bytes()


def test_sessions_and_accounts_outlive_a_restart(own_server: RunningServer) -> None:
    bob = own_server.register("bob")
    own_server.restart()
    assert bob.do("whoami")["user"]["name"] == "bob"
    bob.do("login", "bob")


@on_sqlite_alone
def test_a_password_is_never_an_argument(server: RunningServer, newcomer: Person) -> None:
    for command in (["register"], ["login"]):
        newcomer.fail(ExitCode.USAGE, *command, newcomer.name, PASSWORD)
        help_text = newcomer.run(*command, "--help").stdout
        assert "YOUKU_PASSWORD" in help_text
        assert "--password" not in help_text
    assert "--password" not in server.command("create-admin", "--help").stdout


@on_sqlite_alone
def test_without_a_terminal_the_password_has_to_be_in_the_environment(server: RunningServer, newcomer: Person) -> None:
    del newcomer.environment["YOUKU_PASSWORD"]
    for command in ("register", "login"):
        assert "YOUKU_PASSWORD" in newcomer.fail(ExitCode.USAGE, command, newcomer.name)["message"]
    without = run(["youku-server", "create-admin", newcomer.name], server.environment)
    assert without.code == ExitCode.USAGE
    assert "YOUKU_PASSWORD" in without.stderr


def test_a_password_never_travels_and_is_nowhere_to_be_found(
    server: RunningServer, newcomer: Person, execute: Callable[..., Any]
) -> None:
    with Proxy(server.address) as proxy:
        newcomer.do("register", newcomer.name, YOUKU_SERVER=proxy.address)
        newcomer.do("login", newcomer.name, YOUKU_SERVER=proxy.address)
        travelled = b"".join(bytes(line.seen) for line in proxy.lines)
    assert newcomer.name.encode() in travelled
    tables = repr([execute(server, f"SELECT * FROM {table}") for table in ("`user`", "session")])
    assert newcomer.name in tables
    token = json.loads(newcomer.session_file.read_text())["sessions"][proxy.address]["token"]
    remembered = newcomer.session_file.read_text()
    for place in (server.log, tables, remembered, travelled.decode(errors="replace"), *files_below(server.data)):
        assert PASSWORD not in place
        assert json.dumps(PASSWORD) not in place
    for place in (server.log, tables, *files_below(server.data)):
        assert token not in place, "of a token the server keeps the hash alone"


def files_below(directory: Path) -> list[str]:
    """The contents of all files there, the database among them where it is SQLite."""
    return [path.read_bytes().decode(errors="replace") for path in directory.rglob("*") if path.is_file()]


def test_an_administrator_is_made_while_the_server_runs(server: RunningServer, newcomer: Person) -> None:
    made = server.command("create-admin", newcomer.name)
    assert made.code == ExitCode.OK
    assert f"youku login {newcomer.name}" in made.stdout
    assert newcomer.do("login", newcomer.name)["user"]["user_type"] == "admin"


def test_an_administrator_cannot_take_a_name_that_somebody_has(server: RunningServer, user: Person) -> None:
    refused = server.command("create-admin", user.name)
    assert is_one_line(refused)
    assert refused.code == ExitCode.CONFLICT
    assert "taken" in refused.stderr


def test_making_the_tables_again_changes_nothing(server: RunningServer, user: Person) -> None:
    assert server.command("init-db").code == ExitCode.OK
    assert user.do("whoami")["user"]["name"] == user.name


def is_one_line(outcome: Outcome) -> bool:
    """Whether that is all the command said."""
    return len(outcome.stderr.splitlines()) == 1 and not outcome.stdout
