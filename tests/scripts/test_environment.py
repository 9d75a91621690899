"""The virtual environment that the scripts share: made, reused, mended. A stand-in for Python writes down its calls."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).parent.parent.parent

TOOLS: Final = ("bash", "cat", "cksum", "cp", "find", "flock", "grep", "mkdir", "rm", "touch")
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


class House:
    """A checkout with nothing but what the environment needs, and a PATH of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root / "checkout"
        self.programs = root / "bin"
        self.calls = root / "calls"
        self.root.mkdir(parents=True)
        self.programs.mkdir()
        self.calls.touch()
        for name in ("pyproject.toml", "setup.cfg"):
            shutil.copy(CHECKOUT / name, self.root)
        for tool in TOOLS:
            self.programs.joinpath(tool).symlink_to(shutil.which(tool) or pytest.skip(f"there is no {tool} here"))

    def give_python(self, text: str, name: str = "python3") -> None:
        """Put a Python on the PATH."""
        program = self.programs / name
        program.write_text(text)
        program.chmod(0o755)

    def make(self, what: str = "youku", **variables: str) -> subprocess.CompletedProcess[str]:
        """Do what the scripts do first."""
        code = f'set -euo pipefail; root=$PWD; . "{CHECKOUT}/scripts/environment.sh"; make_environment "{what}"'
        return subprocess.run(
            [self.programs / "bash", "-c", code, "quickstart"],
            cwd=self.root,
            env={"PATH": str(self.programs), "CALLS": str(self.calls), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def deeds(self) -> list[str]:
        """What Python was asked to do since the last look: `venv` and `pip`."""
        lines = self.calls.read_text().splitlines()
        self.calls.write_text("")
        return [line.split()[1] for line in lines if line.startswith(("-m venv", "-m pip install"))]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A checkout on a machine with a good Python."""
    house = House(tmp_path)
    house.give_python(GOOD_PYTHON)
    return house


def test_without_python_the_message_says_what_to_install(tmp_path: Path) -> None:
    done = House(tmp_path).make()
    assert done.returncode == 1
    assert "3.11 or newer" in done.stderr and "no python3" in done.stderr and "apt-get install python3" in done.stderr


def test_a_python_that_is_too_old_is_named(house: House) -> None:
    house.give_python(OLD_PYTHON)
    done = house.make()
    assert done.returncode == 1
    assert "Python 3.9.2" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(house: House) -> None:
    house.give_python(OLD_PYTHON)
    house.give_python(GOOD_PYTHON, "python3.12")
    assert house.make().returncode == 0


def test_a_python_without_venv_is_told_apart_and_the_package_named(house: House) -> None:
    house.give_python(BARE_PYTHON)
    done = house.make()
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
    assert not (house.root / ".venv").exists()


def test_a_first_start_makes_the_environment_and_installs(house: House) -> None:
    done = house.make()
    assert done.returncode == 0
    assert house.deeds() == ["venv", "pip"]
    assert "said by pip" not in done.stdout + done.stderr, "what pip says matters only when it fails"


def test_a_second_start_reuses_it(house: House) -> None:
    house.make()
    house.deeds()
    assert house.make().stdout == ""
    assert house.deeds() == []


def test_the_tests_ask_for_more_than_the_tour(house: House) -> None:
    house.make("youku")
    house.deeds()
    house.make("youku[test]")
    assert house.deeds() == ["pip"]


def test_changed_dependencies_are_installed_into_what_is_there(house: House) -> None:
    house.make()
    house.deeds()
    (house.root / "setup.cfg").write_text("[metadata]\nname = youku\n")
    house.make()
    assert house.deeds() == ["pip"]


def test_an_installation_that_failed_shows_why_and_is_tried_again(house: House) -> None:
    failed = house.make(PIP_RESULT="1")
    assert failed.returncode == 1
    assert "said by pip" in failed.stderr and "installation failed" in failed.stderr
    house.deeds()
    assert house.make().returncode == 0
    assert house.deeds() == ["pip"]


@pytest.mark.parametrize("missing", ["bin/python", "bin/activate", "bin"])
def test_a_broken_environment_is_made_anew(house: House, missing: str) -> None:
    house.make()
    house.deeds()
    gone = house.root / ".venv" / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    done = house.make()
    assert done.returncode == 0
    assert "anew" in done.stdout
    assert house.deeds() == ["venv", "pip"]


def test_an_environment_that_was_hardly_begun_is_made_anew(house: House) -> None:
    (house.root / ".venv" / "lib").mkdir(parents=True)
    assert house.make().returncode == 0
    assert house.deeds() == ["venv", "pip"]


def test_a_checkout_that_has_moved_gets_a_new_environment(house: House) -> None:
    house.make()
    house.deeds()
    house.root = house.root.rename(house.root.with_name("moved"))
    assert house.make().returncode == 0
    assert house.deeds() == ["venv", "pip"]


def test_an_environment_that_is_active_does_not_make_itself(house: House) -> None:
    house.make()
    environment = house.root / ".venv"
    shutil.copy(environment / "bin" / "python", environment / "bin" / "python3")
    (environment / "bin" / "python").unlink()
    assert house.make(PATH=f"{environment}/bin:{house.programs}").returncode == 0


def test_something_else_that_is_called_so_is_left_alone(house: House) -> None:
    notes = house.root / ".venv" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    done = house.make()
    assert done.returncode == 1
    assert "in the way" in done.stderr
    assert notes.read_text() == "mine"
