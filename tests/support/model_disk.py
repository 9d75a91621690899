"""A disk in memory that remembers what was done to it, and can be what a power loss leaves of it.

Everything goes through `Files`, the seam of the storage. Of what was not synced, `after_power_loss` keeps what chance
wants. It is as unkind as POSIX allows: names are lost one by one, bytes sector by sector, and a file may have grown
before its bytes arrived.

A sync that fails loses what it should have made durable, though it can still be read: later syncs do not bring it back.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from youku_evloop.storage.files import Files, Room, Status

SECTOR: Final = 512
ROOT: Final = Path("/")
CAPACITY: Final = 1 << 40


@dataclass
class Inode:
    """A file: its bytes as programs see them, those that are durable, and the changes in between."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, bytes written), or (size, None) for a truncation."""
    names: int = 0
    protected: bool = False
    changed: float = 0.0
    locked_by: int | None = None

    def sync(self) -> None:
        """All that was done is durable."""
        self.durable, self.pending = bytes(self.data), []

    def lose(self) -> None:
        """What was not synced will never be, although it can be read."""
        self.pending = []


@dataclass
class Directory:
    """Names, as programs see them, and those that are durable."""

    names: dict[str, Inode | Directory] = field(default_factory=dict)
    durable: dict[str, Inode | Directory] = field(default_factory=dict)
    pending: list[dict[str, Inode | Directory | None]] = field(default_factory=list)
    """What one operation changes: names given and (None) removed, all of them or none."""

    def change(self, **changes: Inode | Directory | None) -> None:
        """Carry out one operation on names."""
        _apply(self.names, changes)
        self.pending.append(changes)

    def sync(self) -> None:
        """All that was done is durable."""
        self.durable, self.pending = dict(self.names), []


def _apply(names: dict[str, Inode | Directory], changes: dict[str, Inode | Directory | None]) -> None:
    for name, target in changes.items():
        if target is None:
            names.pop(name, None)
        else:
            names[name] = target


