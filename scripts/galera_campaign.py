"""What a library on a Galera cluster bears: its first node is stopped and goes on, then the one in use is killed.

A real `youku-server` with all three nodes in its URL; clients who register and upload through it without a pause, and
repeat what was answered with `unavailable` until it is granted. At the end every node is asked, past the server, for
every row that was acknowledged. Printed are the rows lost and doubled, and how long after each fault nobody was served.
`python -m scripts.galera_campaign`, or scripts/galera-campaign; exit code 1 when a row was lost or doubled, or the
service was away for more than ten seconds.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from blake3 import blake3

from scripts.galera import Cluster, Missing, Node, cluster
from tests.support.server import PASSWORD, Person, RunningServer
from tests.support.wire import Reply, Wire, verifier_of

CLIENTS: Final = 4
"""Of each kind: enough that there is always one waiting for a node that fails."""
BYTES: Final = 32 * 1024
CALM: Final = 5.0
"""Seconds before a fault, so that it meets a service that runs."""
FAULT: Final = 25.0
"""Seconds that a node stays away: longer than the cluster (5 s) and the server (8 s) take to do without it."""
ALLOWED: Final = 10.0
"""Seconds within which the service has to be back."""
PAUSE: Final = 0.1
"""Seconds, on average, before a client asks again."""


@dataclass(frozen=True)
class Acknowledged:
    """One row that a client was told is there."""

    kind: str
    key: str
    began: float
    ended: float


@dataclass
class Record:
    """What all clients were told. Appending needs no lock."""

    rows: list[Acknowledged] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    def silence(self, begin: float, end: float) -> float:
        """The longest time in between in which nobody was told anything, in seconds."""
        ends = sorted(row.ended for row in self.rows if begin <= row.ended <= end)
        return max(later - earlier for earlier, later in zip([begin, *ends], [*ends, end], strict=True))

    def longest_wait(self, begin: float, end: float) -> float:
        """Of one client for one row, all its repetitions included, in seconds."""
        return max((row.ended - row.began for row in self.rows if row.ended >= begin and row.began <= end), default=0.0)


class Refused(Exception):
    """The server asks to be asked again."""


class Client(threading.Thread):
    """Makes one row after the other, each until it is acknowledged."""

    kind = ""

    def __init__(self, address: str, token: str, number: int, record: Record, enough: threading.Event) -> None:
        super().__init__(name=f"{self.kind} {number}")
        self._address, self._token, self._number = address, token, number
        self._record, self._enough = record, enough
        self._wire: Wire | None = None

    def run(self) -> None:
        count = 0
        while not self._enough.is_set():
            count += 1
            key = f"{self.kind}-{self._number}-{count}"
            began = time.monotonic()
            if self._insist(self.prepared(key)):
                self._record.rows.append(Acknowledged(self.kind, key, began, time.monotonic()))
        if self._wire is not None:
            self._wire.close()

    def prepared(self, key: str) -> Callable[[Wire], object]:
        """What makes the row of that key, over and over again the same one."""
        raise NotImplementedError

    def _insist(self, work: Callable[[Wire], object]) -> bool:
        """Whether it was acknowledged before it was enough."""
        while not self._enough.is_set():
            try:
                if self._wire is None:
                    self._wire = Wire(self._address, self._token)
                work(self._wire)
                return True
            except Refused as refused:
                self._record.refusals.append(str(refused))
            except Exception as problem:  # nothing else should happen
                self._record.surprises.append(f"{self.name}: {problem!r}")
                self._wire = None
            time.sleep(random.uniform(0, 2 * PAUSE))
        return False


def granted(reply: Reply) -> Reply:
    """The reply, unless it says to try again."""
    if reply.get("error") == "unavailable":
        raise Refused(reply["message"])
    assert reply["ok"], reply
    return reply


class Registering(Client):
    """Makes accounts."""

    kind = "user"

    def prepared(self, key: str) -> Callable[[Wire], object]:
        verifier = verifier_of(PASSWORD)
        return lambda wire: granted(wire.request("account.register", name=key, **verifier))


class Uploading(Client):
    """Publishes movies, as an administrator does."""

    kind = "movie"

    def prepared(self, key: str) -> Callable[[Wire], object]:
        content = os.urandom(BYTES)
        digest = blake3(content).hexdigest()

        def upload(wire: Wire) -> None:
            begun = wire.request("upload.create", name=key, size=BYTES, fingerprint=digest)
            if begun.get("error") == "movie_exists":  # published, but the answer was lost
                return
            upload, offset = granted(begun)["upload"], begun["offset"]
            if offset < BYTES:
                granted(wire.request("upload.write", content[offset:], upload=upload, offset=offset))
            granted(wire.request("upload.finish", upload=upload, hash=digest))

        return upload


KINDS: Final[tuple[type[Client], ...]] = (Registering, Uploading)
TABLES: Final[Mapping[str, str]] = {"user": "user", "movie": "movie"}
"""Where the rows of a kind are, under their key as `name`."""


@dataclass(frozen=True)
class Fault:
    """What was done to a node, and what became of the service."""

    name: str
    silence: float
    longest_wait: float

    def __str__(self) -> str:
        return (
            f"{self.name}: nobody served for {self.silence:.1f} s at most, "
            f"one client waited {self.longest_wait:.1f} s at most"
        )


class Campaign:
    """Clients at work, while the nodes of their server's cluster fail."""

    def __init__(self, nodes: Cluster, server: RunningServer, admin: Person) -> None:
        self.record = Record()
        self._cluster, self._enough = nodes, threading.Event()
        self._clients = [
            kind(server.address, admin.token, number, self.record, self._enough)
            for kind in KINDS
            for number in range(CLIENTS)
        ]

    def run(self) -> list[Fault]:
        """Every fault in turn; the clients have ended and the nodes are all up when it returns."""
        for client in self._clients:
            client.start()
        try:
            return [
                self._measure("first node stopped (SIGSTOP)", self._stop_first),
                self._measure("it goes on (SIGCONT)", self._continue_first),
                self._measure("node in use killed (SIGKILL)", self._kill_the_used),
                self._measure("it is started again", self._start_again),
            ]
        finally:
            self._enough.set()
            for client in self._clients:
                client.join()

    def _measure(self, name: str, act: Callable[[], None]) -> Fault:
        time.sleep(CALM)
        begin = time.monotonic()
        act()
        time.sleep(max(0.0, begin + FAULT - time.monotonic()))
        end = time.monotonic()
        return Fault(name, self.record.silence(begin, end), self.record.longest_wait(begin, end))

    def _stop_first(self) -> None:
        self._cluster.nodes[0].pause()

    def _continue_first(self) -> None:
        self._cluster.nodes[0].resume()
        self._cluster.settle()

    def _kill_the_used(self) -> None:
        self._killed = max(self._cluster.nodes, key=connections)
        self._killed.kill()

    def _start_again(self) -> None:
        self._killed.join(self._cluster.addresses)
        self._cluster.settle()


