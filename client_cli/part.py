"""A partial download on disk: `<target>.part`, beside the target so that a rename completes it.

It is locked while a download writes it, and its hash runs along. It is not synchronised to the disk before the rename:
a download that a power cut spoils is found by its hash when it is repeated, and waiting for the disk would cost more
than the transfer.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from client_cli.hashing import RunningHash
from client_cli.progress import Phase, Progress, ProgressCallback, no_progress
from youku_evloop.errors import BadRequest, Conflict, Forbidden, IntegrityFailure, NoSpace, NotFound, YoukuError

SUFFIX: Final = ".part"


FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class PartFile:
    """The open, locked `.part` of `target`; `size` bytes are in it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + SUFFIX)
        try:
            self._descriptor = _open_locked(self.path)
        except OSError as problem:
            raise unusable(self.path, problem) from None
        self.size = os.fstat(self._descriptor).st_size
        self._hash = RunningHash()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.size:
            self.remove()
        os.close(self._descriptor)

    def clear(self) -> None:
        """Start over."""
        os.ftruncate(self._descriptor, 0)
        self.size = 0
        self._hash = RunningHash()

    def hash(self, progress: ProgressCallback = no_progress) -> str:
        """The hash of what is in it; reads what has not passed through here."""
        size = self.size
        self._hash.catch_up(self.read_into, size, lambda done: progress(Progress(Phase.CHECKING, done, size)))
        return self._hash.hexdigest()

    def append(self, data: memoryview) -> None:
        """Write the next bytes; raises `NoSpace`."""
        self._hash.take(self.size, data)
        while data:
            count = self._write(data, self.size)
            self.size += count
            data = data[count:]

    def write_at(self, data: memoryview, offset: int) -> None:
        """Write bytes where they belong; raises `NoSpace`. May be called by several threads."""
        while data:
            count = self._write(data, offset)
            offset += count
            data = data[count:]

    def read_into(self, view: memoryview, offset: int) -> None:
        """Fill `view` from `offset` on; raises `IntegrityFailure` when there is less."""
        while view:
            count = os.preadv(self._descriptor, [view], offset)
            if not count:
                raise IntegrityFailure(f"{self.path} became shorter while it was read.", path=str(self.path))
            view, offset = view[count:], offset + count

    def measure(self) -> int:
        """Look how large it is, after `write_at`."""
        self.size = os.fstat(self._descriptor).st_size
        return self.size

    def check_room(self, needed: int) -> None:
        """Raises `NoSpace` when so many more bytes do not fit."""
        status = os.fstatvfs(self._descriptor)
        free = status.f_bavail * status.f_frsize
        if needed > free:
            raise NoSpace(
                f"{self.path.parent} has {free} bytes free, the download needs {needed}: make room, or name another"
                " place with -o.",
                needed=needed,
                free=free,
            )

    def publish(self, expected: str, progress: ProgressCallback = no_progress) -> None:
        """Become the target; raises `IntegrityFailure`, and is removed, when the hash is another one."""
        actual = self.hash(progress)
        if actual != expected:
            self.remove()
            raise IntegrityFailure(
                f"What was downloaded is not what the server has ({self.path}); it was removed. Repeat the command.",
                path=str(self.path),
                expected=expected,
                actual=actual,
            )
        try:
            self.path.replace(self.target)
        except OSError as problem:
            raise unusable(self.target, problem) from None

    def remove(self) -> None:
        """Leave nothing behind."""
        if _is_same(self.path, self._descriptor):
            self.path.unlink()

    def _write(self, data: memoryview, offset: int) -> int:
        try:
            return os.pwrite(self._descriptor, data, offset)
        except OSError as problem:
            raise unusable(self.path, problem) from None


def _open_locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            message = f"Another download writes {path} right now: wait for it, or stop it."
            raise Conflict(message, path=str(path)) from None
        if _is_same(path, descriptor):
            return descriptor
        os.close(descriptor)  # the download that held it has just renamed or removed it


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def unusable(path: Path, problem: OSError) -> YoukuError:
    """What a person can do about a path that the system refuses."""
    if isinstance(problem, FileNotFoundError | NotADirectoryError) and not path.parent.is_dir():
        return NotFound(f"There is no directory {path.parent}: make it, or name another place with -o.", path=str(path))
    if isinstance(problem, PermissionError):
        return Forbidden(f"You may not write {path}: name another place with -o.", path=str(path))
    if isinstance(problem, IsADirectoryError):
        return BadRequest(f"{path} is a directory: remove it, or name another place with -o.", path=str(path))
    if problem.errno in FULL:
        return NoSpace(f"There is no room left for {path}: make some and repeat the command.", path=str(path))
    return YoukuError(f"{path} cannot be used: {problem.strerror}.", path=str(path))
