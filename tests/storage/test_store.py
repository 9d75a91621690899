"""The store: how a part becomes a blob, and that no name leads out of it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from blake3 import blake3

from tests.storage.conftest import FragileFiles
from youku_evloop.storage.part import Part
from youku_evloop.storage.store import Store

ID = "0123456789abcdef" * 2
OTHER_ID = "f" * 32
DATA = b"hello world"
CHECKOUT = Path(__file__).parent.parent.parent
FAR_FUTURE = 1e12
"""Seconds since the epoch."""
DIGEST = blake3(DATA).hexdigest()


def part_with(store: Store, data: bytes, part_id: str = ID) -> Part:
    part = store.create_part(part_id)
    part.append(memoryview(data))
    return part


def publish(store: Store, data: bytes, part_id: str = ID) -> str:
    part = part_with(store, data, part_id)
    try:
        store.publish(part_id, part)
    finally:
        part.close()
    return blake3(data).hexdigest()


def read(store: Store, digest: str) -> bytes:
    fd = store.open_blob(digest)
    try:
        return os.pread(fd, 1 << 20, 0)
    finally:
        store.close(fd)


# -- parts


def test_preparing_twice_is_harmless(store: Store) -> None:
    store.prepare()
    assert store.part_ids() == []


def test_directories_and_parts_are_the_owners_alone(store: Store, tmp_path: Path) -> None:
    store.create_part(ID).close()
    for path in (tmp_path / "parts", tmp_path / "blobs", tmp_path / "parts" / ID):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_part_cannot_be_made_twice(store: Store) -> None:
    store.create_part(ID).close()
    with pytest.raises(FileExistsError):
        store.create_part(ID)


def test_a_part_that_is_not_there_cannot_be_opened(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.open_part(ID)
    assert store.part_size(ID) is None
    store.remove_part(ID)


def test_parts_are_listed_and_removed(store: Store, tmp_path: Path) -> None:
    for part_id in (ID, OTHER_ID):
        store.create_part(part_id).close()
    (tmp_path / "parts" / "README").touch()
    assert sorted(store.part_ids()) == sorted([ID, OTHER_ID])
    store.remove_part(ID)
    assert store.part_ids() == [OTHER_ID]


def test_the_size_of_a_part_is_that_of_its_file(store: Store) -> None:
    part_with(store, DATA).close()
    assert store.part_size(ID) == len(DATA)


def test_the_first_sync_of_a_part_makes_its_name_safe_too(store: Store, files: FragileFiles) -> None:
    part = store.create_part(ID)
    try:
        files.log.clear()
        store.sync_part(part)
        assert files.log[-1] == "sync parts"
        files.log.clear()
        store.sync_part(part)
        assert "sync parts" not in files.log, "a name that is safe stays so"
    finally:
        part.close()


def test_a_name_that_could_not_be_made_safe_is_tried_again(store: Store, files: FragileFiles) -> None:
    part = store.create_part(ID)
    try:
        files.failing = {"sync parts"}
        with pytest.raises(OSError):
            store.sync_part(part)
        files.failing = set()
        store.sync_part(part)
        assert files.log[-1] == "sync parts"
    finally:
        part.close()


OPEN_IT: Final = """
import sys
from pathlib import Path
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store
try:
    Store(Path(sys.argv[1]), Files()).open_part(sys.argv[2])
except BlockingIOError:
    sys.exit("taken")