def connections(node: Node) -> int:
    """How many connections the server has to this node."""
    return len(node.execute("SELECT id FROM information_schema.processlist WHERE user = 'youku'"))


def lost_and_doubled(nodes: Cluster, record: Record) -> tuple[Counter[str], Counter[str]]:
    """By node and kind: acknowledged rows that are not there, and rows that are there more than once."""
    lost: Counter[str] = Counter()
    doubled: Counter[str] = Counter()
    for node in nodes.nodes:
        for kind, table in TABLES.items():
            there = Counter(str(name) for (name,) in node.execute(f"SELECT name FROM youku.`{table}`"))
            acknowledged = {row.key for row in record.rows if row.kind == kind}
            lost[f"{kind} on {node.name}"] += len(acknowledged - there.keys())
            doubled[f"{kind} on {node.name}"] += sum(count > 1 for count in there.values())
    return lost, doubled


def campaign(directory: Path) -> bool:
    """Run it and print the figures; whether all is as it has to be."""
    with cluster() as nodes:
        server = RunningServer(directory / "server", nodes.url)
        server.start()
        try:
            runner = Campaign(nodes, server, server.create_admin("operator"))
            faults = runner.run()
            lost, doubled = lost_and_doubled(nodes, runner.record)
        finally:
            server.kill()
        record = runner.record
        kinds = Counter(row.kind for row in record.rows)
        print(f"acknowledged: {', '.join(f'{count} of {kind}' for kind, count in sorted(kinds.items()))}")
        print(f"lost: {lost.total()} {dict(+lost)}; doubled: {doubled.total()} {dict(+doubled)}")
        for fault in faults:
            print(fault)
        print(f"told to try again: {len(record.refusals)}; surprises: {len(record.surprises)}")
        for surprise in record.surprises[:10]:
            print(f"  {surprise}")
        for line in [line for line in server.log.splitlines() if " ERROR " in line][:10]:
            print(f"  in the server's log: {line}")
    back = all(max(fault.silence, fault.longest_wait) <= ALLOWED for fault in faults)
    return not (lost.total() or doubled.total() or record.surprises) and back and bool(record.rows)


def main() -> None:
    """Exit code 0: nothing lost, nothing doubled, back in time."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="campaign-") as directory:
            good = campaign(Path(directory))
    except (Missing, TimeoutError, RuntimeError, subprocess.SubprocessError) as problem:
        sys.exit(f"scripts/galera-campaign: {problem}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
