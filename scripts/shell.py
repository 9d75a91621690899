"""A shell for a reader: shows each command as a person would type it, runs it, and lets its own output follow.

No command outlives the shell, however that ends: the kernel tells them when their parent is gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

STEP_SECONDS: Final = 120
"""No step takes so long on any machine; a step that hangs should not hang whoever waits for it."""

STOP_SECONDS: Final = 35
"""A server that is told to stop gives requests under way 30 seconds."""

POLL_SECONDS: Final = 0.05
"""Between two looks at something that no event tells about."""

PR_SET_PDEATHSIG: Final = 1

BOLD: Final = "\x1b[1m"
PLAIN: Final = "\x1b[0m"
SHOW_CURSOR: Final = "\r\x1b[K\x1b[?25h"


class StepFailed(Exception):
    """A step did not do what it should; the message is for the reader."""


class Shell:
    """Runs commands in `directory`, with the programs of the running interpreter's environment first on the PATH.

    What the reader's own environment says about Youku (a server, a database, a token) does not apply here.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("YOUKU_")}
        self._environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self._on_terminal = sys.stdout.isatty()

    def say(self, text: str) -> None:
        """A line of explanation."""
        print(text, flush=True)

    def show(self, command: str) -> None:
        """A command as the reader would type it."""
        bold, plain = (BOLD, PLAIN) if self._on_terminal and "NO_COLOR" not in os.environ else ("", "")
        print(f"{bold}$ {command}{plain}", flush=True)

    def export(self, shown: str, variables: Mapping[str, str]) -> None:
        """Set environment variables, for all commands from here on."""
        self.show(f"export {shown}")
        self._environment.update(variables)

    def variable(self, name: str) -> str:
        """What an environment variable is set to."""
        return self._environment[name]

    def run(self, command: str, accept: tuple[int, ...] = (0,)) -> int:
        """Show and run a command; its exit code, which is one of `accept`, or else it is `StepFailed`."""
        self.show(command)
        process = self.start(command)
        try:
            code = process.wait(STEP_SECONDS)
        except subprocess.TimeoutExpired:
            raise StepFailed(f"`{command}` was not done after {STEP_SECONDS} seconds.") from None
        finally:
            if process.poll() is None:
                self.kill(process)
        if code not in accept:
            raise StepFailed(f"`{command}` failed with exit code {code}.")
        return code

    def ask(self, command: str) -> Any:
        """What a command prints as JSON; the reader does not see it."""
        done = subprocess.run(
            shlex.split(command),
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            timeout=STEP_SECONDS,
            check=False,
            preexec_fn=_die_with_parent,
        )
        if done.returncode != 0:
            raise StepFailed(f"`{command}` failed with exit code {done.returncode}.")
        return json.loads(done.stdout)

    def start(self, command: str, log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """Start a command that goes on by itself; what it prints goes to the reader, or to `log`.

        It has a process group of its own, so that Ctrl-C comes to the shell alone, which then ends it in good order.
        """
        try:
            return subprocess.Popen(
                shlex.split(command),
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_die_with_parent,
            )
        except FileNotFoundError as error:
            raise StepFailed(f"There is no program {error.filename}: is Youku installed in {sys.prefix}?") from None

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a command as a lost connection would: without a chance to say anything, or to tidy the terminal."""
        process.kill()
        process.wait()
        if self._on_terminal:
            print(SHOW_CURSOR, end="", flush=True)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to end, and insist when it does not; its exit code."""
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def stop_stranger(pid: int, program: str, directory: Path) -> bool:
    """Like `stop`, for `program` started in `directory` by somebody else; False when process `pid` is not that.

    Process ids are used again: only a second look tells what a number from a file means by now.
    """
    if not _runs(pid, program, directory):
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        if _runs(pid, program, directory):
            os.kill(pid, number)
        while _runs(pid, program, directory) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    return True


def _runs(pid: int, program: str, directory: Path) -> bool:
    process = Path(f"/proc/{pid}")
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        return (process / "cwd").readlink() == directory and program in (Path(os.fsdecode(word)).name for word in words)
    except OSError:
        return False


def _die_with_parent() -> None:
    """In the child, before the program: SIGTERM as soon as the parent is gone, for the case that it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