"""


def outcome_elsewhere(root: Path) -> str:
    """What another process gets that opens the part."""
    command = [sys.executable, "-c", OPEN_IT, str(root), ID]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False).stderr.strip()


def test_a_part_belongs_to_one_process_at_a_time(store: Store, tmp_path: Path) -> None:
    part = part_with(store, DATA)
    assert outcome_elsewhere(tmp_path) == "taken"
    part.close()
    assert outcome_elsewhere(tmp_path) == ""


# -- blobs


def test_a_published_part_is_a_blob(store: Store) -> None:
    assert publish(store, DATA) == DIGEST
    assert store.blob_size(DIGEST) == len(DATA)
    assert read(store, DIGEST) == DATA


def test_a_blob_that_is_not_there_has_no_size_and_cannot_be_opened(store: Store) -> None:
    assert store.blob_size(DIGEST) is None
    with pytest.raises(FileNotFoundError):
        store.open_blob(DIGEST)


def test_the_part_stays_until_it_is_removed_and_the_blob_outlives_it(store: Store) -> None:
    publish(store, DATA)
    assert store.part_ids() == [ID]
    store.remove_part(ID)
    assert read(store, DIGEST) == DATA


def test_the_same_bytes_are_stored_once(store: Store, tmp_path: Path) -> None:
    publish(store, DATA)
    publish(store, DATA, OTHER_ID)
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [DIGEST]


def test_bytes_are_safe_before_their_name_is_and_the_name_before_anybody_hears_of_it(
    store: Store, files: FragileFiles
) -> None:
    part = part_with(store, DATA)
    files.log.clear()
    store.publish(ID, part)
    part.close()
    assert files.log == ["sync", "link", f"sync {DIGEST[:2]}", "sync blobs"]


@pytest.mark.parametrize("step", ["sync", "link", f"sync {DIGEST[:2]}", "sync blobs"])
def test_publishing_can_be_repeated_after_any_failure(store: Store, files: FragileFiles, step: str) -> None:
    part = part_with(store, DATA)
    files.failing = {step}
    with pytest.raises(OSError):
        store.publish(ID, part)
    assert store.part_size(ID) == len(DATA)
    files.failing = set()
    store.publish(ID, part)
    part.close()
    assert read(store, DIGEST) == DATA


def test_a_sync_that_fails_leaves_no_blob(store: Store, files: FragileFiles) -> None:
    part = part_with(store, DATA)
    files.failing = {"sync"}
    with pytest.raises(OSError):
        store.publish(ID, part)
    part.close()
    assert store.blob_size(DIGEST) is None


@pytest.mark.parametrize("length", [0, 1, 5, len(DATA)])
def test_the_beginning_of_a_blob_has_a_hash_of_its_own(store: Store, length: int) -> None:
    publish(store, DATA)
    assert store.hash_blob(DIGEST, length) == blake3(DATA[:length]).hexdigest()


def test_a_large_blob_is_hashed_in_pieces(store: Store) -> None:
    data = bytes(range(256)) * 12_345
    digest = publish(store, data)
    assert store.hash_blob(digest, len(data)) == digest
    assert store.hash_blob(digest, 2_000_001) == blake3(data[:2_000_001]).hexdigest()


# -- names


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../" * 10 + "etc/passwd", "a" * 31, "a" * 33, "A" * 32, "g" * 32, ID + "\n", "0\0" * 16]
)
def test_what_is_no_id_never_becomes_a_path(store: Store, name: str) -> None:
    for use in (store.create_part, store.open_part, store.part_size, store.remove_part):
        with pytest.raises(ValueError, match="not the id"):
            use(name)


@pytest.mark.parametrize("name", ["", "..", "../" * 22, DIGEST[:-1], DIGEST + "0", DIGEST.upper(), DIGEST + "\n"])
def test_what_is_no_hash_never_becomes_a_path(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="not a hash"):
        store.open_blob(name)
    with pytest.raises(ValueError, match="not a hash"):
        store.blob_size(name)
    with pytest.raises(ValueError, match="not a hash"):
        store.hash_blob(name, 1)


def test_a_filesystem_has_room(store: Store) -> None:
    room = store.room()
    assert 0 < room.free <= room.total


# -- blobs that nobody names


def marks(store: Store) -> dict[str, bool]:
    return {blob.digest: blob.marked is not None for name in store.blob_directories() for blob in store.blobs_in(name)}


def test_a_new_blob_is_listed_and_not_marked(store: Store) -> None:
    publish(store, DATA)
    assert store.blob_directories() == [DIGEST[:2]]
    (blob,) = store.blobs_in(DIGEST[:2])
    assert (blob.digest, blob.size, blob.marked) == (DIGEST, len(DATA), None)


def test_a_blob_is_removed_only_when_it_has_been_marked_for_long_enough(store: Store) -> None:
    publish(store, DATA)
    assert not store.remove_blob(DIGEST, FAR_FUTURE)
    store.mark_blob(DIGEST)
    assert marks(store) == {DIGEST: True}
    assert not store.remove_blob(DIGEST, 0)
    assert store.remove_blob(DIGEST, FAR_FUTURE)
    assert store.blob_size(DIGEST) is None


def test_a_blob_that_is_about_to_be_named_loses_its_mark(store: Store) -> None:
    publish(store, DATA)
    store.mark_blob(DIGEST)
    assert store.keep_blob(DIGEST, len(DATA))
    assert marks(store) == {DIGEST: False}
    assert not store.remove_blob(DIGEST, FAR_FUTURE)


def test_publishing_the_same_bytes_again_clears_the_mark_and_heals_what_has_decayed(
    store: Store, tmp_path: Path
) -> None:
    publish(store, DATA)
    store.remove_part(ID)
    blob = tmp_path / "blobs" / DIGEST[:2] / DIGEST
    blob.write_bytes(b"decayed")
    store.mark_blob(DIGEST)
    publish(store, DATA, OTHER_ID)
    assert marks(store) == {DIGEST: False}
    assert read(store, DIGEST) == DATA
    assert store.strays() == []


def test_a_blob_that_is_not_there_or_not_of_that_size_cannot_be_kept(store: Store) -> None:
    assert not store.keep_blob(DIGEST, len(DATA))
    publish(store, DATA)
    assert not store.keep_blob(DIGEST, len(DATA) + 1)
    store.mark_blob("0" * 64)
    assert not store.remove_blob("0" * 64, FAR_FUTURE)


def test_what_is_no_blob_and_no_part_is_a_stray_and_is_left_alone(store: Store, tmp_path: Path) -> None:
    publish(store, DATA)
    for name in ("parts/notes.txt", "blobs/index", f"blobs/{DIGEST[:2]}/{'0' * 64}"):
        (tmp_path / name).touch()
    assert [str(path) for path in store.strays()] == [
        f"blobs/{DIGEST[:2]}/{'0' * 64}", "blobs/index", "parts/notes.txt"
    ]  # fmt: skip
    store.remove_fresh(FAR_FUTURE)
    assert len(store.strays()) == 3
    assert marks(store) == {DIGEST: False}


def test_what_was_left_of_replacing_a_blob_is_removed_after_a_while(store: Store, tmp_path: Path) -> None:
    publish(store, DATA)
    fresh = tmp_path / "blobs" / DIGEST[:2] / f"{DIGEST}.{ID}"
    fresh.touch()
    store.remove_fresh(0)
    assert fresh.exists()
    store.remove_fresh(FAR_FUTURE)
    assert not fresh.exists()
    assert read(store, DIGEST) == DATA


# -- warm and cold


def test_what_was_just_written_is_warm_and_warming_it_again_is_harmless(store: Store) -> None:
    publish(store, DATA)
    fd = store.open_blob(DIGEST)
    assert store.is_warm(fd, 0, len(DATA))
    store.warm(fd, 0, len(DATA))
    store.warm(fd, 0, 10 * len(DATA))
    store.close(fd)
