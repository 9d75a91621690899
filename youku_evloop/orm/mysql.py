"""MySQL and MariaDB, over pymysql on a socket of the runtime's."""

from __future__ import annotations

import re
import select
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import pymysql
from pymysql.constants import CLIENT, CR, ER, FIELD_TYPE, SERVER_STATUS
from pymysql.converters import conversions

from . import errors
from .expressions import Raw
from .pool import Link, Result
from .runtime import Runtime
from .tls import TlsSocket, client_context

PORT = 3306
HOST_REST = 5.0  # seconds for which a host that failed is tried last
PING_AFTER = 10.0  # seconds of idleness after which a connection is asked whether it still works
LOCK_WAIT = 10  # seconds a statement waits for another's lock before the server answers 1205
GRACE = 5.0  # seconds past the server's own statement limit after which we call the server hung

SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
SESSION = (
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin, autocommit = 1, time_zone = '+00:00', "
    f"innodb_lock_wait_timeout = {LOCK_WAIT}, sql_mode = '{SQL_MODE}'"
)
LIMIT = " /*M!100101 , max_statement_time = %.3f */ /*!80000 , max_execution_time = %d */"  # MariaDB's, MySQL's
COM_RESET_CONNECTION = 0x1F

WSREP_NOT_READY, SHUTDOWN, KILLED = 1047, 1053, 1927
HOST_OUT = {WSREP_NOT_READY, SHUTDOWN, KILLED, CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST}
NOT_SENT = {WSREP_NOT_READY, CR.CR_SERVER_GONE_ERROR, 0}  # 0: pymysql found the connection closed before it began
RETRY = {ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT}
OUT_OF_TIME = {1969, 3024}  # MariaDB's, MySQL's
DUPLICATE, FOREIGN_KEYS = {ER.DUP_ENTRY}, {ER.NO_REFERENCED_ROW_2, ER.ROW_IS_REFERENCED_2}
REFUSED = {ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR}  # no other host will think better of it

# Times stay text, for the field to read; sums of integers are integers again, as in SQLite.
CONVERSIONS: dict[Any, Any] = {
    **{key: convert for key, convert in conversions.items() if key not in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP)},
    FIELD_TYPE.NEWDECIMAL: lambda text: float(text) if "." in text else int(text),
}
# A quoted text or name, or one of the two characters that mean something: to us, to pymysql.
SPECIAL = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|\?|%", re.DOTALL)


@lru_cache(maxsize=1024)
def to_format(sql: str) -> str:
    """`?` for pymysql: as `%s`, and what is a percent sign doubled."""
    return SPECIAL.sub(lambda match: "%s" if match[0] == "?" else match[0].replace("%", "%%"), sql)


@dataclass(slots=True)
class Host:
    name: str
    port: int
    failed_at: float = float("-inf")


class MysqlBackend:
    """`mysql://user:password@host[:port][,host2[:port]]/database?ssl_ca=...`, the hosts in order of preference."""

    name = "mysql"
    local = False

    def __init__(self, url: str, runtime: Runtime, connect_timeout: float, statement_timeout: float | None) -> None:
        match = re.fullmatch(r"mysql://(?:([^:@/]*)(?::([^@/]*))?@)?([^@/?]+)/([^/?]+)(?:\?(.*))?", url)
        if match is None:
            raise errors.ModelError("the URL of a MySQL database is mysql://user:password@host[:port][,host2...]/database")
        user, password, hosts, database, query = match.groups(default="")
        self.runtime, self.connect_timeout, self.statement_timeout = runtime, connect_timeout, statement_timeout
        self.hosts = [_host(text) for text in hosts.split(",")]
        self.session = SESSION + (LIMIT % (statement_timeout, statement_timeout * 1000) if statement_timeout else "")
        self._options: dict[str, Any] = {
            "user": unquote(user),
            "password": unquote(password).encode(),
            "database": unquote(database),
            **_tls(dict(parse_qsl(query, strict_parsing=bool(query)))),
        }

    def open(self) -> Link:
        """A connection to the first host that has one, those that failed lately tried last."""
        now = self.runtime.now()
        problem: errors.Unavailable | None = None
        for host in sorted(self.hosts, key=lambda host: now - host.failed_at < HOST_REST):
            try:
                return MysqlLink(self, host, self._connect(host))
            except pymysql.MySQLError as error:
                if error.args[0] in REFUSED:
                    raise errors.OrmError(f"{host.name}:{host.port} refuses us: {error.args[1]}") from error
                problem = errors.Unavailable(f"{host.name}:{host.port}: {error}")
                problem.__cause__ = error
                host.failed_at = self.runtime.now()
        assert problem is not None, "there is always a host"
        raise problem

    def _connect(self, host: Host) -> pymysql.Connection[Any]:
        connection: pymysql.Connection[Any] = pymysql.Connection(
            host=host.name, port=host.port, charset="utf8mb4", collation="utf8mb4_bin", autocommit=True,
            client_flag=CLIENT.FOUND_ROWS, conv=CONVERSIONS, init_command=self.session, defer_connect=True,
            read_timeout=self.connect_timeout, write_timeout=self.connect_timeout, **self._options,
        )  # fmt: skip
        try:
            sock: Any = self.runtime.connect(host.name, host.port, self.connect_timeout)
        except OSError as error:
            raise pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, str(error)) from error
        connection.connect(sock)
        if "ssl" in self._options and not isinstance(connection._sock, TlsSocket):  # type: ignore[attr-defined]
            sock.close()
            raise pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, "the server does not speak TLS")
        limit = self.statement_timeout and self.statement_timeout + GRACE
        connection._read_timeout = connection._write_timeout = limit  # type: ignore[attr-defined]
        return connection


