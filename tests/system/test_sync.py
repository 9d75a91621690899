"""Lists and directories against the real server: found by bytes, published once."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from client_cli import Client
from tests.support.server import Person, RunningServer
from tests.support.wire import Wire
from tests.system.conftest import MakeFile, bytes_of
from youku_evloop.wire.fingerprint import sample_ranges

SIZE = 3_000_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Three files that nobody has seen before, one of them twice."""
    found = tmp_path / uuid.uuid4().hex
    (found / "below").mkdir(parents=True)
    for name in ("a.avi", "below/b.avi"):
        (found / name).write_bytes(bytes_of(SIZE))
    (found / "copy of a.avi").write_bytes((found / "a.avi").read_bytes())
    return found


def test_a_movie_is_found_by_its_bytes_until_it_is_deleted(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    file = make_file(SIZE)
    with Client(server.address, token=user.token) as youku:
        assert youku.find(file) == []
        first = admin.do("upload", file)["uploaded"][0]["movie"]
        second = admin.do("upload", file, "--title", "Another title")["uploaded"][0]["movie"]
        assert [movie.id for movie in youku.find(file)] == [first["id"], second["id"]]
        admin.do("delete", str(first["id"]), "--yes")
        assert [movie.id for movie in youku.find(file)] == [second["id"]]


@pytest.mark.parametrize("size", [0, -1, 2**63, 2**70])
def test_what_is_no_size_finds_nothing(server: RunningServer, wire: Wire, size: int) -> None:
    assert wire.refused("movie.find", size=size, fingerprint="0" * 64)["error"] == "bad_request"


def test_a_directory_is_in_the_library_once_however_often_it_is_synced(
    server: RunningServer, admin: Person, directory: Path
) -> None:
    planned = admin.do("sync", directory, "--dry-run")
    assert len(planned["missing"]) == 3
    first = admin.do("sync", directory, "--jobs", "3")
    assert (len(first["uploaded"]), len(first["existing"])) == (2, 1)
    again = admin.do("sync", directory)
    assert (again["uploaded"], len(again["existing"])) == ([], 3)


def test_a_change_that_no_sample_sees_is_uploaded_under_the_same_title(
    server: RunningServer, admin: Person, directory: Path
) -> None:
    before = admin.do("sync", directory)
    file = directory / "below" / "b.avi"
    status, data = file.stat(), bytearray(file.read_bytes())
    unseen = sum(sample_ranges(SIZE)[0])
    data[unseen] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    uploaded = admin.do("sync", directory)["uploaded"]
    assert [row["movie"]["name"] for row in uploaded] == ["b.avi"]
    old = next(row["movie"] for row in before["uploaded"] if row["path"] == str(file))
    assert uploaded[0]["movie"]["hash"] != old["hash"]


def test_a_list_is_published_with_its_prices_and_again_without_harm(
    server: RunningServer, admin: Person, directory: Path
) -> None:
    title = f"影片 {uuid.uuid4().hex}"
    (directory / "list.csv").write_text(f"path,title,price\nbelow/b.avi,{title},9.90\na.avi,,\n", encoding="utf-8-sig")
    first = admin.do("upload", "--from", directory / "list.csv")["uploaded"]
    assert (first[0]["movie"]["name"], first[0]["movie"]["price"], first[1]["movie"]["is_free"]) == (title, 990, True)
    assert [row["line"] for row in admin.do("upload", "--from", directory / "list.csv")["existing"]] == [2, 3]
