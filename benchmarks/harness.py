"""What every benchmark needs: a quiet network, server processes, their CPU seconds, interleaved runs, medians.

The clock of a shared machine says little, so the figure to trust is the CPU time of the server's processes, read from
the scheduler in nanoseconds (/proc/PID/task/*/schedstat). Loopback traffic is run in a network namespace of its own
with congestion control `reno`: `bbr`, the default of many machines, paces loopback with timers and costs several times
the CPU of the transfer itself.
"""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, NoReturn, Self, TypeVar

from benchmarks.tables import Goal, Table
from tests.support.mariadb import MariaDB

NAMESPACE_MARK: Final = "YOUKU_BENCHMARK_NAMESPACE"
START_PATIENCE: Final = 20.0
BASELINE: Final = "bare loop"
MILLISECONDS: Final = 1e3  # in a second
MICROSECONDS: Final = 1e6
MARIADB: Final = (
    "--innodb-buffer-pool-size=2G", "--innodb-log-file-size=512M", "--max-allowed-packet=64M", "--secure-file-priv=",
)  # fmt: skip
"""Room for a million movies; everything else is as the tests have it."""

Amount = TypeVar("Amount")


class Bench:
    """One run of the benchmarks: how thorough it is, and the private MariaDB that its rows share."""

    def __init__(self, *, rounds: int, quick: bool, mariadb: MariaDB | None = None) -> None:
        self.rounds = 1 if quick else rounds
        self._quick = quick
        self._stack = ExitStack()
        self._mariadb = mariadb

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stack.close()

    def some(self, amount: Amount, when_quick: Amount) -> Amount:
        """The one or, where the question is only whether it works at all, the other."""
        return when_quick if self._quick else amount

    def mariadb(self) -> MariaDB:
        """Started by whoever asks first."""
        if self._mariadb is None:
            directory = Path(self._stack.enter_context(TemporaryDirectory(prefix="youku-benchmark-mariadb-")))
            self._mariadb = MariaDB(directory, options=() if self._quick else MARIADB)
            self._mariadb.install()
            self._stack.callback(self._mariadb.close)
            self._mariadb.start()
        return self._mariadb

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, to the end of the block."""
        name = f"b{secrets.token_hex(4)}"
        yield self.mariadb().create_database(name)
        self.mariadb().drop_database(name)


def enter_namespace() -> None:
    """Start again in a private network namespace, once; without the right to make one, say so and go on."""
    if os.environ.get(NAMESPACE_MARK):
        return
    os.environ[NAMESPACE_MARK] = "1"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        print("No right to make a network namespace: the figures include this machine's congestion control.")
        return
    prepare = 'ip link set lo up && sysctl -qw net.ipv4.tcp_congestion_control=reno && exec "$@"'
    command = ["unshare", "-n", "sh", "-c", prepare, "sh", sys.executable, "-m", "benchmarks", *sys.argv[1:]]
    os.execvp(command[0], command)


def run_alone(file: str) -> NoReturn:
    """What `python -m benchmarks.ROW` does, where `file` is the row's: `benchmarks/run ROW`."""
    os.execv(Path(file).with_name("run"), ["run", Path(file).stem, *sys.argv[1:]])


def free_port() -> int:
    """A port of the loopback address on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def youku_command(data: Path, port: int, *options: str) -> list[str]:
    """`youku-server run`, as a user gets it."""
    program = [sys.executable, "-m", "youku_evloop.cli", "run", "--data", str(data)]
    return [*program, "--listen", f"127.0.0.1:{port}", *options]


ENDED: Final = (FileNotFoundError, ProcessLookupError)
"""What /proc answers about a process that ends while it is asked about."""


@dataclass(frozen=True)
class ServerProcess:
    """A running server, and every process it started."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU time of all its threads and children so far; of children that have ended to a hundredth of a second."""
        nanoseconds = ticks = 0
        for pid in [self.pid, *_descendants(self.pid)]:
            with suppress(*ENDED):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[13]) + int(fields[14])  # cutime and cstime (proc(5)), of which two come before
                for task in Path(f"/proc/{pid}/task").iterdir():
                    with suppress(*ENDED):
                        nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9 + ticks / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Memory that it and its children really have; what they share counts for each."""
        pages = (Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in [self.pid, *_descendants(self.pid)])
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


def _descendants(pid: int) -> list[int]:
    with suppress(*ENDED):
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return children + [grandchild for child in children for grandchild in _descendants(child)]
    return []


@contextmanager
def serving(command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """The server as a process, from when it accepts connections on `port` until the end of the block."""
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for_port(process, port)
        yield ServerProcess(process.pid, port)
    finally:
        process.terminate()
        process.wait(START_PATIENCE)


def _wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it served")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not serve on port {port}")


@dataclass(frozen=True)
class Sample:
    """One run of one contestant."""

    cpu: float
    seconds: float


def interleave(contestants: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    """Run everybody once, then everybody again: what the machine does hits all alike. The first round warms."""
    samples: dict[str, list[Sample]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, run in contestants.items():
            sample = run()
            if number:
                samples[name].append(sample)
    return samples


def measured(server: ServerProcess, work: Callable[[], object]) -> Sample:
    """What `work` cost the server, and how long it took."""
    cpu, began = server.cpu_seconds(), time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return Sample(server.cpu_seconds() - cpu, seconds)


def compared(
    title: str,
    samples: Mapping[str, Sequence[Sample]],
    unit: str,
    scale: float,
    limit: float | None = None,
) -> Table:
    """The medians of all contestants, times `scale`, and their CPU beside the bare loop's; `limit` is our goal."""
    cpu = {name: statistics.median(sample.cpu for sample in taken) for name, taken in samples.items()}
    seconds = {name: statistics.median(sample.seconds for sample in taken) for name, taken in samples.items()}
    ratios = {name: cpu[name] / cpu[BASELINE] for name in samples}
    figures = {name: (cpu[name] * scale, seconds[name] * scale, ratios[name]) for name in samples}
    goal = None if limit is None else Goal.at_most(limit, ratios["youku"], f"x {BASELINE}")
    return Table(title, (f"CPU {unit}", f"time {unit}", f"x {BASELINE}"), figures, goal, bars=f"x {BASELINE}")
