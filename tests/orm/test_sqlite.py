"""SQLite: a file that is durable, shared, and never waited for by the wrong thread."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.orm.tables import MODELS, Author, Counter
from tests.orm.test_transactions import in_thread
from youku_evloop import orm
from youku_evloop.orm import sqlite as module

T = TypeVar("T")
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"


class Workers(orm.BlockingRuntime):
    """Runs what blocks in other threads, as an event loop does, and counts how often."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(3)
        self.calls = 0

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        self.calls += 1
        return self.threads.submit(fn, *args).result()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def workers(file: Path) -> Iterator[Workers]:
    """A database that is used from worker threads only."""
    workers = Workers()
    database = orm.Database(f"sqlite:///{file}", runtime=workers)
    orm.create_all(database, MODELS)
    with database.use():
        yield workers
    database.close()
    workers.threads.shutdown()


def test_a_connection_is_durable_and_keeps_foreign_keys(sqlite: orm.Database) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys")
    assert [sqlite.execute(f"PRAGMA {name}").rows[0][0] for name in names] == ["wal", 2, 1]


def test_a_url_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = orm.Database("sqlite:///here.db")
    database.execute("SELECT 1")
    database.close()
    assert (tmp_path / "here.db").exists()


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    database = orm.Database(f"sqlite:///{tmp_path / 'missing' / 'x.db'}")
    with pytest.raises(orm.Unavailable, match="cannot open"):
        database.execute("SELECT 1")


def test_a_statement_is_one_call_to_a_worker(workers: Workers) -> None:
    Author.select().count()
    before = workers.calls
    Author.create(name="ann")
    Author.select().all()
    Author.select().update(is_locked=True)
    assert workers.calls == before + 3


def test_everything_works_from_worker_threads(workers: Workers) -> None:
    database = orm.current_database()
    with database.transaction():
        Author.insert_many({"name": f"n{number}"} for number in range(10))
        with pytest.raises(ZeroDivisionError), database.transaction():
            Author.create(name="x")
            raise ZeroDivisionError
    assert len(list(Author.select().iterate(3))) == 10


def test_readers_do_not_wait_for_the_writer(sqlite: orm.Database) -> None:
    with sqlite.transaction():
        Author.create(name="ann")
        assert in_thread(lambda: Author.select().count()) == 0


def test_writers_wait_for_each_other_in_order(sqlite: orm.Database) -> None:
    order: list[int] = []
    threads: list[threading.Thread] = []

    def write(number: int) -> None:
        with sqlite.use(), sqlite.transaction():
            order.append(number)

    gate = sqlite.writer
    assert gate is not None
    with sqlite.transaction():
        for number in range(5):
            threads.append(threading.Thread(target=write, args=(number,)))
            threads[-1].start()
            while len(gate.queue) <= number:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_a_writer_does_not_wait_for_ever(file: Path) -> None:
    database = orm.Database(f"sqlite:///{file}", pool_wait=0.05)
    orm.create_all(database, MODELS)
    with database.use(), database.transaction(), pytest.raises(orm.Unavailable, match="came free within"):
        in_thread(lambda: Author.create(name="x"))
    assert database.stats().in_use == 0
    database.close()


def test_another_process_that_holds_the_lock_is_a_deadlock(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SET_UP", ("PRAGMA busy_timeout = 10",))
    database = orm.Database(f"sqlite:///{file}")
    orm.create_all(database, MODELS)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with database.use():
        with pytest.raises(orm.Deadlock):
            Author.create(name="x")
        with pytest.raises(orm.Deadlock), database.transaction():
            raise AssertionError("not reached")
        other.execute("COMMIT")
        Author.create(name="x")
    other.close()
    database.close()


def test_run_waits_until_another_process_is_done(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SET_UP", ("PRAGMA busy_timeout = 10",))
    other = sqlite3.connect(file, isolation_level=None)

    class Sleeping(orm.BlockingRuntime):
        def sleep(self, seconds: float) -> None:
            other.execute("COMMIT")

    database = orm.Database(f"sqlite:///{file}", runtime=Sleeping())
    orm.create_all(database, MODELS)
    other.execute("BEGIN IMMEDIATE")
    with database.use():
        database.run(lambda: Author.create(name="x"))
        assert Author.select().count() == 1
    other.close()
    database.close()


def test_a_statement_that_takes_too_long_is_stopped(file: Path) -> None:
    database = orm.Database(f"sqlite:///{file}", statement_timeout=0.05)
    with pytest.raises(orm.StatementTimeout):
        database.execute(ENDLESS)
    assert database.execute("SELECT 1").rows == [(1,)]
    database.close()


def test_a_transaction_is_over_when_a_statement_of_it_took_too_long(file: Path) -> None:
    database = orm.Database(f"sqlite:///{file}", statement_timeout=0.05)
    orm.create_all(database, MODELS)
    with database.use():
        with pytest.raises(orm.StatementTimeout), database.transaction():
            Author.create(name="ann")
            with pytest.raises(orm.StatementTimeout):
                database.execute(ENDLESS)
        assert Author.select().count() == 0
    database.close()


def test_a_full_disk_is_named_and_loses_nothing(file: Path) -> None:
    database = orm.Database(f"sqlite:///{file}")
    orm.create_all(database, MODELS)
    with database.use():
        Author.create(name="before")
        with pytest.raises(orm.DiskFull, match="full"), database.transaction():
            database.execute("PRAGMA max_page_count = 1")  # as many as there are
            Author.insert_many({"name": f"{number:060}"} for number in range(20_000))
        Author.create(name="after")
        assert [author.name for author in Author.select().order_by(Author.id)] == ["before", "after"]
    database.close()


def test_what_a_statement_of_ones_own_changed_is_gone_for_the_next(sqlite: orm.Database) -> None:
    sqlite.execute("PRAGMA foreign_keys = OFF")
    assert sqlite.execute("PRAGMA foreign_keys").rows == [(1,)]


def test_a_number_too_large_for_the_file_is_an_error_of_ours(sqlite: orm.Database) -> None:
    with pytest.raises(orm.FieldError):
        sqlite.execute("SELECT ?", [2**64])
    with pytest.raises(orm.OrmError):
        Counter.create(name="x", count=2**63 - 1)
        Counter.select().update(count=Counter.count + 1)


WRITER = """
import sys
from tests.orm.tables import Counter
from youku_evloop import orm
database = orm.Database(sys.argv[1])
with database.use():
    for number in range(1_000_000):
        with database.transaction():
            Counter.create(name=f"{number}/a")
            Counter.create(name=f"{number}/b")
        print(number, flush=True)
"""


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(file: Path) -> None:
    database = orm.Database(f"sqlite:///{file}")
    orm.create_all(database, MODELS)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", WRITER, f"sqlite:///{file}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    with database.use():
        found = {counter.name for counter in Counter.select()}
    assert found >= {f"{number}/{part}" for number in acknowledged for part in "ab"}
    assert {name.partition("/")[0] for name in found if name.endswith("a")} == {
        name.partition("/")[0] for name in found if name.endswith("b")
    }
    assert database.execute("PRAGMA integrity_check").rows == [("ok",)]
    database.close()
