"""Back-pressure, in both directions: whoever does not read, or sends without end, takes little from the server."""

from __future__ import annotations

import json

from benchmarks.crowd import Crowd, frame
from tests.load.server import LoadServer, eventually_has, sent_until_nobody_reads

MIB = 1024 * 1024
LITTLE = 24 * MIB
"""Growth that is no growth: some hundred KiB for each of the clients below, and room for a process's moods."""


def test_downloads_that_nobody_reads_take_no_memory(server: LoadServer) -> None:
    movie = server.hollow_movie(2048 * MIB)
    with server.wire() as watching, Crowd(server.port, server.token()) as crowd:
        crowd.join(50)
        before = server.resident
        for sock in crowd.socks:
            sock.sendall(frame(id=2, op="movie.read", movie=movie))
        stats = eventually_has(watching, lambda stats: stats["tasks"] == 51, "all downloads are under way")
        assert server.resident - before < LITTLE
        assert stats["connections"]["reading"] == 51


def test_one_who_asks_without_reading_is_read_no_more(server: LoadServer) -> None:
    question = asking(2) * 100
    before, reading = server.resident, server.stats()["bytes_in"]
    with server.wire() as watching, server.wire() as greedy:
        sent = sent_until_nobody_reads(greedy, question, lambda: is_held(watching.ask("server.stats")))
        stats = eventually_has(watching, lambda stats: is_held(stats), "it is held")
        assert stats["bytes_in"] - reading < sent, "what is in the sockets' buffers was not read"
        assert server.resident - before < LITTLE


def asking(number: int) -> bytes:
    """A request about as long as its reply, so that the sockets do not hold a hundred thousand of them."""
    payload = b'{"id":%d,"op":"server.stats"}' % number
    return (1500).to_bytes(4, "big") + payload.ljust(1500)


def is_held(stats: dict[str, dict[str, int]]) -> bool:
    """Whether somebody is not read although there may be more."""
    return stats["connections"].get("holding", 0) + stats["connections"].get("pausing", 0) == 1


def test_replies_that_were_held_back_all_come_in_order_once_they_are_read(server: LoadServer) -> None:
    count = 1000
    with server.wire() as watching, server.wire() as late:
        questions = b"".join(asking(number) for number in range(count))
        sent = sent_until_nobody_reads(late, questions, lambda: is_held(watching.ask("server.stats")))
        whole = questions[: sent % len(questions)]
        replies, data = 0, bytearray()
        asked = sent // len(questions) * count + whole.count(b'"op"')
        while replies < asked - 1:  # the last may have been cut in two
            data += late.sock.recv(MIB)
            while len(data) >= 4 and len(data) >= 4 + (size := int.from_bytes(data[:4], "big")):
                assert json.loads(data[4 : 4 + size])["id"] == replies % count
                replies += 1
                del data[: 4 + size]


def test_uploads_pass_through_without_staying(server: LoadServer) -> None:
    body = bytes(8 * MIB)
    before = server.resident
    with Crowd(server.port, server.token()) as crowd:
        crowd.join(8)
        for number, sock in enumerate(crowd.socks):
            sock.sendall(frame(id=2, op="upload.create", name="x", size=4 * len(body), fingerprint=f"{number:064x}"))
            upload = json.loads(sock.recv(4096)[4:])["upload"]
            for offset in range(0, 4 * len(body), len(body)):
                sock.sendall(frame(id=3, op="upload.write", upload=upload, offset=offset, body=len(body)))
                sock.sendall(body)
            sock.sendall(frame(id=4, op="upload.cancel", upload=upload))
        for sock in crowd.socks:
            assert sock.recv(4096)
        assert server.resident - before < LITTLE
