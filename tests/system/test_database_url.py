"""`youku-server` and the database it is told of: every wrong one is one clear line, and no password is ever shown."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from tests.orm.test_tls import Authority
from tests.support.mariadb import PASSWORD, MariaDB
from tests.support.server import PROGRAMS, Outcome, RunningServer, plain_environment, run
from youku_evloop import orm, schema
from youku_evloop.errors import ExitCode

COMMANDS: Final = (("init-db",), ("migrate",), ("run", "--listen", "127.0.0.1:0"))
ENCODED: Final = quote(PASSWORD, safe="")


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[..., Outcome]:
    """Runs a command with that URL."""

    def run_with(url: str, *arguments: str) -> Outcome:
        environment = plain_environment(tmp_path, YOUKU_DATA=str(tmp_path / "data"), YOUKU_DATABASE=url)
        return run([str(PROGRAMS / "youku-server"), *arguments], environment)

    return run_with


@pytest.fixture
def restricted(mariadb: MariaDB) -> Iterator[str]:
    """A user who may read one database, and no more; the URL."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    mariadb.create_database(name)
    mariadb.execute(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY %s", PASSWORD)
    mariadb.execute(f"GRANT SELECT ON `{name}`.* TO {name}@'127.0.0.1'")
    yield f"mysql://{name}:{ENCODED}@127.0.0.1:{mariadb.port}/{name}"
    mariadb.execute(f"DROP USER {name}@'127.0.0.1'")
    mariadb.drop_database(name)


def refused(outcome: Outcome, code: ExitCode) -> str:
    """The one line that it ends with, after what a server logs at its start."""
    assert outcome.code == code, outcome
    assert "Traceback" not in outcome.stderr and outcome.stdout == ""
    lines = [line for line in outcome.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1 and lines[0].startswith("youku-server: "), outcome.stderr
    for secret in (PASSWORD, ENCODED, "sesame", "w/rd", "ss:w"):
        assert secret not in outcome.stderr
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://youku:sesame@127.0.0.1/youku", "sqlite:/// or mysql://"),
        ("youku.db", "sqlite:/// or mysql://"),
        ("mysql://youku:sesame@127.0.0.1", "mysql://user:password@host"),
        ("mysql://youku:p@ss:w/rd@127.0.0.1/youku", "percent-encoded"),
        ("mysql://youku:sesame/1@127.0.0.1/youku", "percent-encoded"),
        ("mysql://youku:sesame@127.0.0.1:99999/youku", "PORT"),
        ("mysql://youku:sesame@127.0.0.1/youku?ssl_ca=/no/such/file", "certificate"),
        ("mysql://youku:sesame@127.0.0.1/youku?charset=latin1", "unknown option in the database URL: charset"),
        ("mysql://youku:sesame@127.0.0.1/youku?sesame", "unknown option"),
        ("sqlite://youku.db", "sqlite:///"),
        ("sqlite:///", "a file"),
    ],
)
def test_a_url_that_makes_no_sense_is_wrong_usage(
    attempt: Callable[..., Outcome], command: tuple[str, ...], url: str, said: str
) -> None:
    if url.endswith("?sesame"):  # the name of an option is shown
        url = url.replace("?sesame", "?ssl=1&ssl_certificate=x")
    assert said in refused(attempt(url, *command), ExitCode.USAGE)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_database_that_does_not_let_us_in_says_why(
    attempt: Callable[..., Outcome], mariadb: MariaDB, restricted: str, command: tuple[str, ...]
) -> None:
    port = mariadb.port
    wrong = attempt(f"mysql://youku:sesame@127.0.0.1:{port}/youku", *command)
    assert "Access denied" in refused(wrong, ExitCode.FORBIDDEN)
    missing = attempt(f"mysql://youku:{ENCODED}@127.0.0.1:{port}/nosuch", *command)
    assert "nosuch" in refused(missing, ExitCode.FORBIDDEN)
    assert "denied" in refused(attempt(restricted, *command), ExitCode.FORBIDDEN)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_database_that_is_not_there_is_worth_another_try(
    attempt: Callable[..., Outcome], dead_port: int, command: tuple[str, ...]
) -> None:
    nobody = attempt(f"mysql://youku:{ENCODED}@127.0.0.1:{dead_port},localhost:{dead_port}/youku", *command)
    assert str(dead_port) in refused(nobody, ExitCode.TEMPORARY)
    unknown = attempt(f"mysql://youku:{ENCODED}@nowhere.invalid/youku", *command)
    assert "nowhere.invalid" in refused(unknown, ExitCode.TEMPORARY)
    no_file = attempt("sqlite:////no/such/directory/youku.db", *command)
    assert "/no/such/directory" in refused(no_file, ExitCode.TEMPORARY)


def test_a_newer_database_is_refused_and_an_older_one_until_it_is_migrated(
    attempt: Callable[..., Outcome], database_url: str
) -> None:
    for _ in range(2):
        assert attempt(database_url, "init-db").code == ExitCode.OK
    database = orm.Database(database_url)
    known = schema.MIGRATIONS.latest
    database.execute("UPDATE schema_version SET version = ?", [known + 1])
    for command in COMMANDS:
        line = refused(attempt(database_url, *command), ExitCode.CONFLICT)
        assert f"version {known + 1}" in line and f"only {known}" in line
    database.execute("UPDATE schema_version SET version = ?", [known - 1])
    database.close()
    assert "youku-server migrate" in refused(attempt(database_url, *COMMANDS[-1]), ExitCode.CONFLICT)
    assert "steps made: 1" in attempt(database_url, "migrate").stdout
    assert "steps made: 0" in attempt(database_url, "migrate").stdout


def test_every_statement_is_logged_as_slow_when_told_so_without_its_values(mysql_url: str, tmp_path: Path) -> None:
    options = ("--slow-query", "0", "--pool-size", "2", "--statement-timeout", "1.5")
    with RunningServer(tmp_path / "server", mysql_url, options) as running:
        running.register("somebody", log_in=False)
        assert "slow query" in running.log and "INSERT INTO `user`" in running.log
        assert "somebody" not in running.log.partition("slow query")[2].replace('"somebody"', "")
        with running.create_admin("alice").wire() as wire:
            assert wire.ask("server.stats")["pool"]["size"] == 2


def test_the_server_speaks_tls_with_its_database(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    (tmp_path / "mariadb").mkdir()
    with MariaDB(tmp_path / "mariadb", options=authority.options) as server:
        url = server.create_database("private")
        server.execute("ALTER USER youku@'127.0.0.1' REQUIRE SSL")
        with RunningServer(tmp_path / "server", f"{url}?ssl_ca={authority.ca}") as running:
            running.register("somebody", log_in=False)
        assert server.execute("SELECT name FROM private.user") == (("somebody",),)
