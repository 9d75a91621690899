"""The composition root: everything is made here, once, and handed to what needs it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit
from typing import Any, Final

from youku_evloop import logs, orm, schema
from youku_evloop.certificates import Identity, own_identity
from youku_evloop.commands import COMMANDS
from youku_evloop.config import Config
from youku_evloop.kernel import Loop, LoopRuntime
from youku_evloop.kernel.locks import KeyedLocks
from youku_evloop.kernel.loop import READ
from youku_evloop.process import READY, DataLock, Inheritance, start_successor
from youku_evloop.services import uploads
from youku_evloop.services.library import Library
from youku_evloop.session import Desk, Session
from youku_evloop.statistics import Statistics, summary_of_lags
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store
from youku_evloop.transport.connection import Connection
from youku_evloop.transport.listener import Listener, Tls, Transport, listen
from youku_evloop.wire.messages import RequestParser

log = logging.getLogger(__name__)

SECRET_SIZE: Final = 32
SWEEP_EVERY: Final = 3600.0
DRAIN_CHECK: Final = 0.05
OPEN_DESCRIPTORS: Final = Path("/proc/self/fd")
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Server:
    """One running server; `run` returns when it has been told to stop and has stopped."""

    def __init__(self, config: Config, inheritance: Inheritance, lock: DataLock) -> None:
        self._config = config
        self._inheritance = inheritance
        self._lock = lock
        self._loop = Loop(threads=config.threads)
        self._database = orm.Database(config.database_url, runtime=LoopRuntime(self._loop), pool_size=config.pool_size)
        self._transport = Transport(self._loop, config.limits, RequestParser(COMMANDS))
        self._library = Library(
            store=Store(config.data, Files()),
            secret=read_secret(config.data),
            boot_id=BOOT_ID.read_text().strip(),
            in_thread=self._loop.in_thread,
            spawn=self._loop.spawn,
            hold=KeyedLocks(self._loop).hold,
        )
        self._statistics = Statistics()
        self._desk = Desk(
            self._library, self._statistics, self._loop.tasks.set_label, self.inspect, config.limits.pipeline
        )
        self._identity = identity_of(config)
        self._listener: Listener | None = None
        self._sock: socket.socket | None = None
        self._began = self._loop.now
        self._stop_by = float("inf")

    def run(self, ready: Callable[[str, int, Identity | None], object]) -> None:
        """Serve until SIGTERM or SIGINT; `ready(host, port, identity)` is called when clients can connect.

        Raises `OSError` when the address cannot be had, `orm.OrmError` when the database cannot.
        """
        with ExitStack() as stack:
            stack.callback(self._loop.close)
            stack.enter_context(self._database.use())
            stack.callback(self._close_uploads)
            self._sock = self._inheritance.sock or listen(self._config.host, self._config.port)
            stack.callback(self._sock.close)
            self._loop.run_task(self._prepare)
            self._listener = Listener(self._transport, self._sock, self._converse, self._tls())
            self._watch_signals()
            self._loop.measure_lag()
            self._loop.call_later(SWEEP_EVERY, self._sweep_later)
            host, port = self._listener.address
            self._lock.announce(host, port)
            ready(host, port, self._identity)
            self._inheritance.say_ready()
            self._loop.run()
            self._loop.run_task(self._database.close)

    def inspect(self) -> dict[str, Any]:
        """What `server.stats` answers: the inside of this server, now."""
        connections = self._transport.connections
        pool = self._database.stats()
        return {
            "uptime": round(self._loop.now - self._began, 3),
            "connections": Counter(connection.state.value for connection in connections),
            "connections_served": self._statistics.connections_served,
            "bytes_in": self._statistics.bytes_in + sum(connection.bytes_in for connection in connections),
            "bytes_out": self._statistics.bytes_out + sum(connection.bytes_out for connection in connections),
            "commands": {name: command.as_json() for name, command in self._statistics.commands.items()},
            "loop_lag": summary_of_lags(list(self._loop.lags)),
            "pool": asdict(pool),
            "tasks": self._loop.tasks.active,
            "worker_queue": self._loop.workers.unfinished,
            "descriptors": {"used": sum(1 for _ in OPEN_DESCRIPTORS.iterdir()), "allowed": getrlimit(RLIMIT_NOFILE)[0]},
            "uploads": len(self._library.open_uploads),
        }

    def _prepare(self) -> None:
        self._loop.in_thread(self._library.store.prepare)
        schema.prepare(self._database)
        uploads.sweep(self._library)

    def _converse(self, connection: Connection) -> Session:
        return Session(self._desk, connection)

    def _tls(self) -> Tls | None:
        if self._identity is None:
            return None
        return Tls(self._identity.context(), lambda peer: self._config.insecure or is_loopback(peer))

    def _sweep_later(self) -> None:
        self._loop.spawn(uploads.sweep, self._library)
        self._loop.call_later(SWEEP_EVERY, self._sweep_later)

    # -- signals

    def _watch_signals(self) -> None:
        self._loop.on_signal(signal.SIGTERM, self._stop)
        self._loop.on_signal(signal.SIGINT, self._stop)
        self._loop.on_signal(signal.SIGHUP, self._reload)
        self._loop.on_signal(signal.SIGUSR2, self._hand_over)

    def _reload(self) -> None:
        """Go on with a new log file and, for new connections, with the certificate that is there now."""
        logs.reopen()
        if self._identity is not None and self._listener is not None:
            try:
                self._listener.tls = self._tls()
            except OSError as problem:
                log.error("the certificate cannot be read, going on with the old one: %s", problem)
        log.info("reloaded")

    def _hand_over(self) -> None:
        """Start a new process; once it serves, stop."""
        assert self._sock is not None
        if self._stop_by < float("inf"):
            return
        try:
            ready_fd = start_successor(self._sock, self._lock)
        except OSError as problem:
            log.error("no new process could be started, going on: %s", problem)
            return
        log.info("a new process is starting")
        self._loop.watch(ready_fd, READ, lambda events: self._successor_spoke(ready_fd))

    def _successor_spoke(self, ready_fd: int) -> None:
        word = os.read(ready_fd, 1)
        self._loop.unwatch(ready_fd)
        os.close(ready_fd)
        if word == READY:
            self._stop()
        else:
            log.error("the new process ended before it served; going on")

    def _stop(self) -> None:
        """Once: let everybody finish. Twice: now."""
        assert self._listener is not None
        if self._stop_by < float("inf"):
            self._stop_by = 0.0
            return
        log.info("stopping; %d connections are open", len(self._transport.connections))
        self._stop_by = time.monotonic() + self._config.limits.drain
        self._listener.close()
        for newcomer in list(self._transport.newcomers):
            newcomer.close()
        for connection in list(self._transport.connections):
            owner = connection.owner
            assert isinstance(owner, Session)
            owner.say_goodbye("The server is stopping. Connect again in a moment.")
        self._wait_for_the_last()

    def _wait_for_the_last(self) -> None:
        if time.monotonic() >= self._stop_by:
            for connection in list(self._transport.connections):
                connection.close()
        if self._transport.connections or self._loop.tasks.active:
            self._loop.call_later(DRAIN_CHECK, self._wait_for_the_last)
        else:
            self._loop.stop()

    def _close_uploads(self) -> None:
        for upload in self._library.open_uploads.values():
            upload.part.close()
        self._library.open_uploads.clear()


def identity_of(config: Config) -> Identity | None:
    """The certificate to serve with; None: without TLS."""
    if config.tls == "auto":
        return own_identity(config.data / "tls")
    if config.tls_cert is not None and config.tls_key is not None:
        return Identity(config.tls_cert, config.tls_key)
    return None


def is_loopback(host: str) -> bool:
    """Whether only this machine can be at that address (a host, or `host:port`)."""
    return host.startswith(("127.", "localhost", "::1", "[::1]"))


def read_secret(data: Path) -> bytes:
    """This library's own secret, made at its first start."""
    path = data / "secret"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with open(fd, "wb") as file:
        file.write(secrets.token_bytes(SECRET_SIZE))
    return path.read_bytes()
