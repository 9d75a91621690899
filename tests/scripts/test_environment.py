"""The virtual environment that the scripts share: made, reused, mended. A stand-in for Python writes down its calls."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scripts.machine import BARE_PYTHON, GOOD_PYTHON, OLD_PYTHON, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with a good Python."""
    machine = Machine(tmp_path)
    machine.give("python3", GOOD_PYTHON)
    return machine


def test_without_python_the_message_says_what_to_install(tmp_path: Path) -> None:
    done = Machine(tmp_path).make()
    assert done.returncode == 1
    assert "3.11 or newer" in done.stderr and "no python3" in done.stderr and "apt-get install python3" in done.stderr


def test_a_python_that_is_too_old_is_named(machine: Machine) -> None:
    machine.give("python3", OLD_PYTHON)
    done = machine.make()
    assert done.returncode == 1
    assert "Python 3.9.2" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.give("python3", OLD_PYTHON)
    machine.give("python3.12", GOOD_PYTHON)
    assert machine.make().returncode == 0


def test_a_python_without_venv_is_told_apart_and_the_package_named(machine: Machine) -> None:
    machine.give("python3", BARE_PYTHON)
    done = machine.make()
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
    assert not (machine.checkout / ".venv").exists()


def test_a_first_start_makes_the_environment_and_installs(machine: Machine) -> None:
    done = machine.make()
    assert done.returncode == 0
    assert machine.deeds() == ["venv", "pip"]
    assert "said by pip" not in done.stdout + done.stderr, "what pip says matters only when it fails"


def test_a_second_start_reuses_it(machine: Machine) -> None:
    machine.make()
    machine.deeds()
    assert machine.make().stdout == ""
    assert machine.deeds() == []


def test_the_tests_ask_for_more_than_the_tour(machine: Machine) -> None:
    machine.make("youku")
    machine.deeds()
    machine.make("youku[test]")
    assert machine.deeds() == ["pip"]


def test_changed_dependencies_are_installed_into_what_is_there(machine: Machine) -> None:
    machine.make()
    machine.deeds()
    (machine.checkout / "setup.cfg").write_text("[metadata]\nname = youku\n")
    machine.make()
    assert machine.deeds() == ["pip"]


def test_an_installation_that_failed_shows_why_and_is_tried_again(machine: Machine) -> None:
    failed = machine.make(PIP_RESULT="1")
    assert failed.returncode == 1
    assert "said by pip" in failed.stderr and "installation failed" in failed.stderr
    machine.deeds()
    assert machine.make().returncode == 0
    assert machine.deeds() == ["pip"]


@pytest.mark.parametrize("missing", ["bin/python", "bin/activate", "bin"])
def test_a_broken_environment_is_made_anew(machine: Machine, missing: str) -> None:
    machine.make()
    machine.deeds()
    gone = machine.checkout / ".venv" / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    done = machine.make()
    assert done.returncode == 0
    assert "anew" in done.stdout
    assert machine.deeds() == ["venv", "pip"]


def test_an_environment_that_was_hardly_begun_is_made_anew(machine: Machine) -> None:
    (machine.checkout / ".venv" / "lib").mkdir(parents=True)
    assert machine.make().returncode == 0
    assert machine.deeds() == ["venv", "pip"]


def test_a_checkout_that_has_moved_gets_a_new_environment(machine: Machine) -> None:
    machine.make()
    machine.deeds()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("moved"))
    assert machine.make().returncode == 0
    assert machine.deeds() == ["venv", "pip"]


def test_an_environment_that_is_active_does_not_make_itself(machine: Machine) -> None:
    machine.make()
    environment = machine.checkout / ".venv"
    shutil.copy(environment / "bin" / "python", environment / "bin" / "python3")
    (environment / "bin" / "python").unlink()
    assert machine.make(PATH=f"{environment}/bin:{machine.programs}").returncode == 0


def test_something_else_that_is_called_so_is_left_alone(machine: Machine) -> None:
    notes = machine.checkout / ".venv" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    done = machine.make()
    assert done.returncode == 1
    assert "in the way" in done.stderr
    assert notes.read_text() == "mine"
