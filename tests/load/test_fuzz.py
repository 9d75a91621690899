"""A bounded part of what `scripts/fuzz-frames` does with a million frames."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from scripts.fuzz_frames import Target, fuzz

FRAMES: Final = 4000


def test_frames_that_are_almost_right_are_answered_and_disturb_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Target(tmp_path)
    with target.running():
        fuzz(target, FRAMES, 20260101, lambda done: None)
    with capsys.disabled():
        print(f"\n{target.frames} mutated frames on {target.connections} connections: no uncaught exception")
