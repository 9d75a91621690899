"""Grams: the short pieces of a text by which any part of a word is found, in scripts with and without blanks.

A text is compared in one form (NFKC, case folded) and cut into words. From a run of Chinese, Japanese or Korean
characters come all single characters and all pairs, from any other word all pairs and triples, and its first character
marked as a beginning. So a single letter leads to the beginnings of words alone, anything longer to wherever it stands.

A gram is a number: up to three code points of 21 bits each, which is just what a database's integer holds. Nothing is
hashed, and no two grams are alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

CODE_POINT_BITS: Final = 21
BEGINNING: Final = "^"
"""Marks a beginning; no word has it in it."""
TRIPLE: Final = 3
WORD: Final = re.compile(r"[^\W_]+")
IDEOGRAPHS: Final = re.compile("[぀-ヿ㐀-䶿一-鿿가-힯豈-﫿\U00020000-\U0003ffff]+")
"""Kana, Chinese characters with their extensions, Hangul: scripts in which a word has one or two characters."""


def normalised(text: str) -> str:
    """The form in which texts are compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> list[str]:
    """The words of a normalised text, scripts apart: `4k电影` is `4k` and `电影`."""
    return [part for word in WORD.findall(text) for part in _by_script(word)]


def of_text(text: str) -> set[int]:
    """The grams by which a normalised text is found."""
    return {number(gram) for word in words(text) for gram in _indexed(word)}


def of_word(word: str) -> set[int]:
    """Grams that every text with this part of a word has."""
    if IDEOGRAPHS.match(word):
        found = list(_runs(word, 2)) or [word]
    elif len(word) == 1:
        found = [BEGINNING + word]
    else:
        found = list(_runs(word, TRIPLE)) or [word]
    return {number(gram) for gram in found}


def leads_anywhere(word: str) -> bool:
    """Whether the grams of this part of a word lead to all texts that have it, not only at the beginning of a word."""
    return bool(IDEOGRAPHS.match(word)) or len(word) > 1


def number(gram: str) -> int:
    """One to three characters as one number."""
    found = 0
    for character in gram:
        found = found << CODE_POINT_BITS | ord(character)
    return found


def _by_script(word: str) -> Iterator[str]:
    position = 0
    for run in IDEOGRAPHS.finditer(word):
        if run.start() > position:
            yield word[position : run.start()]
        yield run[0]
        position = run.end()
    if position < len(word):
        yield word[position:]


def _indexed(word: str) -> Iterator[str]:
    if IDEOGRAPHS.match(word):
        yield from word
        yield from _runs(word, 2)
    else:
        yield BEGINNING + word[:1]
        yield from _runs(word, 2)
        yield from _runs(word, TRIPLE)


def _runs(word: str, length: int) -> Iterator[str]:
    return (word[start : start + length] for start in range(len(word) - length + 1))
