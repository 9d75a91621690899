"""The seam to the world that waits: sockets, threads, clocks. An event loop brings its own `Runtime`."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Socket(Protocol):
    """What the MySQL connection asks of a connected TCP socket."""

    def settimeout(self, value: float | None, /) -> None: ...
    def makefile(self, mode: Any, /) -> Any: ...
    def sendall(self, data: bytes, /) -> None: ...
    def recv_into(self, buffer: memoryview, /) -> int: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...


class Waiter(Protocol):
    """One sleep and one wake-up; the wake-up may come first."""

    def wait(self, timeout: float | None, /) -> bool: ...
    def wake(self) -> None: ...


class Runtime(Protocol):
    """All that differs between an event loop and plain threads. Times are seconds."""

    def connect(self, host: str, port: int, timeout: float) -> Socket: ...
    def call(self, fn: Callable[..., T], *args: Any) -> T: ...
    def waiter(self) -> Waiter: ...
    def sleep(self, seconds: float) -> None: ...
    def now(self) -> float: ...


class _ThreadWaiter:
    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self, timeout: float | None, /) -> bool:
        return self._event.wait(timeout)

    def wake(self) -> None:
        self._event.set()


class BlockingRuntime:
    """Plain blocking sockets and threads: for tools, tests and programs without an event loop."""

    def connect(self, host: str, port: int, timeout: float) -> Socket:
        sock = socket.create_connection((host, port), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        return fn(*args)

    def waiter(self) -> Waiter:
        return _ThreadWaiter()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()
