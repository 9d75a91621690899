"""The store: where blobs and parts lie, and how a part becomes a blob.

    blobs/ab/abcdef...    the bytes with that BLAKE3 hash, whole, never changed
    parts/<upload id>     the bytes of an unfinished upload so far

Both lie on one filesystem, so that publishing is a second name for the same bytes: it takes no time, no space, and
happens wholly or not at all. No name from a client is ever part of a path: hashes and ids are checked to be what they
are. Everything here blocks; the server calls it in worker threads.

Several processes may work here at once: a server, the one that takes over from it, and the commands of an operator. A
part belongs to the process that has it open (a lock on the file).

A blob that no row names is *marked*, by making it read-only, and removed when it has been marked for long enough; so a
database that was away, or is an old one, costs nothing that is noticed within that time. Whoever is about to name a
blob in the database clears the mark before (`publish`, `keep_blob`). A lock on the directory keeps the two apart.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from youku_evloop.storage.files import Files, Room
from youku_evloop.storage.part import HASH_CHUNK, Part, RunningHash

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_DIRECTORY: Final = re.compile(r"[0-9a-f]{2}")
_PART_ID: Final = re.compile(r"[0-9a-f]{32}")
_FRESH: Final = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{32}")
"""A part on its way to take the place of a blob; left over when the process was stopped there."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that lies in the store."""

    digest: str
    size: int
    marked: float | None
    """Since when nobody is known to name it, in seconds since the epoch; None: somebody does, or it is new."""


