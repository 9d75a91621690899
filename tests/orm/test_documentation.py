"""The page about the ORM: its examples run, in order, on both databases; and it leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from youku_evloop import orm
from youku_evloop.orm import errors

PAGE = (Path(__file__).parents[2] / "docs" / "orm.md").read_text(encoding="utf-8")
URL = "sqlite:///library.db"


def test_the_examples_run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert URL in examples[1]
    try:
        for example in examples:
            line = PAGE[: PAGE.index(example)].count("\n")
            exec(compile("\n" * line + example.replace(URL, database_url), "docs/orm.md", "exec"), names)
    finally:
        names["database"].close()


# For annotations; what they are for is said in words.
TYPES = {"Condition", "Expression", "PoolStats", "Query", "Result", "Socket", "Transaction", "Waiter"}


@pytest.mark.parametrize("name", sorted(set(orm.__all__) - TYPES))
def test_what_can_be_imported_is_on_the_page(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE)


def test_every_error_is_on_the_page() -> None:
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.OrmError):
            assert f"`{name}`" in PAGE or f"`{name}`s" in PAGE, name
