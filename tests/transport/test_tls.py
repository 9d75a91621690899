"""TLS on the same port, told apart by its first byte."""

from __future__ import annotations

import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.loops import ManualLoop, in_the_loop
from tests.transport.conftest import OpenHouse
from tests.transport.house import House, Peer, Workshop, framed
from tests.transport.test_downloads import expected
from youku_evloop.certificates import own_identity
from youku_evloop.transport.listener import Tls
from youku_evloop.transport.states import ConnectionState

MIB = 1024 * 1024
LATE = 2.5


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The server's side."""
    directory: Path = tmp_path_factory.mktemp("tls")
    return own_identity(directory).context()


@pytest.fixture
def tls_house(loop: ManualLoop, houses: OpenHouse, context: ssl.SSLContext) -> House:
    """A house whose guests may come with TLS or without."""
    return houses(tls=Tls(context, lambda peer: True))


class TlsPeer:
    """A client with TLS over a bare peer: the same verbs where tests need them."""

    def __init__(self, peer: Peer, version: ssl.TLSVersion | None = None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version is not None:
            context.maximum_version = version
        self.peer = peer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)

    def handshake(self) -> TlsPeer:
        """To its end."""
        self._do(self._tls.do_handshake)
        return self

    def first_flight(self) -> bytes:
        """What the client says first."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._outgoing.read()

    def send(self, data: bytes) -> None:
        """Encrypted."""
        self._do(self._tls.write, data)

    def encrypt(self, data: bytes) -> bytes:
        """As one or more records, not sent."""
        self._tls.write(data)
        return self._outgoing.read()

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        data = bytearray()
        while len(data) < count:
            piece = self._do(self._tls.read, min(count - len(data), 65536))
            if not piece:
                raise EOFError(f"{count - len(data)} bytes are missing")
            data += piece
        return bytes(data)

    def ask(self, op: str, body: bytes = b"", **arguments: Any) -> dict[str, Any]:
        """A request and its reply."""
        self.send(self.peer.request(op, len(body), **arguments) + body)
        return self.receive()

    def receive(self) -> dict[str, Any]:
        """The next reply."""
        reply = json.loads(self.read(int.from_bytes(self.read(4), "big")))
        assert isinstance(reply, dict)
        return reply

    def assert_ended(self) -> None:
        """Fail unless the server ended the stream by the rules of TLS, with nothing before that."""
        with suppress(ssl.SSLZeroReturnError):  # any other end raises another error
            assert self._do(self._tls.read, 1) == b""

    def end(self) -> None:
        """Say, by the rules of TLS, that nothing more will come."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()

    def _do(self, operation: Any, *args: Any) -> Any:
        while True:
            try:
                return operation(*args)
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self._arrived())
            finally:
                self._flush()

    def _arrived(self) -> bytes:
        buffer = bytearray(65536)
        count = self.peer._sock.recv_into(buffer)
        if not count:
            self._incoming.write_eof()
        return bytes(buffer[:count])

    def _flush(self) -> None:
        if self._outgoing.pending:
            self.peer.send_bytes(self._outgoing.read())


@in_the_loop
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_with_tls_is_served(tls_house: House, version: ssl.TLSVersion) -> None:
    peer = TlsPeer(tls_house.knock(), version).handshake()
    assert peer.ask("echo", text="hello")["text"] == "hello"


@in_the_loop
def test_a_client_without_tls_is_served_on_the_same_port(tls_house: House) -> None:
    assert tls_house.knock().ask("ping")["ok"] is True


@in_the_loop
def test_a_handshake_may_come_byte_by_byte(tls_house: House) -> None:
    bare = tls_house.knock()
    peer = TlsPeer(bare)
    for byte in peer.first_flight():
        bare.send_bytes(bytes([byte]))
        tls_house.loop.sleep(0)
    assert peer.handshake().ask("ping")["ok"] is True


@in_the_loop
def test_many_requests_in_one_record_are_all_answered(tls_house: House) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    peer.send(b"".join(peer.peer.request("ping") for _ in range(500)))
    assert [peer.receive()["id"] for _ in range(500)] == list(range(1, 501))


@in_the_loop
def test_bodies_and_requests_in_shared_records_are_told_apart(tls_house: House, workshop: Workshop) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    sizes = [1, 15_000, 16_383, 40_000, 3]
    data = b"".join(peer.peer.request("store", size) + b"x" * size + peer.peer.request("ping") for size in sizes)
    peer.send(data)
    replies = [peer.receive() for _ in range(2 * len(sizes))]
    assert [reply.get("size") for reply in replies[::2]] == sizes
    assert [len(body) for body in workshop.stored] == sizes


