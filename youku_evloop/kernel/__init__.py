"""The kernel: loop, timers, tasks, cooperative sockets, worker threads. It knows no protocol."""

from youku_evloop.kernel.loop import Loop
from youku_evloop.kernel.runtime import LoopRuntime
from youku_evloop.kernel.sockets import CooperativeSocket
from youku_evloop.kernel.tasks import Tasks, Waiter
from youku_evloop.kernel.threads import Workers
from youku_evloop.kernel.timers import DeadlineWheel, Timer

__all__ = [
    "CooperativeSocket",
    "DeadlineWheel",
    "Loop",
    "LoopRuntime",
    "Tasks",
    "Timer",
    "Waiter",
    "Workers",
]
