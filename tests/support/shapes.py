"""The shapes that docs/cli.md gives of JSON, as something to compare a document with.

    Shape('{"movie": MOVIE, "until": TIME | null, "skipped": [{"path": TEXT, ...}, ...]}').fits(document)

Words in capitals are kinds of values: those of `KINDS`, and the structs of `client_cli.values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from client_cli import values

TOKEN: Final = re.compile(r'"[^"]*"|\.\.\.|[A-Z_]+|true|false|null|[{}\[\],:|]')
ROW: Final = '{"path": TEXT, "outcome": "uploaded" | "existing" | "missing" | "failed", ...}'


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool)


def _converts(kind: Any) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return False
        return True

    return check


KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("TEXT", "NAME", "PATH", "CODE", "TITLE"), _is(str)),
    **dict.fromkeys(("NUMBER", "SECONDS"), _is(int, float)),
    **dict.fromkeys(("ID", "BYTES", "FEN"), _is(int)),
    "TIME": _converts(datetime),
    "MOVIE": _converts(values.Movie),
    "USER": _converts(values.User),
    "ACCOUNT": _converts(values.Account),
    "UPLOAD": _converts(values.Upload),
    "SESSION": _converts(values.Login),
    "PURCHASE": _converts(values.Purchase),
    "RECORD": _converts(values.Record),
    "NOTICE": _converts(values.Notice),
    "INVITATION": _converts(values.Invitation),
    "ROW": lambda value: Shape(ROW).fits(value),
}


class Shape:
    """One shape, read from its text."""

    def __init__(self, text: str) -> None:
        assert not TOKEN.sub("", text).strip(), f"what is {TOKEN.sub('', text).strip()!r} in {text}?"
        self._tokens = TOKEN.findall(text)
        self._place = 0
        self.fits: Callable[[Any], bool] = self._alternatives()
        assert self._place == len(self._tokens), f"more than one shape: {text}"

    def _next(self) -> str:
        self._place += 1
        return str(self._tokens[self._place - 1])

    def _skip(self, token: str) -> bool:
        found = self._tokens[self._place : self._place + 1] == [token]
        self._place += found
        return found

    def _alternatives(self) -> Callable[[Any], bool]:
        choices = [self._one()]
        while self._skip("|"):
            choices.append(self._one())
        return lambda value: any(fits(value) for fits in choices)

    def _one(self) -> Callable[[Any], bool]:
        token = self._next()
        if token == "{":
            return self._object()
        if token == "[":
            return self._list()
        if token in KINDS:
            return KINDS[token]
        constant = msgspec.json.decode(token)
        return lambda value: bool(value == constant and type(value) is type(constant))

    def _object(self) -> Callable[[Any], bool]:
        fields: dict[str, Callable[[Any], bool]] = {}
        is_open = False
        while not self._skip("}"):
            if self._skip("..."):
                is_open = True
            else:
                name = self._next().strip('"')
                assert self._skip(":"), name
                fields[name] = self._alternatives()
            self._skip(",")

        def fits(value: Any) -> bool:
            if not isinstance(value, dict) or (value.keys() != fields.keys() and not is_open):
                return False
            return all(name in value and field(value[name]) for name, field in fields.items())

        return fits

    def _list(self) -> Callable[[Any], bool]:
        element = self._alternatives()
        assert self._skip(",") and self._skip("...") and self._skip("]")
        return lambda value: isinstance(value, list) and all(element(one) for one in value)
