"""What people and scripts see of `youku`: results, messages, errors, exit codes."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client.command import YOUKU, Command, environment_of
from tests.client.peer import Peer
from tests.client.talk import LATER
from youku_evloop.errors import ExitCode, PaymentRequired, WaitRequired

DATA = b"moving pictures" * 10_000


def test_registering_says_what_to_do_next(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUKU_PASSWORD", "correct horse")
    said = command("register", "alice")
    assert (said.code, said.out, said.err) == (0, "Registered alice.\n", "Log in next: youku login alice\n")


def test_a_login_is_remembered_until_the_logout(
    command: Command, peer: Peer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("YOUKU_TOKEN")
    monkeypatch.setenv("YOUKU_PASSWORD", "correct horse")
    assert command("whoami").code == ExitCode.NOT_LOGGED_IN
    command("register", "somebody")
    login = command("login", "somebody")
    assert login.out == f"Logged in at {peer.address} as somebody (user).\n"
    assert "correct" not in login.out + login.err
    monkeypatch.delenv("YOUKU_PASSWORD")
    assert command("whoami", "--json").document["user"]["user_type"] == "admin"  # the peer knows one token
    assert command("logout").out == f"Logged out of {peer.address}.\n"
    assert command("whoami").code == ExitCode.NOT_LOGGED_IN
    sessions = tmp_path / "home" / ".local" / "state" / "youku" / "sessions.json"
    assert json.loads(sessions.read_text())["sessions"] == {}


def test_logging_out_twice_does_no_harm(command: Command, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YOUKU_TOKEN")
    assert command("logout", "--json").document == {"server": peer.address, "was_logged_in": False}


def test_a_password_is_asked_of_people_or_of_the_environment(
    command: Command, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = command("login", "alice")
    assert said.code == ExitCode.USAGE
    assert "YOUKU_PASSWORD" in said.err
    monkeypatch.setenv("YOUKU_PASSWORD", "")
    assert "may not be empty" in command("register", "alice").err
    assert peer.requests == []


def test_a_wrong_password_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUKU_PASSWORD", "wrong")
    said = command("login", "nobody")
    assert (said.code, said.err) == (ExitCode.NOT_LOGGED_IN, "youku: Wrong name or password.\n")


def test_whoami_in_every_form(command: Command, peer: Peer) -> None:
    assert command("whoami").out == f"admin (admin) at {peer.address}\n"
    assert command("whoami", "--json").document["user"]["name"] == "admin"
    assert json.loads(command("whoami", "--json-lines").out)["name"] == "admin"
    assert command("whoami", "-q").out == "admin\n"


def test_a_list_is_plain_text_in_a_pipe(command: Command, peer: Peer) -> None:
    peer.add_movie(DATA, "假期.avi")
    peer.add_movie(b"x", "The\tFeature", is_free=False, price=2000, vip_price=990)
    assert command("list").out == (
        "ID    SIZE  PRICE   VIP  PUBLISHED             BY     TITLE\n"
        " 2       1  20.00  9.90  2026-11-21T08:15:30Z  admin  The?Feature\n"
        " 1  150000   free  free  2026-11-21T08:15:30Z  admin  假期.avi\n"
    )


def test_a_list_pages_by_itself(command: Command, peer: Peer) -> None:
    for number in range(120):
        peer.add_movie(b"x", f"Movie {number}")
    said = command("list", "--quiet")
    assert said.out.split() == [str(number) for number in range(120, 70, -1)]
    assert command("list", "--limit", "0", "-q").out.split()[-1] == "1"
    assert command("list", "--limit", "70", "--json").document["more"] is True
    assert "--limit 0 lists them all" in command("list").err
    assert len(command("list", "--limit", "60", "--json-lines").out.splitlines()) == 60


def test_an_empty_list_is_an_empty_table(command: Command) -> None:
    assert command("list").out == "ID  SIZE  PRICE  VIP  PUBLISHED  BY  TITLE\n"
    assert command("list", "--json").document == {"movies": [], "more": False}
    assert command("list", "-q").out == ""


def test_the_kind_of_movie_is_passed_on(command: Command, peer: Peer) -> None:
    peer.add_movie(b"x")
    peer.add_movie(b"y", is_free=False)
    assert command("list", "--type", "free", "-q").out == "1\n"
    assert command("list", "--type", "charge", "-q").out == "2\n"


def test_one_movie_in_full(command: Command, peer: Peer) -> None:
    peer.add_movie(DATA, "A title", description="Long\x1b[2J", is_free=False, price=2000, vip_price=1000)
    lines = command("show", "1").out.splitlines()
    assert lines[1:4] == [
        "Title:        A title",
        "Size:         146.5 KiB (150000 bytes)",
        "Price:        20.00 yuan, 10.00 for VIPs",
    ]
    assert lines[-1] == "Description:  Long?[2J"
    assert command("show", "1", "--json").document["movie"]["price"] == 2000
    assert command("show", "1", "-q").out == "1\n"


def test_deleting_needs_a_yes(command: Command, peer: Peer) -> None:
    peer.add_movie(DATA)
    said = command("delete", "1")
    assert (said.code, "--yes" in said.err) == (ExitCode.USAGE, True)
    assert command("delete", "1", "--yes").out == "Deleted movie 1: A movie.avi\n"
    assert peer.movies == {}
    assert command("delete", "1", "--yes").code == ExitCode.NOT_FOUND


def test_a_deleted_movie_is_brought_back(command: Command, peer: Peer) -> None:
    peer.add_movie(DATA)
    said = command("delete", "1", "--yes", "--json")
    assert said.document["restorable_until"] == LATER
    assert LATER in said.err
    assert command("restore", "1").out == "Restored movie 1: A movie.avi\n"
    assert list(peer.movies) == [1]
    assert command("restore", "1").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    ("error", "code"),
    [(PaymentRequired("Buy it first.", movie=1, price=2000), 7), (WaitRequired("Wait.", wait=20), 8)],
)
def test_every_error_ends_with_its_exit_code(command: Command, peer: Peer, error: Exception, code: int) -> None:
    def refuse(op: str, arguments: dict[str, Any]) -> None:
        if op == "movie.read":
            raise error

    peer.add_movie(DATA)
    peer.before = refuse
    said = command("download", "1", "--retry", "0")
    assert (said.code, said.err) == (code, f"youku: {error}\n")


def test_an_error_is_an_object_for_those_who_want_json(command: Command) -> None:
    said = command("show", "9", "--json")
    assert (said.code, said.out) == (ExitCode.NOT_FOUND, "")
    assert json.loads(said.err) == {"ok": False, "error": "not_found", "message": "There is no movie 9.", "movie": 9}


@pytest.mark.parametrize("arguments", [("lst",), ("show",), ("list", "--type", "odd"), ("--what",)])
def test_a_mistyped_command_is_one_line(command: Command, arguments: tuple[str, ...]) -> None:
    said = command(*arguments)
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert len(said.err.splitlines()) == 1
    error = json.loads(command(*arguments, "--json").err)
    assert (error["ok"], error["error"]) == (False, "bad_request")


def test_a_mistyped_command_gets_a_suggestion(command: Command) -> None:
    assert "did you mean download?" in command("donwload", "1").err
    assert "did you mean cancel?" in command("uploads", "cancle", "1").err
    assert "`youku --help` lists them all" in command("xyzzy").err


def test_options_may_stand_before_or_after_the_command(
    command: Command, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOUKU_SERVER", "127.0.0.1:1")
    assert command("--server", peer.address, "ping", "-q").out == f"{peer.address}\n"
    assert command("ping", "--server", peer.address, "-q").out == f"{peer.address}\n"
    assert command("--server", "127.0.0.1:2", "ping", "--server", peer.address, "-q").code == 0
    assert command("--json", "whoami", "--server", peer.address).document["user"]["name"] == "admin"


def test_every_option_has_its_variable(command: Command, monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
    peer.add_movie(b"x")
    monkeypatch.setenv("YOUKU_JSON", "1")
    monkeypatch.setenv("YOUKU_LIST_TYPE", "charge")
    assert command("list").document == {"movies": [], "more": False}


@pytest.mark.parametrize("server", ["http://a:80", "a:b", ":", "a:99999"])
def test_a_server_that_is_none_is_a_usage_error(command: Command, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setenv("YOUKU_SERVER", server)
    said = command("list")
    assert said.code == ExitCode.USAGE
    assert "HOST:PORT" in said.err


def test_a_server_that_does_not_run_is_said_at_once(
    command: Command, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("YOUKU_SERVER", address)
    said = command("list")
    assert said.code == ExitCode.TEMPORARY
    assert f"youku-server run --listen {address}" in said.err
    assert pauses == []


def test_a_stale_token_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUKU_TOKEN", "stale")
    assert command("list").code == ExitCode.NOT_LOGGED_IN


def test_a_token_that_is_no_text_is_a_usage_error(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUKU_TOKEN", "\udcff")
    said = command("list")
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert "UTF-8" in said.err


def test_a_timeout_that_is_no_number_is_a_usage_error(command: Command) -> None:
    assert command("ping", "--timeout", "nan").code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("arguments", "closed", "code"),
    [
        ("ping", "1", ExitCode.FAILURE),  # its result was lost
        ("show 99", "2", ExitCode.NOT_FOUND),
        ("delete 99", "0", ExitCode.USAGE),  # nobody to ask
    ],
)
def test_a_closed_stream_is_no_crash(peer: Peer, tmp_path: Path, arguments: str, closed: str, code: ExitCode) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {arguments} {closed}>&-', "sh", *YOUKU],
        env=environment_of(tmp_path, peer),
        cwd=tmp_path,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "nobody foresaw" not in done.stderr


def test_what_nobody_foresaw_is_one_line_unless_somebody_debugs(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("client_cli.client.Client.ping", fail)
    said = command("ping")
    assert said.code == ExitCode.FAILURE
    assert said.err == "youku: Something went wrong that nobody foresaw: ZeroDivisionError: division by zero\n"
    assert "Traceback" in command("ping", "--debug").err


def test_what_an_older_server_does_not_know_yet_is_no_mistake_of_the_person(command: Command) -> None:
    said = command("vip")
    assert (said.code, said.err) == (
        ExitCode.USAGE,
        "youku: The server is older than this program: it has no command 'vip.show' yet.\n",
    )
    assert "There is no command 'vip.show'" in command("api", "vip.show").err
