"""The `youku` command in this very process, and on a terminal of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from client_cli.main import run
from tests.client.peer import Peer
from tests.client.talk import TOKEN
from tests.support.server import CHECKOUT, LIMIT, plain_environment

YOUKU = (sys.executable, "-m", "client_cli")


@dataclass(frozen=True)
class Said:
    """What one run printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


class Command:
    """`command("list", "--json")` as somebody who is logged in at the peer."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Said:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Said(int(code), captured.out, captured.err)


@dataclass(frozen=True)
class Screen:
    """What a terminal showed, both streams in one, and how the command ended."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        """Without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.text).splitlines()


def on_a_terminal(
    *arguments: str | Path,
    environment: Mapping[str, str],
    directory: Path,
    typed: Sequence[tuple[str, str]] = (),
    columns: int = 80,
) -> Screen:
    """Run `youku` on a terminal of its own; `typed` are the answers to what it asks."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*YOUKU, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=directory,
        start_new_session=True,
        env={"TERM": "xterm-256color", **environment, "COLUMNS": str(columns), "LINES": "24"},
    ) as process:
        os.close(theirs)
        try:
            shown = _converse(ours, list(typed))
        finally:
            os.close(ours)
            process.kill()
    return Screen(process.returncode, shown.replace("\r\n", "\n"))


def _converse(terminal: int, answers: list[tuple[str, str]]) -> str:
    """All that was shown, until nobody has the other side open any more."""
    shown, seen = "", 0
    while select.select([terminal], [], [], LIMIT)[0]:
        try:
            shown += os.read(terminal, 65_536).decode(errors="replace")
        except OSError:  # how Linux says that
            break
        if answers and answers[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
    assert not answers, f"{answers[0]!r} was never asked for:\n{shown}"
    return shown


def environment_of(home: Path, peer: Peer, *, logged_in: bool = True) -> dict[str, str]:
    """What a process of `youku` needs to talk to the peer."""
    token = {"YOUKU_TOKEN": TOKEN} if logged_in else {}
    return plain_environment(home, YOUKU_SERVER=peer.address, PYTHONPATH=str(CHECKOUT), **token)
