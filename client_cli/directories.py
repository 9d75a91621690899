"""Directories as lists of the files to upload in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from client_cli.names import readable

HIDDEN: Final = "hidden"
EMPTY: Final = "empty"
LINK: Final = "a link to a directory"
NO_FILE: Final = "no regular file"
UNREADABLE: Final = "not readable"


def files_below(paths: Sequence[Path]) -> tuple[list[Path], list[dict[str, str]]]:
    """The files among the paths and in the directories among them, sorted, and what was skipped there, with the reason.

    Hidden and empty files, links to directories and what is no file are skipped; what was named itself is not.
    """
    files: list[Path] = []
    skipped: list[dict[str, str]] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        for found, reason in _walk(path):
            if reason:
                skipped.append({"path": readable(found), "reason": reason})
            else:
                files.append(found)
    return files, skipped


def _walk(directory: Path) -> Iterator[tuple[Path, str]]:
    """What is in it and below, each with the reason to skip it or "". However deep: directories wait in a list."""
    waiting: list[tuple[Path, os.DirEntry[str] | None]] = [(directory, None)]
    while waiting:
        path, entry = waiting.pop()
        if entry is not None and (entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False)):
            yield path, _reason(entry)
            continue
        try:
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError:
            yield path, UNREADABLE
        else:
            waiting += [(path / entry.name, entry) for entry in found]


def _reason(entry: os.DirEntry[str]) -> str:
    """Why it is skipped; "": it is not."""
    if entry.name.startswith("."):
        return HIDDEN
    try:
        if entry.is_dir():
            return LINK
        if not entry.is_file():
            return NO_FILE
        return "" if entry.stat().st_size else EMPTY
    except OSError:  # links in a circle, or gone by now
        return UNREADABLE
