"""Who is logged in where: one small file of session tokens, so that a login lasts longer than a command.

`$XDG_STATE_HOME/youku/sessions.json` (by default under `~/.local/state`), readable by its owner alone, one entry per
server address. It is replaced as a whole, under a lock, so that two commands at once lose nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from youku_evloop.errors import BadRequest, Forbidden

FILE_NAME: Final = "sessions.json"
VERSION: Final = 1


def state_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Where programs keep what they remember (XDG base directories; a relative path there is ignored)."""
    base = environment.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        return Path.home() / ".local" / "state" / "youku"
    return Path(base) / "youku"


class SessionFile:
    """The tokens of this person, by server."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or state_directory()
        self.path = self._directory / FILE_NAME

    def find(self, server: str) -> dict[str, Any] | None:
        """`name`, `token` and `expire_time` at `server`, or None."""
        entry = self._load().get(server)
        return entry if isinstance(entry, dict) and isinstance(entry.get("token"), str) else None

    def put(self, server: str, *, name: str, token: str, expire_time: str) -> None:
        """Remember a login."""
        with self._locked() as sessions:
            sessions[server] = {"name": name, "token": token, "expire_time": expire_time}

    def remove(self, server: str) -> bool:
        """Forget a login; whether there was one."""
        with self._locked() as sessions:
            return sessions.pop(server, None) is not None

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_bytes())
            sessions = document["sessions"]
            if not isinstance(sessions, dict):
                raise TypeError("no object")
            return sessions
        except FileNotFoundError:
            return {}
        except PermissionError:
            raise Forbidden(f"You may not read {self.path}: mend its owner and permissions.") from None
        except (ValueError, TypeError, KeyError):
            raise BadRequest(f"{self.path} is damaged: remove it and log in again.") from None

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        """The entries, to be changed inside the block and written at its end."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as problem:
            raise Forbidden(f"{self._directory} cannot be used to remember logins: {problem.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sessions = self._load()
            yield sessions
            self._store(sessions)
        finally:
            os.close(lock)

    def _store(self, sessions: dict[str, Any]) -> None:
        fresh = self.path.with_suffix(".new")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w") as file:
                json.dump({"version": VERSION, "sessions": sessions}, file, indent=2)
                file.write("\n")
            fresh.replace(self.path)
        except OSError as problem:
            raise Forbidden(f"{self.path} cannot be written: {problem.strerror}.") from None
