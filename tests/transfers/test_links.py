"""Real clients across links that break: a sample of what `scripts/fault-campaign` does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import FaultCampaign
from tests.support.server import RunningServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "server") as running:
        yield running


def test_transfers_across_bad_links_end_with_the_right_bytes(server: RunningServer, tmp_path: Path) -> None:
    campaign = FaultCampaign(server.address, server.create_admin("alice").token, tmp_path, random.randrange(2**32))
    campaign.run(12)
    assert campaign.tally.problems == []
    assert campaign.tally.transfers == 12
