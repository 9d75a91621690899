"""The ORM in the event loop: many tasks of one thread share a pool, and nobody waits for the wrong thing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.orm.tables import MODELS, Author, Counter
from youku_evloop import orm
from youku_evloop.kernel.loop import Loop
from youku_evloop.kernel.runtime import LoopRuntime


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


class Tasks:
    """Runs functions as tasks that use one database, until all are done."""

    def __init__(self, loop: Loop, url: str, pool_size: int) -> None:
        self.loop = loop
        self.runtime: orm.Runtime = LoopRuntime(loop)
        self.database = orm.Database(url, runtime=self.runtime, pool_size=pool_size)
        self.errors: list[BaseException] = []

    def run(self, *work: Callable[[], object]) -> None:
        """In a task: start the others, wait for all, and raise what any of them raised."""
        waiters = [self.runtime.waiter() for _ in work]

        def task(fn: Callable[[], object], waiter: orm.Waiter) -> None:
            try:
                with self.database.use():
                    fn()
            except BaseException as error:
                self.errors.append(error)
            finally:
                waiter.wake()

        def main() -> None:
            for fn, waiter in zip(work, waiters, strict=True):
                self.loop.spawn(task, fn, waiter)
            for waiter in waiters:
                waiter.wait(30.0)

        self.loop.run_task(main)
        if self.errors:
            raise self.errors[0]


@pytest.fixture
def tasks(loop: Loop, tables_url: str, database: orm.Database) -> Iterator[Tasks]:
    tasks = Tasks(loop, tables_url, pool_size=3)
    yield tasks
    assert tasks.database.stats().in_use == 0
    loop.run_task(tasks.database.close)


def test_tasks_share_a_bounded_pool(tasks: Tasks) -> None:
    busiest = 0

    def work(number: int) -> None:
        nonlocal busiest
        Author.create(name=f"n{number}")
        with tasks.database.transaction(write=False):
            busiest = max(busiest, tasks.database.stats().in_use)
            assert Author.select(name=f"n{number}").get().name == f"n{number}"

    tasks.run(*(lambda number=number: work(number) for number in range(40)))
    assert Author.select().count() == 40
    assert tasks.database.stats().opened <= 3
    assert 1 <= busiest <= 3


def test_each_task_has_its_own_transaction(tasks: Tasks) -> None:
    Counter.create(name="c")

    def step() -> None:
        counter = Counter.select(name="c").for_update().get()
        Author.create(name=f"{counter.count}")
        counter.update(count=counter.count + 1)

    def work() -> None:
        for _ in range(5):
            tasks.database.run(step)

    tasks.run(*[work] * 8)
    assert Counter.select(name="c").get().count == 40
    assert Author.select().count() == 40


def test_an_error_in_one_task_undoes_its_transaction_alone(tasks: Tasks) -> None:
    def fails() -> None:
        with pytest.raises(ZeroDivisionError), tasks.database.transaction():
            Author.create(name="undone")
            tasks.runtime.sleep(0.005)
            raise ZeroDivisionError

    def works() -> None:
        with tasks.database.transaction():
            Author.create(name="done")

    tasks.run(fails, works)
    assert [author.name for author in Author.select()] == ["done"]


def test_the_loop_goes_on_while_a_statement_waits(loop: Loop, mysql: orm.Database, mysql_tables: str) -> None:
    tasks = Tasks(loop, mysql_tables, pool_size=2)
    Counter.create(name="c")
    seen: list[str] = []
    held = tasks.runtime.waiter()

    def holds() -> None:
        with tasks.database.transaction():
            Counter.select(name="c").update(count=1)
            seen.append("held")
            held.wake()
            tasks.runtime.sleep(0.02)
            seen.append("released")

    def waits() -> None:
        held.wait(None)
        Counter.select(name="c").update(count=Counter.count + 1)
        seen.append("had")

    tasks.run(holds, waits)
    assert seen == ["held", "released", "had"]
    assert Counter.select().get().count == 2
    loop.run_task(tasks.database.close)


def test_sqlite_never_runs_in_the_loop_s_own_thread(loop: Loop, sqlite: orm.Database, sqlite_tables: str) -> None:
    threads: set[int] = set()
    runtime = LoopRuntime(loop)
    call = runtime.call

    def watched(fn: Callable[..., object], *args: object) -> object:
        def work() -> object:
            threads.add(threading.get_ident())
            return fn(*args)

        return call(work)

    runtime.call = watched  # type: ignore[method-assign,assignment]  # to watch it
    tasks = Tasks(loop, sqlite_tables, pool_size=2)
    tasks.database = orm.Database(sqlite_tables, runtime=runtime)
    tasks.run(lambda: Author.create(name="ann"), lambda: Author.select().all())
    loop.run_task(tasks.database.close)
    assert threads
    assert threading.get_ident() not in threads


def test_a_waiting_statement_of_sqlite_is_stopped_in_time(loop: Loop, sqlite_tables: str) -> None:
    tasks = Tasks(loop, sqlite_tables, pool_size=2)
    tasks.database = orm.Database(sqlite_tables, runtime=tasks.runtime, statement_timeout=0.05)
    sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"
    with pytest.raises(orm.StatementTimeout):
        tasks.run(lambda: tasks.database.execute(sql))
    loop.run_task(tasks.database.close)


def test_the_tables_are_made_from_a_task(loop: Loop, database_url: str) -> None:
    tasks = Tasks(loop, database_url, pool_size=2)
    tasks.run(lambda: orm.create_all(tasks.database, MODELS))
    tasks.run(lambda: orm.drop_all(tasks.database, MODELS))
    loop.run_task(tasks.database.close)
