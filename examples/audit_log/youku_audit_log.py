"""A plugin for Youku: an audit log, one line of JSON for everything that changes something, appended to a file.

    YOUKU_AUDIT_LOG=/var/log/youku-audit.log youku-server run

Without the variable it does nothing. The file is opened for appending for each line, so that it may be rotated at any
time, and lines of several processes do not mix; a worker thread does that, and the server does not wait for the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from youku_evloop.plugins import PluginApp

VARIABLE: Final = "YOUKU_AUDIT_LOG"
LOGGED: Final = (
    "user_registered",
    "user_logged_in",
    "movie_published",
    "movie_deleted",
    "download_finished",
    "purchase_made",
    "notice_published",
    "server_started",
    "server_stopping",
)


class AuditLog:
    """Writes what it is told to the end of a file. `spawn` and `in_thread` are the server's."""

    def __init__(self, path: Path, app: PluginApp) -> None:
        self._path = path
        self._app = app

    def receive(self, signal: str, **facts: Any) -> None:
        """A receiver of signals."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": signal, **facts}
        text = json.dumps(line, ensure_ascii=False, default=str) + "\n"
        if signal in ("server_started", "server_stopping"):  # there is no task to wait in
            self._append(text)
        else:
            self._app.spawn(self._app.in_thread, self._append, text)

    def _append(self, text: str) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "ab", buffering=0) as file:
            file.write(text.encode())


def install(app: PluginApp, environment: Callable[[str], str | None] = os.environ.get) -> None:
    """The entry point."""
    path = environment(VARIABLE)
    if path:
        log = AuditLog(Path(path), app)
        for name in LOGGED:
            getattr(app.signals, name).connect(log.receive, weak=False)