def _host(text: str) -> Host:
    """`name`, `name:port`, `[IPv6]` or `[IPv6]:port`."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?", text)
    if match is None:
        raise errors.ModelError(f"not a host and port: {text!r}")
    return Host(match[1] or match[2], int(match[3] or PORT))


def _tls(options: dict[str, str]) -> dict[str, Any]:
    unknown = options.keys() - {"ssl_ca", "ssl_cert", "ssl_key", "ssl"}
    if unknown:
        raise errors.ModelError(f"unknown option in the database URL: {', '.join(sorted(unknown))}")
    if not options:
        return {"ssl_disabled": True}
    return {"ssl": client_context(options.get("ssl_ca"), options.get("ssl_cert"), options.get("ssl_key"))}


class MysqlLink:
    def __init__(self, backend: MysqlBackend, host: Host, connection: pymysql.Connection[Any]) -> None:
        self._backend, self._host, self._connection = backend, host, connection
        self.broken = self._tainted = False
        self.opened = self.used = backend.runtime.now()

    def begin(self, write: bool) -> None:
        self.execute("START TRANSACTION" if write else "START TRANSACTION READ ONLY", ())

    def execute(self, sql: str, values: Sequence[Raw], raw: bool = False) -> Result:
        self._tainted |= raw
        try:
            with self._connection.cursor() as cursor:
                if values:
                    cursor.execute(to_format(sql), tuple(values))
                else:
                    cursor.execute(sql)
                return Result(cursor.fetchall(), cursor.rowcount, cursor.lastrowid)
        except pymysql.MySQLError as error:
            raise self._translated(error) from error
        except BaseException:
            self.broken = True  # somewhere in the middle of an answer
            raise

    def _translated(self, error: pymysql.MySQLError) -> errors.OrmError:
        code = error.args[0] if error.args else 0
        message = f"{error.args[1]} ({code})" if len(error.args) > 1 else str(error)
        if code in HOST_OUT or not self._connection.open:
            self.broken = True
            self._host.failed_at = self._backend.runtime.now()
            return errors.ConnectionLost(message, sent=code not in NOT_SENT)
        if code in OUT_OF_TIME:
            self.broken = True
            return errors.StatementTimeout(message)
        if code in RETRY:
            return errors.Deadlock(message)
        if code in DUPLICATE:
            return errors.UniqueViolation(message, constraint=message.rpartition(" for key '")[2].partition("'")[0])
        if code in FOREIGN_KEYS:
            return errors.ForeignKeyViolation(message)
        return errors.IntegrityError(message) if isinstance(error, pymysql.IntegrityError) else errors.OrmError(message)

    def usable(self, idle: float) -> bool:
        """Whether the connection still stands: a look at the socket, and a ping if it has been idle long."""
        if self.opened < self._host.failed_at or self._hung_up():
            return False
        try:
            if idle > PING_AFTER:
                self._connection.ping(reconnect=False)
        except pymysql.MySQLError:
            self.broken = True
        return not self.broken

    def _hung_up(self) -> bool:
        """Between statements a server has nothing to say but goodbye."""
        fileno = getattr(self._connection._sock, "fileno", None)  # type: ignore[attr-defined]
        if fileno is None:
            return False
        poll = select.poll()
        poll.register(fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def reset(self) -> None:
        if self._connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:  # type: ignore[attr-defined]
            self.execute("ROLLBACK", ())
        if self._tainted:
            self._renew()

    def _renew(self) -> None:
        """Forget variables, locks and temporary tables: the session is as it was when it was opened."""
        try:
            self._connection._execute_command(COM_RESET_CONNECTION, b"")  # type: ignore[attr-defined]
            self._connection._read_ok_packet()  # type: ignore[attr-defined]
        except pymysql.MySQLError as error:
            raise self._translated(error) from error
        self.execute(self._backend.session, ())
        self._tainted = False

    def close(self) -> None:
        """Say goodbye, unless the connection is broken."""
        if self.broken:
            self._connection._force_close()  # type: ignore[attr-defined]  # says nothing, waits for nothing
        elif self._connection.open:
            self._connection.close()
