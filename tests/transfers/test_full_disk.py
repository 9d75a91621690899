"""A real disk that is full: a tmpfs of 64 MiB, which only the server sees, and 100 who upload to it at once.

Mounting takes a mount namespace of one's own: as root, or as whoever the system allows user namespaces. Where neither
is possible the test is skipped, and says so.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.sender import Sender
from tests.support.server import Person, RunningServer
from tests.support.wire import Wire

MIB: Final = 1024 * 1024
UPLOADERS: Final = 100
SIZE: Final = 1 * MIB + 100_000
"""Together 110 MiB: a good half of them find room."""

NAMESPACE: Final = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
MOUNT: Final = 'mount -t tmpfs -o size=64m,mode=0700 tmpfs "$0" && exec "$@"'


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A directory that a tmpfs can be mounted on; skips where that is impossible."""
    directory = tmp_path / "server" / "data"
    directory.mkdir(parents=True)
    tried = subprocess.run([*NAMESPACE, "sh", "-c", MOUNT, str(directory), "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no tmpfs can be mounted here, so no disk can be really full: {tried.stderr.strip()}")
    return directory


@pytest.fixture
def server(videos: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """Its videos on the tmpfs; its database on another disk."""
    database = f"sqlite:///{tmp_path / 'youku.db'}"
    running = RunningServer(
        tmp_path / "server",
        database,
        ["--keep-free", "512K"],
        prefix=[*NAMESPACE, "sh", "-c", MOUNT, str(videos)],
    )
    with running:
        yield running


class Uploader(threading.Thread):
    """One of the many; tries once and says how it ended."""

    def __init__(self, person: Person, number: int) -> None:
        super().__init__()
        self.person = person
        self.content = os.urandom(SIZE)
        self.title = f"film {number}"
        self.outcome = ""

    def run(self) -> None:
        """Upload the whole file in segments."""
        with self.person.wire() as wire:
            sender = Sender(wire, self.content, self.title)
            reply = sender.create()
            while reply["ok"] and sender.offset < SIZE:
                reply = sender.write(sender.offset + 200_000)
            if reply["ok"]:
                reply = sender.finish()
        if reply.get("error") == "no_space":
            assert reply["needed"] == SIZE and 0 <= reply["free"] < SIZE, reply
        self.outcome = "published" if reply["ok"] else reply["error"]


def all_upload(uploaders: list[Uploader]) -> Counter[str]:
    """How it ended for how many."""
    for uploader in uploaders:
        uploader.start()
    for uploader in uploaders:
        uploader.join()
    return Counter(uploader.outcome for uploader in uploaders)


def make_room(server: RunningServer) -> None:
    """Let the tmpfs grow, from within the server's namespace."""
    user = [] if os.geteuid() == 0 else ["--preserve-credentials", "--user"]
    grow = ["mount", "-t", "tmpfs", "-o", "remount,size=256m", "tmpfs", str(server.data)]
    subprocess.run(["nsenter", f"--target={server.pid}", *user, "--mount", *grow], check=True, capture_output=True)


def test_a_hundred_uploaders_on_a_full_disk_are_refused_in_good_order_and_all_get_through_once_there_is_room(
    server: RunningServer,
) -> None:
    admin = server.create_admin("alice")
    uploaders = [Uploader(admin, number) for number in range(UPLOADERS)]
    outcomes = all_upload(uploaders)
    assert set(outcomes) == {"published", "no_space"}, outcomes
    fits = (64 * MIB - 512 * 1024) // SIZE
    assert fits - 1 <= outcomes["published"] <= fits
    with admin.wire() as wire:
        assert wire.ask("upload.list")["uploads"] == []

    make_room(server)
    refused = [Uploader(admin, number) for number, uploader in enumerate(uploaders) if uploader.outcome == "no_space"]
    assert all_upload(refused) == {"published": len(refused)}
    assert server.is_running


def test_a_disk_that_fills_up_in_the_middle_of_uploads_keeps_what_has_arrived(server: RunningServer) -> None:
    """What the server promised is taken by somebody else."""
    admin = server.create_admin("alice")
    outside = Path(f"/proc/{server.pid}/root{server.data}")
    with admin.wire() as wire:
        sender = Sender(wire, os.urandom(8 * MIB), "film")
        sender.create()
        sender.write(MIB)
        fill(outside / "taken")
        reply = sender.write(2 * MIB)
        assert (reply["error"], reply["needed"]) == ("no_space", 8 * MIB - reply_offset(wire, sender))
        with admin.wire() as somebody_else:
            somebody_else.ask("movie.list")
        (outside / "taken").unlink()
        sender.create()
        assert sender.offset >= MIB
        sender.write()
        assert sender.finish()["ok"]


def reply_offset(wire: Wire, sender: Sender) -> int:
    """Where the upload goes on."""
    return int(sender.ask("upload.status")["upload"]["offset"])


def fill(path: Path) -> None:
    """Take all the room that is left."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))
