"""The tour that `scripts/quickstart` gives: a video's whole way through a library, each step as the command to type.

Everything lives in one directory: `library` (the server's data), `state` (the sessions of `youku`), `password`, the
video and its copy. Nothing there has to be new: every step takes what an earlier start left, done or half done.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))  # so that the file can be run by its path, from anywhere

from scripts.shell import POLL_SECONDS, STEP_SECONDS, Shell, StepFailed, stop, stop_stranger  # noqa: E402
from youku_evloop.errors import ExitCode  # noqa: E402

VIDEO: Final = "holiday.avi"
COPY: Final = "copy.avi"
ADMINISTRATOR: Final = "admin"
USER: Final = "alice"

SLOWLY: Final = "16M"
"""Bytes per second of the first upload: 64 MiB then take four seconds, enough to cut it in the middle."""

CUT_AT: Final = 0.45
"""The part of the video that the server has to hold: until the cut comes it will be half."""

LOG_LINES: Final = 20
"""Of the server's log, shown when something fails."""


class Tour:
    """One start of the quickstart, in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.shell = Shell(directory)
        self.log = directory / "server.log"

    def enter(self) -> None:
        """Where everything happens, and what the commands read from the environment."""
        self.shell.say(f"Everything stays in {self.directory}; delete it, and nothing is left.")
        self.shell.show(f". {shlex.quote(short(Path(sys.prefix) / 'bin' / 'activate', Path.cwd()))}")
        self.shell.show(f"cd {shlex.quote(short(self.directory, Path.cwd()))}")
        self.shell.export('YOUKU_PASSWORD="$(cat password)"', {"YOUKU_PASSWORD": self._password()})
        homes = {f"XDG_{kind.upper()}_HOME": str(self.directory / kind) for kind in ("state", "config")}
        self.shell.export(" ".join(f"{name}=$PWD/{Path(home).name}" for name, home in homes.items()), homes)

    def _password(self) -> str:
        """Made once, for both accounts, before either: an interrupted start never leaves an account without one."""
        file = self.directory / "password"
        if not file.exists():
            unfinished = file.with_suffix(".unfinished")
            unfinished.touch(mode=0o600)
            unfinished.write_text(secrets.token_urlsafe(16) + "\n")
            unfinished.rename(file)
        return file.read_text().strip()

    @contextmanager
    def server(self) -> Iterator[subprocess.Popen[bytes]]:
        """A running server that `youku` talks to; it is gone afterwards."""
        self._stop_left_over()
        self._heading("Start a server: accounts and titles in SQLite, the videos as files; port 0 means any free one.")
        command = "youku-server run --data library --listen 127.0.0.1:0 --rule free_wait=1"
        self.shell.show(f"{command} 2> server.log &")
        with self.log.open("wb") as log:
            process = self.shell.start(command, log)
        try:
            self._pid_file.write_text(f"{process.pid}\n")
            address = self._address_of(process)
            self.shell.export(f"YOUKU_SERVER={address}", {"YOUKU_SERVER": address})
            yield process
        finally:
            code = stop(process)
            self._pid_file.unlink(missing_ok=True)
        if code != ExitCode.OK:
            raise StepFailed(f"The server ended with exit code {code}.")
        self.shell.say("\nThe server has stopped.")

    @property
    def _pid_file(self) -> Path:
        return self.directory / "server.pid"

    def _stop_left_over(self) -> None:
        """An earlier start that was killed may have a server that is still on its way out."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return
        if stop_stranger(pid, "youku-server", self.directory):
            self.shell.say(f"(The server of an earlier start, process {pid}, was still there; it is stopped.)")

    def _address_of(self, process: subprocess.Popen[bytes]) -> str:
        """What the server says that it listens on, as soon as it does."""
        deadline = time.monotonic() + STEP_SECONDS
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            said = re.search(r"^.*listening on (\S+)$", self.log.read_text(errors="replace"), re.MULTILINE)
            if said:
                self.shell.say(said[0])
                return said[1]
            if ended:
                raise StepFailed(f"The server did not start: exit code {process.returncode}.")
            time.sleep(POLL_SECONDS)
        raise StepFailed(f"The server did not listen after {STEP_SECONDS} seconds.")

    def become_administrator(self) -> None:
        """The first account, made on the server's own machine."""
        self._heading("Make the first administrator, on the server's own machine, and log in.")
        command = f"youku-server create-admin {ADMINISTRATOR} --data library"
        self._run_or_find(command, f"An earlier start has made {ADMINISTRATOR}.")
        self.shell.run(f"youku login {ADMINISTRATOR}")

    def make_video(self) -> None:
        """A real video to try things with."""
        self._heading("Make a video that plays: colours that roll by, and a ball.")
        program = short(CHECKOUT / "scripts" / "make_video.py", self.directory)
        self.shell.run(f"python {shlex.quote(program)} {VIDEO} --size 64M")

    def upload(self) -> None:
        """Upload it, with a cut in the middle; of an earlier start's work, only what is left to do."""
        if self._movie() is not None:
            self._heading("An earlier start has uploaded it: the library knows its bytes, and takes them once.")
            self.shell.run(f"youku upload {VIDEO}", accept=(ExitCode.CONFLICT,))
            return
        if self._held() < CUT_AT * self._size():
            self._upload_and_cut()
        self._heading("The server keeps what it has. The same command again goes on from there.")
        self.shell.run("youku uploads")
        self.shell.run(f"youku upload {VIDEO}")

    def _upload_and_cut(self) -> None:
        self._heading("Upload it, not too fast, and cut the connection in the middle.")
        command = f"youku upload {VIDEO} --limit-rate {SLOWLY}"
        self.shell.show(f"{command} &")
        process = self.shell.start(command)
        try:
            while self._held() < CUT_AT * self._size():
                if process.poll() is not None:
                    raise StepFailed(f"`{command}` ended before it could be cut: exit code {process.returncode}.")
        finally:
            self.shell.kill(process)
        self.shell.show("kill -9 %1")

    def browse(self) -> None:
        """What the library has now."""
        self._heading("The hashes agree, so the movie is published.")
        self.shell.run("youku list")

    def become_user(self) -> None:
        """An ordinary account; its session takes the place of the administrator's."""
        self._heading("Somebody else registers and logs in; the password itself never travels.")
        self._run_or_find(f"youku register {USER}", f"An earlier start has registered {USER}.")
        self.shell.run(f"youku login {USER}")

    def download(self) -> None:
        """The other way, and the proof."""
        self._heading("Download it, and compare.")
        (self.directory / COPY).unlink(missing_ok=True)
        movie = self._movie()
        if movie is None:
            raise StepFailed(f"The library has no movie {VIDEO}.")
        self.shell.run(f"youku download {movie['id']} -o {COPY}")
        self.shell.run(f"sha256sum {VIDEO} {COPY}")
        self.shell.run(f"cmp {VIDEO} {COPY}")
        self.shell.say("They are the same, bit for bit.")

    def _movie(self) -> dict[str, Any] | None:
        """The video in the library, if it is there."""
        movies = self.shell.ask("youku list --json")["movies"]
        return next((movie for movie in movies if movie["name"] == VIDEO and movie["size"] == self._size()), None)

    def _held(self) -> int:
        """Bytes of the video that the server has of an unfinished upload."""
        uploads = self.shell.ask("youku uploads --json")["uploads"]
        return max((upload["offset"] for upload in uploads if upload["size"] == self._size()), default=0)

    def _size(self) -> int:
        return (self.directory / VIDEO).stat().st_size

    def _run_or_find(self, command: str, found: str) -> None:
        if self.shell.run(command, accept=(ExitCode.OK, ExitCode.CONFLICT)) == ExitCode.CONFLICT:
            self.shell.say(f"({found})")

    def _heading(self, text: str) -> None:
        self.shell.say(f"\n{text}")

    def serve(self, process: subprocess.Popen[bytes]) -> None:
        """Until Ctrl-C: the reader's turn."""
        try:
            self._propose()
            process.wait()
        except KeyboardInterrupt:
            return
        raise StepFailed("The server has ended by itself.")

    def _propose(self) -> None:
        """What to try next."""
        here, activate = shlex.quote(str(self.directory)), shlex.quote(str(Path(sys.prefix) / "bin" / "activate"))
        self._heading("The server goes on until Ctrl-C. To try more, in another terminal:")
        for command in (
            f"cd {here} && . {activate}",
            'export YOUKU_PASSWORD="$(cat password)" XDG_STATE_HOME=$PWD/state XDG_CONFIG_HOME=$PWD/config',
            f"export YOUKU_SERVER={self.shell.variable('YOUKU_SERVER')}",
            "youku show 1",
            "youku list --json",
            f"youku login {ADMINISTRATOR}",
            "youku --help",
        ):
            self.shell.show(command)

    def last_words(self) -> str:
        """The end of the server's log, for the reader of a failure."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-LOG_LINES:])


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; a second start in it at the same time is refused."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepFailed(
                f"Another quickstart is running in {directory}: end it, or choose another --data."
            ) from None
        yield
    finally:
        os.close(descriptor)


def short(path: Path, start: Path) -> str:
    """The path as one would type it in `start`: relative if it is near, else absolute."""
    relative = os.path.relpath(path, start)
    return str(path) if relative.startswith("../..") else relative


def leave_on(number: int, _frame: FrameType | None) -> None:
    """A signal that ends us does so in good order, so that the server ends too."""
    raise SystemExit(128 + number)


def guide(tour: Tour, stay: bool) -> None:
    """All steps, in order."""
    steps: tuple[Callable[[], None], ...] = (
        tour.become_administrator,
        tour.make_video,
        tour.upload,
        tour.browse,
        tour.become_user,
        tour.download,
    )
    tour.enter()
    with tour.server() as process:
        for step in steps:
            step()
        if stay:
            tour.serve(process)


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/quickstart")
    parser.add_argument("--exit", action="store_true")
    parser.add_argument("--data", type=Path, default=CHECKOUT / "quickstart-data")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave_on)
    directory = arguments.data.resolve()
    tour = Tour(directory)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_in(directory):
            guide(tour, stay=sys.stdin.isatty() and sys.stdout.isatty() and not arguments.exit)
    except (StepFailed, OSError) as error:
        print(f"\nquickstart: {error}\n{tour.last_words()}", file=sys.stderr)
        return ExitCode.FAILURE
    except KeyboardInterrupt:
        print("\nquickstart: interrupted; the next start goes on from here.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
