"""A real server on an odd disk: `python -m tests.support.odd_server HOST:PORT '{"die_at": 3}'`.

`keeping`: fields of `config.Keeping`.
`die_at`: it kills itself before an operation on the disk, that of this number (from 0), counted from the first sync on;
with a small upload that is the first step of publishing. An operation does not begin while the data directory has a
file `hold-<operation>`; one that is held makes a file `held-<operation>` there. Data directory and database come from
the environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from youku_evloop.cli.serving import announce, parse_address
from youku_evloop.config import Config, Keeping
from youku_evloop.process import Inheritance
from youku_evloop.server import Server
from youku_evloop.storage.files import Files

POLL: Final = 0.005


class OddFiles(Files):
    """The real disk, but."""

    def __init__(self, data: Path, die_at: int | None) -> None:
        self._data = data
        self._left = die_at
        self._has_begun = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found
        return lambda *args: self._carry_out(name, found, args)

    def _carry_out(self, name: str, operation: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        self._die_in_time(name)
        if (hold := self._data / f"hold-{name}").exists():
            (self._data / f"held-{name}").touch()
            while hold.exists():
                time.sleep(POLL)
        return operation(*args)

    def _die_in_time(self, name: str) -> None:
        self._has_begun |= name == "sync"
        if self._left is not None and self._has_begun:
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1


def main(address: str, oddities: str) -> None:
    """Serve until SIGTERM, or death."""
    odd = json.loads(oddities)
    host, port = parse_address(address)
    data = Path(os.environ["YOUKU_DATA"])
    config = Config(
        data=data,
        host=host,
        port=port,
        database=os.environ.get("YOUKU_DATABASE", ""),
        keeping=Keeping(**odd.get("keeping", {})),
    )
    inheritance = Inheritance()
    with closing(inheritance.take_lock(data)) as lock:
        Server(config, inheritance, lock, files=OddFiles(data, odd.get("die_at"))).run(announce)


if __name__ == "__main__":
    main(*sys.argv[1:])
