"""Room on the disk that uploads ask for before any row tells of it: who asks later counts what was asked earlier.

So uploads can be begun side by side, nothing is promised twice, and nobody waits for another's commit.
"""

from __future__ import annotations

import threading
from typing import NamedTuple


class Promise(NamedTuple):
    """An upload wants to come to `end`."""

    upload_id: str
    user_id: int
    end: int


class Promises:
    """What is asked for at this moment; services ask from the loop and from worker threads."""

    def __init__(self) -> None:
        self._asked: dict[str, Promise] = {}
        self._lock = threading.Lock()

    def ask(self, promise: Promise) -> tuple[Promise, ...]:
        """Stand in line until `settle`; answers those who did so before, without this upload itself."""
        with self._lock:
            self._asked.pop(promise.upload_id, None)
            earlier = tuple(self._asked.values())
            self._asked[promise.upload_id] = promise
            return earlier

    def settle(self, upload_id: str) -> None:
        """It was refused, or can be seen by all now; or nothing was asked for."""
        with self._lock:
            self._asked.pop(upload_id, None)
