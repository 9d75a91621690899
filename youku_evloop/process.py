"""The server as a process among others: its lock, its limits, who started it, and who takes over from it.

Hot restart. The old process starts the new one with three descriptors: the listening socket, the lock of the data
directory (the lock belongs to the open file, so both hold it), and a pipe. When the new one serves, it writes a byte
into the pipe; only then the old one stops accepting and finishes what is under way. The listening socket never closes,
so nobody is refused; should the new one fail, the old one reads the end of the pipe and goes on as before.

systemd: a socket can be inherited from it (sd_listen_fds(3)), and it is told when we are ready (sd_notify(3)).
"""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from youku_evloop.errors import Conflict, NotFound

HANDOVER: Final = "YOUKU_HANDOVER"
FIRST_SYSTEMD_FD: Final = 3
READY: Final = b"R"


class Address(msgspec.Struct):
    """Where the server of a data directory runs; written into its lock file."""

    pid: int
    host: str
    port: int


class DataLock:
    """The lock of a data directory; one server at a time works in it."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self.fd = fd

    @classmethod
    def take(cls, data: Path) -> DataLock:
        """Make the directory and its lock ours; raises `Conflict` when another server has it."""
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = data / "lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Conflict(
                f"Another youku-server works in {data}: stop it, or give this one --data of its own."
            ) from None
        return cls(path, fd)

    def announce(self, host: str, port: int) -> None:
        """Write down where we serve."""
        self._path.write_bytes(msgspec.json.encode(Address(os.getpid(), host, port)))

    def close(self) -> None:
        """Let the next one work here."""
        os.close(self.fd)


def find_server(data: Path) -> Address:
    """Where the server of this data directory runs; raises `NotFound`."""
    path = data / "lock"
    with suppress(FileNotFoundError, msgspec.DecodeError), open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return msgspec.json.decode(path.read_bytes(), type=Address)
    raise NotFound(f"No server works in {data}: start one with `youku-server run`, or name another --data.")


class Inheritance:
    """What whoever started this process has handed to it."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.lock_fd: int | None = None
        self._ready_fd: int | None = None
        handover = os.environ.pop(HANDOVER, "")
        if handover:
            listen_fd, self.lock_fd, self._ready_fd = (int(fd) for fd in handover.split(","))
            for fd in (listen_fd, self.lock_fd, self._ready_fd):
                os.set_inheritable(fd, False)
            self.sock = socket.socket(fileno=listen_fd)
        elif os.environ.get("LISTEN_PID") == str(os.getpid()) and int(os.environ.get("LISTEN_FDS", 0)):
            os.set_inheritable(FIRST_SYSTEMD_FD, False)
            self.sock = socket.socket(fileno=FIRST_SYSTEMD_FD)

    def take_lock(self, data: Path) -> DataLock:
        """The lock of the data directory: handed over, or taken."""
        return DataLock.take(data) if self.lock_fd is None else DataLock(data / "lock", self.lock_fd)

    def say_ready(self) -> None:
        """Tell the process that we take over from, and systemd, that clients are served."""
        if self._ready_fd is not None:
            with suppress(BrokenPipeError):  # it has stopped meanwhile
                os.write(self._ready_fd, READY)
            os.close(self._ready_fd)
            self._ready_fd = None
        notify_systemd(f"READY=1\nMAINPID={os.getpid()}")


def start_successor(sock: socket.socket, lock: DataLock) -> int:
    """Start the process that is to take over; answers the descriptor from which `READY` (or the end) is read."""
    ready_reader, ready_writer = os.pipe()
    fds = (sock.fileno(), lock.fd, ready_writer)
    environment = {**os.environ, HANDOVER: ",".join(str(fd) for fd in fds)}
    command = [sys.executable, "-m", "youku_evloop.cli", *sys.argv[1:]]
    try:
        subprocess.Popen(command, pass_fds=fds, env=environment)
    finally:
        os.close(ready_writer)
    return ready_reader


def notify_systemd(state: str) -> None:
    """Tell systemd about our state, if it wants to know (sd_notify(3))."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect("\0" + path[1:] if path.startswith("@") else path)
            sock.send(state.encode())


def raise_descriptor_limit() -> int:
    """Allow this process as many descriptors as it may have; answers how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
