"""Whom a client believes, before any byte moves."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from client_cli.address import Address, parse_address
from client_cli.trust import KnownServers, TlsMode, Trust, is_loopback, parse_fingerprint
from youku_evloop.errors import BadRequest, Forbidden, UntrustedServer

SERVER = Address("library.example", 9685)
HERE = Address("127.0.0.1", 9685)
OLD = "sha256:" + "01" * 32
NEW = "sha256:" + "ab" * 32


@pytest.fixture
def known(tmp_path: Path) -> KnownServers:
    return KnownServers(tmp_path / "state")


def vouched(answer: bool) -> Callable[[], bool]:
    return lambda: answer


def never_asked() -> bool:
    raise AssertionError("no authority needs to be asked")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1", "localhost"])
def test_this_machine_is_known_by_its_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "fe80::1%eth0", "128.0.0.1", "localhost.example", "127.example", "0.0.0.0"]
)
def test_other_hosts_are_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("mode", "server", "fingerprint", "wanted"),
    [
        (TlsMode.AUTO, SERVER, None, True),
        (TlsMode.AUTO, HERE, None, False),
        (TlsMode.AUTO, HERE, NEW, True),
        (TlsMode.ON, HERE, None, True),
        (TlsMode.OFF, SERVER, None, False),
    ],
)
def test_when_tls_is_used(
    known: KnownServers, mode: TlsMode, server: Address, fingerprint: str | None, wanted: bool
) -> None:
    assert Trust(mode, fingerprint, known).wants_tls(server) is wanted


def test_this_machine_is_asked_for_tls_once_its_certificate_is_known(known: KnownServers) -> None:
    known.put(HERE, OLD)
    assert Trust(known=known).wants_tls(HERE)
    assert not Trust(TlsMode.OFF, known=known).wants_tls(HERE)


def test_a_fingerprint_needs_tls(known: KnownServers) -> None:
    with pytest.raises(BadRequest, match="--tls off"):
        Trust(TlsMode.OFF, NEW, known)


def test_a_new_server_is_remembered_and_said(known: KnownServers) -> None:
    said: list[str] = []
    Trust(known=known, say=said.append).accept(SERVER, NEW, vouched(False))
    assert known.find(SERVER) == NEW
    assert len(said) == 1
    assert "library.example:9685" in said[0]
    assert NEW in said[0]


def test_a_known_server_is_believed_without_a_word(known: KnownServers) -> None:
    known.put(SERVER, OLD)
    said: list[str] = []
    Trust(known=known, say=said.append).accept(SERVER, OLD, never_asked)
    assert said == []


def test_a_changed_certificate_is_refused_with_both_fingerprints_and_what_to_do(known: KnownServers) -> None:
    known.put(SERVER, OLD)
    with pytest.raises(UntrustedServer) as caught:
        Trust(known=known).accept(SERVER, NEW, vouched(False))
    assert all(part in caught.value.message for part in (OLD, NEW, "--fingerprint", str(known.path)))
    assert caught.value.facts == {
        "server": str(SERVER), "expected": OLD, "actual": NEW, "file": str(known.path),
    }  # fmt: skip
    assert known.find(SERVER) == OLD


def test_a_renewed_certificate_that_an_authority_vouches_for_takes_the_old_ones_place(known: KnownServers) -> None:
    known.put(SERVER, OLD)
    Trust(known=known).accept(SERVER, NEW, vouched(True))
    assert known.find(SERVER) == NEW


def test_a_new_server_that_an_authority_vouches_for_needs_no_word(known: KnownServers) -> None:
    said: list[str] = []
    Trust(known=known, say=said.append).accept(SERVER, NEW, vouched(True))
    assert (known.find(SERVER), said) == (NEW, [])


def test_a_demanded_fingerprint_is_the_only_right_one(known: KnownServers) -> None:
    known.put(SERVER, OLD)
    trust = Trust(fingerprint=NEW, known=known)
    with pytest.raises(UntrustedServer, match="demanded"):
        trust.accept(SERVER, OLD, never_asked)
    assert known.find(SERVER) == OLD
    trust.accept(SERVER, NEW, never_asked)
    assert known.find(SERVER) == NEW


def test_of_two_commands_that_meet_a_new_server_the_second_must_see_the_same(known: KnownServers) -> None:
    def meanwhile() -> bool:
        known.put(SERVER, OLD)  # as another process would, between the look and the note
        return False

    with pytest.raises(UntrustedServer):
        Trust(known=known).accept(SERVER, NEW, meanwhile)
    assert known.find(SERVER) == OLD


def test_what_people_wrote_into_the_file_stays(known: KnownServers) -> None:
    known.put(SERVER, OLD)
    known.path.write_text(f"# of work\n\n{SERVER} {OLD} since May\nsomething else\n")
    known.put(HERE, OLD)
    known.put(SERVER, NEW)
    assert known.path.read_text() == f"# of work\n\nsomething else\n{HERE} {OLD}\n{SERVER} {NEW}\n"


def test_the_file_is_for_its_owner_alone(known: KnownServers) -> None:
    known.put(SERVER, OLD)
    assert stat.S_IMODE(known.path.stat().st_mode) == 0o600
    assert [path.name for path in known.path.parent.iterdir()] == ["known_servers"]


@pytest.mark.parametrize("rest", ["", "sha256:12", "md5:00"])
def test_a_damaged_line_is_said_and_never_taken_for_a_new_server(known: KnownServers, rest: str) -> None:
    known.put(HERE, OLD)
    known.path.write_text(f"# mine\n{SERVER} {rest}\n")
    with pytest.raises(BadRequest, match="line 2"):
        Trust(known=known).accept(SERVER, NEW, never_asked)


def test_a_file_that_cannot_be_read_is_said(known: KnownServers) -> None:
    known.path.mkdir(parents=True)
    with pytest.raises(Forbidden, match="cannot be read"):
        known.find(SERVER)


def test_fingerprints_are_read_as_people_write_them() -> None:
    pairs = ":".join(["AB"] * 32)
    assert parse_fingerprint(f" SHA256:{pairs} ") == parse_fingerprint(NEW) == NEW


@pytest.mark.parametrize("text", ["", "sha256:", "ab" * 32, "sha256:" + "0" * 63, "sha1:" + "0" * 40, NEW + "0"])
def test_what_is_no_fingerprint_is_said(text: str) -> None:
    with pytest.raises(BadRequest, match="no fingerprint"):
        parse_fingerprint(text)


def test_addresses_in_the_file_are_those_of_the_command_line(known: KnownServers) -> None:
    known.put(parse_address("[::1]:9685"), OLD)
    assert known.path.read_text() == f"[::1]:9685 {OLD}\n"
    assert known.find(parse_address("[::1]")) == OLD
