"""Where the stages of the small libraries stand: in memory where there is a filesystem for that."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scenarios import MEMORY


@pytest.fixture
def stages() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="youku-", dir=MEMORY) as path:
        yield Path(path)
