"""MySQL as it is on bad days: a server killed at every moment of a statement, a transaction, a COMMIT."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.orm.tables import Author
from tests.orm.test_transactions import in_thread
from tests.support.mariadb import MariaDB
from tests.support.trip import TripRuntime, When
from youku_evloop import orm
from youku_evloop.orm import mysql as module


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A server for these tests to kill; each leaves it running."""
    with MariaDB(tmp_path_factory.mktemp("mortal")) as server:
        server.create_database("mortal")
        yield server


@pytest.fixture
def runtime() -> TripRuntime:
    return TripRuntime()


@pytest.fixture
def database(server: MariaDB, runtime: TripRuntime) -> Iterator[orm.Database]:
    database = orm.Database(server.url("mortal"), runtime=runtime)
    orm.create_all(database, [Author])
    with database.use():
        Author.select().delete()
        yield database
    assert database.stats().in_use == 0
    database.close()


def names() -> list[str]:
    return sorted(author.name for author in Author.select())


def revive(server: MariaDB) -> None:
    server.kill()
    server.start()


def test_a_connection_that_died_while_idle_is_replaced_unnoticed(database: orm.Database, server: MariaDB) -> None:
    Author.create(name="before")
    revive(server)
    Author.create(name="after")
    assert names() == ["after", "before"]


def test_connections_closed_by_the_server_are_replaced_unnoticed(database: orm.Database, server: MariaDB) -> None:
    Author.create(name="before")
    for (number,) in server.execute("SELECT id FROM information_schema.processlist WHERE user = 'youku'"):
        server.execute(f"KILL CONNECTION {number}")
    Author.create(name="after")
    assert names() == ["after", "before"]


def test_a_stopped_database_is_unavailable_and_comes_back(database: orm.Database, server: MariaDB) -> None:
    server.kill()
    for _ in range(2):
        with pytest.raises(orm.Unavailable):
            Author.select().count()
        with pytest.raises(orm.Unavailable):
            Author.create(name="nowhere")
    server.start()
    assert names() == []


def test_a_query_killed_midway_is_not_sent_again(database: orm.Database, server: MariaDB, runtime: TripRuntime) -> None:
    runtime.set("SELECT", When.ANSWERED, lambda: revive(server))
    sent = len(runtime.sent)
    with pytest.raises(orm.ConnectionLost):
        Author.select().all()
    assert sum(b"SELECT" in data for data in runtime.sent[sent:]) == 1
    assert names() == []


