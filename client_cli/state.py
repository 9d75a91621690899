"""The directory where programs keep what they remember, and how a small file there is changed by several at once.

`$XDG_STATE_HOME/youku`, by default under `~/.local/state`. A file in it is readable by its owner alone and is replaced
as a whole, under a lock, so that two commands at once lose nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from youku_evloop.errors import Forbidden

LARGEST_FILE: Final = 16 * 1024 * 1024
"""Bytes: more than anybody has logins, servers or profiles for."""


def state_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """See the module (XDG base directories; a relative path there is ignored)."""
    base = environment.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        return Path.home() / ".local" / "state" / "youku"
    return Path(base) / "youku"


@contextmanager
def locked(directory: Path, purpose: str) -> Iterator[None]:
    """Make the directory if need be; while inside, nobody else changes a file in it. Raises `Forbidden`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        raise Forbidden(f"{directory} cannot be used to remember {purpose}: {problem.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def read_small(path: Path) -> bytes:
    """What a file of ours says; raises `OSError`, also for what is no such file: a pipe would be waited for."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise OSError(errno.EFBIG, "it is far too large", str(path))
    return content


def replace(path: Path, content: str) -> None:
    """Let the file be `content`, readable by its owner alone; raises `Forbidden`."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:
            file.write(content)
        fresh.replace(path)
    except OSError as problem:
        raise Forbidden(f"{path} cannot be written: {problem.strerror}.") from None
