"""MySQL as it is on good days: URLs, sessions, hosts, limits, the log."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.orm.tables import Author, Counter
from tests.orm.test_transactions import in_thread
from tests.support.mariadb import MariaDB
from tests.support.trip import TripRuntime
from youku_evloop import orm
from youku_evloop.orm import mysql as module
from youku_evloop.orm.mysql import MysqlBackend


def parsed(url: str) -> MysqlBackend:
    return MysqlBackend(url, orm.BlockingRuntime(), 3.0, 30.0)


# URLs


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("mysql://u:p@h/d", [("h", 3306)]),
        ("mysql://h/d", [("h", 3306)]),
        ("mysql://u:p@h:1,h2,h3:3/d", [("h", 1), ("h2", 3306), ("h3", 3)]),
        ("mysql://u@[::1]:33,[fe80::1]/d", [("::1", 33), ("fe80::1", 3306)]),
    ],
)
def test_a_url_names_hosts_in_order(url: str, hosts: list[tuple[str, int]]) -> None:
    assert [(host.name, host.port) for host in parsed(url).hosts] == hosts


def test_user_and_password_are_percent_decoded() -> None:
    options = parsed("mysql://us%40er:p%2F%3A%E4%BD%A0@h/d%2Fb").options
    assert (options["user"], options["password"].decode(), options["database"]) == ("us@er", "p/:你", "d/b")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://h",
        "mysql:///d",
        "mysql://h:port/d",
        "mysql://h,/d",
        "mysql://h/d?pool=3",
        "mysql://h/d?x",
        "h/d",
        "pg://h/d",
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises((orm.ModelError, ValueError)):
        orm.Database(url)


def test_no_password_is_shown(mariadb: MariaDB) -> None:
    database = orm.Database(mariadb.url("nowhere").replace("p%40ss", "other"))
    with pytest.raises(orm.OrmError) as caught:
        database.execute("SELECT 1")
    assert not isinstance(caught.value, orm.Unavailable)
    assert "other" not in f"{caught.value} {database!r} {database.backend!r}"


# sessions


def test_a_session_is_strict_and_in_utc(mysql: orm.Database) -> None:
    [row] = mysql.execute("SELECT @@time_zone, @@sql_mode, @@collation_connection, @@autocommit, NOW(6)").rows
    assert row[0] == "+00:00"
    assert "STRICT_ALL_TABLES" in row[1]
    assert (row[2], row[3]) == ("utf8mb4_bin", 1)
    assert isinstance(row[4], str)


def test_what_a_statement_of_ones_own_left_behind_is_gone_for_the_next(mysql: orm.Database) -> None:
    mysql.execute("SET @mine = 7, time_zone = '+05:00', sql_mode = '', names latin1, max_statement_time = 0")
    mysql.execute("CREATE TEMPORARY TABLE mine (x INT)")
    assert mysql.execute("SELECT GET_LOCK('mine', 0)").rows[0][0] == 1
    assert mysql.stats().opened == 1
    assert tuple(mysql.execute("SELECT @mine, @@time_zone, @@max_statement_time, IS_FREE_LOCK('mine')").rows[0]) == (
        None, "+00:00", 6.0, 1,
    )  # fmt: skip
    with pytest.raises(orm.OrmError, match="doesn't exist"):
        mysql.execute("SELECT * FROM mine")
    test_a_session_is_strict_and_in_utc(mysql)


def test_a_transaction_opened_by_hand_is_rolled_back(mysql: orm.Database) -> None:
    mysql.execute("BEGIN")
    Author.create(name="ann")
    mysql.execute("ROLLBACK")
    assert Author.select().count() == 1
    assert mysql.stats().opened == 1


def test_a_connection_idle_for_long_is_asked_before_it_is_lent(
    mysql: orm.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = TripRuntime()
    database = orm.Database(f"mysql://{_after(mysql)}", runtime=runtime)
    monkeypatch.setattr(module, "PING_AFTER", -1.0)
    with database.use():
        Author.select().count()
        runtime.sent.clear()
        Author.select().count()
    assert runtime.sent[0][4:] == b"\x0e"
    assert len(runtime.sent) == 2
    database.close()


def _after(database: orm.Database) -> str:
    backend = database.backend
    assert isinstance(backend, MysqlBackend)
    name = backend.options["database"]
    return f"youku:p%40ss%3Aw%2Frd@127.0.0.1:{backend.hosts[0].port}/{name}"


def test_a_statement_outside_a_transaction_is_one_exchange(mysql: orm.Database) -> None:
    runtime = TripRuntime()
    database = orm.Database(f"mysql://{_after(mysql)}", runtime=runtime)
    with database.use():
        Author.select().count()
        runtime.sent.clear()
        Author.create(name="ann")
        Author.select(name="ann").get()
        Author.select(name="ann").update(is_locked=True)
    assert len(runtime.sent) == 3
    database.close()


# limits


def test_a_statement_that_takes_too_long_is_stopped(mysql: orm.Database) -> None:
    database = orm.Database(f"mysql://{_after(mysql)}", statement_timeout=0.1)
    with pytest.raises(orm.StatementTimeout):
        database.execute("SELECT COUNT(*) FROM information_schema.tables a, information_schema.columns b, "
                         "information_schema.columns c WHERE a.table_name <> c.column_name")  # fmt: skip
    assert database.stats().idle == 0
    assert database.execute("SELECT 1").rows[0][0] == 1
    database.close()


def test_a_transaction_is_over_when_a_statement_of_it_took_too_long(mysql: orm.Database) -> None:
    database = orm.Database(f"mysql://{_after(mysql)}", statement_timeout=0.1)
    with database.use():
        with pytest.raises(orm.StatementTimeout), database.transaction():
            Author.create(name="ann")
            with pytest.raises(orm.StatementTimeout):
                database.execute("SELECT SLEEP(5) FROM author")
            with pytest.raises(orm.OrmError, match="undone already"):
                Author.create(name="ben")
        assert Author.select().count() == 0
    database.close()


def test_a_slow_statement_is_logged_without_its_values(mysql: orm.Database, caplog: pytest.LogCaptureFixture) -> None:
    database = orm.Database(f"mysql://{_after(mysql)}", slow_query=0.0)
    with caplog.at_level(logging.WARNING), database.use():
        Author.create(name="secret name")
    assert "slow query" in caplog.text
    assert "INSERT INTO `author`" in caplog.text
    assert "secret" not in caplog.text
    database.close()


def test_no_quick_statement_is_logged(mysql: orm.Database, caplog: pytest.LogCaptureFixture) -> None:
    Author.create(name="x")
    assert caplog.text == ""


# hosts


def test_the_first_host_that_answers_is_used_and_the_dead_one_left_alone(mysql: orm.Database, dead_port: int) -> None:
    url = f"mysql://{_after(mysql)}".replace("127.0.0.1", f"127.0.0.1:{dead_port},127.0.0.1")
    runtime = TripRuntime()
    asked: list[int] = []
    connect = runtime.connect

    def connecting(host: str, port: int, timeout: float) -> orm.Socket:
        asked.append(port)
        return connect(host, port, timeout)

    runtime.connect = connecting  # type: ignore[method-assign]  # to watch it
    database = orm.Database(url, runtime=runtime)
    for _ in range(2):
        with database.transaction(), database.transaction():
            in_thread_of(database)
    alive = int(_after(mysql).rpartition(":")[2].partition("/")[0])
    assert asked == [dead_port, alive, alive]
    database.close()


@pytest.mark.parametrize(("hosts", "expected"), [(1, 0), (2, 7)])
def test_a_session_sees_what_another_node_acknowledged_where_there_are_several(
    mysql: orm.Database, hosts: int, expected: int
) -> None:
    credentials, _, place = _after(mysql).rpartition("@")
    address, _, name = place.partition("/")
    database = orm.Database(f"mysql://{credentials}@{','.join([address] * hosts)}/{name}")
    assert list(database.execute("SELECT @@wsrep_sync_wait").rows) == [(expected,)]
    database.close()


def in_thread_of(database: orm.Database) -> None:
    with database.use():
        in_thread(lambda: database.execute("SELECT 1"))


def test_no_host_at_all_is_unavailable_at_once(dead_port: int) -> None:
    database = orm.Database(f"mysql://u:p@127.0.0.1:{dead_port},localhost:{dead_port}/d")
    for attempt in (lambda: database.execute("SELECT 1"), lambda: database.run(print)):
        with pytest.raises(orm.Unavailable, match=f"localhost:{dead_port}|127.0.0.1:{dead_port}"):
            attempt()
    assert database.stats() == orm.PoolStats(size=16, in_use=0, idle=0, waiting=0, opened=0)


# locks


def test_a_deadlock_is_named_and_run_again(mysql: orm.Database) -> None:
    Counter.insert_many([{"name": "a"}, {"name": "b"}])
    meeting = threading.Barrier(2)
    tries: list[str] = []

    def both(first: str, second: str) -> None:
        tries.append(first)
        Counter.select(name=first).update(count=Counter.count + 1)
        if len(tries) <= 2:
            meeting.wait()
        Counter.select(name=second).update(count=Counter.count + 1)

    def work(first: str, second: str) -> None:
        with mysql.use():
            mysql.run(both, first, second)

    threads = [threading.Thread(target=work, args=args) for args in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 3
    assert {counter.name: counter.count for counter in Counter.select()} == {"a": 2, "b": 2}


def test_a_write_of_its_own_that_was_the_deadlock_s_victim_is_run_again(mysql: orm.Database) -> None:
    Counter.insert_many({"name": f"n{number:02}"} for number in range(40))
    both = Counter.select(Counter.name.in_(["n00", "n39"]))

    def alone() -> int:
        with mysql.use():
            return both.update(count=Counter.count + 1)

    with ThreadPoolExecutor() as threads, mysql.transaction():
        Counter.select(Counter.name > "n00").update(count=100)  # the larger transaction is not the victim
        writing = threads.submit(alone)
        wait_for_a_lock(mysql)
        Counter.select(name="n00").update(count=100)
    assert writing.result() == 2
    assert {counter.name: counter.count for counter in both} == {"n00": 101, "n39": 101}


def wait_for_a_lock(database: orm.Database) -> None:
    """Until somebody waits for one; the server makes its list anew only if nobody asked for a tenth of a second."""
    until = time.monotonic() + 30
    while not database.execute("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").rows:
        assert time.monotonic() < until, "nobody waits"
        time.sleep(0.15)


def test_a_deadlock_undoes_the_transaction_even_if_its_error_is_swallowed(mysql: orm.Database) -> None:
    Counter.create(name="a")
    with mysql.transaction():
        Counter.select(name="a").update(count=1)

        def blocked() -> Any:
            with mysql.transaction():
                Author.create(name="lost")
                mysql.execute("SET innodb_lock_wait_timeout = 0")
                with pytest.raises(orm.Deadlock):
                    Counter.select(name="a").update(count=2)
                with pytest.raises(orm.OrmError, match="undone already"):
                    Author.create(name="lost too")
            return None

        with pytest.raises(orm.Deadlock):
            in_thread(blocked)
    assert Author.select().count() == 0
    assert Counter.select().get().count == 1


def test_a_savepoint_in_a_transaction_that_is_over_keeps_the_first_error(mysql: orm.Database) -> None:
    Counter.create(name="a")
    with mysql.transaction():
        Counter.select(name="a").update(count=1)

        def blocked() -> None:
            with mysql.transaction():
                mysql.execute("SET innodb_lock_wait_timeout = 0")
                with mysql.transaction():
                    Counter.select(name="a").update(count=2)

        with pytest.raises(orm.Deadlock):
            in_thread(blocked)


@pytest.mark.parametrize("many", [50])
def test_threads_hammer_one_pool(mysql: orm.Database, many: int) -> None:
    database = orm.Database(f"mysql://{_after(mysql)}", pool_size=4)

    def work(number: int) -> None:
        with database.use():
            Author.create(name=f"n{number}")
            assert Author.select(name=f"n{number}").exists()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Author.select().count() == many
    assert database.stats().opened <= 4
    database.close()


def test_a_table_that_is_full_is_named(mysql: orm.Database) -> None:
    with pytest.raises(orm.DiskFull, match="1114"), mysql.transaction():
        mysql.execute("SET max_heap_table_size = 16384")
        mysql.execute("CREATE TEMPORARY TABLE small (x CHAR(255)) ENGINE = MEMORY")
        mysql.execute("INSERT INTO small SELECT seq FROM seq_1_to_10000")