class Store:
    """Blobs and parts below one directory."""

    def __init__(self, root: Path, files: Files) -> None:
        self._files = files
        self._root = root
        self._blobs = root / "blobs"
        self._parts = root / "parts"
        self._anchored: set[Path] = set()
        """Directories of blobs whose names are known to be on the disk itself."""

    def prepare(self) -> None:
        """Make the directories, so that they outlive a power loss."""
        self._files.make_directory(self._blobs)
        self._files.make_directory(self._parts)
        self._files.sync_directory(self._root)
        self._files.sync_directory(self._root.parent)

    def room(self) -> Room:
        """How full the filesystem is."""
        return self._files.room(self._parts)

    # -- parts

    def create_part(self, part_id: str) -> Part:
        """A new, empty part, locked; raises `FileExistsError`."""
        return self._locked(self._files.create(self._part_path(part_id)))

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

    def sync_part(self, part: Part) -> int:
        """Bring a part to the disk itself, its name included; answers how many bytes are safe there."""
        size = part.sync()
        if not part.is_anchored:
            self._files.sync_directory(self._parts)
            part.is_anchored = True
        return size

    def part_size(self, part_id: str) -> int | None:
        """Bytes of a part; None: there is none."""
        status = self._files.status(self._part_path(part_id))
        return None if status is None else status.size

    def remove_part(self, part_id: str) -> None:
        """Remove a part, if it is there."""
        with suppress(FileNotFoundError):
            self._files.unlink(self._part_path(part_id))

    def part_ids(self) -> list[str]:
        """The parts that are there."""
        return [name for name in self._files.names(self._parts) if _PART_ID.fullmatch(name)]

    # -- blobs

    def publish(self, part_id: str, part: Part) -> str:
        """Make a part, whole and hashed, a blob that survives a power loss; answers its fingerprint.

        The part stays under its own name until `remove_part`, so a crash in between loses nothing and publishing
        again is harmless. A blob that is there already is replaced: should it have decayed, it is whole again.
        """
        target = self._blob_path(part.hash())
        part.sync()
        self._files.make_directory(target.parent)
        with self._alone_in(target.parent):
            try:
                self._files.link(self._part_path(part_id), target)
            except FileExistsError:  # perhaps itself, from an earlier try
                self._replace(self._part_path(part_id), target, target.with_name(f"{target.name}.{part_id}"))
        self._files.sync_directory(target.parent)
        if target.parent not in self._anchored:
            self._files.sync_directory(self._blobs)
            self._anchored.add(target.parent)
        return part.fingerprint()

    def _replace(self, part: Path, target: Path, fresh: Path) -> None:
        with suppress(FileExistsError):
            self._files.link(part, fresh)
        self._files.rename(fresh, target)
        with suppress(FileNotFoundError):  # it stays where both were names of one file
            self._files.unlink(fresh)

    def keep_blob(self, digest: str, size: int) -> bool:
        """Clear the mark of a blob that is about to be named; False: it is not there, or not of that size."""
        path = self._blob_path(digest)
        with suppress(FileNotFoundError), self._alone_in(path.parent):
            status = self._files.status(path)
            if status is not None and status.size == size:
                self._files.protect(path, False)
                return True
        return False

    def mark_blob(self, digest: str) -> None:
        """From now on, and until somebody says otherwise, nobody is known to name this blob."""
        path = self._blob_path(digest)
        with suppress(FileNotFoundError), self._alone_in(path.parent):
            self._files.protect(path, True)

    def remove_blob(self, digest: str, marked_before: float) -> bool:
        """Remove a blob that has been marked since before then (seconds since the epoch); whether it was removed."""
        path = self._blob_path(digest)
        with suppress(FileNotFoundError), self._alone_in(path.parent):
            status = self._files.status(path)
            if status is not None and status.is_protected and status.changed < marked_before:
                self._files.unlink(path)
                return True
        return False

    def blob_directories(self) -> list[str]:
        """The names of the directories that blobs lie in, in order."""
        return sorted(name for name in self._files.names(self._blobs) if _DIRECTORY.fullmatch(name))

    def blobs_in(self, directory: str) -> list[Blob]:
        """The blobs of one of them; none, where there is no such directory."""
        found = []
        try:
            names = self._files.names(self._blobs / directory)
        except FileNotFoundError:
            names = []
        for name in sorted(names):
            status = self._files.status(self._blobs / directory / name)
            if _HASH.fullmatch(name) and name.startswith(directory) and status is not None:
                found.append(Blob(name, status.size, status.changed if status.is_protected else None))
        return found

    def strays(self) -> list[Path]:
        """What lies among the blobs and parts and is none, from the root on."""
        return sorted(path.relative_to(self._root) for path in self._foreign() if not _FRESH.fullmatch(path.name))

    def _foreign(self) -> Iterator[Path]:
        directories = self.blob_directories()
        yield from (self._blobs / name for name in self._files.names(self._blobs) if name not in directories)
        yield from (self._parts / name for name in self._files.names(self._parts) if not _PART_ID.fullmatch(name))
        for directory in directories:
            for name in self._files.names(self._blobs / directory):
                if not (_HASH.fullmatch(name) and name.startswith(directory)):
                    yield self._blobs / directory / name

    def remove_fresh(self, unchanged_since: float) -> None:
        """Remove what a process that was stopped while it replaced a blob has left."""
        for path in self._foreign():
            status = self._files.status(path) if _FRESH.fullmatch(path.name) else None
            if status is not None and status.changed < unchanged_since:
                with suppress(FileNotFoundError):
                    self._files.unlink(path)

    def blob_size(self, digest: str) -> int | None:
        """Bytes of a blob; None: there is none."""
        status = self._files.status(self._blob_path(digest))
        return None if status is None else status.size

    def open_blob(self, digest: str) -> int:
        """A descriptor for reading, for the caller to `close`; raises `FileNotFoundError`."""
        return self._files.open_for_reading(self._blob_path(digest))

    def is_named(self, fd: int) -> bool:
        """Whether an open blob has a name still; False too where nobody can tell. Does not block."""
        try:
            return self._files.links(fd) > 0
        except OSError:
            return False

    def close(self, fd: int) -> None:
        """Close what `open_blob` opened."""
        self._files.close(fd)

    def hash_blob(self, digest: str, length: int) -> str:
        """BLAKE3 of the first `length` bytes of a blob."""
        fd = self.open_blob(digest)
        running = RunningHash()
        try:
            self.hash_on(fd, running, length)
        finally:
            self._files.close(fd)
        return running.hexdigest()

    def hash_on(self, fd: int, running: RunningHash, most: int) -> None:
        """Take up to `most` further bytes of an open blob into a hash; raises `OSError` where it has fewer."""
        end = running.position + most
        while running.position < end:
            chunk = self._files.read(fd, min(HASH_CHUNK, end - running.position), running.position)
            if not chunk:
                raise OSError(errno.EIO, "it is shorter than it should be")
            running.update(chunk)

    # -- reading without stopping anybody

    def is_warm(self, fd: int, offset: int, length: int) -> bool:
        """Whether these bytes are likely to be in the cache: the first and the last one are. Does not block."""
        return self._files.is_cached(fd, offset) and self._files.is_cached(fd, offset + length - 1)

    def warm(self, fd: int, offset: int, length: int) -> None:
        """Bring these bytes into the cache, and ask the disk for as many after them."""
        end = offset + length
        while offset < end and (chunk := self._files.read(fd, min(HASH_CHUNK, end - offset), offset)):
            offset += len(chunk)
        self._files.ask_for(fd, end, length)

    # -- paths

    @contextmanager
    def _alone_in(self, directory: Path) -> Iterator[None]:
        fd = self._files.lock_directory(directory)
        try:
            yield
        finally:
            self._files.close(fd)

    def _part_path(self, part_id: str) -> Path:
        if not _PART_ID.fullmatch(part_id):
            raise ValueError(f"not the id of a part: {part_id!r}")
        return self._parts / part_id

    def _blob_path(self, digest: str) -> Path:
        return _blob_path(self._blobs, digest)


@lru_cache(maxsize=256)  # what is popular is opened again and again, and a path takes longer to make than to open
def _blob_path(blobs: Path, digest: str) -> Path:
    if not _HASH.fullmatch(digest):
        raise ValueError(f"not a hash: {digest!r}")
    return blobs.joinpath(digest[:2], digest)
