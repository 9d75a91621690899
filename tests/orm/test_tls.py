"""TLS to the database: spoken through memory, checked against the given authority, never left out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.orm.tables import MODELS, Author, Everything
from tests.support.mariadb import MariaDB
from youku_evloop import orm


@dataclass
class Authority:
    """A certificate authority and a certificate for a server, as files."""

    directory: Path
    address: str = "IP:127.0.0.1"

    def __post_init__(self) -> None:
        self.directory.mkdir()
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", "/CN=server", "-addext", f"subjectAltName={self.address}", "-CA", "ca.pem",
                      "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.pem")  # fmt: skip

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

    @property
    def ca(self) -> str:
        return quote(str(self.directory / "ca.pem"))

    @property
    def options(self) -> tuple[str, ...]:
        return (f"--ssl-cert={self.directory / 'server.pem'}", f"--ssl-key={self.directory / 'server.key'}")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[MariaDB]:
    with MariaDB(tmp_path_factory.mktemp("mariadb-tls"), options=authority.options) as server:
        server.create_database("tls")
        yield server


def test_statements_of_any_size_go_through_tls(server: MariaDB, authority: Authority) -> None:
    database = orm.Database(f"{server.url('tls')}?ssl_ca={authority.ca}")
    orm.create_all(database, MODELS)
    with database.use():
        assert database.execute("SHOW STATUS LIKE 'Ssl_version'").rows[0][1].startswith("TLSv1")
        Everything.create(key="k", blob=bytes(range(256)) * 8000)
        assert Everything.select().get().blob == bytes(range(256)) * 8000
        Author.insert_many({"name": f"n{number}"} for number in range(5000))
        assert len(Author.select().all()) == 5000
        assert database.stats().opened == 1
    database.close()


def test_a_connection_over_tls_that_died_is_replaced_unnoticed(server: MariaDB, authority: Authority) -> None:
    database = orm.Database(f"{server.url('tls')}?ssl_ca={authority.ca}")
    assert database.execute("SELECT 1").count == 1
    server.kill()
    server.start()
    assert database.execute("SELECT 1").count == 1
    database.close()


def test_a_server_of_another_authority_is_refused(server: MariaDB, tmp_path: Path) -> None:
    database = orm.Database(f"{server.url('tls')}?ssl_ca={Authority(tmp_path / 'other').ca}")
    with pytest.raises(orm.Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        database.execute("SELECT 1")


def test_a_server_of_another_name_is_refused(server: MariaDB, authority: Authority) -> None:
    database = orm.Database(f"{server.url('tls').replace('127.0.0.1', 'localhost')}?ssl_ca={authority.ca}")
    with pytest.raises(orm.Unavailable, match="certificate is not valid for 'localhost'"):
        database.execute("SELECT 1")


def test_a_server_without_tls_is_refused(mariadb: MariaDB, mysql_url: str, authority: Authority) -> None:
    database = orm.Database(f"{mysql_url}?ssl_ca={authority.ca}")
    with pytest.raises(orm.Unavailable, match=r"SSL|TLS"):
        database.execute("SELECT 1")
