"""The disk as the services see it: work for a worker thread, and failures that a client can understand."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, Final, TypeVar

from youku_evloop.errors import NoSpace, Unavailable
from youku_evloop.services.library import Library

T = TypeVar("T")

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})


def on_disk(library: Library, fn: Callable[..., T], *args: Any, slow: bool = False) -> T:
    """What `fn(*args)` returns, run in a worker thread; `slow`: where the time it takes grows with the bytes.

    Its `OSError` becomes `NoSpace` or `Unavailable`, but for `FileNotFoundError`.
    """
    try:
        return (library.in_slow_thread if slow else library.in_thread)(fn, *args)
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise disk_failure(problem) from problem


def disk_failure(problem: OSError, needed: int = 0) -> Unavailable:
    """What to tell a client whose request met this failure; `needed`: the bytes that it has still to bring."""
    if problem.errno in FULL:
        return NoSpace(
            "The server's disk is full. What has arrived is kept: repeat it when there is room.", needed=needed, free=0
        )
    if problem.errno in OUT_OF_DESCRIPTORS:
        return Unavailable("The server has too many files open. Nothing is lost: repeat it in a moment.")
    return Unavailable(f"The server's disk failed ({problem.strerror}). What is safe is kept: repeat it later.")
