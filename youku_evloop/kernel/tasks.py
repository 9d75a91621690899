"""Tasks: straight-line code on greenlets, beside the callbacks of the loop.

How it works. The greenlet that runs the loop is the *hub*. A task runs until it has to wait; then it switches to the
hub, which goes on with whatever is ready, and switches back when what the task waits for has happened. So there is
no pre-emption: between two waits a task has the whole process for itself and needs no lock.

A task is a function called in a *worker* greenlet. Making a greenlet costs far more than switching to one, so a worker
that has finished its function is parked and given the next one.

Three rules keep this sound:
 - only the hub switches into a task, so a task never waits *inside* another one;
 - whoever resumes a task must be the one it waits for: a `Waiter` remembers its only waiting task and resumes it once;
 - the hub itself never waits; trying to raises `WaitingOnTheHub` instead of standing still for ever.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from youku_evloop.kernel.loop import Loop
    from youku_evloop.kernel.timers import Timer

log = logging.getLogger(__name__)

PARKED_WORKERS: Final = 1024
"""Idle greenlets that are kept: enough for a burst, few enough to give their stacks (some KiB each) back after one."""


class WaitingOnTheHub(RuntimeError):
    """A callback of the loop tried to wait; only a task may."""

    def __init__(self) -> None:
        super().__init__("only a task may wait: use Loop.spawn() for what waits")


class Tasks:
    """The greenlets of one loop. `hub` is set by the loop when it starts to run."""

    def __init__(self) -> None:
        self.hub: greenlet | None = None
        self.active = 0
        self.label = ""
        """What the running task is doing, for whoever has to say who kept the loop."""
        self._parked: list[greenlet] = []
        self._context = contextvars.copy_context()

    def enter_hub(self) -> None:
        """Make the current greenlet the hub; tasks inherit its context variables."""
        self.hub = getcurrent()
        self._context = contextvars.copy_context()

    def set_label(self, label: str) -> None:
        """Say what the running task is doing."""
        self.label = label

    def require_task(self) -> greenlet:
        """The hub, for a task to switch to; raises `WaitingOnTheHub` where no task asks."""
        hub = self.hub
        if hub is None or getcurrent() is hub:
            raise WaitingOnTheHub
        return hub

    def may_start(self) -> bool:
        """Whether the code that asks runs in the loop itself and not in a task."""
        return getcurrent() is self.hub

    def start(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Run `fn(*args)` as a task, at once, until it waits or ends. Only for the hub (`may_start`)."""
        parked = self._parked
        worker = parked.pop() if parked else self._new_worker()
        worker.gr_context = self._context.copy()  # a variable that a task sets is not there for the next one
        self.active += 1
        worker.switch(fn, args)

    def wait(self) -> Any:
        """Leave the current task until someone switches to it; the value is what they brought."""
        hub, label = self.hub, self.label
        if hub is None or getcurrent() is hub:
            raise WaitingOnTheHub
        brought = hub.switch()
        self.label = label
        return brought

    def close(self) -> None:
        """End the parked workers, so that nothing of them stays behind."""
        while self._parked:
            self._parked.pop().throw()

    def _new_worker(self) -> greenlet:
        worker = greenlet(self._work, self.hub)
        worker.switch()  # to its first wait; what it were started with would be kept as long as it lives
        return worker

    def _work(self) -> None:
        hub, myself, parked = self.require_task(), getcurrent(), self._parked
        while True:
            fn, args = hub.switch()
            self.label = ""
            try:
                fn(*args)
            except Exception:
                log.exception("a task failed: %s", getattr(fn, "__qualname__", fn))
            finally:
                self.active -= 1
            del fn, args  # or a parked worker would keep its last request alive
            if len(parked) >= PARKED_WORKERS:
                return
            parked.append(myself)


class WaiterState(Enum):
    """Where a waiter is between `wait` and `wake`, whichever comes first."""

    IDLE = "idle"
    WAITING = "waiting"
    WOKEN = "woken"


class Waiter:
    """A meeting of one task that waits and whoever wakes it; `wake` may come first."""

    __slots__ = ("_loop", "_state", "_task")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._state = WaiterState.IDLE
        self._task: greenlet | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it was woken within `timeout` seconds (None: however long it takes)."""
        if self._state is WaiterState.WOKEN:
            self._state = WaiterState.IDLE
            return True
        self._task = getcurrent()
        self._state = WaiterState.WAITING
        timer: Timer | None = None if timeout is None else self._loop.call_later(timeout, self._resume, False)
        try:
            return bool(self._loop.tasks.wait())
        finally:
            self._state = WaiterState.IDLE
            self._task = None
            if timer is not None:
                timer.cancel()

    def wake(self) -> None:
        """Let the task go on in the loop's next step; from the loop's own thread only. Twice is the same as once."""
        if self._state is WaiterState.WAITING:
            self._loop.call_soon(self._resume, True)
        self._state = WaiterState.WOKEN

    def _resume(self, woken: bool) -> None:
        expected = WaiterState.WOKEN if woken else WaiterState.WAITING
        if self._task is not None and self._state is expected:
            self._task.switch(woken)
