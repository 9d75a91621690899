"""Transactions: whole or not at all, on both databases."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.orm.tables import Author, Book, Counter
from youku_evloop import orm


def in_thread(fn: Callable[[], Any]) -> Any:
    """What `fn` returns or raises in another thread, with a context of its own in which the same database is used."""
    database = orm.current_database()
    outcome: list[Any] = []

    def work() -> None:
        try:
            with database.use():
                outcome.append(fn())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def names() -> list[str]:
    return sorted(author.name for author in Author.select())


def test_a_transaction_is_seen_by_others_when_it_is_over(database: orm.Database) -> None:
    with database.transaction():
        Author.create(name="ann")
        assert names() == ["ann"]
        assert in_thread(names) == []
    assert in_thread(names) == ["ann"]


def test_an_error_undoes_all_of_it(database: orm.Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        Author.create(name="ann")
        Author.insert_many([{"name": "ben"}])
        raise ZeroDivisionError
    assert names() == []


def test_a_statement_that_fails_undoes_itself_alone(database: orm.Database) -> None:
    with database.transaction():
        ann = Author.create(name="ann")
        with pytest.raises(orm.UniqueViolation):
            Author.create(name="ann")
        with pytest.raises(orm.ForeignKeyViolation):
            Book.create(author_id=ann.id + 1, title="x")
        Author.create(name="ben")
    assert names() == ["ann", "ben"]


def test_a_nested_transaction_is_a_savepoint(database: orm.Database) -> None:
    with database.transaction():
        Author.create(name="ann")
        with pytest.raises(ZeroDivisionError), database.transaction():
            Author.create(name="ben")
            with database.transaction():
                Author.create(name="cid")
            raise ZeroDivisionError
        with database.transaction():
            Author.create(name="dan")
    assert names() == ["ann", "dan"]


def test_an_outer_error_undoes_the_nested_ones_too(database: orm.Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        with database.transaction():
            Author.create(name="ann")
        raise ZeroDivisionError
    assert names() == []


def test_each_thread_has_its_own_transaction(database: orm.Database) -> None:
    with database.transaction():
        Author.create(name="ann")
        assert in_thread(lambda: database.stats().in_use) == 1
        assert in_thread(lambda: Author.select().count()) == 0


def test_two_databases_have_their_own_transactions(database: orm.Database, tmp_path: Any) -> None:
    other = orm.Database(f"sqlite:///{tmp_path / 'other.db'}")
    orm.create_all(other, [Author])
    with pytest.raises(ZeroDivisionError), database.transaction(), other.transaction():
        Author.create(name="here")
        with other.use():
            Author.create(name="there")
            with database.use(), database.transaction():
                assert names() == ["here"]
        raise ZeroDivisionError
    with other.use():
        assert names() == []
    other.close()


def test_a_transaction_is_not_shared_by_two_tasks_at_once(database: orm.Database) -> None:
    with database.transaction() as transaction:
        transaction._busy = True  # as while another task waits for its answer
        with pytest.raises(orm.ModelError, match="two tasks use one transaction"):
            Author.create(name="ann")
        transaction._busy = False


def test_a_copied_context_does_not_use_a_transaction_that_is_over(database: orm.Database) -> None:
    with database.transaction():
        context = contextvars.copy_context()
    context.run(Author.create, name="ann")
    assert names() == ["ann"]


def test_a_reading_transaction_sees_one_state(database: orm.Database) -> None:
    with database.transaction(write=False):
        assert names() == []
        in_thread(lambda: Author.create(name="ann"))
        assert names() == []
    assert names() == ["ann"]


def test_a_reading_transaction_does_not_write(database: orm.Database) -> None:
    with database.transaction(write=False), pytest.raises(orm.ModelError, match="write=False"):
        Author.create(name="ann")


def test_run_gives_the_result_and_commits(database: orm.Database) -> None:
    assert database.run(lambda name: Author.create(name=name).name, "ann") == "ann"
    assert names() == ["ann"]


@pytest.mark.parametrize("error", [orm.Deadlock("1213"), orm.ConnectionLost("2013")])
def test_run_repeats_the_whole_of_what_the_database_undid(database: orm.Database, error: Exception) -> None:
    tries: list[Any] = []

    def work() -> str:
        Author.create(name=f"try{len(tries)}")
        tries.append(1)
        if len(tries) < 3:
            raise error
        return "done"

    assert database.run(work) == "done"
    assert names() == ["try2"]


def test_run_gives_up_after_five_repetitions(database: orm.Database) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise orm.Deadlock("1213")

    with pytest.raises(orm.Deadlock):
        database.run(work)
    assert len(tries) == 6


@pytest.mark.parametrize("error", [orm.OutcomeUnknown("?"), orm.Unavailable("x"), orm.IntegrityError("x"), KeyError()])
def test_run_repeats_nothing_else(database: orm.Database, error: Exception) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise error

    with pytest.raises(type(error)):
        database.run(work)
    assert len(tries) == 1


def test_run_inside_a_transaction_leaves_repeating_to_the_outermost(database: orm.Database) -> None:
    tries: list[str] = []

    def inner() -> None:
        tries.append("inner")
        raise orm.Deadlock("1213")

    def outer() -> None:
        tries.append("outer")
        if tries.count("outer") == 1:
            database.run(inner)

    database.run(outer)
    assert tries == ["outer", "inner", "outer"]


def test_many_threads_count_without_losing_a_step(database: orm.Database) -> None:
    Counter.create(name="c")

    def step() -> None:
        counter = Counter.select(name="c").for_update().get()
        counter.update(count=counter.count + 1)

    def work() -> None:
        with database.use():
            for _ in range(10):
                database.run(step)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter.select(name="c").get().count == 60
