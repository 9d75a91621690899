"""Bad input of every kind: a message that says what to do, a documented exit code, and everybody else still served.

That others are served is checked after each test by the fixture `server`.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.server import Outcome, Person, RunningServer, finish, run
from tests.support.wire import Wire
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
    assert "youku uploads" in admin.fail(ExitCode.NOT_FOUND, "uploads", "cancel", "7f3a")["message"]


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
    running.start()
    try:
        assert running.address.startswith("[::1]:")
        running.somebody("anybody").do("ping")
        running.stop()
    finally:
        running.kill()


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
    "url",
    ["postgres://localhost/youku", "mysql://", "mysql://u:secret-word@127.0.0.1:1/youku", "sqlite:////nowhere/x.db"],
)
def test_a_database_that_cannot_be_had_is_named_without_its_password(
    server: RunningServer, tmp_path: Path, url: str
) -> None:
    outcome = run(
        ["youku-server", "run", "--listen", "127.0.0.1:0", "--data", str(tmp_path)],
        {**server.environment, "YOUKU_DATABASE": url},
    )
    assert outcome.code == ExitCode.TEMPORARY
    assert "--database" in outcome.stderr
    assert "secret-word" not in outcome.stderr


# -- frames


def last_words(wire: Wire) -> dict[str, object]:
    """The error that a broken frame gets: the last thing that the server says."""
    error = wire.receive()
    assert (error["id"], error["ok"]) == (None, False)
    assert wire.rest() == b"", "nothing follows"
    return error


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x00\x01",  # one byte more than a frame may have
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
        b"hello?\r\n",
    ],
)
def test_bytes_that_are_no_frame_end_the_connection_with_the_reason(server: RunningServer, data: bytes) -> None:
    with Wire(server.address) as wire:
        wire.send_bytes(data)
        assert last_words(wire)["error"] == "broken_frame"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"not JSON",
        b"[]",
        b'"ping"',
        b"7",
        b"null",
        b'\xff\xfe{"id":1}',
        b'{"id":1,"op":"ping"} ',
        b'{"id":1,"op":"ping","body":-1}',
        b'{"id":1,"op":"ping","body":16777217}',
        b'{"id":1,"op":"ping","body":"5"}',
        b'{"id":1,"op":"ping","body":1.5}',
        b"[" * 60_000,
        b'{"id":1,"op":"ping","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"id":1,"op":"ping","x":' + b'{"a":' * 12_000 + b"1" + b"}" * 12_000 + b"}",
        b'{"id":' + b"1" * 60_000 + b',"op":"ping"}',
    ],
)
def test_a_frame_that_is_no_object_is_answered_and_harms_nobody(server: RunningServer, payload: bytes) -> None:
    with Wire(server.address) as wire:
        wire.send_payload(payload)
        reply = wire.receive()
        assert reply["ok"] in (True, False)
        if reply["ok"] is False and reply["error"] == "broken_frame":
            assert reply["id"] is None and reply["message"]
            assert wire.rest() == b""
        else:
            wire.ask("ping")


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"not JSON", b"[]", b"7", b'\xff\xfe{"id":1}', b'{"id":1,"op":"ping","body":-1}']
)
def test_a_frame_that_is_no_object_ends_the_connection_with_the_reason(server: RunningServer, payload: bytes) -> None:
    with Wire(server.address) as wire:
        wire.send_payload(payload)
        assert last_words(wire)["error"] == "broken_frame"


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"id": 1, "op": "movie.lits"}, "movie.lits"),
        ({"id": 1, "op": 5}, "op"),
        ({"id": 1}, "op"),
        ({"op": "ping"}, "id"),
        ({"id": "1", "op": "ping"}, "id"),
        ({"id": 1, "op": "ping", "extra": 1}, "extra"),
        ({"id": 1, "op": "movie.show"}, "movie"),
        ({"id": 1, "op": "movie.show", "movie": "1"}, "movie"),
        ({"id": 1, "op": "movie.show", "movie": 2**63}, "movie"),
        ({"id": 1, "op": "movie.list", "type": "cheap"}, "type"),
        ({"id": 1, "op": "movie.list", "limit": 51}, "limit"),
        ({"id": 1, "op": "movie.list", "limit": 0}, "limit"),
        ({"id": 1, "op": "movie.list", "cursor": "\u0661"}, "cursor"),
        ({"id": 1, "op": "movie.read", "movie": 1, "offset": None}, "offset"),
        ({"id": 1, "op": "upload.status", "upload": "x" * 60_000}, "upload"),
        ({"id": 1, "op": "upload.create", "name": "x", "size": 1, "fingerprint": "X" * 64}, "fingerprint"),
        ({"id": 1, "op": "upload.create", "name": "x", "size": 2**63, "fingerprint": "0" * 64}, "size"),
        ({"id": 1, "op": "upload.finish", "upload": "x", "hash": "0" * 63}, "hash"),
        ({"id": 1, "op": "ping", "x" * 65_000: 1}, "xxxx"),
        ({"id": 1, "op": "ping", "body": 5}, "ping"),
    ],
)
def test_a_wrong_request_names_what_is_wrong_and_the_connection_lives_on(
    server: RunningServer, admin: Person, request_: dict[str, object], named: str
) -> None:
    with admin.wire() as wire:
        wire.send_payload(json.dumps(request_).encode())
        wire.send_bytes(b"\0" * (5 if "body" in request_ else 0))
        error = wire.receive()
        assert error["error"] == ("unknown_command" if named == "movie.lits" else "bad_request")
        assert error["id"] == (1 if request_.get("id") == 1 else None)
        assert named in error["message"]
        wire.ask("ping")


def test_the_body_of_a_refused_request_is_read_and_dropped(server: RunningServer, user: Person) -> None:
    with user.wire() as wire:
        assert wire.refused("upload.write", body=b"\0" * 3_000_000, upload="x", offset=0)["error"] == "forbidden"
        assert wire.refused("nonsense", body=b"\0" * 3_000_000)["error"] == "unknown_command"
        assert wire.refused("ping", body=b"\0" * 3_000_000)["error"] == "bad_request"
        wire.ask("ping")


def test_requests_are_answered_in_order_however_many_come_at_once(server: RunningServer, user: Person) -> None:
    with user.wire() as wire:
        sent = [wire.send("movie.list" if n % 3 else "ping") for n in range(200)]
        assert [wire.receive()["id"] for _ in sent] == sent


def test_one_who_hangs_up_half_way_is_still_answered(server: RunningServer, user: Person) -> None:
    with Wire(server.address) as wire:
        sent = [wire.send("hello", token=user.token), wire.send("account.whoami"), wire.send("movie.list")]
        wire.end()
        replies = [wire.receive() for _ in sent]
        assert [(reply["id"], reply["ok"]) for reply in replies] == [(number, True) for number in sent]
        assert wire.rest() == b""


def test_a_body_that_never_comes_holds_nobody_up(server: RunningServer, admin: Person, user: Person) -> None:
    with admin.wire() as silent:
        upload = silent.ask("upload.create", name="Silence", size=1000, fingerprint="b" * 64)["upload"]
        silent.send_payload(
            json.dumps({"id": 9, "op": "upload.write", "upload": upload, "offset": 0, "body": 1000}).encode()
        )
        silent.send_bytes(b"\0" * 10)
        with user.wire() as other:
            for _ in range(100):
                other.ask("movie.list")
        assert user.do("whoami")["user"]["name"] == user.name
        silent.send_bytes(b"\0" * 990)
        assert silent.receive() == {"id": 9, "ok": True, "offset": 1000}
        silent.ask("upload.cancel", upload=upload)
