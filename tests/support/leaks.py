"""What a test leaves behind: descriptors and threads of this process, tasks and jobs of a loop.

with nothing_left_open():
    ...

A package of tests turns it on for all of them with a fixture:

    @pytest.fixture(autouse=True)
    def nothing_left() -> Iterator[None]:
        with nothing_left_open():
            yield
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from youku_evloop.kernel import Loop

DESCRIPTORS: Final = Path("/proc/self/fd")


@dataclass(frozen=True)
class Holdings:
    """What the process holds: each descriptor with what it stands for, and its threads by name and number."""

    descriptors: frozenset[str]
    threads: frozenset[str]

    def beyond(self, before: Holdings) -> list[str]:
        """What was not there before."""
        return sorted((self.descriptors - before.descriptors) | (self.threads - before.threads))


def holdings() -> Holdings:
    """What the process holds now."""
    threads = frozenset(f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate())
    return Holdings(frozenset(_descriptors()), threads)


def _descriptors() -> Iterator[str]:
    for fd in list(DESCRIPTORS.iterdir()):
        with suppress(FileNotFoundError):  # the one through which the directory was read
            yield f"descriptor {fd.name}: {fd.readlink()}"


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fail when, after the block, the process holds more than before."""
    before = holdings()
    yield
    left = holdings().beyond(before)
    assert not left, f"left open: {', '.join(left)}"


def assert_at_rest(loop: Loop) -> None:
    """Fail when a task still waits or a worker thread still has something to do."""
    assert loop.tasks.active == 0, f"{loop.tasks.active} tasks have not ended"
    assert loop.workers.unfinished == 0, f"{loop.workers.unfinished} jobs have not ended"