class ModelDisk(Files):
    """`before(operation)` is called before each operation and may raise what that shall fail with."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.root = Directory()
        self.clock = clock
        self.before: Callable[[str], None] = lambda operation: None
        self.free = CAPACITY
        self._open: dict[int, Inode | Directory] = {}
        self._last_fd = 1000

    # -- what is there

    def contents(self, path: Path) -> bytes | None:
        """The bytes of a file; None: there is none."""
        inode = self._lookup(path)
        return bytes(inode.data) if isinstance(inode, Inode) else None

    @property
    def open_files(self) -> int:
        """Descriptors that nobody has closed."""
        return len(self._open)

    def _lookup(self, path: Path) -> Inode | Directory | None:
        found: Inode | Directory | None = self.root
        for name in path.parts[1:]:
            found = found.names.get(name) if isinstance(found, Directory) else None
        return found

    def _directory(self, path: Path) -> Directory:
        found = self._lookup(path)
        if not isinstance(found, Directory):
            raise _error(errno.ENOENT)
        return found

    def _file(self, path: Path) -> Inode:
        found = self._lookup(path)
        if not isinstance(found, Inode):
            raise _error(errno.ENOENT)
        return found

    def _inode(self, fd: int) -> Inode:
        found = self._open.get(fd)
        if not isinstance(found, Inode):
            raise _error(errno.EBADF)
        return found

    def _opened(self, target: Inode | Directory) -> int:
        self._last_fd += 1
        self._open[self._last_fd] = target
        return self._last_fd

    # -- directories

    def make_directory(self, path: Path) -> None:
        self.before("make_directory")
        for parent in [*reversed(path.parents), path][1:]:
            if self._lookup(parent) is None:
                self._directory(parent.parent).change(**{parent.name: Directory()})

    def sync_directory(self, path: Path) -> None:
        self.before("sync_directory")
        self._directory(path).sync()

    def lock_directory(self, path: Path) -> int:
        self.before("lock_directory")
        return self._opened(self._directory(path))

    def names(self, directory: Path) -> list[str]:
        self.before("names")
        return list(self._directory(directory).names)

    def room(self, directory: Path) -> Room:
        self.before("room")
        return Room(self.free, CAPACITY)

    # -- open files

    def create(self, path: Path) -> int:
        self.before("create")
        if self._lookup(path) is not None:
            raise _error(errno.EEXIST)
        inode = Inode(names=1, changed=self.clock())
        self._directory(path.parent).change(**{path.name: inode})
        return self._opened(inode)

    def open(self, path: Path) -> int:
        self.before("open")
        return self._opened(self._file(path))

    def open_for_reading(self, path: Path) -> int:
        self.before("open_for_reading")
        return self._opened(self._file(path))

    def close(self, fd: int) -> None:
        closed = self._open.pop(fd)
        if isinstance(closed, Inode) and closed.locked_by == fd:
            closed.locked_by = None

    def lock(self, fd: int) -> None:
        self.before("lock")
        inode = self._inode(fd)
        if inode.locked_by is not None:
            raise BlockingIOError(errno.EWOULDBLOCK, "locked")
        inode.locked_by = fd

    def write(self, fd: int, data: memoryview, offset: int) -> int:
        self.before("write")
        inode = self._inode(fd)
        _write(inode.data, offset, bytes(data))
        inode.pending.append((offset, bytes(data)))
        inode.changed = self.clock()
        return len(data)

    def read(self, fd: int, length: int, offset: int) -> bytes:
        self.before("read")
        return bytes(self._inode(fd).data[offset : offset + length])

    def size(self, fd: int) -> int:
        self.before("size")
        return len(self._inode(fd).data)

    def links(self, fd: int) -> int:
        self.before("links")
        return self._inode(fd).names

    def truncate(self, fd: int, size: int) -> None:
        self.before("truncate")
        inode = self._inode(fd)
        _resize(inode.data, size)
        inode.pending.append((size, None))

    def sync(self, fd: int) -> None:
        inode = self._inode(fd)
        try:
            self.before("sync")
        except OSError:
            inode.lose()
            raise
        inode.sync()

    def is_cached(self, fd: int, offset: int) -> bool:
        return False

    def ask_for(self, fd: int, offset: int, length: int) -> None:
        self.before("ask_for")

    # -- names

    def link(self, source: Path, target: Path) -> None:
        self.before("link")
        inode = self._file(source)
        if self._lookup(target) is not None:
            raise _error(errno.EEXIST)
        self._directory(target.parent).change(**{target.name: inode})
        inode.names += 1
        inode.changed = self.clock()

    def rename(self, source: Path, target: Path) -> None:
        self.before("rename")
        assert source.parent == target.parent, "the model knows no other renames"
        inode, there = self._file(source), self._lookup(target)
        if there is inode:
            return
        if isinstance(there, Inode):
            there.names -= 1
        self._directory(target.parent).change(**{source.name: None, target.name: inode})
        inode.changed = self.clock()

    def unlink(self, path: Path) -> None:
        self.before("unlink")
        inode = self._file(path)
        self._directory(path.parent).change(**{path.name: None})
        inode.names -= 1
        inode.changed = self.clock()

    def protect(self, path: Path, protected: bool) -> None:
        self.before("protect")
        inode = self._file(path)
        inode.protected, inode.changed = protected, self.clock()

    def status(self, path: Path) -> Status | None:
        self.before("status")
        inode = self._lookup(path)
        return Status(len(inode.data), inode.protected, inode.changed) if isinstance(inode, Inode) else None

    # -- afterwards

    def end_processes(self) -> None:
        """Whoever had something open is dead: nothing is lost, nothing is open."""
        for opened in self._open.values():
            if isinstance(opened, Inode):
                opened.locked_by = None
        self._open.clear()
        self.before = lambda operation: None

    def after_power_loss(self, chance: random.Random) -> ModelDisk:
        """Another disk: what the machine finds when it starts again. What is not durable survives by chance."""
        kept = chance.choice((0.0, 0.2, 0.5, 0.8, 1.0))
        files: dict[int, Inode] = {}

        def file(old: Inode) -> Inode:
            if id(old) not in files:
                found = _survivor(old, chance, kept)
                files[id(old)] = Inode(bytearray(found), found, protected=old.protected, changed=old.changed)
            files[id(old)].names += 1
            return files[id(old)]

        def directory(old: Directory) -> Directory:
            names = dict(old.durable)
            for changes in old.pending:
                if chance.random() < kept:
                    _apply(names, changes)
            found = {name: directory(it) if isinstance(it, Directory) else file(it) for name, it in names.items()}
            return Directory(found, dict(found))

        disk = ModelDisk(self.clock)
        disk.root = directory(self.root)
        disk.free = self.free
        return disk


def _survivor(inode: Inode, chance: random.Random, kept: float) -> bytes:
    """What is left of a file: its durable bytes, and of the changes since then whatever chance lets through."""
    data = bytearray(inode.durable)
    for offset, written in inode.pending:
        if written is None:
            if chance.random() < kept:
                _resize(data, offset)
            continue
        for start in range(0, len(written), SECTOR):
            if chance.random() < kept:
                _write(data, offset + start, written[start : start + SECTOR])
    if len(data) < len(inode.data) and inode.pending and chance.random() < kept:
        rest = chance.randrange(len(data), len(inode.data) + 1) - len(data)
        data += bytes(rest) if chance.random() < 0.5 else chance.randbytes(rest)
    return bytes(data)


def _write(data: bytearray, offset: int, new: bytes) -> None:
    if offset > len(data):
        _resize(data, offset)
    data[offset : offset + len(new)] = new


def _resize(data: bytearray, size: int) -> None:
    del data[size:]
    data += bytes(size - len(data))


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
