"""What is left when a process is killed, a machine loses power, or a disk fails, at any step of any upload.

`scripts/power-loss` and `scripts/fault-campaign --disk` do the same at full length.
"""

from __future__ import annotations

import errno
import random
from itertools import islice
from pathlib import Path

import pytest

from tests.support.scenarios import (
    FAILURES,
    PREPARING,
    SCENARIOS,
    Scenario,
    fails_at,
    fresh,
    of_unknown_size,
    on_a_failing_disk,
    one_upload,
    power_losses,
    steps_of,
    stopped,
    verify,
)

POWER_LOSSES = 200
EVERY = 3
"""Of the longer scenarios every third step is tried here: all of them, over three runs with another beginning."""


def name(scenario: Scenario) -> str:
    return scenario.__name__


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name)
def test_undisturbed_everything_goes_well(stages: Path, scenario: Scenario) -> None:
    steps = steps_of(scenario, fresh(stages))
    verify(stopped(scenario, fresh(stages), steps + 1))


def test_a_process_that_is_killed_at_any_step_of_an_upload_loses_nothing(stages: Path) -> None:
    for step in range(steps_of(one_upload, fresh(stages))):
        verify(stopped(one_upload, fresh(stages), step))


@pytest.mark.parametrize("scenario", SCENARIOS[1:], ids=name)
def test_a_process_that_is_killed_in_the_middle_of_anything_loses_nothing(stages: Path, scenario: Scenario) -> None:
    for step in range(random.randrange(EVERY), steps_of(scenario, fresh(stages)), EVERY):
        verify(stopped(scenario, fresh(stages), step))


def test_a_machine_that_loses_power_goes_on_from_what_was_durable(stages: Path) -> None:
    for _ in islice(power_losses(stages, random.randrange(2**32)), POWER_LOSSES):
        pass


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: errno.errorcode[error])
@pytest.mark.parametrize("scenario", [one_upload, of_unknown_size], ids=name)
def test_a_disk_that_fails_at_any_operation_costs_a_retry(stages: Path, scenario: Scenario, error: int) -> None:
    for step in range(PREPARING, steps_of(scenario, fresh(stages)), 2):
        verify(on_a_failing_disk(scenario, fresh(stages), fails_at(step, error, times=1 + step % 5)))
