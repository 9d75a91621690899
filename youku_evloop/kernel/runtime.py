"""The kernel as a database library wants it: waits that park a task, and nothing of the loop besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from youku_evloop.kernel.sockets import CooperativeSocket
from youku_evloop.kernel.tasks import Waiter

if TYPE_CHECKING:
    from youku_evloop.kernel.loop import Loop

T = TypeVar("T")


class LoopRuntime:
    """Connect, block, wait, sleep: each parks the calling task and leaves the loop running."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def connect(self, host: str, port: int, timeout: float) -> CooperativeSocket:
        """A TCP connection within `timeout` seconds; raises `OSError`."""
        return CooperativeSocket.connect(self._loop, host, port, timeout)

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """`fn(*args)` in a worker thread."""
        return self._loop.in_thread(fn, *args)

    def waiter(self) -> Waiter:
        """A meeting point for one waiting task."""
        return Waiter(self._loop)

    def sleep(self, seconds: float) -> None:
        """Park the task."""
        self._loop.sleep(seconds)

    def now(self) -> float:
        """Seconds of a clock that never goes back."""
        return self._loop.now
