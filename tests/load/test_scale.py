"""Ten thousand clients in one process."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable

import pytest

from benchmarks.crowd import Crowd, ping_times, quantile, raise_descriptor_limit
from tests.load.server import LoadServer

MOST_BYTES = 2.5 * 1024
"""Of the server's memory for a client at rest."""


def test_ten_thousand_clients_at_rest_cost_little_memory_and_delay_no_ping(
    server: LoadServer, capsys: pytest.CaptureFixture[str]
) -> None:
    clients = min(10_000, raise_descriptor_limit())
    token = server.token()
    with Crowd(server.port, token) as pinger, Crowd(server.port, token) as first, Crowd(server.port, token) as crowd:
        pinger.join(1)
        first.join(500)  # what a crowd needs once, whatever its size
        alone, before = ping_times(pinger.socks[0], 1000), server.resident
        crowd.join(clients)
        cost = (server.resident - before) / clients
        beside = ping_times(pinger.socks[0], 1000)
        assert server.stats()["connections"]["reading"] >= clients
    with capsys.disabled():
        print(
            f"\n{clients} clients: {cost / 1024:.2f} KiB each; p99 of a ping "
            f"{quantile(alone, 0.99) * 1000:.3f} ms alone, {quantile(beside, 0.99) * 1000:.3f} ms beside them"
        )
    assert cost <= MOST_BYTES


def test_the_log_says_at_the_start_how_many_clients_there_is_room_for(start: Callable[..., LoadServer]) -> None:
    server = start(launcher=["sh", "-c", 'ulimit -S -n 100; ulimit -H -n 300; exec "$@"', "sh"])
    (line,) = server.lines("descriptors")
    found = re.search(r"(\d+) descriptors, (\d+) of them in reserve: (\d+) clients are allowed", line)
    assert found is not None
    assert [int(number) for number in found.groups()] == [300, 64, 236]
    assert server.stats()["descriptors"]["allowed"] == 300
    assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (300, 300)
