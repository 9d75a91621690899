"""TLS between the real command and the real server: what is believed, what is refused, and transfers through it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from client_cli.client import Client
from client_cli.trust import KnownServers, TlsMode, Trust
from tests.support.proxy import Proxy
from tests.support.server import PROGRAMS, Person, RunningServer, finish, run
from youku_evloop.errors import ExitCode, TimedOut, Unreachable, UntrustedServer

MIB = 1024 * 1024
DATA = os.urandom(12 * MIB)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a certificate of its own."""
    with RunningServer(tmp_path_factory.mktemp("tls"), options=("--tls", "auto")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Person:
    """Logged in, in the clear: on this machine that is allowed."""
    return server.create_admin("admin")


@pytest.fixture
def somebody(server: RunningServer, request: pytest.FixtureRequest) -> Person:
    """Somebody who has never seen the server."""
    return server.somebody(request.node.name)


def fingerprint_of(server: RunningServer) -> str:
    """The one that the server printed last."""
    return str(re.findall(r"TLS certificate (sha256:[0-9a-f]{64})", server.log)[-1])


def known_to(person: Person) -> Path:
    return person.home / "state" / "youku" / "known_servers"


def with_tls(server: RunningServer, person: Person, address: str) -> dict[str, str]:
    """The environment of the same person behind another address of the same server."""
    return {"YOUKU_SERVER": address, "YOUKU_TOKEN": person.token, "YOUKU_FINGERPRINT": fingerprint_of(server)}


def test_a_server_is_pinned_when_it_is_first_seen(server: RunningServer, somebody: Person) -> None:
    first = somebody.run("ping", "--tls", "on")
    assert first.code == 0
    assert len(first.stderr.splitlines()) == 1
    assert fingerprint_of(server) in first.stderr
    assert known_to(somebody).read_text() == f"{server.address} {fingerprint_of(server)}\n"
    assert somebody.run("ping", "--tls", "on").stderr == ""


def test_once_pinned_it_is_tls_on_this_machine_too(server: RunningServer, somebody: Person) -> None:
    known_to(somebody).parent.mkdir(parents=True)
    known_to(somebody).write_text(f"{server.address} sha256:{'0' * 64}\n")
    somebody.fail(ExitCode.INTEGRITY, "ping")
    assert somebody.run("ping", "--tls", "off").code == 0


def test_a_changed_certificate_stops_everything_before_a_secret_is_sent(
    server: RunningServer, somebody: Person
) -> None:
    known_to(somebody).parent.mkdir(parents=True)
    known_to(somebody).write_text(f"{server.address} sha256:{'0' * 64}\n")
    before = server.log.count("command op=")
    error = somebody.fail(ExitCode.INTEGRITY, "login", "somebody")
    assert error["error"] == "untrusted_server"
    assert (error["expected"], error["actual"]) == (f"sha256:{'0' * 64}", fingerprint_of(server))
    somebody.fail(ExitCode.INTEGRITY, "list", YOUKU_TOKEN="a secret")
    assert server.log.count("command op=") == before
    assert "0" * 64 in known_to(somebody).read_text()


def test_the_right_fingerprint_is_accepted_and_remembered(server: RunningServer, somebody: Person) -> None:
    known_to(somebody).parent.mkdir(parents=True)
    known_to(somebody).write_text(f"# mine\n{server.address} sha256:{'0' * 64}\n")
    assert somebody.run("ping", "--fingerprint", fingerprint_of(server)).stderr == ""
    assert known_to(somebody).read_text() == f"# mine\n{server.address} {fingerprint_of(server)}\n"


def test_a_wrong_fingerprint_is_refused(server: RunningServer, somebody: Person) -> None:
    error = somebody.fail(ExitCode.INTEGRITY, "ping", YOUKU_FINGERPRINT=f"sha256:{'f' * 64}")
    assert error["actual"] == fingerprint_of(server)
    assert not known_to(somebody).exists()


def test_a_fingerprint_that_is_none_is_a_usage_error(server: RunningServer, somebody: Person) -> None:
    somebody.fail(ExitCode.USAGE, "ping", "--fingerprint", "12:34")


def test_transfers_through_tls_arrive_as_they_are(server: RunningServer, admin: Person) -> None:
    secure = with_tls(server, admin, server.address)
    (admin.home / "a.avi").write_bytes(DATA)
    movie = admin.do("upload", "a.avi", **secure)["uploaded"][0]["movie"]["id"]
    admin.do("download", str(movie), "-o", "copy.avi", **secure)
    assert (admin.home / "copy.avi").read_bytes() == DATA


def test_an_upload_that_is_cut_goes_on_through_tls(server: RunningServer, admin: Person) -> None:
    (admin.home / "cut.avi").write_bytes(DATA[::-1])
    with Proxy(server.address) as proxy:
        proxy.hold_next(up=5 * MIB)
        upload = admin.start("upload", "cut.avi", "--json", **with_tls(server, admin, proxy.address))
        line = proxy.line(0)
        line.until_held()
        line.cut()
        assert finish(upload).document["uploaded"][0]["movie"]["size"] == len(DATA)
        assert proxy.line(1).up < 12 * MIB, "it began again from the start"
        assert DATA[-64:-1][::-1][:32] not in line.seen + proxy.line(1).seen, "it went in the clear"


def test_a_download_that_is_cut_goes_on_through_tls(server: RunningServer, admin: Person) -> None:
    (admin.home / "down.avi").write_bytes(DATA[1:])
    movie = admin.do("upload", "down.avi")["uploaded"][0]["movie"]["id"]
    with Proxy(server.address) as proxy:
        proxy.hold_next(down=5 * MIB)
        download = admin.start("download", str(movie), "-o", "again.avi", **with_tls(server, admin, proxy.address))
        line = proxy.line(0)
        line.until_held()
        line.cut()
        assert finish(download).code == 0
        assert proxy.line(1).down < 10 * MIB, "it began again from the start"
    assert (admin.home / "again.avi").read_bytes() == DATA[1:]


def test_parts_jobs_and_pipes_go_through_tls(server: RunningServer, admin: Person) -> None:
    secure = {**admin.environment, **with_tls(server, admin, server.address)}
    youku = [str(PROGRAMS / "youku")]
    upload = [*youku, "upload", "-", "--title", "Piped", "-q"]
    sent = subprocess.run(upload, input=DATA[2:], env=secure, capture_output=True)
    movie = sent.stdout.decode().strip()
    assert sent.returncode == 0, sent.stderr
    seen = subprocess.run([*youku, "download", movie, "-o", "-"], env=secure, capture_output=True)
    assert seen.stdout == DATA[2:]
    (admin.home / "there").mkdir()
    other = admin.do("list", **secure)["movies"][-1]["id"]
    done = admin.do("download", movie, str(other), "-o", "there", "--jobs", "2", "--parts", "3", **secure)
    assert [entry["movie"]["id"] for entry in done["downloaded"]] == [int(movie), other]
    assert (admin.home / "there" / "Piped").read_bytes() == DATA[2:]


class Authority:
    """A certificate authority of our own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        self.file = directory / "authority.pem"
        self.file.write_bytes(_pem(self._sign(self._name, self._key, is_authority=True)))

    def issue(self, name: str) -> tuple[str, ...]:
        """Options of a server with a certificate for this machine's address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        files = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        files[0].write_bytes(_pem(self._sign(subject, key, is_authority=False)))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return ("--tls-cert", str(files[0]), "--tls-key", str(files[1]))

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(names, critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@contextmanager
def serving(server: RunningServer) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.stop()


def test_a_renewed_certificate_is_believed_where_an_authority_vouches_for_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = RunningServer(tmp_path / "server", options=authority.issue("first"))
    with serving(server):
        person = server.somebody("bob")
        trusting = {"YOUKU_TLS": "on", "SSL_CERT_FILE": str(authority.file)}
        seen = person.run("ping", **trusting)
        assert (seen.code, seen.stderr) == (0, "")
        assert known_to(person).read_text() == f"{server.address} {fingerprint_of(server)}\n"
    renewed = RunningServer(tmp_path / "server", options=authority.issue("second"))
    renewed.port = server.port
    with serving(renewed):
        assert person.fail(ExitCode.INTEGRITY, "ping")["actual"] == fingerprint_of(renewed)
        seen = person.run("ping", **trusting)
        assert (seen.code, seen.stderr) == (0, "")
        assert known_to(person).read_text() == f"{server.address} {fingerprint_of(renewed)}\n"
        assert person.run("ping").code == 0


def test_a_server_without_tls_is_not_spoken_to_where_tls_is_demanded(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "server")
    with serving(server):
        person = server.somebody("bob")
        error = person.fail(ExitCode.INTEGRITY, "login", "bob", "--tls", "on")
        assert "without TLS" in error["message"]
        assert "op=hello" not in server.log
        assert "op=account" not in server.log
        assert not known_to(person).exists()


class Pretender:
    """Answers one connection with fixed bytes, or with nothing, and hangs up or not."""

    def __init__(self, answer: bytes = b"", *, hangs_up: bool = True) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._answer = answer
        self._hangs_up = hangs_up
        self._may_end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Pretender:
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._may_end.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        link, _ = self._listener.accept()
        with link:
            link.recv(65_536)
            link.sendall(self._answer)
            if not self._hangs_up:
                self._may_end.wait()


def demanding(tmp_path: Path) -> Trust:
    return Trust(TlsMode.ON, known=KnownServers(tmp_path))


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (b"", Unreachable, "closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", UntrustedServer, "without TLS"),
        (b"\x15\x03\x01\x00\x02\x02\x46", UntrustedServer, "1.2 or newer"),
        (b"\x16\x03\x03\xff\xff" + b"!" * 100, UntrustedServer, "no TLS"),
    ],
)
def test_a_handshake_that_fails_is_explained(tmp_path: Path, answer: bytes, error: type[Exception], words: str) -> None:
    with (
        Pretender(answer) as pretender,
        Client(pretender.address, trust=demanding(tmp_path)) as youku,
        pytest.raises(error, match=words),
    ):
        youku.ping()


def test_a_handshake_that_does_not_go_on_is_given_up(tmp_path: Path) -> None:
    with (
        Pretender(hangs_up=False) as pretender,
        Client(pretender.address, trust=demanding(tmp_path), timeout=0.2) as youku,
        pytest.raises(TimedOut, match="handshake"),
    ):
        youku.ping()


def test_ssl_is_not_imported_where_nothing_is_encrypted(somebody: Person) -> None:
    code = (
        "import sys; from client_cli.main import run; assert run(['ping', '-q']) == 0;"
        "print('ssl' in sys.modules, file=sys.stderr)"
    )
    assert run([sys.executable, "-c", code], somebody.environment).stderr == "False\n"
