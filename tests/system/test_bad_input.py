"""Bad input of every kind: a message that says what to do, a documented exit code, and everybody else still served.

That others are served is checked after each test by the fixture `server`.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.server import LIMIT, Outcome, Person, RunningServer, finish, run
from tests.system.conftest import MakeFile, on_sqlite_alone
from youku_evloop.errors import ExitCode

pytestmark = on_sqlite_alone

AS_ONE_WHOM_PERMISSIONS_BIND: Final = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Root may read everything; without these capabilities it may not."""


# -- the command


def test_an_unknown_command_names_those_that_are_meant(server: RunningServer, user: Person) -> None:
    error = user.fail(ExitCode.USAGE, "uplaod", "x.avi")
    assert error["error"] == "bad_request"
    assert "upload" in error["message"].replace("uplaod", "")


@pytest.mark.parametrize(
    "words",
    [("run", "--keep-deleted", "nan"), ("gc", "--keep-deleted", "inf"), ("run", "--statement-timeout", "nan"),
     ("run", "--slow-query", "nan"), ("run", "--rule", "free_wait=nan"), ("run", "--rule", "free_wait=1e12"),
     ("run", "--rule", "vip_month=100000000"), ("run", "--limit", "idle=inf"), ("run", "--limit", "turn=1.5"),
     ("run", "--listen", f"127.0.0.1:{'9' * 5000}"), ("gc", "--keep-deleted", "1e9")],
)  # fmt: skip
def test_what_is_no_number_is_no_setting(server: RunningServer, words: tuple[str, ...]) -> None:
    assert server.command(*words).code == ExitCode.USAGE


def test_an_unknown_option_is_named(server: RunningServer, user: Person) -> None:
    assert "--speed" in user.fail(ExitCode.USAGE, "download", "1", "--speed", "9")["message"]


def test_an_unknown_movie_is_not_found(server: RunningServer, user: Person) -> None:
    for command in (("show", "999999"), ("download", "999999")):
        error = user.fail(ExitCode.NOT_FOUND, *command)
        assert error["movie"] == 999999
        assert "youku list" in error["message"]


@pytest.mark.parametrize("number", ["0", "-1", "twelve", "9223372036854775808", "1" * 400])
def test_what_cannot_be_a_movies_number_is_refused(server: RunningServer, user: Person, number: str) -> None:
    user.fail(ExitCode.USAGE, "show", "--", number)


def test_an_unknown_upload_is_not_found(server: RunningServer, admin: Person) -> None:
    assert "youku uploads" in admin.fail(ExitCode.NOT_FOUND, "uploads", "cancel", "7f3a", "--yes")["message"]


def test_a_directory_is_no_file(server: RunningServer, admin: Person) -> None:
    assert "is a directory" in admin.fail(ExitCode.USAGE, "upload", admin.home)["message"]


def test_a_missing_file_is_named(server: RunningServer, admin: Person) -> None:
    assert "missing.avi" in admin.fail(ExitCode.NOT_FOUND, "upload", "missing.avi")["message"]


