"""MySQL and MariaDB, over pymysql on a socket of the runtime's."""

from __future__ import annotations

import errno
import re
import select
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import pymysql
from pymysql.constants import CLIENT, SERVER_STATUS

from . import errors
from .expressions import Raw
from .pool import Link, Result
from .rows import QuickConnection
from .runtime import Runtime
from .tls import TlsSocket, client_context

PORT = 3306
PASSWORDS = "characters like @, / and : in a password are percent-encoded"
HOST_REST = 5.0  # seconds for which a host that failed is tried last
PING_AFTER = 10.0  # seconds of idleness after which a connection is asked whether it still works
LOCK_WAIT = 4  # seconds a statement waits for another's lock before the server answers 1205
GRACE = 2.0  # seconds past the server's own statement limit after which we call the server hung
COM_RESET_CONNECTION = 0x1F
SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
SESSION = (
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin, autocommit = 1, time_zone = '+00:00', "
    f"innodb_lock_wait_timeout = {LOCK_WAIT}, sql_mode = '{SQL_MODE}'"
)
# Where there are several hosts they may be a Galera cluster. Whoever comes to another node of it sees there what was
# acknowledged by the first: the node catches up before a statement of any kind (1 + 2 + 4).
CAUSAL = " /*M!100101 , wsrep_sync_wait = 7 */"
NODE = "SHOW STATUS WHERE Variable_name IN ('wsrep_provider_name', 'wsrep_ready')"
LIMIT = " /*M!100101 , max_statement_time = %.3f */ /*!80000 , max_execution_time = %d */"  # MariaDB's, MySQL's

CANNOT_CONNECT, GONE, LOST, CLOSED, WSREP_NOT_READY, SHUTDOWN, KILLED = 2003, 2006, 2013, 0, 1047, 1053, 1927
CUT_OFF = 1180  # a Galera node lost the others in the middle of a COMMIT
HOST_OUT = {CANNOT_CONNECT, GONE, LOST, CLOSED, WSREP_NOT_READY, SHUTDOWN, KILLED, CUT_OFF}
NOT_SENT = {GONE, CLOSED, WSREP_NOT_READY}
# Not this user, password, address, database or right: no other host will think better of it.
REFUSED = {1044, 1045, 1049, 1130, 1142, 1143, 1227, 1370, 1698, 4151}
ERRORS: dict[int, type[errors.OrmError]] = {
    1213: errors.Deadlock, 1205: errors.Deadlock, 1062: errors.UniqueViolation,
    1451: errors.ForeignKeyViolation, 1452: errors.ForeignKeyViolation,
    1969: errors.StatementTimeout, 3024: errors.StatementTimeout,  # MariaDB's, MySQL's
    1021: errors.DiskFull, 1114: errors.DiskFull,
    **dict.fromkeys(REFUSED, errors.Refused),
}  # fmt: skip


@dataclass(slots=True)
class Host:
    """A host of the URL; `failed_at`: when it was last out, by the runtime's clock."""

    name: str
    port: int
    failed_at: float = float("-inf")


class MysqlBackend:
    """`mysql://user:password@host[:port][,host2[:port]]/database?ssl_ca=...`, the hosts in order of preference."""

    name, local = "mysql", False

    def __init__(self, url: str, runtime: Runtime, connect_timeout: float, statement_timeout: float | None) -> None:
        match = re.fullmatch(r"mysql://(?:([^:@/]*)(?::([^@/]*))?@)?([^@/?]+)/([^@/?]+)(?:\?([^@]*))?", url)
        if match is None:
            raise errors.ModelError(
                f"a MySQL URL is mysql://user:password@host[:port][,host2...]/database; {PASSWORDS}"
            )
        user, password, hosts, database, query = match.groups(default="")
        self.runtime, self.connect_timeout = runtime, connect_timeout
        self.answer_timeout = statement_timeout and statement_timeout + GRACE
        self.hosts = [_host(text) for text in hosts.split(",")]
        limit = LIMIT % (statement_timeout, statement_timeout * 1000) if statement_timeout else ""
        self.session = SESSION + (CAUSAL if len(self.hosts) > 1 else "") + limit
        self.options: dict[str, Any] = {
            "user": unquote(user), "password": unquote(password).encode(), "database": unquote(database),
            "charset": "utf8mb4", "collation": "utf8mb4_bin", "autocommit": True, "client_flag": CLIENT.FOUND_ROWS,
            "init_command": self.session, "defer_connect": True,
            "read_timeout": connect_timeout, "write_timeout": connect_timeout,
            **_tls(query),
        }  # fmt: skip

    def open(self) -> Link:
        """A connection to the first host that has one, those that failed lately tried last."""
        now, problem = self.runtime.now(), errors.Unavailable("there is no host")
        for host in sorted(self.hosts, key=lambda host: now - host.failed_at < HOST_REST):
            try:
                return MysqlLink(self, host, self._connect(host))
            except (pymysql.MySQLError, OSError) as error:
                if isinstance(error, pymysql.MySQLError) and error.args[0] in REFUSED:
                    raise errors.Refused(f"{host.name}:{host.port} refuses us: {error.args[1]}") from error
                problem, host.failed_at = errors.Unavailable(f"{host.name}:{host.port}: {error}"), self.runtime.now()
        raise problem

    def _connect(self, host: Host) -> Any:
        connection: Any = QuickConnection(host=host.name, port=host.port, **self.options)
        connection.connect(self.runtime.connect(host.name, host.port, self.connect_timeout))
        if "ssl" in self.options and not isinstance(connection._sock, TlsSocket):  # older pymysqls do without
            connection.close()
            raise OSError("the server does not speak TLS")
        if len(self.hosts) > 1:
            with connection.cursor() as cursor:
                cursor.execute(NODE)
                node = dict(cursor.fetchall())
            if node.get("wsrep_provider_name") and node["wsrep_ready"] != "ON":
                connection.close()
                raise OSError("this node is cut off from its cluster, or not up to date yet")
        return connection


