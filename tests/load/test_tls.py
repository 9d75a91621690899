"""TLS on the port that serves plain frames too, with a real server process."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from blake3 import blake3

from benchmarks.crowd import Crowd, raise_descriptor_limit, trusting
from tests.load.server import IMPATIENT, LoadServer, rest_of
from tests.support.server import CHECKOUT, PROGRAMS, eventually, run
from tests.support.wire import Wire
from youku_evloop.certificates import own_identity
from youku_evloop.errors import ExitCode

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    limits = {**IMPATIENT, "idle": 30.0}
    with LoadServer(tmp_path_factory.mktemp("tls"), limits=limits, options=["--tls", "auto"]) as server:
        yield server


@pytest.fixture
def server(shared: LoadServer) -> LoadServer:
    """One that encrypts with a certificate of its own; it is alone with the test."""
    shared.eventually_alone()
    return shared


def context(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that speaks nothing but this version."""
    made = trusting()
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = made.maximum_version = version
    return made


# -- who is served


def test_plain_frames_and_tls_are_told_apart_on_one_port(server: LoadServer) -> None:
    with server.wire() as plain, server.tls_wire() as encrypted:
        assert plain.ask("account.whoami")["user"] == encrypted.ask("account.whoami")["user"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_is_safe_is_spoken(server: LoadServer, version: ssl.TLSVersion) -> None:
    with server.tls_wire(context(version)) as wire:
        wire.ask("ping")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_what_is_not_safe_any_more_is_refused(server: LoadServer, version: ssl.TLSVersion) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        server.tls_wire(context(version))
    eventually(lambda: bool(server.lines("turned away at the door", "rotocol")), "a line in the log")


def test_given_certificates_are_used(start: Callable[..., LoadServer], tmp_path: Path) -> None:
    identity = own_identity(tmp_path)
    server = start(options=["--tls-cert", str(identity.certificate), "--tls-key", str(identity.key)])
    believing = ssl.create_default_context(cafile=identity.certificate)
    believing.check_hostname = False
    with server.tls_wire(believing) as wire:
        wire.ask("ping")
    assert server.lines(identity.fingerprint()), "which is what people compare"


def test_a_key_that_is_of_another_certificate_is_refused_at_the_start(tmp_path: Path) -> None:
    one, another = own_identity(tmp_path / "one"), own_identity(tmp_path / "another")
    options = ["--listen", "127.0.0.1:0", "--tls-cert", str(one.certificate), "--tls-key", str(another.key)]
    server = LoadServer(tmp_path / "server")
    outcome = run([str(PROGRAMS / "youku-server"), "run", *options], server.environment)
    assert outcome.code == ExitCode.USAGE
    assert "certificate or its key" in outcome.stderr


AWAY = """
import sys, youku_evloop.server
from youku_evloop.cli import main
youku_evloop.server.is_loopback = lambda host: False
del sys.argv[0]
main()
"""
"""A server to which nobody is on its own machine."""


def test_other_machines_are_served_through_tls_only(start: Callable[..., LoadServer]) -> None:
    server = start(launcher=[sys.executable, "-c", AWAY], options=["--tls", "auto"])
    with Wire(server.address) as plain:
        plain.send("ping")
        assert [message["error"] for message in rest_of(plain)] == ["forbidden"]
    with server.tls_wire() as encrypted:
        encrypted.ask("ping")


# -- transfers


def test_transfers_through_tls_are_whole_and_can_be_resumed(server: LoadServer) -> None:
    content = os.urandom(20 * MIB + 12345)
    digest = blake3(content).hexdigest()
    with server.tls_wire() as first:
        upload = first.ask("upload.create", name="tls", size=len(content), fingerprint="1" * 64)["upload"]
        first.ask("upload.write", content[: 5 * MIB], upload=upload, offset=0)
        first.announce("upload.write", 10 * MIB, upload=upload, offset=5 * MIB)
        first.send_bytes(content[5 * MIB : 7 * MIB])  # and hangs up in the middle
    with server.tls_wire() as second:
        offset = second.ask("upload.create", name="tls", size=len(content), fingerprint="1" * 64)["offset"]
        assert 5 * MIB <= offset <= 7 * MIB
        second.ask("upload.write", content[offset : offset + 16 * MIB], upload=upload, offset=offset)
        offset = min(offset + 16 * MIB, len(content))
        if offset < len(content):
            second.ask("upload.write", content[offset:], upload=upload, offset=offset)
        movie = second.ask("upload.finish", upload=upload, hash=digest)["movie"]["id"]
    with server.tls_wire() as third:
        third.ask("movie.read", movie=movie)
        begun = third.read(3 * MIB + 7)
    with server.tls_wire() as fourth:
        reply = fourth.ask("movie.read", movie=movie, offset=len(begun))
        assert blake3(begun + fourth.read(reply["body"])).hexdigest() == digest == reply["hash"]
        fourth.ask("ping")


def test_the_command_pins_the_certificate_and_notices_another_one(server: LoadServer, tmp_path: Path) -> None:
    environment = {
        "PATH": str(PROGRAMS),
        "HOME": str(tmp_path),
        "YOUKU_SERVER": server.address,
        "YOUKU_TOKEN": server.token(),
        "PYTHONPATH": str(CHECKOUT),
    }
    pinned = own_identity(server.data / "tls").fingerprint()
    youku = [str(PROGRAMS / "youku"), "whoami", "--tls", "on"]
    assert run([*youku, "--fingerprint", pinned], environment).code == ExitCode.OK
    wrong = run([*youku, "--fingerprint", "sha256:" + "0" * 64], environment)
    assert wrong.code not in (ExitCode.OK, ExitCode.FAILURE), wrong
    assert pinned in wrong.stderr


# -- those who hang about at the door


def test_who_says_nothing_or_stops_in_the_middle_of_a_handshake_is_turned_away(server: LoadServer) -> None:
    with ExitStack() as stack:
        silent, first_byte, half, garbage = (stack.enter_context(knock(server)) for _ in range(4))
        first_byte.sendall(b"\x16")
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20))
        garbage.sendall(b"\x16" + b"garbage" * 100)
        stats = server.stats()["connections"]
        assert stats.get("knocking", 0) + stats.get("handshaking", 0) >= 2
        for sock in (silent, first_byte, half):
            assert sock.recv(100) == b""
        with suppress(ConnectionResetError):
            assert b"{" not in garbage.recv(100), "an alert of TLS, if anything"
    server.eventually_alone()


def knock(server: LoadServer) -> socket.socket:
    """A connection on which nothing has been said."""
    return socket.create_connection((server.host, server.port), 60)


def test_the_reason_arrives_through_tls_and_the_end_is_by_the_rules(server: LoadServer) -> None:
    with server.tls_wire() as wire:
        wire.send_bytes(b"GET / HTTP/1.1\r\n\r\n" + bytes(MIB))
        assert [message["error"] for message in rest_of(wire)] == ["broken_frame"]


# -- what it costs


def test_encrypted_clients_at_rest_cost_a_few_buffers_of_openssl(
    server: LoadServer, capsys: pytest.CaptureFixture[str]
) -> None:
    raise_descriptor_limit()
    with Crowd(server.port, server.token(), tls=True) as crowd:
        crowd.join(100)
        before = server.resident
        crowd.join(300)
        cost = (server.resident - before) / 300
    with capsys.disabled():
        print(f"\n300 encrypted clients: {cost / 1024:.1f} KiB each")
    assert cost < 64 * 1024
