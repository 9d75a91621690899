"""Who is logged in where: one small file of session tokens, so that a login lasts longer than a command.

`sessions.json` in the state directory (`state.py`), one entry per server address.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from client_cli.state import locked, read_small, replace, state_directory
from youku_evloop.errors import BadRequest, Forbidden

FILE_NAME: Final = "sessions.json"
ROUNDS_FILE: Final = "rounds.json"
VERSION: Final = 1


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

    def note_rounds(self, server: str, name: str, rounds: int) -> int | None:
        """Remember how many rounds a server asks for of an account; how many it asked for before, if it was more.

        The highest number stays: a server that asks for less may be another one, after a proof that is cheap to guess.
        """
        with locked(self._directory, "logins"):
            known = self._load_rounds()
            account = f"{server} {name.casefold()}"  # or another spelling of the name would know of nothing
            before = known.get(account, 0)
            if rounds > before:
                known[account] = rounds
                replace(self._directory / ROUNDS_FILE, json.dumps(known, indent=2) + "\n")
        return before if before > rounds else None

    def _load_rounds(self) -> dict[str, int]:
        try:
            known = json.loads(read_small(self._directory / ROUNDS_FILE))
        except (OSError, ValueError):
            return {}
        return {str(key): value for key, value in known.items() if type(value) is int} if type(known) is dict else {}

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(read_small(self.path))
            sessions = document["sessions"]
            if not isinstance(sessions, dict):
                raise TypeError("no object")
            return sessions
        except FileNotFoundError:
            return {}
        except PermissionError:
            raise Forbidden(f"You may not read {self.path}: mend its owner and permissions.") from None
        except OSError as problem:
            raise BadRequest(f"{self.path} cannot be read: {problem.strerror}. Remove it and log in again.") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise BadRequest(f"{self.path} is damaged: remove it and log in again.") from None

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        """The entries, to be changed inside the block and written at its end."""
        with locked(self._directory, "logins"):
            sessions = self._load()
            yield sessions
            replace(self.path, json.dumps({"version": VERSION, "sessions": sessions}, indent=2) + "\n")
