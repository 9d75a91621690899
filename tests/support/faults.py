"""A bad link between client and server, and transfers across it that have to end well all the same.

Each connection through a `BadLink` meets one fault, at a random byte of either direction, until there have been enough.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from client_cli import Client
from client_cli.progress import Phase, Progress

T = TypeVar("T")

PIECE: Final = 64 * 1024
MIB: Final = 1024 * 1024
GREETING: Final = 1000
"""Bytes up to which the first connection is left alone: a client that never got an answer gives up, as it should."""
SINGLE_BYTES: Final = 3000
"""How many bytes come one by one."""
STALL: Final = 0.3
CLIENT_TIMEOUT: Final = 1.0
"""Seconds; a client that is quicker to notice a dead link gets through more of them."""
MOST_AGAIN: Final = 16 * MIB
"""Bytes that may be sent again after a cut."""
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time; closing sends a reset."""


class Fault(Enum):
    """What happens to a connection."""

    NONE = "nothing"
    CUT = "closed in an orderly way, in the middle"
    RESET = "reset"
    DEAD = "silent for ever"
    STALL = "silent for a while"
    SINGLE_BYTES = "byte by byte for a while"


BREAKING: Final = frozenset({Fault.CUT, Fault.RESET, Fault.DEAD})


@dataclass(frozen=True)
class Plan:
    """The fault of one connection, after so many bytes of one direction."""

    fault: Fault
    upward: bool = True
    at: int = 0


class BadLink:
    """Listens on a port of its own; `plan` says for each connection, by its number, what it meets."""

    def __init__(self, target: str, plan: Callable[[int], Plan]) -> None:
        self.met: Counter[Fault] = Counter()
        self._target = target
        self._plan = plan
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._is_over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for sock in list(self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for sock in [self._listener, *self._sockets]:
            sock.close()

    def _start(self, fn: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=fn, args=args, name="bad link")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        host, _, port = self._target.rpartition(":")
        number = 0
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                self._sockets.append(client)
                try:
                    server = socket.create_connection((host, int(port)))
                except OSError:
                    client.close()
                    continue
                self._sockets.append(server)
                plan = self._plan(number)
                number += 1
                self._start(self._pump, client, server, plan if plan.upward else Plan(Fault.NONE))
                self._start(self._pump, server, client, Plan(Fault.NONE) if plan.upward else plan)

    def _pump(self, source: socket.socket, target: socket.socket, plan: Plan) -> None:
        """One direction; a fault in it that breaks the connection breaks both."""
        left = plan.at if plan.fault is not Fault.NONE else None
        with suppress(OSError):
            while piece := source.recv(PIECE if left is None else min(PIECE, left or 1)):
                target.sendall(piece)
                if left is not None:
                    left -= len(piece)
                    if left <= 0:
                        self.met[plan.fault] += 1
                        if self._carry_out(plan.fault, source, target):
                            return
                        left = None
            target.shutdown(socket.SHUT_WR)

    def _carry_out(self, fault: Fault, source: socket.socket, target: socket.socket) -> bool:
        """Whether that was the end of the connection."""
        if fault is Fault.STALL:
            time.sleep(STALL)
        elif fault is Fault.SINGLE_BYTES:
            for _ in range(SINGLE_BYTES):
                target.sendall(source.recv(1))
        elif fault is Fault.DEAD:
            self._is_over.wait()
        else:
            for sock in (source, target):
                if fault is Fault.RESET:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                sock.shutdown(socket.SHUT_RDWR)
                if fault is Fault.RESET:
                    sock.close()
        return fault in BREAKING


@dataclass
class Tally:
    """What a campaign has seen; sizes in bytes."""

    transfers: int = 0
    bytes: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    sent_again: int = 0
    most_again: int = 0
    """After one break."""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {fault.name.lower()}" for fault, count in sorted(self.faults.items(), key=str))
        return (
            f"{self.transfers} transfers of {self.bytes / MIB:.0f} MiB; faults: {faults}; {self.sent_again / MIB:.1f} "
            f"MiB sent again, at most {self.most_again / MIB:.2f} MiB after one break; {len(self.problems)} violations"
        )


class Again:
    """How much of an upload is sent more than once, from what the client says of its progress."""

    def __init__(self) -> None:
        self.total = 0
        self.most = 0
        self._reached = 0

    def __call__(self, progress: Progress) -> None:
        if progress.phase is Phase.TRANSFERRING:
            back = max(self._reached - progress.done, 0)
            self.total += back
            self.most = max(self.most, back)
            self._reached = progress.done


class FaultCampaign:
    """Files go up and come down again across bad links."""

    def __init__(self, server: str, token: str, directory: Path, seed: int) -> None:
        self.tally = Tally()
        self._server = server
        self._token = token
        self._directory = directory
        self._seed = seed
        self._lock = threading.Lock()

    def run(self, transfers: int, *, at_once: int = 8) -> None:
        """Half of them up, half of them down."""
        first = self.tally.transfers // 2
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(self._up_and_down, range(first, first + transfers // 2)))

    def _up_and_down(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")
        content = chance.randbytes(_size(chance))
        file = self._directory / f"{number}.avi"
        file.write_bytes(content)
        try:
            target = self._directory / f"{number}.copy"
            movie = self._across(chance, content, lambda client, again: client.upload(file, progress=again), up=0.8).id
            self._across(chance, content, lambda client, _: client.download(movie, target), up=0.2)
            if target.read_bytes() != content:
                self._problem(number, "came back changed")
            with Client(self._server, token=self._token) as client:
                client.delete(movie)
            target.unlink()
        except Exception as error:
            self._problem(number, repr(error))
        file.unlink()

    def _across(self, chance: random.Random, content: bytes, transfer: Callable[[Client, Again], T], *, up: float) -> T:
        """Carry out one transfer; `up`: which share of the faults meets the bytes that go to the server."""
        again = Again()
        most = chance.randrange(1, 6)

        def plan(number: int) -> Plan:
            if number >= most:
                return Plan(Fault.NONE)
            first = GREETING if number == 0 else 1
            at = first + int(len(content) * chance.random() ** 2)  # early, so that there is something left to break
            return Plan(chance.choice(list(Fault)), chance.random() < up, at)

        with (
            BadLink(self._server, plan) as link,
            Client(link.address, token=self._token, timeout=CLIENT_TIMEOUT, retries=1000) as client,
        ):
            result = transfer(client, again)
        with self._lock:
            self.tally.transfers += 1
            self.tally.bytes += len(content)
            self.tally.faults += link.met
            self.tally.sent_again += again.total
            self.tally.most_again = max(self.tally.most_again, again.most)
            if again.most > MOST_AGAIN:
                self.tally.problems.append(f"{again.most} bytes were sent again after one break")
        return result

    def _problem(self, number: int, what: str) -> None:
        with self._lock:
            self.tally.problems.append(f"transfer {number}: {what}")


def _size(chance: random.Random) -> int:
    """Mostly small, some large: what is in flight has to fit in to be lost."""
    largest = chance.choices((256 * 1024, 4 * MIB, 24 * MIB, 80 * MIB), (50, 35, 12, 3))[0]
    return chance.randrange(1, largest)
