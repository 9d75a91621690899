"""Cooperative sockets: blocking for the task that uses them, for nobody else.

It has what `pymysql` asks of a socket (`settimeout`, `makefile("rb")`, `sendall`, `recv_into`, `close`), so that a
driver written for blocking sockets runs unchanged in a task. One task uses it at a time, as with any socket.

The descriptor is watched once, edge-triggered, for both directions: a wait costs no system call, only a switch. That
is sound because whoever waits has tried first and got EAGAIN, or less than there was room for, which says the same
without another call (epoll(7)): what comes from then on makes an edge of its own. Only the end of the stream may have
come together with the last bytes, in one edge; after that one, every operation is tried.

A limit of time is one timer, which stays from one wait to the next: almost none ever takes so long, and a timer for
each wait costs more than the wait.
"""

from __future__ import annotations

import errno
import io
import os
import select
import socket
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent, greenlet

from youku_evloop.kernel.loop import EDGE, READ, WRITE

if TYPE_CHECKING:
    from youku_evloop.kernel.loop import Loop
    from youku_evloop.kernel.timers import Timer

READ_BUFFER: Final = 16 * 1024
"""Bytes buffered by `makefile`: a page of rows in one system call."""

STILL_CONNECTING: Final = (errno.EINPROGRESS, errno.EALREADY)
CONNECTED: Final = (0, errno.EISCONN)

BROKEN: Final = select.EPOLLERR | select.EPOLLHUP
ENDING: Final = select.EPOLLRDHUP | BROKEN


class Wakeup(Enum):
    """Why a wait for the socket ended."""

    READY = "ready"
    TIMED_OUT = "timed out"
    CLOSED = "closed"


class CooperativeSocket:
    """A connected stream socket whose operations park the calling task."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._loop = loop
        self._sock = sock
        self._timeout: float | None = None
        self._deadline = 0.0
        self._timer: Timer | None = None
        self._is_drained = False
        self._is_ending = False
        self._waiting: greenlet | None = None
        self._wanted = 0
        loop.watch(sock.fileno(), READ | WRITE | EDGE, self._on_ready)

    @classmethod
    def connect(cls, loop: Loop, host: str, port: int, timeout: float | None = None) -> CooperativeSocket:
        """A TCP connection; the name is looked up in a thread. Raises `OSError` (`TimeoutError` included)."""
        addresses = loop.in_thread(_look_up, host, port)
        failure: OSError = OSError(f"{host} has no address")
        for family, address in addresses:
            try:
                return cls._connect(loop, family, address, timeout)
            except OSError as error:
                failure = error
        raise failure

    @classmethod
    def _connect(cls, loop: Loop, family: int, address: tuple[str, int], timeout: float | None) -> CooperativeSocket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        problem = sock.connect_ex(address)
        self = cls(loop, sock)
        self.settimeout(timeout)
        try:
            while problem in STILL_CONNECTING:  # a stray event may come before the end
                self._wait(WRITE)
                problem = sock.connect_ex(address)
            if problem not in CONNECTED:
                raise OSError(problem, os.strerror(problem))
        except BaseException:
            self.close()
            raise
        return self

    def settimeout(self, seconds: float | None) -> None:
        """Every later wait takes at most so long; None: no limit."""
        self._timeout = seconds

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return self._sock.fileno()

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        """Wait for bytes and put them into `buffer`; 0 at the end of the stream."""
        if self._is_drained:
            self._wait(READ)
        while True:
            try:
                count = self._sock.recv_into(buffer)
            except BlockingIOError:
                self._wait(READ)
            else:
                self._is_drained = count < len(buffer) and not self._is_ending
                return count

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything."""
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, view: memoryview) -> None:
        while view:
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                self._wait(WRITE)

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """A buffered reader; only `"rb"` is there."""
        if mode != "rb":
            raise ValueError(f"a cooperative socket reads binary files only, not {mode!r}")
        return io.BufferedReader(_RawReader(self), READ_BUFFER)

    def close(self) -> None:
        """Close it; a task that waits for it gets an `OSError`. Harmless when closed already."""
        if self._sock.fileno() >= 0:
            self._loop.unwatch(self._sock.fileno())
            self._sock.close()
            if self._timer is not None:
                self._timer.cancel()
            self._loop.call_soon(self._resume, Wakeup.CLOSED)

    def _wait(self, wanted: int) -> None:
        if self._sock.fileno() < 0:
            raise OSError(errno.EBADF, "the socket was closed")
        if self._timeout is not None:
            self._limit(self._timeout)
        self._waiting, self._wanted = getcurrent(), wanted | BROKEN
        try:
            why: Wakeup = self._loop.tasks.wait()
        finally:
            self._waiting = None
        if why is Wakeup.TIMED_OUT:
            raise TimeoutError(f"nothing happened on the socket for {self._timeout} s")
        if why is Wakeup.CLOSED:
            raise OSError(errno.EBADF, "the socket was closed while a task waited for it")

    def _limit(self, seconds: float) -> None:
        """The wait that begins now ends by then."""
        self._deadline = self._loop.time() + seconds
        timer = self._timer
        if timer is not None and timer.when > self._deadline:  # of a longer limit
            timer.cancel()
            timer = None
        if timer is None:
            self._timer = self._loop.call_later(seconds, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        left = self._deadline - self._loop.time()
        if self._waiting is None:
            return
        if left > 0:  # it is another wait than that for which the timer was made
            self._timer = self._loop.call_later(left, self._on_time)
        else:
            self._resume(Wakeup.TIMED_OUT)

    def _on_ready(self, events: int) -> None:
        self._is_drained = False
        self._is_ending = self._is_ending or bool(events & ENDING)
        if events & self._wanted:
            self._resume(Wakeup.READY)

    def _resume(self, why: Wakeup) -> None:
        task, self._waiting = self._waiting, None
        if task is not None:
            task.switch(why)


class _RawReader(io.RawIOBase):
    def __init__(self, sock: CooperativeSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)


def _look_up(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found]
