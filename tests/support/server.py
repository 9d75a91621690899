"""The real server as a process of its own, and the people who use it through the real `youku` command.

server = RunningServer(directory, database_url)
server.start()
alice = server.create_admin("alice")
alice.run("upload", "holiday.avi").document
server.kill(); server.start()
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support.wire import Wire, verifier_of
from youku_evloop import schema
from youku_evloop.cli.options import open_database
from youku_evloop.errors import ExitCode
from youku_evloop.models import UserType
from youku_evloop.services import accounts

PROGRAMS: Final = Path(sys.executable).parent
CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
PASSWORD: Final = "correct horse 电池 staple"
LIMIT: Final = 60.0
"""Seconds after which something that should happen is held never to happen; reached only by a failing test."""
POLL: Final = 0.005
NO_WAITING: Final = ("--rule", "free_wait=0", "--rule", "address_registrations=1000000")
"""Half a minute before each free download is for people, and all tests register from one address; a later `--rule` of a
test's own takes its place."""


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Return once `condition()` holds: for what happens in another process and is not announced."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(POLL)


def plain_environment(home: Path, **variables: str) -> dict[str, str]:
    """What a program sees of the world: nothing of the person who runs the tests."""
    return {
        "PATH": f"{PROGRAMS}:{os.environ.get('PATH', '')}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "CST-8",  # times are UTC wherever people are
        "PYTHONPATH": str(CHECKOUT),
        **variables,
    }


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code and both streams."""

    command: Sequence[str]
    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """Standard output as JSON, of a command that went well."""
        assert self.code == 0, self
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a command with `--json` that did not: the last line of standard error."""
        assert self.code != 0, self
        error = json.loads(self.stderr.splitlines()[-1])
        assert isinstance(error, dict)
        return error


