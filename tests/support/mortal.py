"""A real server that kills itself: `python -m tests.support.mortal HOST:PORT STEP`.

It counts the operations on the disk from the first sync on (with a small upload that is the first step of publishing)
and does not live to see the one of that number, from 0. Data directory and database come from the environment.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from youku_evloop.cli.serving import announce, parse_address
from youku_evloop.config import Config
from youku_evloop.process import Inheritance
from youku_evloop.server import Server
from youku_evloop.storage.files import Files


class MortalFiles(Files):
    """The real disk, up to an operation."""

    def __init__(self, step: int) -> None:
        self._left = step
        self._has_begun = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found
        return lambda *args: self._count(name, found, args)

    def _count(self, name: str, operation: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        self._has_begun |= name == "sync"
        if self._has_begun:
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1
        return operation(*args)


def main(address: str, step: str) -> None:
    """Serve until death."""
    host, port = parse_address(address)
    data = Path(os.environ["YOUKU_DATA"])
    config = Config(data=data, host=host, port=port, database=os.environ.get("YOUKU_DATABASE", ""))
    inheritance = Inheritance()
    with closing(inheritance.take_lock(data)) as lock:
        Server(config, inheritance, lock, MortalFiles(int(step))).run(announce)


if __name__ == "__main__":
    main(*sys.argv[1:])
