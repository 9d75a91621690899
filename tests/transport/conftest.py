"""A house for each test, and nothing left of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaks import nothing_left_open
from tests.support.loops import ManualLoop, manual_loop, patience
from tests.transport.house import House, Workshop, open_house
from youku_evloop.config import Limits

FILE_SIZE = 64 * 1024 * 1024
OpenHouse = Callable[..., House]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After each test descriptors and threads are as before."""
    with nothing_left_open():
        yield


@pytest.fixture
def loop(nothing_left: None) -> Iterator[ManualLoop]:
    """A loop whose clock stands still."""
    with manual_loop() as loop:
        yield loop


@pytest.fixture
def workshop(loop: ManualLoop, tmp_path: Path) -> Iterator[Workshop]:
    """What the commands work with; the file is 64 MiB of numbered blocks with holes between them."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        for block in range(0, FILE_SIZE, 1024 * 1024):
            file.seek(block)
            file.write(block.to_bytes(8, "big"))
        file.truncate(FILE_SIZE)
    fd = os.open(path, os.O_RDONLY)
    yield Workshop(loop, fd)
    os.close(fd)


@pytest.fixture
def houses(loop: ManualLoop, workshop: Workshop) -> Iterator[OpenHouse]:
    """Opens a house: `houses(tls=..., idle=5)`, whose other limits are the usual ones."""
    with ExitStack() as stack:

        def open_one(tls: Any = None, **limits: float) -> House:
            changed = replace(Limits(), **limits)  # type: ignore[arg-type]
            return stack.enter_context(open_house(loop, workshop, changed, tls))

        stack.enter_context(patience())
        yield open_one


@pytest.fixture
def house(houses: OpenHouse) -> House:
    """A house with the usual limits."""
    return houses()