def test_an_unreadable_file_is_refused_with_the_reason(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    secret = make_file(1000)
    secret.chmod(0)
    prefix = AS_ONE_WHOM_PERMISSIONS_BIND if os.geteuid() == 0 else ()
    outcome = run([*prefix, "youku", "upload", str(secret), "--json"], admin.environment, admin.home)
    assert outcome.code == ExitCode.FORBIDDEN
    assert "permissions" in outcome.error["message"]


def test_an_empty_file_is_refused_with_the_reason(server: RunningServer, admin: Person, make_file: MakeFile) -> None:
    assert "empty" in admin.fail(ExitCode.USAGE, "upload", make_file(0))["message"]
    with admin.wire() as wire:
        error = wire.refused("upload.create", name="x", size=0, fingerprint="0" * 64)
        assert error["error"] == "bad_request"
        assert "empty" in error["message"]


def test_a_file_that_no_disk_holds_is_refused_with_the_numbers(
    server: RunningServer, admin: Person, tmp_path: Path
) -> None:
    sparse = tmp_path / "directory" / "sparse.avi"
    sparse.parent.mkdir()
    sparse.touch()
    os.truncate(sparse, 2**43)
    assert admin.fail(ExitCode.TEMPORARY, "upload", sparse)["needed"] >= 2**43
    assert admin.fail(ExitCode.TEMPORARY, "sync", sparse.parent)["error"] == "no_space"


def test_what_is_no_file_to_go_back_in_is_refused(server: RunningServer, admin: Person, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "copy it" in admin.fail(ExitCode.USAGE, "upload", tmp_path / "pipe")["message"]


@pytest.mark.parametrize("title", ["", " ", "a\nb", "x" * 201])
def test_what_is_no_title_is_refused(server: RunningServer, admin: Person, make_file: MakeFile, title: str) -> None:
    assert "title" in admin.fail(ExitCode.USAGE, "upload", make_file(10), "--title", title)["message"]


def test_prices_are_for_paid_movies_and_are_prices(server: RunningServer, admin: Person, make_file: MakeFile) -> None:
    video = make_file(10)
    assert "--charge" in admin.fail(ExitCode.USAGE, "upload", video, "--price", "5")["message"]
    for price in ("-1", "1.005", "nan", "1e9", "cheap"):
        admin.fail(ExitCode.USAGE, "upload", video, "--charge", f"--price={price}")


@pytest.fixture
def movie(admin: Person, make_file: MakeFile) -> Iterator[str]:
    """The number of a movie of 100,000 bytes."""
    yield str(admin.do("upload", make_file(100_000))["uploaded"][0]["movie"]["id"])


@pytest.mark.parametrize("beginning", [b"these are other bytes", b"\0" * 100_000, b"x" * 100_001])
def test_a_download_is_not_resumed_onto_other_bytes(
    server: RunningServer, user: Person, movie: str, tmp_path: Path, beginning: bytes
) -> None:
    partial = tmp_path / "copy.avi.part"
    partial.write_bytes(beginning)
    error = user.fail(ExitCode.INTEGRITY, "download", movie, "-o", tmp_path / "copy.avi")
    assert "--restart" in error["message"]
    assert partial.read_bytes() == beginning, "it may be somebody's only copy of something"
    assert not (tmp_path / "copy.avi").exists()
    user.do("download", movie, "-o", tmp_path / "copy.avi", "--restart")
    assert (tmp_path / "copy.avi").stat().st_size == 100_000


def test_a_download_does_not_replace_another_file(
    server: RunningServer, user: Person, movie: str, tmp_path: Path
) -> None:
    (tmp_path / "copy.avi").write_bytes(b"precious")
    error = user.fail(ExitCode.CONFLICT, "download", movie, "-o", tmp_path / "copy.avi")
    assert "--force" in error["message"]
    assert (tmp_path / "copy.avi").read_bytes() == b"precious"


def test_a_download_needs_a_place_to_go(server: RunningServer, user: Person, movie: str, tmp_path: Path) -> None:
    user.fail(ExitCode.NOT_FOUND, "download", movie, "-o", tmp_path / "missing" / "copy.avi")


def test_a_server_that_does_not_run_is_named(server: RunningServer, user: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"127.0.0.1:{probe.getsockname()[1]}"
    error = user.fail(ExitCode.TEMPORARY, "list", YOUKU_SERVER=nobody, YOUKU_TOKEN=user.token)
    assert error["error"] == "unreachable"
    assert nobody in error["message"] and "--server" in error["message"]


@pytest.mark.parametrize("address", ["", "nonsense:port", "127.0.0.1:0", "127.0.0.1:99999", "http://127.0.0.1/"])
def test_what_is_no_address_is_refused_with_what_is(server: RunningServer, user: Person, address: str) -> None:
    assert "HOST:PORT" in user.fail(ExitCode.USAGE, "ping", "--server", address)["message"]


def test_something_that_is_no_youku_server_is_recognised(server: RunningServer, user: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        process = user.start("ping", "--json", "--retry", "0", YOUKU_SERVER=address)
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 mail.example ESMTP\r\n")
            outcome = finish(process)
    assert outcome.code == ExitCode.FAILURE
    assert "Youku" in outcome.error["message"]


def test_a_session_file_that_is_damaged_says_what_to_do(server: RunningServer, newcomer: Person) -> None:
    newcomer.session_file.parent.mkdir(parents=True)
    newcomer.session_file.write_text("{")
    assert "log in again" in newcomer.fail(ExitCode.USAGE, "whoami")["message"]


# -- the server's own command


def refusal(server: RunningServer, *options: str, data: Path | None = None) -> Outcome:
    """What a second `youku-server run` says before it gives up."""
    environment = {**server.environment, "YOUKU_DATA": str(data or server.data)}
    outcome = run(["youku-server", "run", *options], environment)
    assert outcome.stderr.count("youku-server: ") == 1 and "Traceback" not in outcome.stderr
    return outcome


def test_a_port_in_use_is_named(server: RunningServer, tmp_path: Path) -> None:
    outcome = refusal(server, "--listen", server.address, data=tmp_path / "other")
    assert outcome.code == ExitCode.TEMPORARY
    assert server.address in outcome.stderr and "another" in outcome.stderr


def test_a_data_directory_in_use_is_named(server: RunningServer) -> None:
    outcome = refusal(server, "--listen", "127.0.0.1:0")
    assert outcome.code == ExitCode.CONFLICT
    assert str(server.data) in outcome.stderr and "--data" in outcome.stderr


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "127.0.0.1.example:0", "localhost.example:0", "[::1:2]:0"]
)
def test_an_address_that_others_reach_is_refused_without_encryption(
    server: RunningServer, tmp_path: Path, address: str
) -> None:
    outcome = refusal(server, "--listen", address, data=tmp_path / "other")
    assert outcome.code == ExitCode.USAGE
    assert "--insecure" in outcome.stderr


def test_an_address_of_version_6_is_said_as_the_client_takes_it(server: RunningServer, tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    running = RunningServer(tmp_path / "server")
    running.host = "[::1]"
    with running:
        assert running.address.startswith("[::1]:")
        running.somebody("anybody").do("ping")


@pytest.mark.parametrize("address", ["9685", "localhost", "127.0.0.1:http", "127.0.0.1:65536", ":9685"])
def test_what_is_no_address_to_listen_on_is_refused(server: RunningServer, tmp_path: Path, address: str) -> None:
    outcome = refusal(server, "--listen", address, data=tmp_path / "other")
    assert outcome.code == ExitCode.USAGE
    assert "HOST:PORT" in outcome.stderr


def test_an_address_of_another_machine_is_refused(server: RunningServer, tmp_path: Path) -> None:
    outcome = refusal(server, "--listen", "192.0.2.1:0", "--insecure", data=tmp_path / "other")
    assert outcome.code == ExitCode.TEMPORARY
    assert "192.0.2.1" in outcome.stderr


def test_a_data_directory_that_cannot_be_one_is_named(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    outcome = run(
        ["youku-server", "run", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "file" / "data")],
        {**server.environment},
    )
    assert outcome.code == ExitCode.TEMPORARY
    assert str(tmp_path / "file") in outcome.stderr
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "blobs").write_text("not a directory")
    outcome = refusal(server, "--listen", "127.0.0.1:0", data=tmp_path / "data")
    assert outcome.code == ExitCode.TEMPORARY
    assert str(tmp_path / "data" / "blobs") in outcome.stderr
    assert "--listen" not in outcome.stderr, "the address is not what is wrong"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgres://localhost/youku", ExitCode.USAGE),
        ("mysql://", ExitCode.USAGE),
        ("mysql://u:secret-word@127.0.0.1:1/youku", ExitCode.TEMPORARY),
        ("sqlite:////nowhere/x.db", ExitCode.TEMPORARY),
    ],
)
def test_a_database_that_cannot_be_had_is_named_without_its_password(
    server: RunningServer, tmp_path: Path, url: str, code: ExitCode
) -> None:
    outcome = run(
        ["youku-server", "run", "--listen", "127.0.0.1:0", "--data", str(tmp_path)],
        {**server.environment, "YOUKU_DATABASE": url},
    )
    assert outcome.code == code
    assert "--database" in outcome.stderr
    assert "secret-word" not in outcome.stderr


def test_an_endless_notice_is_refused_before_memory_is_full(server: RunningServer, admin: Person) -> None:
    with open("/dev/zero") as endless:
        command = admin._command(["notice", "publish", "Endless", "-"])
        done = subprocess.run(command, env=admin.environment, stdin=endless, stderr=subprocess.PIPE, timeout=LIMIT)
    assert done.returncode == ExitCode.USAGE
    assert b"1 to 4000 characters" in done.stderr
