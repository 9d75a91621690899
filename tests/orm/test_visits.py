"""Visits: several statements in one trip to SQLite's thread, and writes that come together and share a COMMIT."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.orm.tables import MODELS, Author, Counter
from tests.orm.test_sqlite import ENDLESS, Workers
from tests.orm.test_transactions import in_thread, names
from youku_evloop import orm
from youku_evloop.orm.expressions import Raw
from youku_evloop.orm.pool import Link, Result


class Library(orm.Database):
    """A database that counts its COMMITs, or refuses them."""

    refuses = False

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.commits = self.savepoints = 0

    def timed(self, link: Link, sql: str, values: Sequence[Raw] = ()) -> Result:
        self.savepoints += sql.startswith("SAVEPOINT")
        if sql == "COMMIT":
            if self.refuses:
                raise orm.Unavailable("the disk is full")
            self.commits += 1
        return super().timed(link, sql, values)

    def at_once(self, *work: Callable[[], object]) -> list[BaseException | None]:
        """Run each in a thread of its own, all of them joining while somebody else writes; what each of them raised."""
        problems: list[BaseException | None] = [None] * len(work)

        def run(number: int) -> None:
            try:
                with self.use():
                    work[number]()
            except BaseException as problem:
                problems[number] = problem

        assert self._writes is not None
        threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
        with self.transaction():
            for count, thread in enumerate(threads, 1):
                thread.start()
                while (batch := self._writes._joinable) is None or len(batch.visits) < count:
                    threading.Event().wait(0.001)
            self.commits = -1  # this transaction's own
        for thread in threads:
            thread.join()
        return problems


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    database = Library(f"sqlite:///{tmp_path / 'test.db'}", statement_timeout=0.05)
    orm.create_all(database, MODELS)
    with database.use():
        yield database
        assert database.stats().in_use == 0
    database.close()


def create(name: str) -> Callable[[], object]:
    return lambda: Author.create(name=name)


def test_writes_that_come_together_share_a_commit(library: Library) -> None:
    assert library.at_once(*map(create, "abcde")) == [None] * 5
    assert names() == ["a", "b", "c", "d", "e"]
    assert library.commits == 1


def test_whole_functions_share_one_too(library: Library) -> None:
    Counter.create(name="c")

    def step() -> None:
        counter = Counter.select(name="c").get()
        counter.update(count=counter.count + 1)

    library.at_once(*[lambda: library.run(step)] * 6)
    assert Counter.select(name="c").get().count == 6
    assert library.commits == 1


def test_one_that_fails_leaves_the_others_as_they_were(library: Library) -> None:
    def fail() -> None:
        Author.create(name="undone")
        raise ZeroDivisionError

    problems = library.at_once(create("a"), lambda: library.run(fail), create("a"), create("b"))
    assert [type(problem) for problem in problems] == [type(None), ZeroDivisionError, orm.UniqueViolation, type(None)]
    assert names() == ["a", "b"]
    assert library.commits == 1


def test_one_that_fails_without_having_written_costs_the_others_nothing(library: Library) -> None:
    Author.create(name="taken")
    problems = library.at_once(create("a"), create("taken"), lambda: library.run(lambda: 1 // 0), create("b"))
    assert [type(problem) for problem in problems] == [type(None), orm.UniqueViolation, ZeroDivisionError, type(None)]
    assert names() == ["a", "b", "taken"]
    assert library.commits == 1 and library.savepoints == 0


def test_one_that_fails_alone_half_way_is_undone(library: Library) -> None:
    def fail() -> None:
        Author.create(name="undone")
        raise ZeroDivisionError

    assert [type(problem) for problem in library.at_once(lambda: library.run(fail))] == [ZeroDivisionError]
    assert names() == []
    assert library.savepoints == 0


def test_where_one_has_all_undone_the_others_are_run_again(library: Library) -> None:
    def endless() -> None:
        Author.create(name="undone")
        library.execute(ENDLESS)

    problems = library.at_once(create("a"), lambda: library.run(endless), create("b"))
    assert [type(problem) for problem in problems] == [type(None), orm.StatementTimeout, type(None)]
    assert names() == ["a", "b"]


def test_one_that_ends_the_transaction_itself_takes_nobody_with_it(library: Library) -> None:
    def tricky() -> None:
        library.execute("ROLLBACK")

    library.at_once(create("a"), lambda: library.run(tricky), create("b"))
    assert names() == ["a", "b"]


def test_a_commit_that_fails_is_the_failure_of_all(library: Library) -> None:
    def refuse() -> None:
        library.refuses = True

    problems = library.at_once(create("a"), lambda: library.run(refuse), create("b"))
    assert [type(problem) for problem in problems] == [orm.Unavailable] * 3
    assert names() == []


def test_nobody_waits_longer_than_the_first_may(tmp_path: Path) -> None:
    library = Library(f"sqlite:///{tmp_path / 'test.db'}", pool_wait=0.05)
    orm.create_all(library, MODELS)
    problems: list[BaseException] = []

    def write() -> None:
        try:
            with library.use():
                Author.create(name="x")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=write) for _ in range(3)]
    with library.transaction():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [type(problem) for problem in problems] == [orm.Unavailable] * 3
    with library.use():
        assert names() == []
        Author.create(name="y")
    library.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers()
    database = orm.Database(f"sqlite:///{tmp_path / 'test.db'}", runtime=workers)
    orm.create_all(database, MODELS)
    with database.use():
        Author.create(name="ann")
        yield workers
    database.close()
    workers.threads.shutdown()


def read_twice() -> list[list[str]]:
    return [names(), names()]


def test_a_function_that_reads_is_one_trip(workers: Workers) -> None:
    before = workers.calls
    assert orm.current_database().together(read_twice) == [["ann"], ["ann"]]
    assert workers.calls == before + 1


def test_a_transaction_that_is_run_is_one_trip(workers: Workers) -> None:
    def write() -> list[str]:
        Author.create(name="ben")
        Author.select(name="ann").update(name="anna")
        return names()

    before = workers.calls
    assert orm.current_database().run(write) == ["anna", "ben"]
    assert workers.calls == before + 1


def test_what_is_read_together_is_of_one_moment(library: Library) -> None:
    def read() -> list[list[str]]:
        before = names()
        in_thread(create("ann"))
        return [before, names()]

    assert library.together(read) == [[], []]
    assert names() == ["ann"]


def test_what_only_reads_cannot_write(library: Library) -> None:
    with pytest.raises(orm.ModelError, match="write=False"):
        library.together(create("ann"))


def test_together_gives_what_the_function_gives_or_raises(database: orm.Database) -> None:
    assert database.together(divmod, 7, 2) == (3, 1)
    assert database.together(lambda name: Author.create(name=name).name, "ann", write=True) == "ann"
    with pytest.raises(ZeroDivisionError):
        database.together(divmod, 1, 0)
    with pytest.raises(orm.UniqueViolation):
        database.together(create("ann"), write=True)
    assert names() == ["ann"]


def test_together_in_a_transaction_belongs_to_it(database: orm.Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.together(create("ann"), write=True)
        assert database.together(names) == ["ann"]
        raise ZeroDivisionError
    assert names() == []
