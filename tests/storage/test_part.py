"""Parts: they grow, they know their hash, and they keep what they have."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage.conftest import FragileFiles
from youku_evloop.storage.part import HASH_CHUNK, Part
from youku_evloop.storage.store import Store

ID = "0123456789abcdef" * 2


@pytest.fixture
def part(store: Store) -> Iterator[Part]:
    part = store.create_part(ID)
    yield part
    part.close()


def path_of(tmp_path: Path) -> Path:
    return tmp_path / "parts" / ID


def test_a_new_part_is_empty(part: Part, tmp_path: Path) -> None:
    assert part.size == 0
    assert part.hash() == blake3(b"").hexdigest()
    assert path_of(tmp_path).read_bytes() == b""


def test_appending_writes_and_hashes(part: Part, tmp_path: Path) -> None:
    part.append(memoryview(b"hello "))
    part.append(memoryview(b"world"))
    part.append(memoryview(b""))
    assert part.size == 11
    assert part.hash() == blake3(b"hello world").hexdigest()
    assert path_of(tmp_path).read_bytes() == b"hello world"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 7))
def test_a_disk_that_takes_little_at_once_gets_everything(
    store: Store, files: FragileFiles, pieces: list[bytes], most: int
) -> None:
    files.most_at_once = most
    part = store.create_part(ID)
    for piece in pieces:
        part.append(memoryview(piece))
    part.close()
    store.remove_part(ID)
    assert part.size == len(b"".join(pieces))
    assert part.hash() == blake3(b"".join(pieces)).hexdigest()


def test_a_full_disk_keeps_what_was_written_and_goes_on_when_there_is_room(
    part: Part, files: FragileFiles, tmp_path: Path
) -> None:
    files.space, files.most_at_once = 8, 5
    with pytest.raises(OSError) as caught:
        part.append(memoryview(b"hello world"))
    assert caught.value.errno == errno.ENOSPC
    assert (part.size, part.unhashed) == (8, 0)
    files.space = None
    part.append(memoryview(b"rld"))
    assert part.hash() == blake3(b"hello world").hexdigest()
    assert path_of(tmp_path).read_bytes() == b"hello world"


def test_a_part_that_is_opened_again_catches_up_with_its_hash(store: Store, tmp_path: Path) -> None:
    data = bytes(range(256)) * (HASH_CHUNK // 128)
    store.create_part(ID).close()
    path_of(tmp_path).write_bytes(data)
    part = store.open_part(ID)
    assert (part.size, part.unhashed) == (len(data), len(data))
    part.append(memoryview(b"more"))
    while part.unhashed:
        part.catch_up(HASH_CHUNK + 5)
    part.append(memoryview(b"!"))
    part.close()
    assert part.unhashed == 0
    assert part.hash() == blake3(data + b"more!").hexdigest()


def test_a_part_that_lost_bytes_behind_our_back_is_an_error(store: Store, tmp_path: Path) -> None:
    store.create_part(ID).close()
    path_of(tmp_path).write_bytes(b"x" * 100)
    part = store.open_part(ID)
    path_of(tmp_path).write_bytes(b"x" * 50)
    with pytest.raises(OSError) as caught:
        part.catch_up(100)
    assert caught.value.errno == errno.EIO
    part.close()


def test_cutting_back_forgets_and_begins_the_hash_anew(part: Part, tmp_path: Path) -> None:
    part.append(memoryview(b"hello world"))
    part.cut_back(5)
    assert (part.size, part.unhashed) == (5, 5)
    part.catch_up(100)
    part.append(memoryview(b"!"))
    assert part.hash() == blake3(b"hello!").hexdigest()
    assert path_of(tmp_path).read_bytes() == b"hello!"


def test_syncing_says_how_many_bytes_are_safe(part: Part, files: FragileFiles) -> None:
    part.append(memoryview(b"hello"))
    assert part.unsynced == 5
    assert part.sync() == part.synced == 5
    assert part.unsynced == 0
    assert files.log[-1] == "sync"


def test_a_sync_that_fails_makes_nothing_safe(part: Part, files: FragileFiles) -> None:
    part.append(memoryview(b"hello"))
    files.failing = {"sync"}
    with pytest.raises(OSError):
        part.sync()
    assert part.synced == 0 and part.is_doubtful
    part.cut_back(0)
    assert not part.is_doubtful


def test_the_bytes_of_a_published_part_need_no_further_sync(store: Store, part: Part, files: FragileFiles) -> None:
    part.append(memoryview(b"hello"))
    store.publish(ID, part)
    files.failing = {"sync"}
    assert part.sync() == 5


def test_a_part_has_the_fingerprint_of_its_bytes(part: Part) -> None:
    part.append(memoryview(b"hello"))
    assert part.fingerprint() == blake3((5).to_bytes(8, "big") + b"hello").hexdigest()


def test_closing_twice_is_harmless(part: Part) -> None:
    part.close()
    part.close()


def test_a_part_is_published_once_it_has_a_second_name(store: Store, part: Part) -> None:
    part.append(memoryview(b"hello"))
    assert not part.is_published
    store.publish(ID, part)
    assert part.is_published
