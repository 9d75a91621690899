"""Send a server frames that are almost right, a million of them, and see whether it ever loses its countenance.

    scripts/fuzz-frames                        1,000,000 frames, some ten minutes
    scripts/fuzz-frames --frames 20000 --seed 7

Hypothesis makes requests of every command, with arguments that are plausible, absurd, missing or too many, and then
mutates their bytes: flips, cuts, repeats, inserts, and lies about lengths. They go to a server of its own, in one
stream a connection, and at the same time through the same codec in this process, which tells what has to happen: a
stream that breaks the rules ends with the error that says so, after everything before it has been answered, and any
other goes on. Afterwards the server has to be alive, and its log without an error or a traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.crowd import PING, PONG, add_account, library
from youku_evloop.commands import COMMANDS
from youku_evloop.errors import BrokenFrame
from youku_evloop.models import User
from youku_evloop.services import accounts
from youku_evloop.wire.frames import MAX_FRAME, NEED_DATA, FrameDecoder, FrameState
from youku_evloop.wire.messages import MAX_BODY, Rejected, Request, RequestParser

TALK: Final = 20
"""Frames that Hypothesis makes at once."""
ROUND: Final = 50
"""Conversations between two looks at the log. Hypothesis remembers what it has tried, so a round must not be long."""
MEMORY: Final = Path("/dev/shm")
"""A disk that need not be waited for: nothing here has to outlive the run."""
PROGRESS: Final = 50_000
LIFE: Final = 200
"""Frames after which a connection is given up at the latest: a body that was announced may have swallowed them."""
PATIENCE: Final = 60.0
LIFETIME: Final = timedelta(hours=12)

HASHES: Final = ["0" * 64, "f" * 64, "F" * 64, "0" * 63, "", "x" * 64]
NUMBERS: Final = [0, 1, 2, -1, 7, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1]
PLAUSIBLE: Final[dict[str, list[Any]]] = {
    "again": [True, False],
    "client": ["fuzz", "", "x" * 1000, "\n\x00 line"],
    "cursor": [None, "", "1", "MTA=", "x" * 100],
    "description": ["", "text", "x" * 4001, "\ud83d\udcfc"],
    "fingerprint": HASHES,
    "hash": HASHES,
    "is_free": [True, False],
    "iterations": [4096, 600_000, 4095, 10_000_001],
    "length": [None, 0, 1, 1000],
    "limit": [1, 20, 50, 51, 0],
    "message": ["n,,n=alice,r=abc", "c=biws,r=abc,p=AAAA", "n,,n=nobody,r=x", "", "y,,", "n,,n=\u0000,r=,"],
    "movie": [1, 2, 3, 10**9],
    "name": ["alice", "video", "a\tb", "", "x" * 201, "电影", " "],
    "offset": [0, 1, 500, 1000, 10**9],
    "price": [None, 0, 2000, 10**9],
    "protocol": [1, 2, 0],
    "salt": ["c2FsdHNhbHRzYWx0", "", "!", "AAAA"],
    "server_key": ["MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=", "AAAA"],
    "size": [1, 1000, 2**62, 2**62 + 1],
    "stored_key": ["MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=", "AAAA"],
    "token": [None, "", "wrong"],
    "type": ["all", "free", "charge", "none"],
    "upload": ["0" * 32, "f" * 32, "", "../../etc/passwd"],
    "vip_price": [None, 0, 1000, -1],
}
KINDS: Final = sorted(COMMANDS, key=lambda kind: COMMANDS[kind].name)
FIELDS: Final = {kind: [field.name for field in msgspec.structs.fields(kind) if field.name != "body"] for kind in KINDS}
NASTY: Final = [b'"', b"{", b"}" * 9, b"[" * 2000, b"\\u0000", b"\xff", b"1e999", b"\x00"]
ABSURD: Final[list[Any]] = [
    None,
    True,
    "",
    [],
    {},
    [[]],
    {"a": None},
    1.5,
    float("nan"),
    float("inf"),
    "\ud800",
    *NUMBERS,
]
LIES: Final = [0, 1, MAX_FRAME, MAX_FRAME + 1, 2**31, 2**32 - 1, 0x16030100]


# -- frames that are almost right


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """Some frames, of which about every second one has suffered."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=TALK, max_size=TALK))
    # Each further choice of its own would cost Hypothesis more time than the frame costs the server.
    chance = draw(st.randoms(use_true_random=True))
    return [frame(kind, chance) for kind in kinds]


