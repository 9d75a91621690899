"""A line that nobody waits on: what the server does with it meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from client_cli.loadtest.line import Line, Traffic
from tests.support.server import LIMIT
from youku_evloop.kernel.loop import Loop
from youku_evloop.wire.frames import encode_frame


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop(threads=1)
    yield loop
    loop.close()


def test_a_server_that_says_goodbye_is_not_kept_waiting(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def say_goodbye() -> bytes:
            """And what the client says to that."""
            server, _ = listener.accept()
            with server:
                server.settimeout(LIMIT)
                server.sendall(encode_frame({"event": "goodbye", "reason": "stopping"}))
                server.shutdown(socket.SHUT_WR)
                return server.recv(1)

        def work() -> tuple[bytes, bool]:
            line = Line.connect(loop, socket.AF_INET, listener.getsockname(), Traffic(), LIMIT)
            return loop.in_thread(say_goodbye), line.is_alive()

        assert loop.run_task(work) == (b"", False)
