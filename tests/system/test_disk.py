"""A full disk: the server's data lies on a small one of its own, in a mount namespace that ends with the process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from blake3 import blake3

from tests.support.server import Person, RunningServer
from tests.support.wire import Reply, Wire
from tests.system.conftest import MakeFile, bytes_of
from youku_evloop.errors import ExitCode

MIB: Final = 1024 * 1024
DISK: Final = 16 * MIB
ON_A_SMALL_DISK: Final = (
    *("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",))),
    *("sh", "-c", f'mount -t tmpfs -o size={DISK},mode=0700 none "$YOUKU_DATA" && exec "$@"', "sh"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Its database lies elsewhere, where there is room."""
    directory = tmp_path_factory.mktemp("server")
    (directory / "data").mkdir()
    running = RunningServer(directory, f"sqlite:///{directory / 'youku.db'}", prefix=ON_A_SMALL_DISK)
    may_mount = subprocess.run(
        [*ON_A_SMALL_DISK, "true"], env=running.environment, stderr=subprocess.PIPE, text=True, check=False
    )
    if may_mount.returncode:
        pytest.skip(f"this machine lets nobody mount a small disk: {may_mount.stderr.strip()}")
    with running:
        yield running


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Person:
    return server.create_admin("alice")


@pytest.fixture
def wire(admin: Person) -> Iterator[Wire]:
    """With nothing unfinished before and after the test."""
    with admin.wire() as connection:
        yield connection
        for upload in connection.ask("upload.list")["uploads"]:
            connection.ask("upload.cancel", upload=upload["id"])


@pytest.fixture
def filler(server: RunningServer) -> Iterator[Path]:
    """A file on the small disk, seen from outside."""
    path = Path(f"/proc/{server.pid}/root{server.data}") / "filler"
    yield path
    path.unlink(missing_ok=True)


def fill(filler: Path) -> None:
    """Leave no byte free."""
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"\0" * 65_536)


def create(wire: Wire, size: int, fingerprint: str = "0" * 64) -> Reply:
    return wire.request("upload.create", name="x", size=size, fingerprint=fingerprint)


def test_what_cannot_fit_is_refused_before_a_byte_is_sent(
    server: RunningServer, admin: Person, wire: Wire, make_file: MakeFile
) -> None:
    error = admin.fail(ExitCode.TEMPORARY, "upload", make_file(DISK + 1))
    assert error["error"] == "no_space"
    assert error["needed"] == DISK + 1 and 0 < error["free"] <= DISK
    assert str(DISK + 1) in error["message"]
    assert wire.ask("upload.list")["uploads"] == []


def test_what_open_uploads_will_still_need_counts_as_taken(wire: Wire) -> None:
    free = create(wire, 2 * DISK)["free"]
    promised = free // 2 + MIB
    assert create(wire, promised, "1" * 64)["ok"]
    error = create(wire, promised, "2" * 64)
    assert error["error"] == "no_space"
    left = free - promised
    assert left - MIB < error["free"] <= left
    assert create(wire, left - MIB, "3" * 64)["ok"]


def test_a_disk_that_fills_up_half_way_loses_nothing_and_the_upload_goes_on_when_there_is_room(
    wire: Wire, filler: Path
) -> None:
    content = bytes_of(4 * MIB)
    digest = blake3(content).hexdigest()
    upload = create(wire, len(content), digest)["upload"]
    wire.ask("upload.write", body=content[:MIB], upload=upload, offset=0)
    fill(filler)
    error = wire.refused("upload.write", body=content[MIB:], upload=upload, offset=MIB)
    assert error["error"] == "no_space"
    assert "kept" in error["message"]
    wire.ask("movie.list")
    filler.unlink()
    offset = create(wire, len(content), digest)["offset"]
    assert offset >= MIB
    wire.ask("upload.write", body=content[offset:], upload=upload, offset=offset)
    movie = wire.ask("upload.finish", upload=upload, hash=digest)["movie"]
    assert wire.read(wire.ask("movie.read", movie=movie["id"])["body"]) == content
    wire.ask("movie.delete", movie=movie["id"])


def test_the_command_says_that_the_disk_is_full_and_can_be_repeated(
    admin: Person, wire: Wire, filler: Path, make_file: MakeFile
) -> None:
    video = make_file(2 * MIB)
    fill(filler)
    assert admin.fail(ExitCode.TEMPORARY, "upload", video)["error"] == "no_space"
    filler.unlink()
    assert admin.do("upload", video)["uploaded"][0]["movie"]["size"] == 2 * MIB


def test_where_the_database_s_disk_is_full_it_is_said_and_a_moment_later_all_is_well(
    server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    with RunningServer(tmp_path, prefix=ON_A_SMALL_DISK) as small:  # its database lies there too
        bob = small.somebody("bob")
        full = Path(f"/proc/{small.pid}/root{small.data}") / "filler"
        fill(full)
        error = bob.fail(ExitCode.TEMPORARY, "register", "bob", "--retry", "0")
        assert error["error"] == "no_space" and "database is full" in error["message"]
        full.unlink()
        assert bob.do("register", "bob")["user"]["name"] == "bob"
