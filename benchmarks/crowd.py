"""Many clients of one server in one process: bare sockets that log in with a token and say little.

Accounts and movies are written straight into a server's database and data directory, so that a measurement does not
begin with minutes of deriving keys and moving bytes.
"""

from __future__ import annotations

import json
import resource
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from youku_evloop import orm, schema
from youku_evloop.cli.options import open_database
from youku_evloop.models import Movie, User, UserType
from youku_evloop.services import accounts

AT_ONCE: Final = 200
"""Clients that connect before the first of them is answered."""
PATIENCE: Final = 120.0
DESCRIPTORS_OF_OUR_OWN: Final = 500
LIFETIME: Final = timedelta(days=1)


def frame(**fields: Any) -> bytes:
    """A request as bytes."""
    payload = json.dumps(fields).encode()
    return len(payload).to_bytes(4, "big") + payload


PING: Final = frame(id=7, op="ping")
PONG: Final = b'\x00\x00\x00\x12{"id":7,"ok":true}'


@contextmanager
def library(data: Path, url: str = "") -> Iterator[orm.Database]:
    """The database of a data directory, whether or not a server works in it, made where it is missing."""
    with open_database(data, url) as database:
        schema.prepare(database)
        yield database


def add_account(data: Path, name: str, user_type: UserType = UserType.ADMIN, url: str = "") -> str:
    """A new account of which nobody knows the password: the token of a session."""
    with library(data, url):
        verifier = accounts.Verifier.of_password(secrets.token_hex(), accounts.LEAST_ITERATIONS)
        return accounts.open_session(accounts.create(name, verifier, user_type), LIFETIME)[0]


def add_hollow_movie(data: Path, size: int, url: str = "") -> int:
    """A movie of `size` zeros that take no space on the disk: its id. There has to be an account."""
    digest = secrets.token_hex(32)
    with library(data, url):
        owner = User.select().order_by(User.id).first()
        assert owner is not None
        movie = Movie.create(name=digest[:8], file_hash=digest, file_size=size, fingerprint=digest, user=owner)
    blob = data / "blobs" / digest[:2] / digest
    blob.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with blob.open("xb") as file:
        file.truncate(size)
    return movie.id


def raise_descriptor_limit() -> int:
    """As many descriptors as this process may have, and how many clients it can play with them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - DESCRIPTORS_OF_OUR_OWN


class Crowd:
    """Clients that have logged in and wait."""

    def __init__(self, port: int, token: str | None = None, *, tls: bool = False) -> None:
        self.socks: list[socket.socket] = []
        self._port = port
        self._hello = frame(id=1, op="hello", token=token)
        self._context = trusting() if tls else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        while self.socks:
            self.socks.pop().close()

    def join(self, count: int) -> None:
        """So many more."""
        for start in range(0, count, AT_ONCE):
            newcomers = [self._connect() for _ in range(min(AT_ONCE, count - start))]
            for sock in newcomers:
                sock.sendall(self._hello)
            for sock in newcomers:
                reply = sock.recv(4096)
                if b'"ok":true' not in reply:
                    raise RuntimeError(f"the server did not let us in: {reply!r}")

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        if self._context is not None:
            sock = self._context.wrap_socket(sock)
        self.socks.append(sock)
        return sock


def trusting() -> ssl.SSLContext:
    """TLS without asking who the server is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ping_times(sock: socket.socket, count: int) -> list[float]:
    """How long each of so many pings took, one after the other, in seconds, shortest first."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        sock.sendall(PING)
        reply = sock.recv(4096)
        times.append(time.perf_counter() - began)
        if reply != PONG:
            raise RuntimeError(f"not the reply to a ping: {reply!r}")
    return sorted(times)


def quantile(ordered: list[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def jain(shares: list[int]) -> float:
    """Jain's index of fairness (R. Jain, D. Chiu, W. Hawe, 1984): 1 when all have the same, 1/n when one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def resident(pid: int) -> int:
    """Bytes of memory that a process really has."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the process has no VmRSS")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, of all its threads."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def open_descriptors(pid: int) -> list[str]:
    """What a process has open: paths, and sockets and the like by their numbers."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return found
