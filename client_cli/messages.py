"""What people read, in their language: English, or Chinese where `LANG` says so.

Messages are written in English where they arise, here and on the server, and looked up here as they are shown, by
their text: `chinese.MESSAGES` has each with a `{}` for whatever is filled in. What is not in it is shown in English.
Error codes, JSON and the names of commands and options are the same in every language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

CHINESE: Final = "zh"
ENGLISH: Final = "en"

YES: Final = frozenset({"y", "yes", "是"})
"""What counts as one, whatever the language."""

Translate = Callable[[str], str]


def language(environment: Mapping[str, str]) -> str:
    """As POSIX reads the environment: LC_ALL before LC_MESSAGES before LANG."""
    chosen = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return CHINESE if chosen.lower().startswith("zh") else ENGLISH


def translator(environment: Mapping[str, str]) -> Translate:
    """What turns a message into this person's language."""
    if language(environment) == ENGLISH:
        return str
    from client_cli.chinese import MESSAGES

    return Catalogue(MESSAGES).translate


class Catalogue:
    """Messages by their English text; `{}` stands for anything, and for its first, second, ... in the translation."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self._whole = {english: theirs for english, theirs in messages.items() if "{}" not in english}
        self._patterns = [(pattern(english), theirs) for english, theirs in messages.items() if "{}" in english]

    def translate(self, message: str) -> str:
        """The message in the other language; as it is where there is none."""
        if message in self._whole:
            return self._whole[message]
        for english, theirs in self._patterns:
            found = english.fullmatch(message)
            if found:
                return theirs.format(*(self.translate(part) for part in found.groups()))
        return message


def pattern(english: str) -> re.Pattern[str]:
    """What matches a message that was made from this template."""
    return re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL)
