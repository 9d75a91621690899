"""The seam to the disk: every file operation whose failure or loss matters goes through `Files`.

A test can hand in another one that records, fails or forgets. Nothing here decides anything.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Files:
    """The real disk. Every method raises `OSError`."""

    def make_directory(self, path: Path) -> None:
        """Make the directory and its parents, readable by the owner only, unless it is there."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        """A new file, open for reading and writing; raises `FileExistsError`."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        """An existing file, open for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def lock(self, fd: int) -> None:
        """Keep the open file for this process; raises `BlockingIOError` when another one has it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def open_for_reading(self, path: Path) -> int:
        """An existing file, open for reading."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """Close it."""
        os.close(fd)

    def write(self, fd: int, data: memoryview, offset: int) -> int:
        """Write at `offset`; answers how many bytes, which may be fewer than given."""
        return os.pwrite(fd, data, offset)

    def read(self, fd: int, length: int, offset: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer at the end."""
        return os.pread(fd, length, offset)

    def size(self, fd: int) -> int:
        """Bytes in the open file."""
        return os.fstat(fd).st_size

    def links(self, fd: int) -> int:
        """Names that the open file has."""
        return os.fstat(fd).st_nlink

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Return when the file's bytes are on the disk itself."""
        os.fdatasync(fd)

    def sync_directory(self, path: Path) -> None:
        """Return when the names in the directory are on the disk itself."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def link(self, source: Path, target: Path) -> None:
        """A second name for a file; raises `FileExistsError`."""
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()

    def size_at(self, path: Path) -> int | None:
        """Bytes in the file of that name; None: there is none."""
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return None

    def names(self, directory: Path) -> list[str]:
        """What is in a directory."""
        return [entry.name for entry in directory.iterdir()]

    def free(self, directory: Path) -> int:
        """Bytes that we may still write to that filesystem."""
        status = os.statvfs(directory)
        return status.f_bavail * status.f_frsize
