"""The store: where blobs and parts lie, and how a part becomes a blob.

    blobs/ab/abcdef...    the bytes with that BLAKE3 hash, whole, never changed
    parts/<upload id>     the bytes of an unfinished upload so far

Both lie on one filesystem, so that publishing is a second name for the same bytes: it takes no time, no space, and
happens wholly or not at all. No name from a client is ever part of a path: hashes and ids are checked to be what they
are. Everything here blocks; the server calls it in worker threads, but for opening a blob and removing a name.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from blake3 import blake3

from youku_evloop.storage.files import Files
from youku_evloop.storage.part import HASH_CHUNK, Part

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PART_ID: Final = re.compile(r"[0-9a-f]{32}")


class Store:
    """Blobs and parts below one directory."""

    def __init__(self, root: Path, files: Files) -> None:
        self._files = files
        self._blobs = root / "blobs"
        self._parts = root / "parts"

    def prepare(self) -> None:
        """Make the directories."""
        self._files.make_directory(self._blobs)
        self._files.make_directory(self._parts)

    def free(self) -> int:
        """Bytes that the filesystem still takes."""
        return self._files.free(self._parts)

    # -- parts

    def create_part(self, part_id: str) -> Part:
        """A new, empty part, locked; raises `FileExistsError`."""
        part = self._locked(self._files.create(self._part_path(part_id)))
        self._files.sync_directory(self._parts)
        return part

    def open_part(self, part_id: str) -> Part:
        """The part as it is; raises `FileNotFoundError`, or `BlockingIOError` when another process has it open."""
        return self._locked(self._files.open(self._part_path(part_id)))

    def _locked(self, fd: int) -> Part:
        try:
            self._files.lock(fd)
            return Part(self._files, fd, self._files.size(fd))
        except BaseException:
            self._files.close(fd)
            raise

    def part_size(self, part_id: str) -> int:
        """Bytes of a part; 0 when there is none."""
        return self._files.size_at(self._part_path(part_id)) or 0

    def remove_part(self, part_id: str) -> None:
        """Remove a part, if it is there."""
        with suppress(FileNotFoundError):
            self._files.unlink(self._part_path(part_id))

    def part_ids(self) -> list[str]:
        """The parts that are there."""
        return [name for name in self._files.names(self._parts) if _PART_ID.fullmatch(name)]

    # -- blobs

    def publish(self, part_id: str, part: Part) -> str:
        """Make a part, whole and hashed, a blob that survives a power loss; answers its hash.

        The part stays under its own name until `remove_part`, so a crash in between loses nothing and publishing
        again is harmless.
        """
        digest = part.hash()
        target = self._blob_path(digest)
        part.sync()
        self._files.make_directory(target.parent)
        with suppress(FileExistsError):
            self._files.link(self._part_path(part_id), target)
        self._files.sync_directory(target.parent)
        self._files.sync_directory(self._blobs)
        return digest

    def blob_size(self, digest: str) -> int | None:
        """Bytes of a blob; None: there is none."""
        return self._files.size_at(self._blob_path(digest))

    def open_blob(self, digest: str) -> int:
        """A descriptor for reading, for the caller to `close`; raises `FileNotFoundError`."""
        return self._files.open_for_reading(self._blob_path(digest))

    def close(self, fd: int) -> None:
        """Close what `open_blob` opened."""
        self._files.close(fd)

    def hash_blob(self, digest: str, length: int) -> str:
        """BLAKE3 of the first `length` bytes of a blob."""
        fd = self.open_blob(digest)
        hasher = blake3()
        position = 0
        try:
            while chunk := self._files.read(fd, min(HASH_CHUNK, length - position), position):
                hasher.update(chunk)
                position += len(chunk)
        finally:
            self._files.close(fd)
        return hasher.hexdigest()

    def _part_path(self, part_id: str) -> Path:
        if not _PART_ID.fullmatch(part_id):
            raise ValueError(f"not the id of a part: {part_id!r}")
        return self._parts / part_id

    def _blob_path(self, digest: str) -> Path:
        if not _HASH.fullmatch(digest):
            raise ValueError(f"not a hash: {digest!r}")
        return self._blobs / digest[:2] / digest
