"""The file that an upload reads: opened once, checked before anything is sent, watched for changes until the end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from youku_evloop.errors import BadRequest, Forbidden, IntegrityFailure, NotFound, YoukuError
from youku_evloop.wire.fingerprint import fingerprint


class Source:
    """An open file of a known size. Raises what is wrong with it: `NotFound`, `Forbidden`, `BadRequest`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_kind(path)
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as problem:
            raise _unusable(path, problem) from None
        self._before = os.fstat(self._descriptor)
        self.size = self._before.st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def read_into(self, view: memoryview, offset: int) -> None:
        """Fill `view` from `offset` on; raises `IntegrityFailure` when the file has become shorter."""
        while view:
            count = os.preadv(self._descriptor, [view], offset)
            if not count:
                raise self.changed()
            view, offset = view[count:], offset + count

    def fingerprint(self) -> str:
        """See `youku_evloop.wire.fingerprint`."""
        return fingerprint(self.size, lambda length, offset: os.pread(self._descriptor, length, offset))

    def check_unchanged(self) -> None:
        """Raises `IntegrityFailure` when the file is no longer what it was when it was opened."""
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise self.changed()

    def changed(self) -> IntegrityFailure:
        """The error that says so."""
        return IntegrityFailure(
            f"{self.path} changed while it was being uploaded; nothing was published. Upload it again once it is"
            " complete.",
            path=str(self.path),
        )


def _check_kind(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as problem:
        raise _unusable(path, problem) from None
    if stat.S_ISDIR(status.st_mode):
        raise BadRequest(f"{path} is a directory: name the files in it, or add --recursive.", path=str(path))
    if not stat.S_ISREG(status.st_mode):
        raise BadRequest(
            f"{path} is no regular file and could not be resumed: copy it first, or pipe it to `youku upload -`.",
            path=str(path),
        )
    if not status.st_size:
        raise BadRequest(f"{path} is empty: there is nothing to upload.", path=str(path))


def _unusable(path: Path, problem: OSError) -> YoukuError:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        return NotFound(f"There is no file {path}.", path=str(path))
    if isinstance(problem, PermissionError):
        return Forbidden(f"You may not read {path}: mend its permissions.", path=str(path))
    return BadRequest(f"{path} cannot be read: {problem.strerror}.", path=str(path))