def test_a_write_whose_answer_was_lost_has_an_unknown_outcome_and_is_there_once(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    runtime.set("INSERT", When.ANSWERED, lambda: revive(server))
    with pytest.raises(orm.OutcomeUnknown):
        Author.create(name="ann")
    assert names() == ["ann"]
    assert sum(b"INSERT" in data for data in runtime.sent) == 1


def test_a_write_killed_midway_has_an_unknown_outcome_and_is_whole_or_not_there(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    Author.insert_many({"name": f"n{number}"} for number in range(1000))
    for locked in (True, False, True, False):
        runtime.set("UPDATE", When.SENT, lambda: revive(server))
        with suppress(orm.OutcomeUnknown):
            assert Author.select().update(is_locked=locked) == 1000
            assert Author.select(is_locked=locked).count() == 1000
        assert Author.select(is_locked=locked).count() in (0, 1000)


def test_many_rows_killed_midway_are_there_whole_or_not_at_all(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    rows = [{"name": f"n{number}"} for number in range(20_000)]
    runtime.set("n19999", When.SENT, lambda: revive(server))
    with pytest.raises((orm.ConnectionLost, orm.OutcomeUnknown)):  # at the rows, or at the COMMIT that follows them
        Author.insert_many(rows)
    assert names() == []


def test_a_write_that_was_never_sent_is_known_not_to_be_there(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    runtime.set("INSERT", When.BEFORE, lambda: revive(server))
    with pytest.raises(orm.ConnectionLost) as caught:
        Author.create(name="ann")
    assert not caught.value.sent
    assert names() == []


@pytest.mark.parametrize("when", [When.BEFORE, When.ANSWERED])
def test_a_transaction_killed_midway_is_undone(
    database: orm.Database, server: MariaDB, runtime: TripRuntime, when: When
) -> None:
    runtime.set("'ben'", when, lambda: revive(server))
    with pytest.raises(orm.ConnectionLost), database.transaction():
        Author.create(name="ann")
        Author.create(name="ben")
    assert names() == []


def test_a_lost_transaction_takes_no_further_statement(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    runtime.set("'ann'", When.ANSWERED, lambda: revive(server))
    with pytest.raises(orm.ConnectionLost), database.transaction():
        with pytest.raises(orm.ConnectionLost):
            Author.create(name="ann")
        with pytest.raises(orm.OrmError, match="undone already"):
            Author.create(name="ben")
    assert names() == []


@pytest.mark.parametrize("when", [When.BEFORE, When.ANSWERED])
def test_run_repeats_a_transaction_killed_midway_and_it_is_there_once(
    database: orm.Database, server: MariaDB, runtime: TripRuntime, when: When
) -> None:
    runtime.set("'ben'", when, lambda: revive(server))

    def both() -> None:
        Author.create(name="ann")
        Author.create(name="ben")

    database.run(both)
    assert names() == ["ann", "ben"]


def test_a_commit_whose_answer_was_lost_has_an_unknown_outcome_and_is_there_once(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    runtime.set("COMMIT", When.ANSWERED, lambda: revive(server))
    with pytest.raises(orm.OutcomeUnknown, match="COMMIT"):
        database.run(Author.insert_many, [{"name": "ann"}, {"name": "ben"}])
    assert names() == ["ann", "ben"]
    assert sum(b"INSERT" in data for data in runtime.sent) == 1


def test_a_commit_killed_midway_has_an_unknown_outcome_and_is_whole_or_not_there(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    for number in range(5):
        runtime.set("COMMIT", When.SENT, lambda: revive(server))
        rows, found = [{"name": f"{number}/{part}"} for part in range(3)], (0, 3)
        with suppress(orm.OutcomeUnknown):
            database.run(Author.insert_many, rows)
            found = (3, 3)
        assert Author.select(Author.name.startswith(f"{number}/")).count() in found


def test_a_commit_that_was_never_sent_is_undone_and_may_be_run_again(
    database: orm.Database, server: MariaDB, runtime: TripRuntime
) -> None:
    runtime.set("COMMIT", When.BEFORE, lambda: revive(server))
    database.run(lambda: Author.create(name="ann"))
    assert names() == ["ann"]
    assert sum(b"INSERT" in data for data in runtime.sent) == 2


def test_an_error_that_is_not_the_database_s_drops_the_connection_too(
    database: orm.Database, runtime: TripRuntime
) -> None:
    def deadline() -> None:
        raise ZeroDivisionError

    before = database.stats().opened
    runtime.set("SELECT", When.SENT, deadline)
    with pytest.raises(ZeroDivisionError):
        Author.select().all()
    assert names() == []
    assert database.stats().opened == before + 1


def test_a_socket_that_we_closed_ourselves_says_nothing_of_the_host(
    database: orm.Database, runtime: TripRuntime
) -> None:
    def closed() -> None:
        raise OSError(errno.EBADF, "closed")

    with database.transaction(), suppress(orm.ConnectionLost):
        runtime.set("SELECT", When.BEFORE, closed)
        in_thread(names)
    assert names() == []
    assert database.stats().idle == 1
    assert database.stats().opened == 2


def test_an_error_of_one_s_own_at_commit_has_an_unknown_outcome(database: orm.Database, runtime: TripRuntime) -> None:
    def deadline() -> None:
        raise ZeroDivisionError

    runtime.set("COMMIT", When.SENT, deadline)
    with pytest.raises(orm.OutcomeUnknown):
        database.run(lambda: Author.create(name="ann"))


def test_a_server_that_hangs_is_left_for_the_next_one(
    database: orm.Database, server: MariaDB, mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = mysql_url.partition("@")[2].partition("/")[0]
    name = mysql_url.rpartition("/")[2]
    server.execute(f"CREATE DATABASE `{name}`")
    url = server.url(name).replace("/test_", f",{other}/test_")
    monkeypatch.setattr(module, "GRACE", 0.2)
    for host in (server.url(name), mysql_url):  # making a table may take longer than a statement may below
        one = orm.Database(host)
        orm.create_all(one, [Author])
        one.close()
    both = orm.Database(url, statement_timeout=0.5, connect_timeout=1.0)
    with both.use():
        Author.create(name="first host")
        server.pause()
        try:
            with pytest.raises(orm.ConnectionLost):
                Author.select().count()
            both.run(lambda: Author.create(name="second host"))
            assert names() == ["second host"]
        finally:
            server.resume()
    both.close()


def test_idle_connections_to_a_server_that_hangs_are_left_at_once(
    database: orm.Database, server: MariaDB, mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PING_AFTER", -1.0)
    other = mysql_url.partition("@")[2].partition("/")[0]
    name = mysql_url.rpartition("/")[2]
    server.execute(f"CREATE DATABASE `{name}`")
    both = orm.Database(server.url(name).replace("/test_", f",{other}/test_"), connect_timeout=0.5)
    with both.use(), both.transaction(write=False):
        in_thread(lambda: both.execute("SELECT 1"))
    assert both.stats().idle == 2
    server.pause()
    try:
        assert both.execute("SELECT 1").count == 1
        assert both.stats().opened == 3
    finally:
        server.resume()
    both.close()


def test_a_server_that_takes_the_connection_and_says_nothing_is_passed_over(
    database: orm.Database, server: MariaDB, mysql_url: str
) -> None:
    other = mysql_url.partition("@")[2].partition("/")[0]
    url = server.url(mysql_url.rpartition("/")[2]).replace("/test_", f",{other}/test_")
    both = orm.Database(url, connect_timeout=0.5)
    server.pause()
    try:
        assert both.execute("SELECT 1").rows[0][0] == 1
    finally:
        server.resume()
    both.close()
