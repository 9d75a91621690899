"""Locks between tasks, by key: one task at a time works on one thing, and others wait in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from youku_evloop.kernel.tasks import Waiter

if TYPE_CHECKING:
    from youku_evloop.kernel.loop import Loop


class KeyedLocks:
    """A lock for every key that somebody holds; nothing for the others."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._held: dict[Hashable, deque[Waiter]] = {}

    @contextmanager
    def hold(self, key: Hashable) -> Iterator[None]:
        """Wait for the key, and keep it inside the block. Not re-entrant."""
        queue = self._held.get(key)
        if queue is None:
            self._held[key] = deque()
        else:
            waiter = Waiter(self._loop)
            queue.append(waiter)
            waiter.wait()
        try:
            yield
        finally:
            self._pass_on(key)

    def _pass_on(self, key: Hashable) -> None:
        queue = self._held[key]
        if queue:
            queue.popleft().wake()
        else:
            del self._held[key]
