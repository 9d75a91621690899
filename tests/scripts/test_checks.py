"""What `scripts/test` runs, in which order, and what it says where it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.scripts.machine import GOOD_PYTHON, Machine

APT: Final = """#!/bin/bash
echo "apt $*" >>"$CALLS"
"""

INSTALLING_APT: Final = (
    APT
    + """
[ "$1" != install ] || for program in mariadbd mariadb-install-db; do cp "$0" "${0%/*}/$program"; done
"""
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with a good Python, and on which everybody is root."""
    machine = Machine(tmp_path)
    machine.give("python3", GOOD_PYTHON)
    (machine.programs / "id").unlink()
    machine.give("id", "#!/bin/bash\necho 0\n")
    return machine


def give_mariadb(machine: Machine) -> None:
    """Something by the names that are looked for, and jq."""
    for program in ("mariadbd", "mariadb-install-db", "jq"):
        machine.give(program, "#!/bin/bash\n")


def test_style_types_and_tests_are_checked_and_the_tests_come_last(machine: Machine) -> None:
    give_mariadb(machine)
    done = machine.run("scripts/test")
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if not line.startswith("$ .venv") and "venv" not in line]
    assert shown == [
        "$ ruff check .",
        "said by ruff",
        "$ ruff format --check .",
        "said by ruff",
        "$ mypy --strict",
        "said by mypy",
        "$ pytest",
        "said by pytest",
    ]


def test_arguments_go_to_pytest(machine: Machine) -> None:
    give_mariadb(machine)
    assert "$ pytest -k floors -x" in machine.run("scripts/test", "-k", "floors", "-x").stdout


def test_continuous_integration_runs_the_same(machine: Machine) -> None:
    give_mariadb(machine)
    done = machine.run(".ci/run", "-k", "floors")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["$ pytest -k floors", "said by pytest"]


@pytest.mark.parametrize("broken", ["ruff", "mypy", "pytest"])
def test_a_check_that_fails_fails_the_whole(machine: Machine, broken: str) -> None:
    give_mariadb(machine)
    done = machine.run("scripts/test", BROKEN=broken)
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1] == f"said by {broken}"


def test_mariadb_that_is_there_is_not_installed(machine: Machine) -> None:
    give_mariadb(machine)
    machine.give("apt-get", APT)
    assert machine.run("scripts/test").returncode == 0
    assert "apt" not in machine.calls.read_text()


def test_mariadb_that_is_missing_is_installed_without_its_service(machine: Machine) -> None:
    machine.give("apt-get", INSTALLING_APT)
    done = machine.run("scripts/test")
    assert done.returncode == 0, done.stderr
    asked = [line for line in machine.calls.read_text().splitlines() if line.startswith("apt")]
    assert asked[0] == "apt update"
    assert asked[1].split()[-2:] == ["mariadb-server-core", "mariadb-client-core"]


def test_jq_is_installed_where_it_can_be_and_missed_by_nobody_else(machine: Machine) -> None:
    give_mariadb(machine)
    (machine.programs / "jq").unlink()
    done = machine.run("scripts/test")
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stdout
    machine.give("apt-get", APT)
    assert machine.run("scripts/test").returncode == 0
    assert "install --yes --no-install-recommends jq" in machine.calls.read_text()


def test_where_it_cannot_be_installed_the_package_is_named(machine: Machine) -> None:
    done = machine.run("scripts/test")
    assert done.returncode == 1
    assert "Install the package mariadb-server" in done.stderr


def test_whoever_may_not_install_is_told_the_package(machine: Machine) -> None:
    machine.give("apt-get", INSTALLING_APT)
    machine.give("id", "#!/bin/bash\necho 1000\n")
    machine.give("sudo", "#!/bin/bash\nexit 1\n")
    done = machine.run("scripts/test")
    assert done.returncode == 1
    assert "Install the package mariadb-server" in done.stderr
    assert "apt" not in machine.calls.read_text()
