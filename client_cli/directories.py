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
    """What is in it and below, each with the reason to skip it or ""."""
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        yield directory, UNREADABLE
        return
    for entry in found:
        path = directory / entry.name
        if entry.name.startswith("."):
            yield path, HIDDEN
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path)
        elif entry.is_dir():
            yield path, LINK
        elif not entry.is_file():
            yield path, NO_FILE
        else:
            yield path, "" if entry.stat().st_size else EMPTY
