"""The real server, killed in the middle of uploads: a sample of what `scripts/kill-campaign` does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kills import MIB, KillCampaign
from tests.support.server import OddServer


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[KillCampaign]:
    server = OddServer(tmp_path)
    try:
        yield KillCampaign(server, random.randrange(2**32))
        server.stop()
    finally:
        server.kill()


def test_a_server_that_is_killed_at_random_moments_loses_nothing(campaign: KillCampaign) -> None:
    campaign.at_random_moments(5, largest=2 * MIB)
    campaign.check()
    assert campaign.tally.problems == []


def test_a_server_that_is_killed_at_a_step_of_publishing_publishes_after_its_next_start(
    campaign: KillCampaign,
) -> None:
    assert all(campaign.at_step(step) for step in (0, 4, 8))
    campaign.check()
    assert campaign.tally.problems == []
