"""Killing the real server at random moments of uploads, and at every step of publishing: what a client keeps."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from blake3 import blake3

from tests.support.server import LIMIT, OddServer, Person
from tests.support.wire import Wire
from youku_evloop.errors import ExitCode
from youku_evloop.wire.fingerprint import fingerprint

KIB: Final = 1024
MIB: Final = 1024 * 1024
WINDOW: Final = 4
SEGMENTS: Final = (64 * KIB, 256 * KIB, MIB, 4 * MIB)
CLIENTS: Final = 3
LOST: Final = (EOFError, OSError)


def ignore(_tally: object) -> None:
    """For those who do not want to watch."""


class LocalUpload:
    """One client with one file, and what the server has told it."""

    def __init__(self, person: Person, title: str, content: bytes, segment: int) -> None:
        self.title = title
        self.content = content
        self.hash = blake3(content).hexdigest()
        self.acknowledged = 0
        self.upload: str | None = None
        self.movie: int | None = None
        self.began_to_finish = threading.Event()
        self._person = person
        self._segment = segment
        self._fingerprint = fingerprint(len(content), lambda length, offset: content[offset : offset + length])

    def run(self) -> None:
        """Until it is published, or the server is gone."""
        with suppress(*LOST), self._person.wire() as wire:
            self.finish(wire, self.send(wire, self.create(wire)))

    def create(self, wire: Wire) -> int:
        """Begin or go on; the offset."""
        size = len(self.content)
        reply = wire.ask("upload.create", name=self.title, size=size, fingerprint=self._fingerprint)
        self.upload = reply["upload"]
        return int(reply["offset"])

    def send(self, wire: Wire, offset: int) -> int:
        """Send the rest, some segments ahead of the acknowledgements."""
        in_flight = 0
        for start in range(offset, len(self.content), self._segment):
            if in_flight == WINDOW:
                self._acknowledge(wire)
                in_flight -= 1
            body = self.content[start : start + self._segment]
            wire.send("upload.write", body, upload=self.upload, offset=start)
            in_flight += 1
        for _ in range(in_flight):
            self._acknowledge(wire)
        return len(self.content)

    def _acknowledge(self, wire: Wire) -> None:
        reply = wire.receive()
        assert reply["ok"], reply
        self.acknowledged = reply["offset"]

    def finish(self, wire: Wire, _offset: int) -> None:
        """Publish."""
        self.began_to_finish.set()
        reply = wire.ask("upload.finish", upload=self.upload, hash=self.hash)
        self.movie = reply["movie"]["id"]


@dataclass
class Tally:
    """What a campaign has seen."""

    kills: int = 0
    uploads: int = 0
    while_sending: int = 0
    while_finishing: int = 0
    after_the_end: int = 0
    acknowledged: int = 0
    """Bytes that had been acknowledged when the server was killed."""
    kept: int = 0
    """Bytes that the server had of those uploads afterwards."""
    slowest_return: float = 0.0
    """Seconds from the start of the new process until a client knows where to go on."""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.uploads} uploads: {self.while_sending} cut while sending, "
            f"{self.while_finishing} while publishing, {self.after_the_end} were through; "
            f"{self.acknowledged} bytes acknowledged, {self.kept} kept; "
            f"resumable at most {self.slowest_return:.2f} s after a new start; {len(self.problems)} violations"
        )


class KillCampaign:
    """Clients upload, the server is killed, starts again, and everybody goes on."""

    def __init__(self, server: OddServer, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)
        self.tally = Tally()
        server.start()
        self._person = server.create_admin("alice")

    def at_random_moments(self, kills: int, largest: int = 8 * MIB, report: Callable[[Tally], object] = ignore) -> None:
        """So many kills, with `CLIENTS` at once."""
        for number in range(kills):
            self._kill_at_random(number, largest)
            report(self.tally)

    def at_step(self, step: int) -> bool:
        """A server that dies at that step of publishing; whether there was such a step."""
        self._server.stop()
        self._server.oddities = {"die_at": step}
        self._server.start()
        upload = LocalUpload(self._person, f"step {step}", os.urandom(100 * KIB), 64 * KIB)
        upload.run()
        self._server.kill()
        self._server.oddities = None
        began = self._start_again([upload])
        was_alive = upload.movie is not None
        self.resume(upload, began)
        return not was_alive

    def _kill_at_random(self, number: int, largest: int) -> None:
        uploads = [
            LocalUpload(self._person, f"{number} {client}", os.urandom(self._size(largest)), self._segment())
            for client in range(CLIENTS)
        ]
        threads = [threading.Thread(target=upload.run) for upload in uploads]
        for thread in threads:
            thread.start()
        self._wait(uploads, sum(len(upload.content) for upload in uploads))
        self._server.kill()
        for thread in threads:
            thread.join()
        began = self._start_again(uploads)
        for upload in uploads:
            self.resume(upload, began)
            began = None  # the others had to wait for this one

    def _size(self, largest: int) -> int:
        return int(largest ** self._chance.uniform(0.6, 1.0))

    def _segment(self) -> int:
        return self._chance.choice(SEGMENTS)

    def _start_again(self, uploads: list[LocalUpload]) -> float | None:
        self.tally.kills += 1
        for upload in uploads:
            self._count(upload)
        began = time.monotonic()
        self._server.start()
        return began

    def _wait(self, uploads: list[LocalUpload], total: int) -> None:
        """Until a random moment: of one upload's end, or of anything."""
        if self._chance.random() < 0.4:
            uploads[0].began_to_finish.wait(LIMIT)
            time.sleep(self._chance.uniform(0, 0.02))
        else:
            time.sleep(self._chance.uniform(0, 0.02 + total / (400 * MIB)))

    def _count(self, upload: LocalUpload) -> None:
        tally = self.tally
        tally.uploads += 1
        if upload.movie is not None:
            tally.after_the_end += 1
        elif upload.began_to_finish.is_set():
            tally.while_finishing += 1
        else:
            tally.while_sending += 1

    def resume(self, upload: LocalUpload, began: float | None) -> None:
        """Nothing that the client was told is gone, and it gets its movie."""
        with self._person.wire() as wire:
            if upload.movie is None:
                self._go_on(upload, wire, began)
            self._require_movie(upload, wire)
            wire.ask("movie.delete", movie=upload.movie)

    def _go_on(self, upload: LocalUpload, wire: Wire, began: float | None) -> None:
        state = self._state(upload, wire)
        offset = int(state["offset"]) if state is not None else 0
        if began is not None:
            self.tally.slowest_return = max(self.tally.slowest_return, time.monotonic() - began)
        self.tally.acknowledged += upload.acknowledged
        self.tally.kept += offset
        if offset < upload.acknowledged:
            self._violation(upload, f"{upload.acknowledged} bytes were acknowledged, {offset} are there")
        if state is None:
            upload.create(wire)
        upload.finish(wire, upload.send(wire, offset))

    def _state(self, upload: LocalUpload, wire: Wire) -> dict[str, Any] | None:
        if upload.upload is None:
            return None
        found = wire.ask("upload.status", upload=upload.upload)["upload"]
        assert isinstance(found, dict)
        return found

    def _require_movie(self, upload: LocalUpload, wire: Wire) -> None:
        reply = wire.request("movie.read", movie=upload.movie)
        if not reply["ok"]:
            self._violation(upload, f"its movie is not there: {reply['message']}")
        elif blake3(wire.read(reply["body"])).hexdigest() != upload.hash:
            self._violation(upload, "its movie has other bytes")

    def _violation(self, upload: LocalUpload, what: str) -> None:
        self.tally.problems.append(f"{upload.title}: {what}")

    def check(self) -> None:
        """`youku-server check --deep` has nothing to say."""
        outcome = self._server.command("check", "--deep", "--json")
        if outcome.code != ExitCode.OK:
            self.tally.problems.append(f"check: {outcome.stdout}{outcome.stderr}")
