"""The real server as a process, with other limits, started in other ways, and looked into."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.crowd import add_account, add_hollow_movie, cpu_seconds, open_descriptors, resident, trusting
from tests.support.server import LIMIT, RunningServer, eventually
from tests.support.wire import PATIENCE, Wire
from youku_evloop.models import UserType

IMPATIENT: Final = {"greeting": 1.0, "idle": 2.0, "window": 1.0, "stalled_write": 1.5, "linger": 1.0}
"""Limits under which nobody has to be waited for long."""


class LoadServer(RunningServer):
    """`limits` are fields of `config.Limits`; `launcher` is a command that ends by becoming the server."""

    def __init__(
        self,
        directory: Path,
        *,
        limits: Mapping[str, float] | None = None,
        options: Sequence[str] = (),
        launcher: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        changed = [f"--limit={name}={value:g}" for name, value in (limits or {}).items()]
        super().__init__(directory, options=[*changed, *options])
        self._launcher = launcher
        self._variables = variables or {}
        self._tokens: dict[str, str] = {}

    def _command(self) -> list[str]:
        return [*self._launcher, *super()._command()]

    @property
    def environment(self) -> dict[str, str]:
        """Of `youku-server`."""
        return {**super().environment, **self._variables}

    # -- clients

    def token(self, name: str = "alice", user_type: UserType = UserType.ADMIN) -> str:
        """Of a session of that account, which is made when it is first asked for."""
        if name not in self._tokens:
            self._tokens[name] = add_account(self.data, name, user_type)
        return self._tokens[name]

    def hollow_movie(self, size: int) -> int:
        """A movie of so many zeros, which take no space: its id."""
        self.token()
        return add_hollow_movie(self.data, size)

    def wire(self) -> Wire:
        """A connection of the administrator."""
        return Wire(self.address, self.token())

    def tls_wire(self, context: ssl.SSLContext | None = None) -> TlsWire:
        """An encrypted one."""
        return TlsWire(self.address, self.token(), context)

    # -- a look inside

    def stats(self) -> dict[str, Any]:
        """What `server.stats` answers to somebody who comes for nothing else."""
        with self.wire() as wire:
            return wire.ask("server.stats")

    def eventually_has(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The statistics, once they are so."""
        with self.wire() as wire:
            return eventually_has(wire, condition, what)

    def eventually_alone(self) -> None:
        """Return once nobody but us is connected."""
        self.eventually_has(lambda stats: sum(stats["connections"].values()) == 1, "all others are gone")

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        return resident(self.pid)

    @property
    def cpu_seconds(self) -> float:
        """CPU time so far."""
        return cpu_seconds(self.pid)

    @property
    def descriptors(self) -> int:
        """Open ones, but for those of the database, whose connections come and go by rules of their own."""
        return sum("youku.db" not in target for target in open_descriptors(self.pid))

    def lines(self, *words: str) -> list[str]:
        """Lines of the log that have all of these words."""
        return [line for line in self.log.splitlines() if all(word in line for word in words)]

    # -- another process takes over

    @property
    def serving_pid(self) -> int:
        """Of the process that serves now."""
        return int(json.loads((self.data / "address").read_text())["pid"])

    def hand_over(self) -> int:
        """SIGUSR2 to who serves now; the process that serves then."""
        before = self.serving_pid
        os.kill(before, signal.SIGUSR2)
        eventually(lambda: self.serving_pid != before, "another process serves")
        return self.serving_pid

    def wait(self) -> int:
        """The exit code of the process that was started, once it has ended; a successor goes on."""
        assert self._process is not None, "not started"
        try:
            return self._process.wait(LIMIT)
        finally:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """SIGKILL to all processes that have served here."""
        super().kill()
        if (self.data / "address").exists() and self._is_ours(self.serving_pid):
            os.kill(self.serving_pid, signal.SIGKILL)
        if self._reader is not None:
            self._reader.join()

    def _is_ours(self, pid: int) -> bool:
        try:
            return str(self.data) in Path(f"/proc/{pid}/environ").read_text()
        except OSError:
            return False


def is_alive(pid: int) -> bool:
    """Whether the process is there, and no mere entry of one that has ended."""
    try:
        state = re.sub(r".*\) ", "", Path(f"/proc/{pid}/stat").read_text())[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def eventually_has(wire: Wire, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    """The server's statistics, once they are so, asked over an administrator's connection."""
    found: list[dict[str, Any]] = []

    def holds() -> bool:
        found[:] = [wire.ask("server.stats")]
        return condition(found[0])

    eventually(holds, what)
    return found[0]


class TlsWire(Wire):
    """A bare connection through TLS, whoever the server is."""

    def __init__(self, address: str, token: str | None = None, context: ssl.SSLContext | None = None) -> None:
        super().__init__(address)
        try:
            self.sock = (context or trusting()).wrap_socket(self.sock, suppress_ragged_eofs=False)
        except BaseException:
            self.sock.close()
            raise
        if token is not None:
            self.ask("hello", token=token)


def rest_of(wire: Wire) -> list[dict[str, Any]]:
    """The messages that still come before the server closes; a reset instead of a close raises."""
    messages, data = [], wire.rest()
    while data:
        size = int.from_bytes(data[:4], "big")
        messages.append(json.loads(data[4 : 4 + size]))
        data = data[4 + size :]
    return messages


def sent_until_nobody_reads(wire: Wire, data: bytes, is_over: Callable[[], bool]) -> int:
    """Send `data` over and over until nothing is taken any more and `is_over`; how many bytes were taken."""
    sent = 0
    wire.sock.setblocking(False)

    def stuck() -> bool:
        nonlocal sent
        try:
            while True:
                sent += wire.sock.send(data[sent % len(data) :])
        except BlockingIOError:
            return is_over()

    try:
        eventually(stuck, "the server reads no more")
    finally:
        wire.sock.settimeout(PATIENCE)
    return sent
