"""Every benchmark can be run: little of everything, once. No figure is looked at; what is drawn and written down is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from benchmarks import plots
from benchmarks.__main__ import ROWS, measurement
from benchmarks.harness import Bench
from benchmarks.page import renewed
from benchmarks.tables import DOCUMENT, Axes, Goal, Table, as_text, remember
from tests.support.mariadb import MariaDB
from tests.support.server import CHECKOUT
from youku_evloop.errors import ExitCode

DOCS: Final = CHECKOUT / "docs"
NEEDED: Final = {
    "browse": ("aiohttp", "aiomysql"),
    "orm": ("peewee", "sqlalchemy"),
    "orm_loop": ("aiomysql", "peewee", "sqlalchemy"),
}
"""Peers without which a row is nothing; the others leave out what is not there. All come with the extra `bench`."""


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Benchmarks are programs of their own, and may tell their children what they like."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def can_run(row: str) -> bool:
    return all(find_spec(peer) for peer in NEEDED.get(row, ()))


@pytest.mark.parametrize("row", [row for row in ROWS if can_run(row)])
def test_a_row_measures_youku_and_says_so(row: str, mariadb: MariaDB, tmp_path: Path) -> None:
    with Bench(rounds=1, quick=True, mariadb=mariadb) as bench:
        tables = list(measurement(row)(bench))
    assert all(figure >= 0 for table in tables for figures in table.rows.values() for figure in figures)
    assert all(as_text(table).count("\n") >= len(table.rows) for table in tables)
    pictures = plots.draw(tmp_path, tables)
    assert pictures
    for picture in pictures:
        ElementTree.parse(picture)


CURVE = Table("pings", ("youku", "bare loop"), {"1": (2.0, 1.0), "10": (3.0, 1.5)}, axes=Axes((1, 10), "clients", "µs"))
BARS = Table("one download", ("CPU s", "x"), {"youku": (1.1, 1.1), "bare loop": (1.0, 1.0)}, bars="x")


def test_a_goal_that_is_missed_is_shown_as_missed() -> None:
    assert Goal.at_most(1.15, 1.2, "x").met is False
    assert "goal: at least 3 x: met" in as_text(Table("t", ("x",), {"youku": (3.5,)}, Goal.at_least(3, 3.5, "x")))


def test_curves_and_bars_are_drawn_with_every_name(tmp_path: Path) -> None:
    plots.draw(tmp_path, [CURVE, BARS])
    for name in ("pings", "one-download"):
        words = "".join(ElementTree.parse(tmp_path / f"{name}.svg").getroot().itertext())
        assert "youku" in words and "bare loop" in words


def test_a_row_that_is_measured_again_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    remember(tmp_path, "ping", [CURVE])
    remember(tmp_path, "transfer", [BARS])
    remember(tmp_path, "ping", [BARS])
    document = json.loads((tmp_path / "figures.json").read_text())
    assert [document[row]["tables"][0]["title"] for row in ("ping", "transfer")] == ["one download", "one download"]
    assert document["ping"]["machine"]["cores"] == os.cpu_count()


def test_the_page_has_the_figures_that_were_measured_last() -> None:
    page = (DOCS / "performance.md").read_text()
    assert renewed(page, json.loads((DOCS / "plots" / DOCUMENT).read_text())) == page


def test_figures_are_put_between_their_marks(tmp_path: Path) -> None:
    goal = Goal.at_most(1.15, 1.2, "x")
    remember(tmp_path, "transfer", [replace(BARS, goal=goal)])
    page = "Before\n<!-- goals -->\nold\n<!-- end -->\n<!-- x: transfer -->\n<!-- end -->\nAfter\n"
    written = renewed(page, json.loads((tmp_path / DOCUMENT).read_text()))
    assert "| one download | at most 1.15 x | 1.20 | **missed** |" in written
    assert "| one download | 1.10 | 1 |" in written
    assert "old" not in written and written.startswith("Before\n") and written.endswith("After\n")


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        (("nap",), "there is no 'nap'"),
        (("--rounds", "0"), "one is the least"),
        (("--rounds", "few"), "no number of rounds"),
        (("--out", "/dev/null/x"), "cannot be made"),
    ],
)
def test_a_mistake_is_said_before_anything_is_measured(words: tuple[str, ...], mistake: str) -> None:
    said = subprocess.run([sys.executable, "-m", "benchmarks", *words], capture_output=True, text=True, cwd=CHECKOUT)
    assert said.returncode == ExitCode.USAGE
    assert mistake in said.stderr and "Traceback" not in said.stderr


@pytest.mark.parametrize("row", ROWS)
def test_a_row_s_file_can_be_run_by_itself(row: str) -> None:
    assert "run_alone(__file__)" in (CHECKOUT / "benchmarks" / f"{row}.py").read_text()