def _host(text: str) -> Host:
    """`name`, `name:port`, `[IPv6]` or `[IPv6]:port`."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?", text)
    if match is None or int(match[3] or PORT) > 65535:  # not shown: it may be a part of a password that is not encoded
        raise errors.ModelError(f"a host is NAME, NAME:PORT or [IPv6]:PORT; {PASSWORDS}")
    return Host(match[1] or match[2], int(match[3] or PORT))


def _tls(query: str) -> dict[str, Any]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - {"ssl_ca", "ssl_cert", "ssl_key", "ssl"}:
        raise errors.ModelError(f"unknown option in the database URL: {', '.join(sorted(unknown))}")
    if not options:
        return {"ssl_disabled": True}
    try:
        return {"ssl": client_context(options.get("ssl_ca"), options.get("ssl_cert"), options.get("ssl_key"))}
    except OSError as error:
        raise errors.ModelError(f"a certificate file of the database URL cannot be used: {error}") from error


class MysqlLink(Link):
    """One connection to MySQL or MariaDB, whose driver waits on sockets of the runtime's."""

    def __init__(self, backend: MysqlBackend, host: Host, connection: Any) -> None:
        super().__init__(backend.runtime.now())
        self._backend, self._host, self._connection = backend, host, connection
        self._silence = select.poll()
        self._silence.register(connection._sock.fileno(), select.POLLIN)
        self._set_timeout(backend.answer_timeout)

    def execute(self, sql: str, values: Sequence[Raw] = ()) -> Result:
        try:
            return self._connection.ask(sql, values)  # type: ignore[no-any-return]  # it is a QuickConnection
        except pymysql.MySQLError as error:
            raise self._translated(error) from error
        except BaseException:
            self.broken = True  # somewhere in the middle of an answer
            raise

    def _translated(self, error: pymysql.MySQLError) -> errors.OrmError:
        code, message = error.args[:2] if len(error.args) > 1 else (-1, str(error))
        if code in HOST_OUT or not self._connection.open:
            self.broken = True
            if getattr(error.__context__, "errno", None) != errno.EBADF:  # which is a socket that we closed ourselves
                self._host.failed_at = self._backend.runtime.now()
            return errors.ConnectionLost(f"{message} ({code})", sent=code not in NOT_SENT)
        known = isinstance(error, pymysql.IntegrityError)
        kind = ERRORS.get(code, errors.IntegrityError if known else errors.OrmError)
        self.broken = kind is errors.StatementTimeout
        translated = kind(f"{message} ({code})")
        if isinstance(translated, errors.UniqueViolation):
            translated.constraint = message.rpartition(" for key '")[2].rstrip("'")
        return translated

    def begin(self, write: bool) -> None:
        self.execute("START TRANSACTION" if write else "START TRANSACTION READ ONLY")

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def usable(self, idle: float) -> bool:
        """Opened since its host failed last; silent, for between statements a server has only goodbye to say; and,
        if idle for long, answering."""
        if self.opened < self._host.failed_at or self._silence.poll(0):
            return False
        if idle > PING_AFTER:
            try:
                self._set_timeout(self._backend.connect_timeout)
                self._connection.ping(reconnect=False)
                self._set_timeout(self._backend.answer_timeout)
            except pymysql.MySQLError as error:
                self._translated(error)
        return not self.broken

    def _set_timeout(self, seconds: float | None) -> None:
        self._connection._read_timeout = self._connection._write_timeout = seconds

    def reset(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")
        if self.tainted:  # forget variables, locks and temporary tables
            self._connection._execute_command(COM_RESET_CONNECTION, b"")
            self._connection._read_ok_packet()
            self.execute(self._backend.session)
            self.tainted = False

    def close(self) -> None:
        """Say goodbye, unless the connection is broken."""
        if self.broken:
            self._connection._force_close()
        elif self._connection.open:
            self._connection.close()
