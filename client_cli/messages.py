"""What people read, in their language: English, or Chinese where `LANG` says so.

Messages are written in English where they arise, here and on the server, and looked up here as they are shown, by
their text: `chinese.MESSAGES` has each with a `{}` for whatever is filled in. Where a translation has `{:t}`, what is
filled in is a message too and is translated; elsewhere it is not, or a film called Search would get another title. What
is not in the catalogue is shown in English.
Error codes, JSON and the names of commands and options are the same in every language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


def help_translator(environment: Mapping[str, str]) -> Translate:
    """The same for what `--help` says, which is a catalogue of its own."""
    if language(environment) == ENGLISH:
        return str
    from client_cli.chinese_help import HELP

    return Catalogue(HELP).translate


class Catalogue:
    """Messages by their English text; `{}` stands for anything, and for its first, second, ... in the translation.

    Of two that match, the one that says more by itself is the right one.
    """

    def __init__(self, messages: Mapping[str, str]) -> None:
        self._whole = {english: theirs for english, theirs in messages.items() if "{}" not in english}
        templates = [(english.split("{}"), theirs) for english, theirs in messages.items() if "{}" in english]
        self._templates = sorted(templates, key=lambda template: -sum(map(len, template[0])))

    def translate(self, message: str) -> str:
        """The message in the other language; as it is where there is none."""
        if message in self._whole:
            return self._whole[message]
        for pieces, theirs in self._templates:
            found = filled_in(pieces, message)
            if found is not None:
                return theirs.format(*(_Part(part, self.translate) for part in found))
        return message


@dataclass(frozen=True, slots=True)
class _Part:
    """What is filled in: as it is, or translated with the format `t`."""

    text: str
    translate: Translate

    def __format__(self, spec: str) -> str:
        return self.translate(self.text) if spec == "t" else self.text


def filled_in(pieces: Sequence[str], message: str) -> list[str] | None:
    """What stands between these pieces of a template, something each; None where the message was not made from it.

    Each piece is taken where it comes first, so that a text of others, however odd, is read only once.
    """
    first, *middle, last = pieces
    place, end = len(first), len(message) - len(last)
    if not (message.startswith(first) and message.endswith(last)):
        return None
    found = []
    for piece in middle:
        next_place = message.find(piece, place + 1, end - 1)
        if next_place < 0:
            return None
        found.append(message[place:next_place])
        place = next_place + len(piece)
    return [*found, message[place:end]] if place < end else None
