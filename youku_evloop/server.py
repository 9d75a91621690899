"""The composition root: everything is made here, once, and handed to what needs it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit
from time import process_time
from typing import Any, Final

from youku_evloop import logs, orm, schema
from youku_evloop.certificates import Identity, own_identity
from youku_evloop.config import Config
from youku_evloop.errors import BadRequest, Unavailable, YoukuError
from youku_evloop.kernel import Loop, LoopRuntime, Workers
from youku_evloop.kernel.locks import KeyedLocks
from youku_evloop.lifecycle import Lifecycle, ServerState
from youku_evloop.plugins import PluginApp
from youku_evloop.process import DataLock, Inheritance, Successor, boot_id
from youku_evloop.services import attempts, search, sessions, uploads, waiting
from youku_evloop.services.library import Caller, Library
from youku_evloop.services.payments import Provider
from youku_evloop.session import Desk, Session
from youku_evloop.statistics import Statistics, summary_of_lags
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store
from youku_evloop.transport.connection import Connection
from youku_evloop.transport.listener import Listener, Tls, Transport, listen
from youku_evloop.wire.frames import encode_frame
from youku_evloop.wire.messages import RequestParser

log = logging.getLogger(__name__)

SECRET_SIZE: Final = 32
SWEEP_EVERY: Final = 3600.0
OPEN_DESCRIPTORS: Final = "/proc/self/fd"


class Server:
    """One running server; `run` returns when it has been told to stop and has stopped."""

    def __init__(
        self,
        config: Config,
        inheritance: Inheritance,
        lock: DataLock,
        app: PluginApp | None = None,
        files: Files | None = None,
    ) -> None:
        self._config = config
        app = app or PluginApp()
        self._inheritance = inheritance
        self._lock = lock
        self._loop = Loop(threads=config.threads)
        self._slow_workers = Workers(self._loop, config.threads)
        self._database = self._make_database()
        self._transport = Transport(self._loop, config.limits, RequestParser(app.commands))
        self._library = self._make_library(app, files or Files())
        app.attach(self._loop)
        self._statistics = Statistics()
        self._desk = Desk(
            self._library,
            app.commands,
            self._statistics,
            self._loop.tasks.set_label,
            self.inspect,
            config.limits.pipeline,
        )
        self._identity = identity_of(config)
        self._listener: Listener | None = None
        self._began = self._loop.now

    def run(self, ready: Callable[[str, int, Identity | None], object]) -> None:
        """Serve until SIGTERM or SIGINT; `ready(host, port, identity)` is called when clients can connect.

        Raises `Unavailable` when the address cannot be had, `orm.OrmError` when the database cannot, and `OSError` when
        the certificate cannot (`ssl.SSLError`), or the disk.
        """
        with ExitStack() as stack:
            stack.callback(self._loop.close)
            stack.callback(self._slow_workers.close)
            stack.enter_context(self._database.use())
            stack.callback(self._close_uploads)
            tls = self._tls()
            sock = self._inheritance.sock or self._listen()
            stack.callback(sock.close)
            self._loop.run_task(self._prepare)
            self._listener = Listener(self._transport, sock, self._converse, tls)
            lifecycle = self._lifecycle(sock, self._listener)
            lifecycle.watch_signals()
            self._loop.on_signal(signal.SIGHUP, self._reload)
            self._loop.measure_lag()
            self._loop.call_soon(self._sweep)
            host, port = self._listener.address
            self._lock.announce(host, port, self._identity.fingerprint() if self._identity else None)
            ready(host, port, self._identity)
            self._inheritance.say_ready()
            self._library.signals.send("server_started", host=host, port=port)
            self._loop.run()
            if lifecycle.state is ServerState.ABORTING:
                self._loop.workers.abandon()
                self._slow_workers.abandon()
            else:
                self._loop.run_task(self._database.close)
            log.info("stopped")

    def inspect(self) -> dict[str, Any]:
        """What `server.stats` answers: the inside of this server, now."""
        connections = self._transport.connections
        states = Counter(connection.state.value for connection in connections)
        states.update(newcomer.state.value for newcomer in self._transport.newcomers)
        return {
            "uptime": round(self._loop.now - self._began, 3),
            "cpu": round(process_time(), 6),
            "connections": dict(states),
            "connections_served": self._statistics.connections_served,
            "bytes_in": self._statistics.bytes_in + sum(connection.bytes_in for connection in connections),
            "bytes_out": self._statistics.bytes_out + sum(connection.bytes_out for connection in connections),
            "commands": {name: command.as_json() for name, command in self._statistics.commands.items()},
            "loop_lag": summary_of_lags(list(self._loop.lags)),
            "pool": asdict(self._database.stats()),
            "tasks": self._loop.tasks.active,
            "worker_queue": self._loop.workers.unfinished + self._slow_workers.unfinished,
            "descriptors": {
                "used": len(self._loop.in_thread(os.listdir, OPEN_DESCRIPTORS)),
                "allowed": getrlimit(RLIMIT_NOFILE)[0],
            },
            "uploads": len(self._library.open_uploads),
        }

    def _make_database(self) -> orm.Database:
        return orm.Database(
            self._config.database_url,
            runtime=LoopRuntime(self._loop),
            pool_size=self._config.pool_size,
            statement_timeout=self._config.statement_timeout,
            slow_query=self._config.slow_query,
        )

    def _make_library(self, app: PluginApp, files: Files) -> Library:
        config = self._config
        return Library(
            store=Store(config.data, files),
            secret=read_secret(config.data),
            boot_id=boot_id(),
            in_thread=self._loop.in_thread,
            in_slow_thread=self._slow_workers.run,
            spawn=self._loop.spawn,
            hold=KeyedLocks(self._loop).hold,
            keeping=config.keeping,
            end_conversations=self._end_conversations,
            announce=self._announce,
            signals=app.signals,
            rules=config.rules,
            payments=provider_of(app, config.payments),
        )

    def _listen(self) -> socket.socket:
        host, port = self._config.host, self._config.port
        try:
            return listen(host, port)
        except OSError as error:
            raise Unavailable(
                f"Cannot listen on {host}:{port}: {error.strerror}. Is another server running there? Try another one."
            ) from None

    def _lifecycle(self, sock: socket.socket, listener: Listener) -> Lifecycle:
        def close_door() -> None:
            listener.close()
            self._library.signals.send("server_stopping")

        return Lifecycle(self._loop, self._transport, partial(Successor.start, sock, self._lock), close_door)

    def _conversations(self) -> Iterator[Session]:
        for connection in list(self._transport.connections):
            if isinstance(connection.owner, Session):
                yield connection.owner

    def _end_conversations(self, is_over: Callable[[Caller], bool], why: YoukuError) -> None:
        for conversation in self._conversations():
            conversation.end_if(is_over, why)

    def _announce(self, event: dict[str, Any]) -> None:
        frame = encode_frame(event)
        for conversation in self._conversations():
            conversation.push(frame)

    def _prepare(self) -> None:
        self._loop.in_thread(self._library.store.prepare)
        schema.prepare(self._database)

    def _converse(self, connection: Connection) -> Session:
        return Session(self._desk, connection)

    def _tls(self) -> Tls | None:
        if self._identity is None:
            return None
        return Tls(self._identity.context(), lambda peer: self._config.insecure or is_loopback(peer))

    def _sweep(self) -> None:
        """Now and every hour, while clients are served."""
        self._loop.spawn(self._put_in_order)
        self._loop.call_later(SWEEP_EVERY, self._sweep)

    def _put_in_order(self) -> None:
        uploads.sweep(self._library)
        waiting.sweep(self._library)
        attempts.sweep(self._library.rules)
        sessions.sweep()
        search.sweep(self._library)

    def _reload(self) -> None:
        """Go on with a new log file and, for new connections, with the certificate that is there now."""
        logs.reopen()
        if self._identity is not None and self._listener is not None:
            try:
                self._listener.tls = self._tls()
            except OSError as problem:
                log.error("the certificate cannot be used, going on with the old one: %s", problem)
        log.info("reloaded")

    def _close_uploads(self) -> None:
        for upload in self._library.open_uploads.values():
            upload.part.close()
        self._library.open_uploads.clear()


def provider_of(app: PluginApp, name: str) -> Provider:
    """The payment provider of that name; raises `BadRequest`, also where a plugin's fails."""
    if name not in app.providers:
        raise BadRequest(f"There is no payment provider {name!r}; there are {', '.join(app.providers)}.")
    try:
        return app.providers[name]()
    except Exception as problem:
        log.exception("the payment provider %s failed", name)
        raise BadRequest(f"The payment provider {name!r} does not start: {problem}.") from problem


def identity_of(config: Config) -> Identity | None:
    """The certificate to serve with; None: without TLS."""
    if config.tls == "auto":
        return own_identity(config.data / "tls")
    if config.tls_cert is not None and config.tls_key is not None:
        return Identity(config.tls_cert, config.tls_key)
    return None


def is_loopback(host: str) -> bool:
    """Whether only this machine can be at that address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def read_secret(data: Path) -> bytes:
    """This library's own secret, made at its first start: whole, or not at all."""
    path = data / "secret"
    if not path.exists():
        fresh = data / "secret.new"
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SECRET_SIZE))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return path.read_bytes()
