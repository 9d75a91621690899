"""What people and scripts see of `youku`: results, messages, errors, exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from client_cli import text
from tests.client.command import YOUKU, Command, environment_of, on_a_terminal
from tests.client.peer import HangUp, Peer
from youku_evloop.errors import ExitCode, PaymentRequired, WaitRequired

DATA = b"moving pictures" * 10_000


# ---------------------------------------------------------------- accounts


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


# ---------------------------------------------------------------- movies


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


# ---------------------------------------------------------------- transfers


def test_an_upload_and_a_download(command: Command, peer: Peer) -> None:
    Path("holiday.avi").write_bytes(DATA)
    assert command("upload", "holiday.avi").out == "1  holiday.avi  (146.5 KiB)\n"
    assert command("download", "1", "-o", "copy.avi").out == "copy.avi  (146.5 KiB, hash verified)\n"
    assert Path("copy.avi").read_bytes() == DATA
    assert (
        command("download", "1", "-o", "copy.avi").out == "copy.avi is there already, whole and the same (146.5 KiB).\n"
    )


def test_transfers_as_documents(command: Command, peer: Peer) -> None:
    Path("holiday.avi").write_bytes(DATA)
    uploaded = command("upload", "holiday.avi", "--json").document
    assert uploaded["failed"] == []
    assert uploaded["uploaded"][0]["path"] == "holiday.avi"
    assert uploaded["uploaded"][0]["movie"]["size"] == len(DATA)
    Path("holiday.avi.part").write_bytes(DATA[:1000])
    Path("holiday.avi").unlink()
    downloaded = command("download", "1", "--json").document["downloaded"][0]
    assert (downloaded["path"], downloaded["resumed_from"], downloaded["was_there"]) == ("holiday.avi", 1000, False)


def test_options_of_an_upload_travel(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    command("upload", "a.avi", "--charge", "--title", "T", "--price", "9.90", "--vip-price", "0", "--again")
    create = dict(peer.requests)["upload.create"]
    assert (create["name"], create["is_free"], create["price"], create["vip_price"], create["again"]) == (
        "T",
        False,
        990,
        0,
        True,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--price", "1"),
        ("--charge", "--price", "1.234"),
        ("--charge", "--price", "-1"),
        ("--charge", "--price", "NaN"),
        ("--limit-rate", "soon"),
        ("b.avi", "--title", "T"),
        ("--unknown",),
    ],
)
def test_options_that_make_no_sense_are_a_usage_error(command: Command, peer: Peer, arguments: tuple[str, ...]) -> None:
    Path("a.avi").write_bytes(DATA)
    said = command("upload", "a.avi", *arguments)
    assert said.code == ExitCode.USAGE
    assert said.err.startswith("youku: ")
    assert len(said.err.splitlines()) == 1
    assert peer.ops() == []


def test_of_several_uploads_each_is_tried(command: Command, peer: Peer) -> None:
    for name in ("a.avi", "b.avi"):
        Path(name).write_bytes(DATA + name.encode())
    said = command("upload", "a.avi", "missing.avi", ".", "b.avi", "--json")
    assert said.code == ExitCode.NOT_FOUND
    document = json.loads(said.out)
    assert [entry["path"] for entry in document["uploaded"]] == ["a.avi", "b.avi"]
    assert [(entry["path"], entry["error"]) for entry in document["failed"]] == [
        ("missing.avi", "not_found"),
        (".", "bad_request"),
    ]
    assert "2 of 4 failed" in json.loads(said.err.splitlines()[-1])["message"]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, ExitCode.NOT_FOUND),
        (lambda path: path.mkdir(), ExitCode.USAGE),
        (lambda path: path.touch(), ExitCode.USAGE),
    ],
)
def test_what_cannot_be_uploaded_has_its_exit_code(command: Command, peer: Peer, make: Any, code: ExitCode) -> None:
    make(Path("thing"))
    assert command("upload", "thing").code == code
    assert peer.requests == []


def test_a_corrupted_part_has_its_exit_code_and_its_way_out(command: Command, peer: Peer) -> None:
    peer.add_movie(DATA)
    Path("A movie.avi.part").write_bytes(b"something else")
    said = command("download", "1")
    assert said.code == ExitCode.INTEGRITY
    assert "A movie.avi.part" in said.err and "--restart" in said.err
    assert command("download", "1", "--restart").code == 0


def test_several_downloads_need_a_directory(command: Command, peer: Peer) -> None:
    for name in ("a.avi", "b.avi"):
        peer.add_movie(name.encode(), name)
    assert command("download", "1", "2", "-o", "one.avi").code == ExitCode.USAGE
    Path("videos").mkdir()
    assert command("download", "1", "2", "-o", "videos").code == 0
    assert sorted(path.name for path in Path("videos").iterdir()) == ["a.avi", "b.avi"]


def test_unfinished_uploads_can_be_seen_and_cancelled(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    peer.cuts = [100_000]
    assert command("upload", "a.avi", "--retry", "0").code == ExitCode.TEMPORARY
    assert command("uploads", "-q").out == "u1\n"
    assert command("uploads", "--json").document["uploads"][0]["size"] == len(DATA)
    assert command("uploads", "cancel", "u1").out == "Cancelled upload u1.\n"
    assert command("uploads", "-q").out == ""
    assert command("uploads", "cancel", "u1").code == ExitCode.NOT_FOUND


def test_an_upload_that_resumes_says_from_where(command: Command, peer: Peer) -> None:
    data = DATA * 30
    Path("a.avi").write_bytes(data)
    peer.cuts = [len(data) - 1]
    assert "resuming" not in command("upload", "a.avi", "--retry", "0").err
    held = len(peer.parts["u1"])
    assert 0 < held < len(data)
    expected = f"a.avi: the server has {text.size(held)} of {text.size(len(data))} already; resuming from there.\n"
    assert command("upload", "a.avi").err == expected


def test_a_lost_connection_is_retried_and_said(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    peer.cuts = [100_000]
    said = command("upload", "a.avi")
    assert said.code == 0
    assert "was lost" in said.err and "(1 of 5)" in said.err


def test_progress_as_lines_of_json(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    lines = [json.loads(line) for line in command("upload", "a.avi", "--progress", "json").err.splitlines()]
    assert {line["event"] for line in lines} == {"progress"}
    assert lines[-1]["phase"] == "finishing"
    assert any(line["phase"] == "transferring" and line["done"] == len(DATA) for line in lines)


def test_quiet_is_quiet(command: Command, peer: Peer) -> None:
    Path("a.avi").write_bytes(DATA)
    said = command("upload", "a.avi", "-q")
    assert (said.out, said.err) == ("1\n", "")


# ---------------------------------------------------------------- errors


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
    said = command("download", "1")
    assert (said.code, said.err) == (code, f"youku: {error}\n")


def test_an_error_is_an_object_for_those_who_want_json(command: Command) -> None:
    said = command("show", "9", "--json")
    assert (said.code, said.out) == (ExitCode.NOT_FOUND, "")
    assert json.loads(said.err) == {"ok": False, "error": "not_found", "message": "There is no movie 9.", "movie": 9}


@pytest.mark.parametrize("arguments", [("lst",), ("show",), ("show", "x"), ("list", "--type", "odd"), ("--what",)])
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


# ---------------------------------------------------------------- processes and terminals


def test_a_reader_that_has_enough_is_no_error(peer: Peer, tmp_path: Path) -> None:
    for number in range(50):
        peer.add_movie(b"x", f"Movie {number} " + "x" * 150)
    environment = environment_of(tmp_path, peer)
    reading, writing = os.pipe()
    with subprocess.Popen([*YOUKU, "list"], env=environment, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(reading)
        os.close(writing)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_an_interrupted_transfer_says_how_to_go_on(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(DATA)
    process = subprocess.Popen(
        [*YOUKU, "upload", "a.avi", "--limit-rate", "20k"],
        env=environment_of(tmp_path, peer),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def interrupt(op: str, arguments: dict[str, Any]) -> None:
        if op == "upload.write":
            process.send_signal(signal.SIGINT)

    peer.before = interrupt
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert said == b"youku: Stopped. Repeat the same command: it goes on where this one was.\n"


def test_people_see_tables_that_fit(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA, "很长的标题 " * 15)
    for columns in (80, 200):
        screen = on_a_terminal("list", environment=environment_of(tmp_path, peer), directory=tmp_path, columns=columns)
        assert "146.5 KiB" in screen.text
        assert all(text.width(line) <= columns for line in screen.lines)
    assert screen.code == 0


def test_people_are_asked_before_something_is_deleted(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA)
    environment = environment_of(tmp_path, peer)
    refused = on_a_terminal("delete", "1", environment=environment, directory=tmp_path, typed=[("[y/N]", "n")])
    assert "Delete movie 1, 'A movie.avi' (146.5 KiB)? [y/N]" in refused.text
    assert refused.code == ExitCode.INTERRUPTED
    assert list(peer.movies) == [1]
    assert on_a_terminal("delete", "1", environment=environment, directory=tmp_path, typed=[("[y/N]", "y")]).code == 0
    assert peer.movies == {}


def test_people_type_a_new_password_twice_and_unseen(peer: Peer, tmp_path: Path) -> None:
    environment = environment_of(tmp_path, peer)
    differing = on_a_terminal(
        "register",
        "alice",
        environment=environment,
        directory=tmp_path,
        typed=[("password for alice", "first try"), ("again", "second")],
    )
    assert differing.code == ExitCode.USAGE
    assert "differ" in differing.text
    assert "first" not in differing.text
    assert peer.accounts == {}
    typed = [("password for alice", "correct horse"), ("again", "correct horse")]
    assert on_a_terminal("register", "alice", environment=environment, directory=tmp_path, typed=typed).code == 0
    assert "alice" in peer.accounts


def test_people_see_a_bar(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(DATA)
    screen = on_a_terminal("upload", "a.avi", environment=environment_of(tmp_path, peer), directory=tmp_path)
    assert screen.code == 0
    assert "a.avi" in screen.text and "100%" in screen.text


def test_colours_can_be_switched_off(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA)
    environment = {**environment_of(tmp_path, peer), "NO_COLOR": "1"}
    assert "\x1b[3" not in on_a_terminal("list", environment=environment, directory=tmp_path).text


def test_a_lost_answer_to_a_deletion_is_not_taken_for_one(command: Command, peer: Peer) -> None:
    def hang_up(op: str, arguments: dict[str, Any]) -> None:
        if op == "movie.delete":
            raise HangUp

    peer.add_movie(DATA)
    peer.before = hang_up
    assert command("delete", "1", "--yes").code == ExitCode.TEMPORARY


def test_names_that_are_no_text_can_be_sent_and_shown(command: Command, peer: Peer) -> None:
    odd = os.fsdecode(b"caf\xe9.avi")
    Path(odd).write_bytes(DATA)
    assert command("upload", odd, "--json").document["uploaded"][0]["path"] == "caf\ufffd.avi"
    Path(odd).unlink()
    assert command("download", "1", "-o", odd, "--json").document["downloaded"][0]["path"] == "caf\ufffd.avi"
    assert Path(odd).read_bytes() == DATA


def test_json_is_json_in_any_encoding(peer: Peer, tmp_path: Path) -> None:
    peer.add_movie(DATA, "电影 🎬")
    environment = {**environment_of(tmp_path, peer), "PYTHONIOENCODING": "ascii"}
    for form in ("--json", "--json-lines"):
        assert "🎬" in str(json.loads(subprocess.check_output([*YOUKU, "list", form], env=environment)))
    assert b"\\u7535" in subprocess.check_output([*YOUKU, "list"], env=environment)


def test_a_full_disk_behind_standard_output_is_one_line(peer: Peer, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*YOUKU, "whoami"], env=environment_of(tmp_path, peer), stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == ExitCode.FAILURE
    assert done.stderr == b"youku: Standard output: No space left on device.\n"


def test_youku_alone_shows_its_help(command: Command) -> None:
    said = command()
    assert said.code == 0
    assert "Commands:" in said.out
