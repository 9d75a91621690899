"""A Galera cluster of three MariaDB nodes on 127.0.0.1, in temporary directories and on free ports, gone when left.

Needs, beside MariaDB, the Galera library, and rsync, with which a node that joins copies the data (Debian: galera-4,
rsync).
`python -m scripts.galera`, or scripts/galera, runs one until Ctrl-C and prints the URL for `youku-server --database`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support import mariadb
from tests.support.mariadb import MariaDB

NODES: Final = 3
"""The fewest of which one can fail and the others are still a majority."""
PROVIDERS: Final = ("/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so")
NEEDED: Final = {
    "rsync": "rsync",
    "lsof": "lsof",
    "ss": "iproute2",
}
"""What MariaDB's own script for copying a node calls, and the Debian packages that have it."""
NOBODY: Final = "nobody"
DATABASE: Final = "youku"
SETTLED: Final = 60.0
"""Seconds for a node to join; an empty one takes five."""
RECOVERED: Final = re.compile(r"Recovered position: (\S+)")


class Missing(Exception):
    """The machine lacks something; the message says what, and how to get it."""


def provider() -> str:
    """Where the Galera library is; raises `Missing` for that and all else that a cluster needs."""
    lacking = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    found = next((path for path in PROVIDERS if Path(path).exists()), None)
    if found is None:
        lacking.insert(0, "galera-4")
    if not mariadb.is_installed():
        lacking.insert(0, "mariadb-server")
    if found is None or lacking:
        packages = " ".join(lacking)
        raise Missing(f"A cluster needs what is not installed here: {packages}. Debian: apt-get install {packages}")
    return found


class Node(MariaDB):
    """One server of the cluster. Killed and started again, it takes what it has missed from the others."""

    def __init__(self, directory: Path, name: str, library: str) -> None:
        super().__init__(directory)
        self.name = name
        self._library = library
        self._cluster_port, self._copy_port, self._rest_port = (mariadb.free_port() for _ in range(3))

    def _user(self) -> list[str]:
        """Never root: the rsync of MariaDB's script would give up its rights, and then lack them."""
        return [f"--user={NOBODY}"] if os.geteuid() == 0 else []

    def make(self) -> None:
        """An empty directory of its own."""
        self.data.mkdir(parents=True)
        for path in (self.directory, self.data):
            if os.geteuid() == 0:
                shutil.chown(path, NOBODY)

    @property
    def address(self) -> str:
        """Where the other nodes reach it."""
        return f"127.0.0.1:{self._cluster_port}"

    def join(self, addresses: list[str], *, first: bool = False) -> None:
        """Start as a member of the cluster of these nodes; the first of a new one waits for nobody."""
        self.options = (
            "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--default-storage-engine=InnoDB",
            "--wsrep-on=ON", f"--wsrep-provider={self._library}", f"--wsrep-node-name={self.name}",
            "--wsrep-cluster-name=youku", f"--wsrep-cluster-address=gcomm://{','.join(addresses)}",
            "--wsrep-node-address=127.0.0.1", "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{self._copy_port}",
            f"--wsrep-provider-options=gmcast.listen_addr=tcp://{self.address};"
            f"ist.recv_addr=127.0.0.1:{self._rest_port}",
            *(["--wsrep-new-cluster"] if first else self._position()),
        )  # fmt: skip
        self.start()

    def _position(self) -> list[str]:
        """Up to where this node has everything, so that it needs the rest alone."""
        if not (self.data / "ibdata1").exists():
            return []
        found = RECOVERED.findall(self.run_once("--wsrep-recover"))
        return [f"--wsrep-start-position={found[-1]}"] if found else []

    def _wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        super()._wait_until_up(process)
        await_that(lambda: self.status("ready") == "ON", f"{self.name} did not get ready")

    def status(self, name: str) -> str:
        """What the node says of itself."""
        rows = self.execute(f"SHOW STATUS LIKE 'wsrep_{name}'")
        return str(rows[0][1]) if rows else ""

    @property
    def is_settled(self) -> bool:
        """Whether it sees all the others and has what they have."""
        said = [self.status(name) for name in ("local_state_comment", "ready", "cluster_size")]
        return said == ["Synced", "ON", str(NODES)]


class Cluster:
    """Three nodes, of which the first is the one that Youku prefers."""

    def __init__(self, directory: Path) -> None:
        library = provider()
        self.nodes = [Node(directory / f"node{number}", f"node{number}", library) for number in range(1, NODES + 1)]

    def start(self) -> None:
        """One after the other, until all have the same; with an empty database."""
        first = self.nodes[0]
        for node in self.nodes:
            node.make()
            if node is first:
                node.install()  # the others are filled by it
            node.join(self.addresses, first=node is first)
        self.settle()
        first.create_database(DATABASE)

    @property
    def addresses(self) -> list[str]:
        """Of all nodes, for each other."""
        return [node.address for node in self.nodes]

    @property
    def url(self) -> str:
        """For `youku-server --database`: all nodes, in order."""
        head, _, tail = self.nodes[0].url(DATABASE).rpartition(f"127.0.0.1:{self.nodes[0].port}")
        return head + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes) + tail

    def settle(self) -> None:
        """Return once every node is up to date and sees the others."""
        await_that(lambda: all(node.is_settled for node in self.nodes), "a node did not come to terms with the others")

    def close(self) -> None:
        """End every node."""
        for node in self.nodes:
            node.close()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster, for as long as the block lasts. Raises `Missing`."""
    directory = Path(tempfile.mkdtemp(prefix="galera-"))
    directory.chmod(0o711)  # the nodes may be somebody else's
    made = None
    try:
        made = Cluster(directory)
        made.start()
        yield made
    finally:
        if made is not None:
            made.close()
        shutil.rmtree(directory, ignore_errors=True)


def await_that(condition: Callable[[], bool], problem: str, patience: float = SETTLED) -> None:
    """Return once the condition holds; raises `TimeoutError` with the problem where it never does."""
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(problem)
        time.sleep(0.05)


def main() -> None:
    """Run a cluster until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with cluster() as running:
            for node in running.nodes:
                print(f"{node.name}: process {node.pid}, port {node.port}, log {node.log}")
            print(f"YOUKU_DATABASE='{running.url}'\nCtrl-C ends all of it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("The cluster has ended.")
    except (Missing, TimeoutError, RuntimeError, subprocess.SubprocessError) as problem:
        sys.exit(f"scripts/galera: {problem}")


if __name__ == "__main__":
    main()
