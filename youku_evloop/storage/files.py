"""The seam to the disk: every file operation whose failure or loss matters goes through `Files`.

A test can hand in another one that records, fails or forgets. Nothing here decides anything.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NOT_CACHED: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK})


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a file without opening it."""

    size: int
    is_protected: bool
    """Whether its owner may not write."""
    changed: float
    """When its bytes, names or mode changed last (all of which is ctime), in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a filesystem holds, in bytes."""

    free: int
    """What we may still write."""
    total: int


class Files:
    """The real disk. Every method raises `OSError`."""

    # -- directories

    def make_directory(self, path: Path) -> None:
        """Make the directory and its parents, readable by the owner only, unless it is there."""
        if not path.is_dir():  # a mkdir that fails keeps others out of the directory above for longer
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Return when the names in the directory are on the disk itself."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def lock_directory(self, path: Path) -> int:
        """Wait until no other thread or process has the directory; it is ours until the descriptor is closed."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def names(self, directory: Path) -> list[str]:
        """What is in a directory."""
        return [entry.name for entry in directory.iterdir()]

    def room(self, directory: Path) -> Room:
        """How full that filesystem is."""
        status = os.statvfs(directory)
        return Room(status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize)

    # -- open files

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
        """Close it, and give back its lock."""
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

    def is_cached(self, fd: int, offset: int) -> bool:
        """Whether the byte there can be read without waiting for the disk; True where nobody can tell."""
        try:
            os.preadv(fd, [bytearray(1)], offset, os.RWF_NOWAIT)
        except OSError as problem:
            return problem.errno not in NOT_CACHED
        return True

    def ask_for(self, fd: int, offset: int, length: int) -> None:
        """Have the disk read these bytes into the cache, without waiting for them."""
        os.posix_fadvise(fd, offset, length, os.POSIX_FADV_WILLNEED)

    # -- names

    def link(self, source: Path, target: Path) -> None:
        """A second name for a file; raises `FileExistsError`."""
        os.link(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, in place of whatever had that; nothing, when both are names of one file."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()

    def protect(self, path: Path, protected: bool) -> None:
        """Let its owner only read it, or write too; either way it counts as changed now."""
        path.chmod(0o400 if protected else 0o600)

    def status(self, path: Path) -> Status | None:
        """What is known of the file of that name; None: there is none."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return Status(found.st_size, not found.st_mode & stat.S_IWUSR, found.st_ctime)
