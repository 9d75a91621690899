"""The loop: one thread, one epoll, everything else hangs on it.

A turn: wait until a descriptor is ready or a timer is due; call the callbacks of the ready descriptors; call what was
asked for with `call_soon` before this turn; call the due timers. What a callback asks for runs in the next turn, so
nobody can keep the others from theirs.

Epoll's traps, and what is done about them:
 - A descriptor that is closed and opened again within one turn gets the old one's event. Callbacks must therefore bear
   to be called without cause; ours work on non-blocking sockets and do.
 - Level-triggered writability wakes the loop for ever, so a connection asks for it only while it has something to
   write (`change`). A cooperative socket, which waits at one place at a time, is edge-triggered instead and asks never.
 - EPOLLHUP and EPOLLERR come unasked: a connection that neither reads nor writes still has to act on them, or the
   loop spins.
 - A closed descriptor leaves the set by itself only if no duplicate is open (a child process may have one): always
   `unwatch` before `close`.

Threads and signal handlers come in through one doorway: `post` appends to a deque and pokes the wake-up socket. The
interpreter's own wake-up descriptor is the same socket, because a signal that arrives between "nothing to do" and
`epoll_wait` would otherwise be acted on only after the wait.
"""

from __future__ import annotations

import logging
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from youku_evloop.kernel.tasks import Tasks, Waiter
from youku_evloop.kernel.threads import DEFAULT_THREADS, Workers
from youku_evloop.kernel.timers import DeadlineWheel, Timer, TimerHeap

log = logging.getLogger(__name__)

T = TypeVar("T")
Call = tuple[Callable[..., object], tuple[Any, ...]]

READ: Final = select.EPOLLIN | select.EPOLLRDHUP
WRITE: Final = select.EPOLLOUT
EDGE: Final = select.EPOLLET
SLOW_TURN: Final = 0.1
"""Seconds after which everybody else has noticed: worth a warning that names the culprit."""
WARN_EVERY: Final = 1.0
"""Seconds between two such warnings: a loop that is merely busy must not be busy with its log too."""
LAG_SAMPLE: Final = 0.25
"""Seconds from one to the next: a timer that rare costs nothing."""
LAG_SAMPLES: Final = 240
"""A minute of samples of how late a timer fires, which is how late everything is."""
EVENTS_A_TURN: Final = 512
"""Ready descriptors taken at once: bounds the time until timers and other tasks get their turn."""


