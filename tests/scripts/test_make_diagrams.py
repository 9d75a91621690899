"""docs/states.md is what the transition tables are."""

from __future__ import annotations

import re

from scripts.make_diagrams import MACHINES, PAGE, page


def test_the_page_of_the_state_machines_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run scripts/make-diagrams"


def test_every_table_of_the_house_is_drawn() -> None:
    root = PAGE.parent.parent
    tables = {
        str(file.relative_to(root))
        for file in (root / "youku_evloop").rglob("*.py")
        if re.search(r"^[A-Z_]*TRANSITIONS: Final", file.read_text(), re.MULTILINE)
    }
    assert {machine.module for machine in MACHINES} == tables


def test_every_row_is_an_arrow() -> None:
    sections = page().split("## ")[1:]
    for machine, section in zip(MACHINES, sections, strict=True):
        for (state, event), follower in machine.table.items():
            assert re.search(rf"{state.name} --> {follower.name}: .*{re.escape(event.value)}", section)
