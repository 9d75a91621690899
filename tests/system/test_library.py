"""The library under the command: its page is true, it reconnects, and it is for one thread at a time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

from client_cli import Client, Phase, Progress
from tests.support.server import CHECKOUT, LIMIT, Person, RunningServer
from tests.system.conftest import MakeFile, on_sqlite_alone

PAGE: Final = (CHECKOUT / "docs" / "library.md").read_text()
SIZE: Final = 20_000_000


@on_sqlite_alone
def test_the_examples_of_the_page_run(own_server: RunningServer, tmp_path: Path) -> None:
    alice = own_server.create_admin("alice")
    (tmp_path / "holiday.avi").write_bytes(os.urandom(1000))
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**alice.environment, "YOUKU_TOKEN": alice.token}, cwd=tmp_path, capture_output=True, text=True,
        timeout=LIMIT,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "copy.avi").read_bytes() == (tmp_path / "holiday.avi").read_bytes()
    assert "it is movie 1" in done.stdout


def test_the_examples_of_the_page_are_typed(tmp_path: Path) -> None:
    program = tmp_path / "page.py"
    program.write_text("\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)))
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent", str(program)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@on_sqlite_alone
def test_a_server_that_was_restarted_between_two_calls_is_found_again(own_server: RunningServer) -> None:
    alice = own_server.create_admin("alice")
    with Client(own_server.address, token=alice.token) as youku:
        youku.ping()
        own_server.kill()
        own_server.start()
        assert youku.whoami().name == "alice"


@on_sqlite_alone
def test_a_server_that_is_killed_in_the_middle_of_a_transfer_costs_nothing(
    own_server: RunningServer, make_file: MakeFile, tmp_path: Path
) -> None:
    alice = own_server.create_admin("alice")
    file, killed = make_file(SIZE), list[Phase]()

    def kill(progress: Progress) -> None:
        if progress.phase is Phase.TRANSFERRING and progress.done > SIZE // 2 and len(killed) < wanted:
            killed.append(progress.phase)
            own_server.kill()
            own_server.start()

    with Client(own_server.address, token=alice.token) as youku:
        wanted = 1
        movie = youku.upload(file, progress=kill)
        wanted = 2
        youku.download(movie, tmp_path / "copy.avi", progress=kill)
    assert len(killed) == 2
    assert (tmp_path / "copy.avi").read_bytes() == file.read_bytes()


@on_sqlite_alone
def test_a_client_that_is_at_work_in_one_thread_refuses_another(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(progress: Progress) -> None:
        reached.set()
        assert go_on.wait(LIMIT)

    with Client(server.address, token=admin.token) as youku:
        thread = threading.Thread(target=youku.upload, args=(make_file(1000),), kwargs={"progress": wait})
        thread.start()
        try:
            assert reached.wait(LIMIT)
            with pytest.raises(RuntimeError, match="clone"):
                youku.whoami()
            with youku.clone() as own:
                assert own.whoami().name == "alice"
        finally:
            go_on.set()
            thread.join()
        assert youku.whoami().name == "alice", "one after the other they may share it"


@on_sqlite_alone
def test_clones_work_side_by_side(server: RunningServer, admin: Person, make_file: MakeFile, tmp_path: Path) -> None:
    files = [make_file(300_000) for _ in range(8)]
    failures: list[BaseException] = []

    def work(own: Client, file: Path) -> None:
        try:
            with own:
                movie = own.upload(file)
                own.download(movie, tmp_path / f"copy of {file.name}")
                assert [found.id for found in own.find(file)] == [movie.id]
        except BaseException as problem:
            failures.append(problem)

    with Client(server.address, token=admin.token) as youku:
        threads = [threading.Thread(target=work, args=(youku.clone(), file)) for file in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert all((tmp_path / f"copy of {file.name}").read_bytes() == file.read_bytes() for file in files)
