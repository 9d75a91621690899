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
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from youku_evloop.errors import BadRequest, Conflict, NotFound, Unavailable

HANDOVER: Final = "YOUKU_HANDOVER"
FIRST_SYSTEMD_FD: Final = 3
READY: Final = b"R"
GLANCE: Final = 0.2
"""Seconds for which a lock may be held by somebody who only looks whether it is free (`find_server`)."""


BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Another one after every start of the machine."""
    return BOOT_ID.read_text().strip()


class Address(msgspec.Struct):
    """Where the server of a data directory runs."""

    pid: int
    host: str
    port: int
    fingerprint: str | None
    """Of its certificate; None: it does not encrypt."""


class DataLock:
    """The lock of a data directory; one server at a time works in it, and says beside it where it serves."""

    def __init__(self, data: Path, fd: int) -> None:
        self._data = data
        self.fd = fd

    @classmethod
    def take(cls, data: Path) -> DataLock:
        """Make the directory and its lock ours; raises `Conflict` when another server has it."""
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + GLANCE
        while not _has_locked(fd):
            if time.monotonic() > until:
                os.close(fd)
                raise Conflict(f"Another youku-server works in {data}: stop it, or give this one --data of its own.")
            time.sleep(GLANCE / 20)
        (data / "address").unlink(missing_ok=True)  # of one that was killed
        return cls(data, fd)

    def announce(self, host: str, port: int, fingerprint: str | None) -> None:
        """Write down where we serve; whoever reads it sees the old or the new, whole."""
        new = self._data / "address.new"
        new.write_bytes(msgspec.json.encode(Address(os.getpid(), host, port, fingerprint)))
        new.rename(self._data / "address")

    def close(self) -> None:
        """Let the next one work here."""
        os.close(self.fd)


def find_server(data: Path) -> Address:
    """Where the server of this data directory runs; raises `NotFound`, or `Unavailable` while it starts."""
    with suppress(FileNotFoundError), open(data / "lock", "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_address(data)
    raise NotFound(f"No server works in {data}: start one with `youku-server run`, or name another --data.")


def _read_address(data: Path) -> Address:
    try:
        return msgspec.json.decode((data / "address").read_bytes(), type=Address)
    except FileNotFoundError:
        raise Unavailable(f"The server of {data} is starting: try again in a moment.") from None


def _has_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
        elif os.environ.get("LISTEN_PID") == str(os.getpid()):
            self.sock = _socket_of_systemd(os.environ.get("LISTEN_FDS", ""))

    @property
    def host(self) -> str | None:
        """At which the socket that was handed to us listens."""
        return None if self.sock is None else str(self.sock.getsockname()[0])

    def take_lock(self, data: Path) -> DataLock:
        """The lock of the data directory: handed over, or taken."""
        return DataLock.take(data) if self.lock_fd is None else DataLock(data, self.lock_fd)

    def say_ready(self) -> None:
        """Tell the process that we take over from, and systemd, that clients are served."""
        if self._ready_fd is not None:
            with suppress(BrokenPipeError):  # it has stopped meanwhile
                os.write(self._ready_fd, READY)
            os.close(self._ready_fd)
            self._ready_fd = None
        notify_systemd(f"READY=1\nMAINPID={os.getpid()}")


def _socket_of_systemd(count: str) -> socket.socket:
    """The one that systemd has opened for us (sd_listen_fds(3)); raises `BadRequest` where it is none of TCP."""
    if count != "1":
        raise BadRequest(f"LISTEN_FDS is {count}, but the server takes exactly one socket: check the socket unit.")
    os.set_inheritable(FIRST_SYSTEMD_FD, False)
    sock = socket.socket(fileno=FIRST_SYSTEMD_FD)
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        raise BadRequest("The inherited socket is none of TCP: use ListenStream=PORT in the socket unit.")
    return sock


class Successor:
    """The process that is to take over. `ready_fd` is read once: `READY`, or the end if it has failed."""

    def __init__(self, process: subprocess.Popen[bytes], ready_fd: int) -> None:
        self.ready_fd = ready_fd
        self._process = process

    @classmethod
    def start(cls, sock: socket.socket, lock: DataLock) -> Successor:
        """Start the program that is installed now with the arguments of this one; raises `OSError`."""
        ready_reader, ready_writer = os.pipe()
        fds = (sock.fileno(), lock.fd, ready_writer)
        environment = {**os.environ, HANDOVER: ",".join(str(fd) for fd in fds)}
        command = [sys.executable, "-m", "youku_evloop.cli", *sys.argv[1:]]
        try:
            return cls(subprocess.Popen(command, pass_fds=fds, env=environment), ready_reader)
        except BaseException:
            os.close(ready_reader)
            raise
        finally:
            os.close(ready_writer)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def dismiss(self) -> None:
        """It is not wanted any more."""
        self._process.terminate()

    def close(self) -> None:
        """Give the descriptor back, and what is left of a process that has ended."""
        os.close(self.ready_fd)
        self._process.poll()


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
