"""Bytes come off the disk in pieces: large ones from the cache, small ones from the disk, with as many asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from youku_evloop.config import Keeping
from youku_evloop.services.downloads import COLD_PIECE, WARM_PIECE, pieces_of
from youku_evloop.services.library import Library
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store

MIB = 1024 * 1024
SIZE = 40 * MIB


class WatchedFiles(Files):
    """Says that the first so many bytes are in the cache, and remembers what was read and asked for."""

    def __init__(self, cached: int) -> None:
        self.cached = cached
        self.read_up_to = 0
        self.asked_up_to = 0

    def is_cached(self, fd: int, offset: int) -> bool:
        return offset < self.cached

    def read(self, fd: int, length: int, offset: int) -> bytes:
        data = super().read(fd, length, offset)
        self.read_up_to = max(self.read_up_to, offset + len(data))
        return data

    def ask_for(self, fd: int, offset: int, length: int) -> None:
        super().ask_for(fd, offset, length)
        self.asked_up_to = max(self.asked_up_to, offset + length)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "film"
    path.touch()
    os.truncate(path, SIZE)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


def library_on(files: Files, tmp_path: Path) -> Library:
    return Library.for_one(Store(tmp_path, files), "boot", Keeping())


def test_what_is_in_the_cache_is_handed_out_in_large_pieces_and_not_read(tmp_path: Path, file: int) -> None:
    files = WatchedFiles(cached=SIZE)
    pieces = list(pieces_of(library_on(files, tmp_path), file, 5, SIZE))
    assert sum(pieces) == SIZE - 5
    assert max(pieces) == WARM_PIECE
    assert (files.read_up_to, files.asked_up_to) == (0, 0)


def test_what_is_not_is_read_before_it_is_handed_out_and_a_little_asked_for_ahead(tmp_path: Path, file: int) -> None:
    files = WatchedFiles(cached=0)
    position = 0
    for piece in pieces_of(library_on(files, tmp_path), file, 0, SIZE):
        position += piece
        assert piece <= COLD_PIECE
        assert files.read_up_to >= position
        assert files.asked_up_to <= position + COLD_PIECE
    assert position == SIZE


def test_the_real_disk_knows_what_is_in_its_cache(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(os.urandom(MIB))
    fd = os.open(path, os.O_RDONLY)
    assert Files().is_cached(fd, 0)
    os.fdatasync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    store = Store(tmp_path, Files())
    store.warm(fd, 0, MIB)
    assert store.is_warm(fd, 0, MIB)
    os.close(fd)
