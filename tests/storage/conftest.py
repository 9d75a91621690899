"""A store for each test, on a disk that can be told to fail, and nothing left open of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.leaks import nothing_left_open
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After each test descriptors and threads are as before."""
    with nothing_left_open():
        yield


class FragileFiles(Files):
    """The real disk, with a log of what was asked of it, and failures on demand."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.space: int | None = None
        """Bytes that may still be written; None: as many as there is space for."""
        self.most_at_once = 1 << 30
        self.failing: set[str] = set()

    def _note(self, what: str) -> None:
        self.log.append(what)
        if what in self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def write(self, fd: int, data: memoryview, offset: int) -> int:
        self._note("write")
        if self.space is not None:
            data = data[: self.space]
            if not data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(fd, data[: self.most_at_once], offset)
        if self.space is not None:
            self.space -= written
        return written

    def sync(self, fd: int) -> None:
        self._note("sync")
        super().sync(fd)

    def sync_directory(self, path: Path) -> None:
        self._note(f"sync {path.name}")
        super().sync_directory(path)

    def link(self, source: Path, target: Path) -> None:
        self._note("link")
        super().link(source, target)


@pytest.fixture
def files() -> FragileFiles:
    return FragileFiles()


@pytest.fixture
def store(tmp_path: Path, files: FragileFiles) -> Store:
    store = Store(tmp_path, files)
    store.prepare()
    return store
