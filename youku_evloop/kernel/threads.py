"""Worker threads: for what truly blocks (SQLite, fsync, hashing a cold file, name look-up), so that the loop does not.

`run(fn, *args)` parks the calling task, runs the function in a thread, and answers what it returned or raises what it
raised. The threads start when they are first needed and take jobs in order. A job cannot be cancelled. What a job
itself wants run in a thread is run right there: it is in one already.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from youku_evloop.kernel.loop import Loop

T = TypeVar("T")

DEFAULT_THREADS: Final = 4
"""Enough that one slow fsync does not hold up the others; on few cores more threads only take turns."""


_here: Final = threading.local()
"""`is_worker`: set in worker threads only."""


class _Job:
    __slots__ = ("args", "error", "fn", "result", "task")

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], task: greenlet) -> None:
        self.fn = fn
        self.args = args
        self.task = task
        """Waits for nothing else until the job is done."""
        self.result: Any = None
        self.error: BaseException | None = None

    def work(self) -> None:
        try:
            self.result = self.fn(*self.args)
        except BaseException as error:
            self.error = error


class Workers:
    """The threads of one loop."""

    def __init__(self, loop: Loop, count: int = DEFAULT_THREADS) -> None:
        self._loop = loop
        self._count = count
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.unfinished = 0

    def run(self, fn: Callable[..., T], *args: Any) -> T:
        """`fn(*args)` in a thread, while the calling task waits; in a worker thread at once."""
        if hasattr(_here, "is_worker"):
            return fn(*args)
        tasks = self._loop.tasks
        tasks.require_task()
        job = _Job(fn, args, getcurrent())
        self.unfinished += 1
        self._start_thread_if_needed()
        self._jobs.put(job)
        tasks.wait()
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def close(self) -> None:
        """Finish what is queued and end the threads; blocks until they are gone."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def abandon(self) -> None:
        """Have `close` wait for nobody: what the threads do now ends with the process."""
        self._threads.clear()

    def _start_thread_if_needed(self) -> None:
        if len(self._threads) < min(self.unfinished, self._count):
            thread = threading.Thread(target=self._serve, name=f"worker-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self) -> None:
        _here.is_worker = True
        while (job := self._jobs.get()) is not None:
            job.work()
            self._loop.post(self._done, job)
            del job  # or the thread would keep its last job alive while it waits for the next

    def _done(self, job: _Job) -> None:
        self.unfinished -= 1
        job.task.switch()
