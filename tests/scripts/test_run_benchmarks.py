"""What `benchmarks/run` sees to before it measures, and what it says where it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.scripts.machine import GOOD_PYTHON, Machine

ELSEWHERE: Final = ("nginx", "vsftpd", "mariadbd")
MISSING: Final = "mariadb-install-db"
"""What can be missing in these tests: the scripts look for the others in /usr/sbin too, where a real one may be."""
APT: Final = """#!/bin/bash
echo "apt $*" >>"$CALLS"
[ "$1" != install ] || cp "$0" "${0%/*}/mariadb-install-db"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with a good Python, an apt that can install vsftpd, and a caller who is root."""
    machine = Machine(tmp_path)
    machine.give("python3", GOOD_PYTHON)
    machine.give("apt-get", APT)
    (machine.programs / "id").unlink()
    machine.give("id", "#!/bin/bash\necho 0\n")
    return machine


def give(machine: Machine, *programs: str) -> None:
    """Something by these names."""
    for program in programs:
        machine.give(program, "#!/bin/bash\n")


def test_rows_and_options_reach_the_benchmarks_and_nothing_is_installed_twice(machine: Machine) -> None:
    give(machine, *ELSEWHERE, MISSING)
    done = machine.run("benchmarks/run", "ping", "--quick")
    assert done.returncode == 0, done.stderr
    calls = machine.calls.read_text().splitlines()
    assert calls[-1] == "-m benchmarks ping --quick"
    assert any(call.endswith(".[bench]") for call in calls)
    assert not any(call.startswith("apt") for call in calls)


def test_peers_that_are_missing_are_installed(machine: Machine) -> None:
    give(machine, *ELSEWHERE)
    done = machine.run("benchmarks/run")
    assert done.returncode == 0 and done.stderr == ""
    asked = [call for call in machine.calls.read_text().splitlines() if call.startswith("apt install")]
    assert [call.split()[-1] for call in asked] == ["mariadb-server-core"]


def test_peers_that_cannot_be_had_are_named_and_the_rest_is_measured(machine: Machine) -> None:
    give(machine, *ELSEWHERE)
    machine.give("apt-get", "#!/bin/bash\nexit 1\n")
    done = machine.run("benchmarks/run", "ping")
    assert done.returncode == 0
    assert "Not to be had here: mariadb-server-core" in done.stderr
    assert machine.calls.read_text().splitlines()[-1] == "-m benchmarks ping"


def test_asking_for_help_installs_nothing_for_the_whole_machine(machine: Machine) -> None:
    assert machine.run("benchmarks/run", "--help").returncode == 0
    assert "apt" not in machine.calls.read_text()