class Loop:
    """An event loop. Only its own thread may touch it, except for `post`."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, threads: int = DEFAULT_THREADS) -> None:
        self._clock = clock
        self.now = clock()
        self.tasks = Tasks()
        self.workers = Workers(self, threads)
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int], object]] = {}
        self._soon: deque[Call] = deque()
        self._timers = TimerHeap()
        self.lags: deque[float] = deque(maxlen=LAG_SAMPLES)
        self._step_began = self.now
        self._longest = 0.0
        self._culprit: Callable[..., object] | str = ""
        self._warn_from = self.now
        self._running = False
        self._signals: dict[int, Any] = {}
        self._posted: deque[Call] = deque()
        self._poked = False
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self.deadlines = DeadlineWheel(self.call_later, lambda: self.now)
        self.watch(self._wake_receiver.fileno(), READ, self._on_wake)

    # -- descriptors

    def watch(self, fd: int, events: int, callback: Callable[[int], object]) -> None:
        """Call `callback(events)` whenever `fd` is ready for one of `events`."""
        self._epoll.register(fd, events)
        self._callbacks[fd] = callback

    def change(self, fd: int, events: int) -> None:
        """Wait for other events of a watched descriptor."""
        self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forget the descriptor; call it before closing it."""
        del self._callbacks[fd]
        with suppress(OSError):  # closed already, and so out of the set
            self._epoll.unregister(fd)

    # -- calls and timers

    def call_soon(self, fn: Callable[..., object], *args: Any) -> None:
        """Call it in the loop's next step."""
        self._soon.append((fn, args))

    def time(self) -> float:
        """The loop's clock, in seconds; `now` is what it was at the beginning of the turn."""
        return self._clock()

    def call_later(self, delay: float, fn: Callable[..., object], *args: Any) -> Timer:
        """Call it in `delay` seconds, counted from now and not from the beginning of the turn."""
        return self._timers.add(self._clock() + delay, fn, *args)

    def post(self, fn: Callable[..., object], *args: Any) -> None:
        """Call it in the loop's thread: the one method for other threads and for signal handlers."""
        self._posted.append((fn, args))
        if not self._poked:
            self._poked = True
            with suppress(BlockingIOError):  # full: the loop will wake up anyway
                self._wake_sender.send(b"\0")

    def on_signal(self, signum: int, fn: Callable[[], object]) -> None:
        """Call `fn()` in the loop when the process gets the signal; the old handler returns with `close`."""
        previous = signal.signal(signum, lambda _signum, _frame: self.post(fn))
        self._signals.setdefault(signum, previous)

    # -- tasks

    def spawn(self, fn: Callable[..., object], *args: Any) -> None:
        """Run `fn(*args)` as a task: at once when the loop itself asks, else in its next step."""
        tasks = self.tasks
        if tasks.may_start():
            tasks.start(fn, args)
        else:
            self.call_soon(tasks.start, fn, args)

    def in_thread(self, fn: Callable[..., T], *args: Any) -> T:
        """Run what blocks in a worker thread while the calling task waits for its result."""
        return self.workers.run(fn, *args)

    def sleep(self, seconds: float) -> None:
        """Let the calling task wait."""
        Waiter(self).wait(seconds)

    # -- how late it is

    def measure_lag(self) -> None:
        """From now on, sample into `lags` how many seconds late a timer fires."""
        self.call_later(LAG_SAMPLE, self._sample_lag, self._clock() + LAG_SAMPLE)

    def _sample_lag(self, due: float) -> None:
        self.lags.append(max(0.0, self._clock() - due))
        self.measure_lag()

    # -- running

    def run(self) -> None:
        """Turn until `stop`; the caller's greenlet becomes the hub."""
        self.tasks.enter_hub()
        self._running = True
        self._step_began = self._clock()
        old_wakeup_fd = self._take_signals()
        try:
            while self._running:
                self._turn()
        finally:
            if old_wakeup_fd is not None:
                signal.set_wakeup_fd(old_wakeup_fd)

    def run_task(self, fn: Callable[..., T], *args: Any) -> T:
        """Run one task to its end, in a loop that is not running, and answer what it returns."""
        outcome: list[T] = []
        failure: list[Exception] = []

        def work() -> None:
            try:
                outcome.append(fn(*args))
            except Exception as error:
                failure.append(error)
            finally:
                self.stop()

        self.call_soon(self.tasks.start, work, ())
        self.run()
        if failure:
            raise failure[0]
        return outcome[0]

    def stop(self) -> None:
        """End `run` after the current turn."""
        self._running = False

    def close(self) -> None:
        """Give everything back: threads, parked greenlets, descriptors, signal handlers."""
        self.workers.close()
        self.tasks.close()
        for signum, previous in self._signals.items():
            signal.signal(signum, previous)
        self._signals.clear()
        self.unwatch(self._wake_receiver.fileno())
        self._wake_receiver.close()
        self._wake_sender.close()
        self._epoll.close()

    def _take_signals(self) -> int | None:
        try:
            return signal.set_wakeup_fd(self._wake_sender.fileno(), warn_on_full_buffer=False)
        except ValueError:  # not the main thread: signals come to another one
            return None

    def _turn(self) -> None:
        alarm = self._timers.next_time()
        events = self._epoll.poll(self._patience(alarm), EVENTS_A_TURN)
        self.now = self._step_began = self._clock()
        self._longest = 0.0
        callbacks = self._callbacks
        for fd, mask in events:
            callback = callbacks.get(fd)
            if callback is not None:
                self._step(callback, mask)
        for _ in range(len(self._soon)):
            fn, args = self._soon.popleft()
            self._step(fn, *args)
        if alarm is not None and alarm <= self.now:
            for fn, args in self._timers.due(self.now):
                self._step(fn, *args)
        if self._step_began - self.now > SLOW_TURN and self._step_began >= self._warn_from:
            self._warn(self._step_began - self.now)
        self._culprit = ""  # or it would keep something alive that is over

    def _warn(self, seconds: float) -> None:
        """That a turn took too long, and what took the longest of it."""
        self._warn_from = self._step_began + WARN_EVERY
        culprit = self._culprit if isinstance(self._culprit, str) else _name(self._culprit)
        if self._longest > SLOW_TURN:
            log.warning("the loop stood still for %.0f ms in %s", self._longest * 1000, culprit)
        else:
            message = "a turn of the loop took %.0f ms, the longest step of it %.0f ms in %s"
            log.warning(message, seconds * 1000, self._longest * 1000, culprit)

    def _step(self, fn: Callable[..., object], *args: Any) -> None:
        """One callback: what it raises is logged, and how long it took is compared with the others of the turn."""
        self.tasks.label = ""
        try:
            fn(*args)
        except Exception:
            log.exception("a callback failed: %s", _name(fn))
        ended = self._clock()
        if ended - self._step_began > self._longest:
            self._longest = ended - self._step_began
            self._culprit = self.tasks.label or fn
        self._step_began = ended

    def _patience(self, alarm: float | None) -> float | None:
        """Seconds until the alarm, counted from the end of the last step: what came since is not worth a look."""
        if self._soon or not self._running:
            return 0
        return None if alarm is None else max(0.0, alarm - self._step_began)

    def _on_wake(self, _events: int) -> None:
        with suppress(BlockingIOError):
            while len(self._wake_receiver.recv(4096)) == 4096:
                pass
        # After the pokes were taken out (or one of them could be lost while the mark stays) and before looking (or
        # something could be posted unseen): what is posted from here on pokes again.
        self._poked = False
        while self._posted:
            self._soon.append(self._posted.popleft())


def _name(fn: Callable[..., object]) -> str:
    return str(getattr(fn, "__qualname__", fn))