@in_the_loop
def test_a_large_body_arrives_whole(tls_house: House, workshop: Workshop) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    body = bytes(range(256)) * 12_288
    assert peer.ask("store", body)["size"] == len(body)
    assert workshop.stored == [body]


@in_the_loop
def test_a_piece_of_a_file_arrives_whole(tls_house: House) -> None:
    peer = TlsPeer(tls_house.knock(receive_buffer=4096)).handshake()
    assert peer.ask("fetch", count=5 * MIB + 7)["body"] == 5 * MIB + 7
    assert peer.read(5 * MIB + 7) == expected(5 * MIB + 7)
    assert peer.ask("ping")["ok"] is True


@in_the_loop
def test_an_error_arrives_and_the_end_is_by_the_rules(tls_house: House) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    peer.send(peer.peer.request("ping") + framed(b"no json"))
    assert peer.receive()["ok"] is True
    assert peer.receive()["error"] == "broken_frame"
    peer.assert_ended()


@in_the_loop
def test_after_the_client_has_ended_its_requests_are_still_answered(tls_house: House, workshop: Workshop) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    peer.send(peer.peer.request("wait") + peer.peer.request("ping"))
    tls_house.loop.settle()
    peer.end()
    tls_house.assert_quiet()
    workshop.open_gate()
    assert [peer.receive()["id"] for _ in range(2)] == [1, 2]
    peer.assert_ended()


@in_the_loop
def test_a_stream_that_is_cut_off_below_tls_ends_the_connection(tls_house: House, workshop: Workshop) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    peer.send(peer.peer.request("wait"))
    tls_house.loop.settle()
    peer.peer.end()
    tls_house.assert_quiet()
    workshop.open_gate()
    tls_house.loop.settle()
    assert tls_house.is_empty


@in_the_loop
def test_garbage_after_the_handshake_ends_the_connection(tls_house: House) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    peer.ask("ping")
    peer.peer.send_bytes(b"\x17\x03\x03\x00\x20" + b"garbage!" * 4)
    tls_house.loop.settle()
    assert tls_house.is_empty


@in_the_loop
@pytest.mark.parametrize("opening", [b"\x16", b"\x16\x03\x01", b"\x16" * 200, b"\x16\x03\x01\x00\x05hello"])
def test_a_bad_handshake_is_turned_away(tls_house: House, opening: bytes) -> None:
    peer = tls_house.knock()
    peer.send_bytes(opening)
    tls_house.loop.settle()
    tls_house.loop.advance(tls_house.limits.greeting + LATE)
    assert tls_house.is_empty
    tls_house.assert_quiet()


@in_the_loop
def test_who_says_nothing_is_turned_away(tls_house: House) -> None:
    tls_house.knock()
    tls_house.loop.settle()
    assert len(tls_house.transport.newcomers) == 1
    tls_house.loop.advance(tls_house.limits.greeting + LATE)
    assert tls_house.is_empty


@in_the_loop
@pytest.mark.parametrize("leave", [Peer.close, Peer.end, Peer.reset])
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00"])
def test_who_leaves_at_the_door_is_forgotten(tls_house: House, leave: Any, said: bytes) -> None:
    peer = tls_house.knock()
    peer.send_bytes(said)
    tls_house.loop.settle()
    leave(peer)
    tls_house.assert_quiet()
    assert tls_house.is_empty


@in_the_loop
def test_where_plain_connections_are_not_wanted_they_are_told_so(
    loop: ManualLoop, houses: OpenHouse, context: ssl.SSLContext
) -> None:
    house = houses(tls=Tls(context, lambda peer: False))
    plain = house.knock()
    plain.send("ping")
    reply = plain.receive()
    assert (reply["id"], reply["error"]) == (None, "forbidden")
    plain.assert_ended()
    assert TlsPeer(house.knock()).handshake().ask("ping")["ok"] is True


@in_the_loop
def test_a_server_without_tls_says_so(house: House) -> None:
    peer = house.knock()
    peer.send_bytes(TlsPeer(peer).first_flight())
    assert "TLS" in peer.receive()["message"]
    peer.assert_ended()


@in_the_loop
def test_reading_stops_behind_waiting_requests_and_goes_on_in_the_middle_of_a_record(
    tls_house: House, workshop: Workshop
) -> None:
    peer = TlsPeer(tls_house.knock()).handshake()
    data = peer.peer.request("wait") + b"".join(peer.peer.request("ping") for _ in range(100))
    peer.send(data + peer.peer.request("store", 20_000) + b"x" * 20_000 + peer.peer.request("ping"))
    tls_house.assert_quiet()
    assert tls_house.is_in(ConnectionState.HOLDING)
    workshop.open_gate()
    assert [peer.receive()["id"] for _ in range(103)] == list(range(1, 104))
