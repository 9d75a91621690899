"""The command starts quickly: what it imports before it says anything. How long that takes is for benchmarks/start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.client.command import environment_of
from tests.client.peer import Peer
from tests.support.server import CHECKOUT, LIMIT, plain_environment
from youku_evloop.errors import ExitCode

HEAVY: Final = {"asyncio", "cryptography", "greenlet", "multiprocessing", "pymysql", "rich", "scramp", "ssl"}
OF_THE_SERVER: Final = {
    "cli",
    "commands",
    "kernel",
    "models",
    "orm",
    "server",
    "services",
    "session",
    "storage",
    "transport",
}
PROGRAM: Final = """
import json, sys
from client_cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["upload", "--help"], ["whoami", "--json"]], ids=" ".join)
def test_nothing_heavy_and_nothing_of_the_server_is_imported(peer: Peer, tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment_of(tmp_path, peer), capture_output=True, text=True, timeout=LIMIT, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    assert not {name.split(".")[0] for name in modules} & HEAVY
    assert not {name.split(".")[1] for name in modules if name.startswith("youku_evloop.")} & OF_THE_SERVER


@pytest.mark.parametrize(("program", "door"), [("youku", "client_cli.__main__"), ("youku-server", "youku_evloop.door")])
def test_an_interrupt_while_it_starts_is_no_traceback(tmp_path: Path, program: str, door: str) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")  # as if it came while this is imported
    environment = plain_environment(tmp_path, PYTHONPATH=f"{tmp_path}:{CHECKOUT}")
    command = [sys.executable, "-c", f"from {door} import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", f"{program}: Stopped.\n")
