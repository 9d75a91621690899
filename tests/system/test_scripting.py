"""The recipes of docs/scripting.md run, in a bash that stops at the first mistake, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.server import CHECKOUT, LIMIT, Person, RunningServer
from tests.system.conftest import bytes_of, on_sqlite_alone

pytestmark = [
    on_sqlite_alone,
    pytest.mark.skipif(shutil.which("jq") is None, reason="the recipes need jq, which is not installed"),
]

PAGE: Final = (CHECKOUT / "docs" / "scripting.md").read_text()
RECIPES: Final = {
    title: re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
Run = Callable[..., str]


@pytest.fixture
def alice(own_server: RunningServer) -> Person:
    """An administrator of a server that nobody else uses."""
    return own_server.create_admin("alice")


@pytest.fixture
def run(alice: Person) -> Run:
    """Runs a recipe in alice's home; what it printed. It has to end with the exit code that is expected."""

    def run(title: str, number: int = 0, code: int = 0, **variables: str) -> str:
        script = f"set -euo pipefail\n{RECIPES[title][number]}"
        done = subprocess.run(
            ["bash", "-c", script],
            env={**alice.environment, **variables}, cwd=alice.home, capture_output=True, text=True, timeout=LIMIT,
        )  # fmt: skip
        assert done.returncode == code, done
        return done.stdout

    return run


def titles(person: Person) -> list[str]:
    """Of the library's movies, oldest first."""
    return [movie["name"] for movie in reversed(person.do("list", "--limit", "0")["movies"])]


def files_below(directory: Path) -> list[str]:
    """Their paths from there."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_every_recipe_has_a_test(backend: str) -> None:
    source = Path(__file__).read_text()
    assert all(f'"{title}"' in source for title in RECIPES)
    assert sum(map(len, RECIPES.values())) == PAGE.count("```bash") == 8


def test_cron_gets_a_profile_and_ci_a_token(alice: Person, run: Run) -> None:
    run("Cron: a profile and a session")
    assert alice.do("whoami", "--profile", "nightly", YOUKU_SERVER="")["user"]["name"] == "alice"
    settings = alice.do("config", YOUKU_PROFILE="nightly")
    assert (settings["retry"], settings["timeout"]) == (20, 120)
    assert run("Cron: a profile and a session", 1) == "alice\n"


def test_a_folder_is_uploaded_every_night(alice: Person, run: Run, own_server: RunningServer) -> None:
    incoming = alice.home / "incoming"
    incoming.mkdir()
    for name in ("a.avi", "第二 部.avi", "with 'quotes'.avi"):
        (incoming / name).write_bytes(bytes_of(1000))
    run("Upload a folder every night")
    assert sorted(titles(alice)) == ["a.avi", "with 'quotes'.avi", "第二 部.avi"], "two at once: in any order"
    assert files_below(alice.home / "done") == ["a.avi", "with 'quotes'.avi", "第二 部.avi"]
    shutil.copy(alice.home / "done" / "a.avi", incoming / "again.avi")
    (incoming / "b.avi").write_bytes(bytes_of(1000))
    run("Upload a folder every night")
    assert len(titles(alice)) == 4
    assert files_below(incoming) == []
    (incoming / "c.avi").write_bytes(bytes_of(1000))
    own_server.kill()
    run("Upload a folder every night", code=9, YOUKU_RETRY="0")
    assert files_below(incoming) == ["c.avi"]


def test_a_list_is_uploaded_with_titles_and_prices(alice: Person, run: Run) -> None:
    for name in ("feature.mkv", "trailer.mkv"):
        (alice.home / name).write_bytes(bytes_of(1000))
    assert run("Upload a folder every night", 1) == "2 went, 0 were there, 0 failed\n"
    assert run("Upload a folder every night", 1) == "0 went, 2 were there, 0 failed\n"
    assert titles(alice) == ["The Feature", "The Trailer"]


def test_a_library_is_mirrored_and_what_left_it_is_kept_for_a_while(
    alice: Person, run: Run, own_server: RunningServer
) -> None:
    for number in range(3):
        (alice.home / "same title.avi").write_bytes(bytes_of(1000))
        alice.do("upload", "same title.avi", *(["--charge"] if number == 1 else []))
    run("Mirror the library")
    assert files_below(alice.home / "mirror") == [f"{number}/same title.avi" for number in (1, 2, 3)]
    alice.do("delete", "2", "--yes")
    old = alice.home / "removed" / "99"
    old.mkdir()
    os.utime(old, (0, 0))
    run("Mirror the library")
    assert files_below(alice.home / "mirror") == ["1/same title.avi", "3/same title.avi"]
    assert files_below(alice.home / "removed") == ["2/same title.avi"]
    assert not old.exists()
    own_server.kill()
    run("Mirror the library", code=9, YOUKU_RETRY="0")
    assert len(files_below(alice.home / "mirror")) == 2, "a library that does not answer is not an empty one"


def test_downloads_are_counted_and_whoever_has_too_many_is_locked(
    alice: Person, run: Run, own_server: RunningServer
) -> None:
    for title in ("Seldom", "Often"):
        (alice.home / "movie.avi").write_bytes(bytes_of(1000))
        alice.do("upload", "movie.avi", "--title", title)
    bob, carol = own_server.register("bob"), own_server.register("carol")
    for person, movie in ((bob, "2"), (bob, "1"), (bob, "2"), (carol, "2"), (alice, "2"), (alice, "2"), (alice, "2")):
        person.do("download", movie, "-o", "copy.avi", "--force")
        (person.home / "copy.avi").unlink()
    assert run("The top ten of downloads") == "6\tOften\n1\tSeldom\n"
    assert run("Lock whoever downloads too much") == ""
    assert "bob" in run("Lock whoever downloads too much", MOST="2")
    locked = {user["name"] for user in alice.do("users", "--locked")["users"]}
    assert locked == {"bob"}
    assert run("Lock whoever downloads too much", MOST="2") == "", "who is locked is left alone"


def test_ci_knows_what_happened(alice: Person, run: Run, own_server: RunningServer) -> None:
    (alice.home / "build").mkdir()
    (alice.home / "build" / "demo.mp4").write_bytes(bytes_of(1000))
    assert run("CI: publish what was built") == "1\npublished\n"
    assert run("CI: publish what was built") == "it is in the library already\n"
    assert json.loads((alice.session_file).read_text())
    run("CI: publish what was built", code=3, YOUKU_TOKEN="nonsense")
    own_server.kill()
    assert "next run" in run("CI: publish what was built")
