"""What every benchmark needs: a quiet network, server processes, their CPU seconds, interleaved runs, medians.

The clock of a shared machine says little, so the figure to trust is the CPU time of the server's processes, read from
the scheduler in nanoseconds (/proc/PID/task/*/schedstat). Loopback traffic is run in a network namespace of its own
with congestion control `reno`: `bbr`, the default of many machines, paces loopback with timers and costs several times
the CPU of the transfer itself.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAMESPACE_MARK: Final = "YOUKU_BENCHMARK_NAMESPACE"
START_PATIENCE: Final = 20.0


def enter_namespace(module: str) -> None:
    """Run this program again in a private network namespace, once; without the right to make one, say so and go on."""
    if os.environ.get(NAMESPACE_MARK):
        return
    os.environ[NAMESPACE_MARK] = "1"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        print("No right to make a network namespace: the figures include this machine's congestion control.")
        return
    prepare = 'ip link set lo up && sysctl -qw net.ipv4.tcp_congestion_control=reno && exec "$@"'
    command = ["unshare", "-n", "sh", "-c", prepare, "sh", sys.executable, "-m", module, *sys.argv[1:]]
    os.execvp(command[0], command)


def free_port() -> int:
    """A port of the loopback address on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(frozen=True)
class ServerProcess:
    """A running server, and every process it started."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU time of all its threads and children so far."""
        nanoseconds = 0
        for pid in [self.pid, *_descendants(self.pid)]:
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(FileNotFoundError):
                    nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def resident_bytes(self) -> int:
        """Memory of the process itself."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the process has no VmRSS")


def _descendants(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
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


@dataclass(frozen=True)
class Row:
    """One contestant's medians, and its CPU beside the bare loop's."""

    name: str
    cpu: float
    seconds: float
    ratio: float


def rows(samples: Mapping[str, Sequence[Sample]], baseline: str) -> list[Row]:
    """The medians of all contestants; `baseline` has the ratio 1."""
    cpu = {name: statistics.median(sample.cpu for sample in taken) for name, taken in samples.items()}
    seconds = {name: statistics.median(sample.seconds for sample in taken) for name, taken in samples.items()}
    return [Row(name, cpu[name], seconds[name], cpu[name] / cpu[baseline]) for name in samples]


def print_table(title: str, table: Sequence[Row], unit: str = "") -> None:
    """For people."""
    print(f"\n{title}\n{'':16}{'server CPU s' + unit:>18}{'seconds':>10}{'ratio':>8}")
    for row in table:
        print(f"{row.name:16}{row.cpu:>18.4f}{row.seconds:>10.3f}{row.ratio:>8.2f}")
    sys.stdout.flush()


def print_json(tables: Mapping[str, Sequence[Row]]) -> None:
    """For programs: one document."""
    print(json.dumps({title: [vars(row) for row in table] for title, table in tables.items()}, indent=2))