def frame(kind: type[Request], chance: Random) -> bytes:
    """A request as bytes."""
    payload, body = request(kind, chance)
    for mutate in chance.choices(DAMAGE, k=chance.choice([0, 0, 0, 1, 1, 2, 4])):
        start = chance.randint(0, len(payload))
        end = min(len(payload), start + chance.choice([1, 1, 2, 8, 100]))
        payload = payload[:start] + mutate(payload[start:end], chance) + payload[end:]
    size = len(payload)
    if not chance.randrange(20):
        size = chance.choice([*LIES, size - 1, size + 1]) % 2**32
    return size.to_bytes(4, "big") + payload + body


def request(kind: type[Request], chance: Random) -> tuple[bytes, bytes]:
    """The payload of a request, and its body."""
    fields: dict[str, Any] = {"op": COMMANDS[kind].name}
    fields |= {name: chance.choice(PLAUSIBLE.get(name, NUMBERS)) for name in FIELDS[kind]}
    body = b""
    match chance.randrange(10):
        case 0:
            fields[chance.choice([*fields, "body", "more"])] = chance.choice(ABSURD)
        case 1:
            del fields[chance.choice(list(fields))]
        case 2:
            body = chance.choice([b"x", b"body" * 250, bytes(70_000)])
            fields["body"] = len(body)
        case 3:
            fields["body"] = chance.choice([0, -1, MAX_BODY, MAX_BODY + 1, 1, 1000])
    return json.dumps(fields, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass"), body


def flip(data: bytes, chance: Random) -> bytes:
    """Other bits."""
    return bytes(byte ^ chance.randint(1, 255) for byte in data)


def cut(data: bytes, chance: Random) -> bytes:
    """Nothing."""
    return b""


def repeat(data: bytes, chance: Random) -> bytes:
    """The same again."""
    return data * chance.randint(2, 4)


def insert(data: bytes, chance: Random) -> bytes:
    """Something before it."""
    return chance.randbytes(chance.randint(1, 6)) + data


def replace(data: bytes, chance: Random) -> bytes:
    """Something that parsers do not like."""
    return chance.choice(NASTY)


DAMAGE: Final = [flip, cut, repeat, insert, replace]


# -- where they go


class Stream:
    """One connection, and what its bytes mean, by the codec in this process."""

    def __init__(self, address: tuple[str, int], hello: bytes) -> None:
        self.age = 0
        self.is_broken = False
        self._sock = socket.create_connection(address, PATIENCE)
        self._decoder: FrameDecoder[Request | Rejected] = FrameDecoder(RequestParser(COMMANDS))
        self._tail = b""
        self.send(hello)

    def send(self, data: bytes) -> None:
        """Send bytes, and take what replies are there."""
        self.age += 1
        self.is_broken = self._breaks(data)
        with suppress(ConnectionError):  # it has been broken by what came before, and the server has given up waiting
            self._sock.sendall(data)
            while select.select([self._sock], [], [], 0)[0] and (piece := self._sock.recv(1 << 20)):
                self._tail = (self._tail + piece)[-2000:]

    def _breaks(self, data: bytes) -> bool:
        try:
            self._decoder.feed(data)
            while True:
                self._decoder.buffered_body()
                if self._decoder.next_message() is NEED_DATA and self._decoder.state is not FrameState.BODY:
                    return False
                if self._decoder.state is FrameState.BODY and not self._decoder.buffered:
                    return False
        except BrokenFrame:
            return True

    def close(self) -> None:
        """Hang up; a stream that was broken has to end with the reason."""
        with self._sock:
            if self.is_broken:
                while piece := self._sock.recv(1 << 20):
                    self._tail = (self._tail + piece)[-2000:]
                assert b'"error":"broken_frame"' in self._tail, f"no reason came, but {self._tail!r}"


class Target:
    """A server, and a connection to it that sends what it is given."""

    def __init__(self, directory: Path) -> None:
        self._data = directory / "data"
        self._log = directory / "log"
        self._token = add_account(self._data, "alice")
        self._stream: Stream | None = None
        self.connections = 0
        self.frames = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """From its start to its orderly stop."""
        command = [sys.executable, "-m", "youku_evloop.cli", "run", f"--data={self._data}", "--listen=127.0.0.1:0"]
        with self._log.open("wb") as log:
            process = subprocess.Popen([*command, "--log-level=warning", "--limit=greeting=60"], stderr=log)
        try:
            until = time.monotonic() + PATIENCE
            while not (self._data / "address").exists():
                assert time.monotonic() < until and process.poll() is None, self._log.read_text()
                time.sleep(0.01)
            yield
            self.hang_up()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, self._log.read_text()
        finally:
            process.kill()
            process.wait()

    @property
    def address(self) -> tuple[str, int]:
        """Where it serves."""
        fields = json.loads((self._data / "address").read_text())
        return str(fields["host"]), int(fields["port"])

    def send(self, data: bytes) -> None:
        """One more frame."""
        self.frames += 1
        if self._stream is None:
            self._stream = Stream(self.address, self._hello())
        self._stream.send(data)
        if self._stream.is_broken or self._stream.age > LIFE:
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def check(self) -> None:
        """Raise `AssertionError` unless the server serves and its log has no complaint."""
        with socket.create_connection(self.address, PATIENCE) as sock:
            sock.sendall(PING)
            assert sock.recv(100) == PONG
        complaints = self._log.read_text()
        assert " ERROR " not in complaints and "Traceback" not in complaints, complaints[-5000:]

    def _hello(self) -> bytes:
        """Of three connections one stays a stranger's. A frame may have logged out: every tenth has a new session."""
        self.connections += 1
        if self.connections % 10 == 0:
            with library(self._data):
                self._token = accounts.open_session(User.select(name="alice").get(), LIFETIME)[0]
        fields = {"id": 0, "op": "hello", "token": None if self.connections % 3 == 0 else self._token}
        payload = json.dumps(fields).encode()
        return len(payload).to_bytes(4, "big") + payload


def fuzz(target: Target, count: int, first_seed: int, report: Callable[[int], object]) -> None:
    """Send so many frames; raises `AssertionError`, with the seed of the round, when something is not in order."""
    for number in range(-(-count // (TALK * ROUND))):

        @seed(first_seed + number)
        @settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(conversations())
        def one_round(frames: list[bytes]) -> None:
            for data in frames:
                target.send(data)

        try:
            one_round()
            target.check()
        except AssertionError as problem:
            raise AssertionError(f"In the round of seed {first_seed + number}: {problem}") from problem
        report(target.frames)


def main() -> None:
    """Parse the options and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"), help="another each time")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="youku-fuzz-", dir=MEMORY if MEMORY.is_dir() else None) as directory:
        target = Target(Path(directory))
        with target.running():
            fuzz(target, options.frames, options.seed, print_progress)
    print(
        f"{target.frames} frames on {target.connections} connections in {time.monotonic() - began:.0f} s: "
        "no uncaught exception, and every broken stream ended with the reason."
    )


def print_progress(done: int) -> None:
    """A line now and then."""
    if done % PROGRESS == 0:
        print(f"{done} frames", flush=True)


if __name__ == "__main__":
    main()
