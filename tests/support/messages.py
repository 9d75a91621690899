"""Finds in the source what is said to people: the messages of errors, and the words of commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from youku_evloop import errors

ERRORS: Final = {kind.__name__ for kind in errors.BY_CODE.values()}
SAYING: Final = {
    "message": 0, "item": 2, "confirm": 0, "password": 0, "new_password": 0, "require_person": 0, "Column": 0,
}  # fmt: skip
"""What says something, and which of its arguments it is."""
PREPARED: Final = {"message", "words", "question"}
"""Names of variables that hold what will be said."""
PLACE: Final = re.compile(r"\{[^{}]*\}")


def template(node: ast.expr) -> str | None:
    """The text of a string in the source with `{}` for what is filled in; None where it is no such text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def said_in(files: Iterable[Path]) -> Iterator[str]:
    """Every message in these files, as a template."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(), str(file))):
            if isinstance(node, ast.Call):
                yield from _said_by(node)
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in PREPARED:
                yield from _words_of(node.value)


def _said_by(call: ast.Call) -> Iterator[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    place = 0 if name in ERRORS else SAYING.get(name)
    if place is not None and len(call.args) > place:
        yield from _words_of(call.args[place])


def _words_of(node: ast.expr) -> Iterator[str]:
    found = template(node)
    if found and PLACE.sub("", found).strip():
        yield found