class RunningServer:
    """`youku-server run` on 127.0.0.1, with a directory of its own; `start` again comes back on the same port.

    `options` are those of `youku-server run`; `prefix` is a program that becomes it, such as `nice`. `with` starts it,
    and stops it in good order at the end of the block.
    """

    def __init__(
        self, directory: Path, database: str = "", options: Sequence[str] = (), prefix: Sequence[str] = ()
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data = directory / "data"
        self.database = database
        self.host, self.port = "127.0.0.1", 0
        self._options = options
        self._prefix = prefix
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is None:
                self.stop()
        finally:
            self.kill()

    @property
    def address(self) -> str:
        """As `YOUKU_SERVER` wants it."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it wrote so far, over all its starts."""
        return "".join(self._lines)

    @property
    def environment(self) -> dict[str, str]:
        """Of `youku-server`; the database's URL, with its password, is here and not among the arguments."""
        variables = {"YOUKU_DATA": str(self.data)} | ({"YOUKU_DATABASE": self.database} if self.database else {})
        return plain_environment(self.directory, **variables)

    def start(self) -> None:
        """Start, and return when clients can connect."""
        ready = threading.Event()
        self._process = subprocess.Popen(
            self._command(),
            env=self.environment, cwd=self.directory, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read_log, args=(self._process, ready), name="log reader")
        self._reader.start()
        assert ready.wait(LIMIT), f"the server did not become ready:\n{self.log}"
        assert self._process.poll() is None, f"the server did not start:\n{self.log}"

    def _command(self) -> list[str]:
        server = str(PROGRAMS / "youku-server")
        return [*self._prefix, server, "run", "--listen", self.address, *NO_WAITING, *self._options]

    def _read_log(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self._lines.append(line)
                _, found, address = line.partition("listening on ")
                if found and not ready.is_set():
                    self.host, _, port = address.strip().rpartition(":")
                    self.port = int(port)
                    ready.set()
        ready.set()  # it has ended: whoever waits need not wait longer

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for nothing."""
        assert self._process is not None, "not started"
        self._process.send_signal(number)

    def stop(self) -> None:
        """SIGTERM, and wait until it has stopped; it must do so in good order."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == ExitCode.OK, f"the server ended with exit code {code}:\n{self.log}"

    def wait(self) -> int:
        """The exit code, once it has ended; one that does not end is killed."""
        assert self._process is not None and self._reader is not None, "not started"
        try:
            return self._process.wait(LIMIT)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()

    def kill(self) -> None:
        """SIGKILL: it gets to do nothing more."""
        if self._process is not None:
            self._process.kill()
            self.wait()

    def restart(self) -> None:
        """Stop in good order, and start on the same port with the same data."""
        self.stop()
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def command(self, *arguments: str, password: str = PASSWORD) -> Outcome:
        """Another `youku-server` command on the same data and database."""
        return run([str(PROGRAMS / "youku-server"), *arguments], {**self.environment, "YOUKU_PASSWORD": password})

    def create_admin(self, name: str, *, log_in: bool = True) -> Person:
        """An administrator, logged in; made as `youku-server create-admin` does, but with a verifier that is cheap."""
        verifier = accounts.Verifier.from_client(**verifier_of(PASSWORD))
        with open_database(self.data, self.database) as database:
            schema.prepare(database)
            accounts.create(name, verifier, UserType.ADMIN)
        return self._person(name, log_in)

    def register(self, name: str, *, log_in: bool = True) -> Person:
        """A user, registered over the network with a verifier that is cheap, and logged in."""
        with Wire(self.address) as wire:
            wire.ask("account.register", name=name, **verifier_of(PASSWORD))
        return self._person(name, log_in)

    def _person(self, name: str, log_in: bool) -> Person:
        person = self.somebody(name)
        if log_in:
            person.log_in()
        return person

    def somebody(self, name: str) -> Person:
        """Somebody with a home of their own and no account yet."""
        return Person(name, self.directory / "people" / name, self.address)


class OddServer(RunningServer):
    """A server on a disk that is odd (`tests.support.odd_server`), as soon as it starts with `oddities`."""

    oddities: Mapping[str, Any] | None = None

    def _command(self) -> list[str]:
        if self.oddities is None:
            return super()._command()
        return [sys.executable, "-m", "tests.support.odd_server", self.address, json.dumps(self.oddities)]

    def hold(self, operation: str) -> None:
        """From now on this operation on the disk does not begin."""
        (self.data / f"hold-{operation}").touch()

    def until_held(self, operation: str) -> None:
        """Return once somebody waits there."""
        eventually((self.data / f"held-{operation}").exists, f"{operation} is held")

    def let_go(self, operation: str) -> None:
        """Let those go on that wait there, and all others."""
        (self.data / f"held-{operation}").unlink(missing_ok=True)
        (self.data / f"hold-{operation}").unlink()


class Person:
    """Somebody with a home of their own who types `youku` commands there."""

    def __init__(self, name: str, home: Path, address: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.home = home
        self.environment = plain_environment(
            home,
            XDG_STATE_HOME=str(home / "state"),
            XDG_CONFIG_HOME=str(home / "config"),
            YOUKU_SERVER=address,
            YOUKU_PASSWORD=PASSWORD,
        )

    def run(self, *arguments: str | Path, **environment: str) -> Outcome:
        """A command, to its end, whatever that is; `environment` adds to this person's."""
        return run(self._command(arguments), {**self.environment, **environment}, self.home)

    def do(self, *arguments: str | Path, **environment: str) -> Any:
        """A command with `--json` that has to go well: its document."""
        return self.run(*arguments, "--json", **environment).document

    def fail(self, code: ExitCode, *arguments: str | Path, **environment: str) -> dict[str, Any]:
        """A command with `--json` that has to fail with this exit code: its error."""
        outcome = self.run(*arguments, "--json", **environment)
        assert outcome.code == code, outcome
        assert "Traceback" not in outcome.stderr
        return outcome.error

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """A command in the background: to be waited for with `finish`."""
        return subprocess.Popen(
            self._command(arguments),
            env={**self.environment, **environment}, cwd=self.home, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def log_in(self) -> None:
        """As this person, with the usual password."""
        self.do("login", self.name)

    def wire(self, address: str | None = None) -> Wire:
        """A bare connection with this person's session."""
        return Wire(address or self.environment["YOUKU_SERVER"], token=self.token)

    @property
    def session_file(self) -> Path:
        """Where `youku` keeps the token."""
        return self.home / "state" / "youku" / "sessions.json"

    @property
    def token(self) -> str:
        """Of the session at this person's server."""
        sessions = json.loads(self.session_file.read_text())["sessions"]
        return str(sessions[self.environment["YOUKU_SERVER"]]["token"])

    @staticmethod
    def _command(arguments: Sequence[str | Path]) -> list[str]:
        return [str(PROGRAMS / "youku"), *map(str, arguments)]


def run(command: Sequence[str], environment: Mapping[str, str], directory: Path | None = None) -> Outcome:
    """A command, to its end."""
    done = subprocess.run(
        command,
        env=environment, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    return Outcome(command, done.returncode, done.stdout, done.stderr)


def finish(process: subprocess.Popen[str]) -> Outcome:
    """The end of a command that was started in the background; one that does not come to it is killed."""
    try:
        stdout, stderr = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
        process.wait()
    assert isinstance(process.args, list)
    return Outcome(process.args, process.returncode, stdout, stderr)
