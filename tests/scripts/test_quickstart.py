"""`scripts/quickstart`, as a newcomer starts it: for the first time, again, after a fall, on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).parent.parent.parent
QUICKSTART: Final = CHECKOUT / "scripts" / "quickstart"
ENVIRONMENT: Final = {**os.environ, "YOUKU_PYTHON": sys.executable}
SECONDS: Final = 120
"""More than any of it takes; a test that hangs should fail."""


def quickstart(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One start, without a terminal."""
    return subprocess.run(
        [QUICKSTART, "--data", directory, *arguments],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def started(directory: Path, *, terminal: int = -1) -> Iterator[subprocess.Popen[bytes]]:
    """A start under way; what it prints goes into a pipe, or to the terminal. Nothing of it is left afterwards."""
    streams = (terminal,) * 3 if terminal >= 0 else (subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT)
    process = subprocess.Popen(
        [QUICKSTART, "--data", directory], env=ENVIRONMENT, stdin=streams[0], stdout=streams[1], stderr=streams[2]
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for other in processes_in(directory):
            os.kill(other, signal.SIGKILL)
        if process.stdout is not None:
            process.stdout.close()


def processes_in(directory: Path) -> list[int]:
    """Whatever works in the directory: the server and the commands of a tour do."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").readlink() == directory:
                    found.append(int(process.name))
            except OSError:
                continue
    return found


def wait_until_alone(directory: Path) -> None:
    """Until the last process in the directory has ended."""
    for process in processes_in(directory):
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([descriptor], [], [], SECONDS)
            assert ended, f"process {process} was left behind"
        finally:
            os.close(descriptor)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The directory of a first start, and what it printed."""
    directory = tmp_path_factory.mktemp("quickstart") / "first"
    return directory, quickstart(directory, "--exit")


@pytest.fixture
def later(first: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> Path:
    """A directory in which there was a first start, for one test alone."""
    return shutil.copytree(first[0], tmp_path / "later")


def commands_of(output: str) -> list[str]:
    """The commands that the reader saw, without their arguments: `youku upload`."""
    return re.findall(r"^\$ (youku(?:-server)? [a-z-]+)", output, re.MULTILINE)


def test_a_first_start_takes_a_video_all_the_way(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    directory, done = first
    assert done.returncode == 0, done.stdout + done.stderr
    assert commands_of(done.stdout) == [
        "youku-server run",
        "youku-server create-admin",
        "youku login",
        "youku upload",
        "youku uploads",
        "youku upload",
        "youku list",
        "youku register",
        "youku login",
        "youku download",
    ]
    assert "bit for bit" in done.stdout
    assert (directory / "holiday.avi").read_bytes() == (directory / "copy.avi").read_bytes()
    assert (directory / "holiday.avi").stat().st_size >= 64 * 1024**2


def test_the_upload_is_cut_in_the_middle_and_goes_on_from_there(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    directory, done = first
    size = (directory / "holiday.avi").stat().st_size
    held = re.search(r"\$ youku uploads\n.*\n\S+ +(\d+) +(\d+) +receiving", done.stdout)
    assert held, done.stdout
    assert int(held[2]) == size
    assert 0.4 * size <= int(held[1]) < size
    assert f"holiday.avi: the server has {int(held[1]) / 1024**2:.1f} MiB" in done.stderr


def test_the_password_is_kept_to_its_owner(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    directory, done = first
    password = directory / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text().strip() not in done.stdout + done.stderr


def test_nothing_runs_any_more_after_a_start(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    assert processes_in(first[0]) == []


def test_a_second_start_finds_what_the_first_one_made(later: Path) -> None:
    done = quickstart(later)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "An earlier start has made admin" in done.stdout
    assert "youku uploads" not in commands_of(done.stdout), "the movie is there: nothing is left to resume"
    assert "bit for bit" in done.stdout


def end_at(directory: Path, command: str, number: signal.Signals) -> int:
    """Start, send the signal when `command` is shown, wait until nothing is left; how the start ended."""
    with started(directory) as process:
        assert process.stdout is not None
        assert any(line.startswith(f"$ {command}".encode()) for line in process.stdout)
        process.send_signal(number)
        code = process.wait(SECONDS)
        wait_until_alone(directory)
    return code


def test_wherever_a_start_is_killed_it_leaves_no_process_and_the_next_one_goes_on(tmp_path: Path) -> None:
    for command in ("youku-server create-admin", "youku upload ", "youku uploads", "youku register", "youku download"):
        assert end_at(tmp_path, command, signal.SIGKILL) == -signal.SIGKILL
    done = quickstart(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_start_that_is_told_to_stop_leaves_no_process(tmp_path: Path, number: signal.Signals, code: int) -> None:
    assert end_at(tmp_path, "youku login", number) == code


def test_a_server_that_was_left_running_is_stopped_first(later: Path) -> None:
    server = subprocess.Popen(
        [Path(sys.executable).parent / "youku-server", "run", "--data", "library", "--listen", "127.0.0.1:0"],
        cwd=later,
        stderr=subprocess.PIPE,
    )
    with server:
        assert server.stderr is not None
        assert any(b"listening on" in line for line in server.stderr)
        (later / "server.pid").write_text(str(server.pid))
        try:
            done = quickstart(later)
        finally:
            server.kill()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"process {server.pid}, was still there" in done.stdout


def test_two_starts_at_once_do_not_mix(later: Path) -> None:
    holder = os.open(later, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        done = quickstart(later)
    finally:
        os.close(holder)
    assert done.returncode == 1
    assert "Another quickstart is running" in done.stderr


def test_a_step_that_fails_ends_the_start_with_its_reason_and_no_server(later: Path) -> None:
    (later / "password").write_text("another one\n")
    done = quickstart(later)
    assert done.returncode == 1
    assert "`youku login admin` failed with exit code 3" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes_in(later) == []


def test_a_place_that_cannot_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = quickstart(tmp_path / "file")
    assert done.returncode == 1
    assert "file" in done.stderr and "Traceback" not in done.stderr


def test_on_a_terminal_it_serves_until_it_is_interrupted(later: Path) -> None:
    master, terminal = pty.openpty()
    try:
        with started(later, terminal=terminal) as process:
            said = b""
            while b"youku --help" not in said:
                assert select.select([master], [], [], SECONDS)[0], said.decode()
                said += os.read(master, 65536)
            assert process.poll() is None
            assert b"goes on until Ctrl-C" in said
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0
            assert processes_in(later) == []
    finally:
        os.close(master)
        os.close(terminal)


def test_the_options_are_explained() -> None:
    done = subprocess.run([QUICKSTART, "--help"], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0
    assert "--exit" in done.stdout and "--data" in done.stdout
