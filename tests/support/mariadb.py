"""A private MariaDB: its own directory, a free port on 127.0.0.1, gone when the tests are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pymysql

PACKAGE = "MariaDB's server is needed for these tests: install Debian's package mariadb-server"
START_LIMIT = 60.0  # seconds; it takes one where the machine is not busy
PASSWORD = "p@ss:w/rd"  # needs percent-encoding in a URL, on purpose
QUICK = (  # what is written survives a killed server, not a power cut
    "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--innodb-doublewrite=0",
)  # fmt: skip
SMALL = (
    "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=32M", "--performance-schema=OFF", "--skip-log-bin",
    "--skip-name-resolve", "--max-connections=400", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=4M",
)  # fmt: skip


def is_installed() -> bool:
    """Whether there is a MariaDB server on this machine."""
    return _path("mariadbd") is not None


def _path(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _program(name: str) -> str:
    path = _path(name)
    if path is None:
        raise RuntimeError(f"{PACKAGE} ({name} was not found)")
    return path


class MariaDB:
    """One server. `kill` is kill -9; `stop` is orderly; `start` after either brings back the same data and port.

    `with` makes and starts one, and ends it.
    """

    def __init__(self, directory: Path | None = None, *, durable: bool = False, options: tuple[str, ...] = ()) -> None:
        self._own = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="mariadb-"))
        self.data = self.directory / "data"
        self.socket = self.directory / "socket"
        self.log = self.directory / "log"
        self.port = free_port()
        self.options = options
        self._usual = (*SMALL, *(() if durable else QUICK))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.install()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def install(self) -> None:
        """Make the data directory; takes a few seconds."""
        command = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}", *self._user(),
                   "--auth-root-authentication-method=normal", "--skip-test-db",
                   "--force"]  # fmt: skip  # even where the machine's own name does not resolve
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout.decode(errors='replace')}")

    def start(self) -> None:
        """Start and wait until the server answers."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self._command(*self.options), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._wait_until_up(self._process)
        with self._root() as root, root.cursor() as cursor:
            cursor.execute("CREATE USER IF NOT EXISTS youku@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))
            cursor.execute("GRANT ALL ON *.* TO youku@'127.0.0.1'")

    def _command(self, *options: str) -> list[str]:
        return [
            _program("mariadbd"), "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
            f"--pid-file={self.directory / 'pid'}", "--bind-address=127.0.0.1", f"--port={self.port}",
            f"--tmpdir={self.directory}", *self._user(), *self._usual, *options,
        ]  # fmt: skip

    def run_once(self, *options: str) -> str:
        """Let the stopped server do something special with its data, and end; what it logs."""
        command = self._command(*options)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_LIMIT)
        return done.stderr.decode(errors="replace")

    def _wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as probe:  # pymysql would leave its own open when refused
                    probe.connect(str(self.socket))
                self._root().close()
                return
            except (OSError, pymysql.MySQLError):
                if process.poll() is not None or time.monotonic() > deadline:
                    tail = self.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"MariaDB did not start:\n{tail}") from None
                time.sleep(0.02)

    def _user(self) -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    def _root(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        return pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True)

    def execute(self, sql: str, *values: object) -> tuple[tuple[object, ...], ...]:
        """Run a statement as root, past everything under test."""
        with self._root() as root, root.cursor() as cursor:
            cursor.execute(sql, values or None)
            return tuple(cursor.fetchall())

    def create_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def url(self, database: str) -> str:
        return f"mysql://youku:p%40ss%3Aw%2Frd@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        """Orderly: SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: nothing is said to any client, nothing is written any more."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stand, nothing answers. Every thread stands still when this returns."""
        os.kill(self.pid, signal.SIGSTOP)
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            while (task / "stat").read_text().rpartition(")")[2].split()[0] != "T":
                time.sleep(0.001)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the server, without ceremony, and remove what it left."""
        self.kill()
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
