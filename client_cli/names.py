"""Names at the border: a file's name as a title, and a title as the name of a file. Both are labels, never trusted."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Final

MAX_TITLE: Final = 200
"""Characters; the protocol's limit."""

MAX_DESCRIPTION: Final = 4000
"""Characters; the protocol's limit."""

MAX_FILE_NAME: Final = 240
"""Bytes: what file systems take (255), with room for the suffix of a partial download."""

MAX_EXTENSION: Final = 16
"""Characters: what is longer is no extension."""


DIRECTION_MARKS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They can make `exe.avi` read as `iva.exe`."""


NO_TITLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that a title may not have."""


UNSEEN: Final = frozenset({"Cf", "Mn", "Me", "Zs"})
"""Categories of which a title must not have nothing else: formats, marks on a letter before, blanks."""


def title_from(path: Path) -> str:
    """A title for the file at `path`: its name, without what a title may not have."""
    title = _without_controls(readable(path.name)).strip()[:MAX_TITLE]
    return title if is_title(title) else "untitled"


def is_title(text: str) -> bool:
    """Whether the protocol takes it as a title."""
    kinds = {unicodedata.category(mark) for mark in text}
    return len(text) <= MAX_TITLE and kinds.isdisjoint(NO_TITLE) and not kinds <= UNSEEN


def readable(name: str | Path) -> str:
    """A file's name as text that can be sent and printed: bytes that are no UTF-8 become U+FFFD."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def file_name_from(title: str, otherwise: str) -> str:
    """A name for a file in the current directory that is safe to write and to type; `otherwise` if nothing is left."""
    name = _without_controls(title).replace("/", "_").replace("\\", "_")
    name = name.strip().lstrip(".").strip()
    if name.startswith("-"):
        name = f"_{name[1:]}"
    return _shortened(name) or otherwise


def _without_controls(text: str) -> str:
    return "".join("_" if _is_control(mark) else mark for mark in text)


def _is_control(mark: str) -> bool:
    return unicodedata.category(mark) in ("Cc", "Cs") or mark in DIRECTION_MARKS


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_FILE_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > MAX_EXTENSION:
        stem, extension = name, ""
    ending = f"{dot}{extension}" if extension else ""
    room = MAX_FILE_NAME - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending
