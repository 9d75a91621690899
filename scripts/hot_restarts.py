"""Restart a busy server without a gap, over and over: who is refused, and does every transfer come to its end?

    scripts/hot-restarts                 100 restarts, about two minutes
    scripts/hot-restarts --restarts 5

A server of its own, on a free port and a temporary directory. Meanwhile some connect again and again, in the clear and
through TLS, and ask one thing; others upload files, slowly enough to be interrupted, and download a movie, and compare
the hashes. The old process gives each of them half a second to finish, then cuts them off. Ends with 1 if anybody was
refused or a transfer failed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.crowd import PING, PONG, add_account, trusting
from client_cli import Client
from youku_evloop.errors import YoukuError

KNOCKERS: Final = 2
UPLOADERS: Final = 2
DOWNLOADERS: Final = 2
MIB: Final = 1024 * 1024
MOVIE_SIZE: Final = 24 * MIB
RATE: Final = 16 * MIB
"""Bytes a second and transfer: each spans a restart or two."""
RETRIES: Final = 20
PATIENCE: Final = 60.0
OPTIONS: Final = ("--tls=auto", "--limit=drain=0.5", "--log-level=warning")


@dataclass
class Tally:
    """What has happened so far; every thread adds to it."""

    served: int = 0
    sent_on: int = 0
    """Told goodbye before their request was read: they connect again, and that is in order."""
    refused: list[str] = field(default_factory=list)
    uploads: int = 0
    downloads: int = 0
    resumed: int = 0
    failed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str) -> None:
        """One more of these."""
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)


class Busy:
    """A server, and those who keep it busy."""

    def __init__(self, directory: Path) -> None:
        self.tally = Tally()
        self._directory = directory
        self._data = directory / "data"
        self._port = 0
        self._token = ""
        self._movie = 0
        self._pids: list[int] = []
        """Of all processes that have served, the one that serves now last."""
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """From the server's start until everybody has finished what they had begun, and the server has stopped."""
        with ExitStack() as stack:
            stack.callback(self._stop)
            self._start()
            threads = [threading.Thread(target=work) for work in self._work()]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._over.set()
                for thread in threads:
                    thread.join()

    @property
    def log(self) -> str:
        """What the processes had to say, one after the other."""
        return (self._directory / "log").read_text()

    def restart(self) -> None:
        """SIGUSR2, and wait until another process serves."""
        before = self._serving_pid()
        os.kill(before, signal.SIGUSR2)
        until = time.monotonic() + PATIENCE
        while self._serving_pid() == before:
            if time.monotonic() > until:
                raise RuntimeError("no new process has taken over")
            time.sleep(0.01)
        self._pids.append(self._serving_pid())

    # -- the server

    def _start(self) -> None:
        self._token = add_account(self._data, "alice")
        command = [sys.executable, "-m", "youku_evloop.cli", "run", f"--data={self._data}", "--listen=127.0.0.1:0"]
        with (self._directory / "log").open("wb") as log:
            self._pids.append(subprocess.Popen([*command, *OPTIONS], stderr=log).pid)
        until = time.monotonic() + PATIENCE
        while not (self._data / "address").exists():
            if time.monotonic() > until:
                raise RuntimeError("the server does not start")
            time.sleep(0.01)
        self._port = int(json.loads((self._data / "address").read_text())["port"])
        with self._client() as youku:
            self._movie = youku.upload(self._file("movie.avi")).id

    def _serving_pid(self) -> int:
        return int(json.loads((self._data / "address").read_text())["pid"])

    def _stop(self) -> None:
        os.kill(self._pids[-1], signal.SIGTERM)
        until = time.monotonic() + PATIENCE
        while left := [pid for pid in self._pids if self._is_running(pid)]:
            if time.monotonic() > until:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise RuntimeError(f"{len(left)} processes did not stop")
            time.sleep(0.01)

    def _is_running(self, pid: int) -> bool:
        """Whether the process is there, is one of ours, and not merely an entry that nobody has asked for."""
        try:
            return str(self._data).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return False

    def _file(self, name: str) -> Path:
        path = self._directory / name
        path.write_bytes(os.urandom(MOVIE_SIZE))
        return path

    def _client(self) -> Client:
        address = f"127.0.0.1:{self._port}"
        return Client(address, token=self._token, retries=RETRIES, on_retry=self._note_retry)

    def _note_retry(self, _error: YoukuError, _delay: float, _count: int, _limit: int) -> None:
        self.tally.add("resumed")

    # -- those who keep it busy

    def _work(self) -> list[Callable[[], None]]:
        plain = [lambda: self._repeat(self._knock, None)] * KNOCKERS
        encrypted = [lambda: self._repeat(self._knock, trusting())] * KNOCKERS
        uploads = [lambda: self._repeat(self._upload)] * UPLOADERS
        return [*plain, *encrypted, *uploads, *[lambda: self._repeat(self._download)] * DOWNLOADERS]

    def _repeat(self, work: Callable[..., None], *arguments: object) -> None:
        while not self._over.is_set():
            try:
                work(*arguments)
            except (YoukuError, OSError) as problem:
                with self.tally.lock:
                    self.tally.failed.append(f"{work.__name__.lstrip('_')}: {problem}")

    def _knock(self, context: ssl.SSLContext | None) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as sock:
                reply = _ask(sock if context is None else context.wrap_socket(sock))
        except OSError as problem:
            reply = str(problem).encode()
        if reply == PONG:
            self.tally.add("served")
        elif b'"goodbye"' in reply:
            self.tally.add("sent_on")
        else:
            with self.tally.lock:
                self.tally.refused.append(reply.decode() or "closed without a word")

    def _upload(self) -> None:
        with self._client() as youku:
            path = self._file(f"{threading.get_ident()}.avi")
            youku.upload(path, again=True, limit_rate=RATE)
        self.tally.add("uploads")

    def _download(self) -> None:
        with self._client() as youku:
            target = self._directory / f"{threading.get_ident()}.copy"
            youku.download(self._movie, target, limit_rate=RATE)
            target.unlink()
        self.tally.add("downloads")


def _ask(sock: socket.socket) -> bytes:
    with sock:
        sock.sendall(PING)
        return sock.recv(4096)


def main() -> None:
    """Parse the options, restart, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restarts", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="youku-restarts-") as directory:
        busy = Busy(Path(directory))
        with busy.running():
            for number in range(options.restarts):
                busy.restart()
                if (number + 1) % 10 == 0:
                    print(f"{number + 1} restarts", flush=True)
        code = report(options.restarts, busy.tally)
        if code:
            print(busy.log)
    sys.exit(code)


def report(restarts: int, tally: Tally) -> int:
    """Print what happened; the exit code."""
    print(
        f"{restarts} restarts: {tally.served} connections served, {tally.sent_on} sent on with a goodbye, "
        f"{len(tally.refused)} refused; {tally.uploads} uploads and {tally.downloads} downloads whole, "
        f"{tally.resumed} times resumed, {len(tally.failed)} failed."
    )
    for problem in [*tally.refused, *tally.failed]:
        print(f"  {problem}")
    return 1 if tally.refused or tally.failed else 0


if __name__ == "__main__":
    main()
