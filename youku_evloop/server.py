"""The composition root: everything is made here, once, and handed to what needs it."""

from __future__ import annotations

import fcntl
import logging
import os
import resource
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from youku_evloop import orm
from youku_evloop.commands import COMMANDS
from youku_evloop.config import Config
from youku_evloop.errors import Conflict
from youku_evloop.kernel import Loop, LoopRuntime
from youku_evloop.kernel.locks import KeyedLocks
from youku_evloop.models import MODELS
from youku_evloop.services import uploads
from youku_evloop.services.library import Library
from youku_evloop.session import Session
from youku_evloop.storage.files import Files
from youku_evloop.storage.store import Store
from youku_evloop.transport.connection import Connection
from youku_evloop.transport.listener import Listener, Transport, listen
from youku_evloop.wire.messages import RequestParser

log = logging.getLogger(__name__)

SECRET_SIZE: Final = 32
SWEEP_EVERY: Final = 3600.0
DRAIN_CHECK: Final = 0.05
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Server:
    """One running server; `run` returns when it has been told to stop and has stopped."""

    def __init__(self, config: Config) -> None:
        self._config = config
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
        self._listener: Listener | None = None
        self._stop_by = float("inf")

    def run(self, ready: Callable[[str, int], object]) -> None:
        """Serve until SIGTERM or SIGINT; `ready(host, port)` is called when clients can connect.

        Raises `OSError` when the address cannot be had, `orm.OrmError` when the database cannot.
        """
        with ExitStack() as stack:
            stack.callback(self._loop.close)
            stack.enter_context(self._database.use())
            stack.callback(self._close_uploads)
            sock = listen(self._config.host, self._config.port)
            stack.callback(sock.close)
            self._loop.run_task(self._prepare)
            self._listener = Listener(self._transport, sock, self._converse)
            for signum in (signal.SIGTERM, signal.SIGINT):
                self._loop.on_signal(signum, self._stop)
            self._loop.call_later(SWEEP_EVERY, self._sweep_later)
            ready(*self._listener.address)
            self._loop.run()
            self._loop.run_task(self._database.close)

    def _prepare(self) -> None:
        self._loop.in_thread(self._library.store.prepare)
        orm.create_all(self._database, MODELS)
        uploads.sweep(self._library)

    def _converse(self, connection: Connection) -> Session:
        return Session(self._library, connection, self._config.limits.pipeline)

    def _sweep_later(self) -> None:
        self._loop.spawn(uploads.sweep, self._library)
        self._loop.call_later(SWEEP_EVERY, self._sweep_later)

    # -- stopping

    def _stop(self) -> None:
        """Once: let everybody finish. Twice: now."""
        assert self._listener is not None
        if self._stop_by < float("inf"):
            self._stop_by = 0.0
            return
        log.info("stopping; %d connections are open", len(self._transport.connections))
        self._stop_by = time.monotonic() + self._config.limits.drain
        self._listener.close()
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


def lock_data_directory(data: Path) -> int:
    """Make the directory, and its lock ours for as long as the descriptor lives; raises `Conflict`."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Conflict(f"Another youku-server works in {data}: stop it, or give this one --data of its own.") from None
    return fd


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


def raise_descriptor_limit() -> int:
    """Allow this process as many descriptors as it may have; answers how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
