"""A machine for tests of the scripts, where it depends on the test what is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).parent.parent.parent

TOOLS: Final = (
    "bash",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "dirname",
    "env",
    "find",
    "flock",
    "grep",
    "id",
    "mkdir",
    "rm",
    "sort",
    "touch",
)
"""What the scripts need beside Python: the PATH of these tests has nothing else."""

GOOD_PYTHON: Final = """#!/bin/bash
echo "$*" >>"$CALLS"
case "$*" in
    --version) echo "Python 3.12.1" ;;
    "-m venv .venv")
        mkdir -p .venv/bin
        touch .venv/pyvenv.cfg
        echo "VIRTUAL_ENV=$PWD/.venv" >.venv/bin/activate
        cp "$0" .venv/bin/python
        for tool in ruff mypy pytest; do
            echo 'echo "said by ${0##*/}"; [ "${0##*/}" != "${BROKEN:-}" ]' >.venv/bin/$tool
            chmod +x .venv/bin/$tool
        done
        ;;
    "-m pip install"*) echo "said by pip"; exit "${PIP_RESULT:-0}" ;;
esac
"""

OLD_PYTHON: Final = """#!/bin/bash
[ "$*" != --version ] || echo "Python 3.9.2"
[ "$*" = --version ]
"""

BARE_PYTHON: Final = """#!/bin/bash
case "$*" in *ensurepip*) exit 1 ;; esac
"""


class Machine:
    """A machine to start the scripts on: a checkout with just these, and a PATH with just what they need."""

    def __init__(self, root: Path) -> None:
        self.checkout = root / "checkout"
        self.programs = root / "bin"
        self.calls = root / "calls"
        for directory in ("scripts", ".ci", "benchmarks"):
            (self.checkout / directory).mkdir(parents=True)
        self.programs.mkdir()
        self.calls.touch()
        scripts = ("scripts/environment.sh", "scripts/quickstart", "scripts/test", ".ci/run", "benchmarks/run")
        for name in ("pyproject.toml", "setup.cfg", *scripts):
            shutil.copy(CHECKOUT / name, self.checkout / name)
        for tool in TOOLS:
            self.programs.joinpath(tool).symlink_to(shutil.which(tool) or pytest.skip(f"there is no {tool} here"))

    def give(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        program = self.programs / name
        program.write_text(text)
        program.chmod(0o755)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run bash with these arguments, in the checkout."""
        return subprocess.run(
            [self.programs / "bash", *command],
            cwd=self.checkout,
            env={"PATH": str(self.programs), "CALLS": str(self.calls), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def make(self, what: str = "youku", **variables: str) -> subprocess.CompletedProcess[str]:
        """Do what the scripts do first."""
        code = f'set -euo pipefail; root=$PWD; . scripts/environment.sh; make_environment "{what}"'
        return self.run("-c", code, "quickstart", **variables)

    def deeds(self) -> list[str]:
        """What Python was asked to do since the last look: `venv` and `pip`."""
        lines = self.calls.read_text().splitlines()
        self.calls.write_text("")
        return [line.split()[1] for line in lines if line.startswith(("-m venv", "-m pip install"))]
