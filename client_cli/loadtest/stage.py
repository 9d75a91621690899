"""What a test needs to be there, and what takes it away again: users, movies, sessions.

All of it is named after the test (`loadtest-` and eight digits), so that what a killed tester has left can be found.
The administrator whose session this is makes and removes it.
"""

from __future__ import annotations

import itertools
import random
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from client_cli.loadtest.crowd import Role, Visitor
from client_cli.loadtest.line import frame
from client_cli.loadtest.quantities import LARGEST, Distribution
from client_cli.loadtest.scram import Exchange, Keys
from client_cli.loadtest.together import in_parallel
from client_cli.loadtest.transfers import Film, upload
from youku_evloop.errors import NotFound, Unreachable, YoukuError
from youku_evloop.kernel.loop import Loop

T = TypeVar("T")

PREFIX: Final = "loadtest-"
OURS: Final = re.compile(rf"{PREFIX}[0-9a-f]{{8}}-\d+(?: .*)?")
"""What a test has made, this one or another."""
WORDS: Final = (
    "harbour", "lantern", "meadow", "orchid", "pepper", "quarry", "river", "saffron", "thunder", "velvet", "walnut",
    "zephyr", "amber", "bamboo", "cobalt", "dolphin",
)  # fmt: skip
"""Of titles, two each; searches look for one."""
VIP_MONTHS: Final = 1
"""So that free downloads begin at once: half a minute of waiting is no load."""
HANDS: Final = 8
"""Lines that make and remove things at the same time: more only wait for the database."""
PAGE: Final = 50
PATIENCE: Final = 60.0
"""Seconds for which a server that says "later" is asked again to remove something."""
RETURN: Final = 5.0
"""Seconds for which a server that is not there is: one that restarts is back by then."""
PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class User:
    """A user of the test, and its session."""

    name: str
    token: str


@dataclass(slots=True)
class Removed:
    """What is gone."""

    users: int = 0
    movies: int = 0
    uploads: int = 0


class Stage:
    """Of one test. `hands` work for the administrator, each on a line of its own."""

    def __init__(self, loop: Loop, hands: Sequence[Visitor], chance: random.Random, interrupted: Callable[[], bool]):
        self.name = PREFIX + secrets.token_hex(4)
        self.keys = Keys()
        self.users: list[User] = []
        self.films: list[Film] = []
        self._loop = loop
        self._hands = hands
        self._chance = chance
        self._interrupted = interrupted
        self._numbers = itertools.count(1)
        self._newest = 0
        """The newest movie that was there before: those of the test come after it."""

    # -- for the scenarios

    def user(self) -> User:
        """One of them."""
        return self._chance.choice(self.users)

    def film(self) -> Film:
        """One of them."""
        return self._chance.choice(self.films)

    def word(self) -> str:
        """Something to search for, which is found."""
        return self._chance.choice(WORDS)

    def title(self) -> str:
        """A new one."""
        return " ".join([f"{self.name}-{next(self._numbers)}", *self._chance.sample(WORDS, 2)])

    def draw_size(self, sizes: Distribution) -> int:
        """Bytes of a movie."""
        return min(max(int(sizes.draw(self._chance)), 1), LARGEST)

    # -- making

    def look_around(self) -> None:
        """See what is there before anything is made."""
        newest = ask(self._hands[0], "movie.list", limit=1)["movies"]
        self._newest = int(newest[0]["id"]) if newest else 0

    def make_users(self, count: int) -> None:
        """So many, VIPs, each logged in."""
        names = [f"{self.name}-{number}" for number in range(1, count + 1)]
        self._together(self._make_user, names)

    def _make_user(self, hand: Visitor, name: str) -> None:
        ask(hand, "user.create", name=name, **self.keys.verifier())
        ask(hand, "user.grant_vip", user=name, months=VIP_MONTHS)
        exchange = Exchange(self.keys, name)
        first = ask(hand, "account.login", Role.STRANGER, message=exchange.first())
        proof = ask(hand, "account.proof", Role.STRANGER, message=exchange.final(str(first["message"])))
        exchange.check(str(proof["message"]))
        self.users.append(User(name, str(proof["token"])))

    def make_films(self, count: int, sizes: Distribution) -> None:
        """So many, for everybody to find and download."""
        self._together(lambda hand, _: self.films.append(self._make_film(hand, sizes)), range(count))

    def _make_film(self, hand: Visitor, sizes: Distribution) -> Film:
        return upload(hand, self.title(), self.draw_size(sizes), kill_rate=0)

    # -- removing

    def clear(self) -> Removed:
        """Remove all that this test has made, whether or not it got to know of it."""
        return remove(self._loop, self._hands, self.name, self._newest)

    def _together(self, work: Callable[[Visitor, T], Any], items: Sequence[T]) -> None:
        in_parallel(self._loop, work, self._hands, items, self._interrupted)


def remove(loop: Loop, hands: Sequence[Visitor], prefix: str = PREFIX, newer_than: int = 0) -> Removed:
    """Remove all of whose name begins so, and that a load test has made; movies newer than that one."""
    hand = hands[0]

    def movies(op: str) -> list[int]:
        newest_first = rows(hand, op, "movies")
        newer = itertools.takewhile(lambda row: row["id"] > newer_than, newest_first)
        return [row["id"] for row in newer if _is_of(row, prefix)]

    uploads = [row["id"] for row in ask_again(hand, "upload.list")["uploads"] if _is_of(row, prefix)]
    users = [row["name"] for row in rows(hand, "user.list", "users", name=prefix) if _is_of(row, prefix)]
    there, deleted = movies("movie.list"), movies("movie.deleted")
    for op, name, items in (
        ("upload.cancel", "upload", uploads),
        ("user.delete", "user", users),
        ("movie.delete", "movie", there),
        ("movie.purge", "movie", there + deleted),
    ):
        in_parallel(loop, partial(_remove, op, name), hands, items)
    return Removed(len(users), len(there) + len(deleted), len(uploads))


def _remove(op: str, name: str, hand: Visitor, item: Any) -> None:
    with suppress(NotFound):
        ask_again(hand, op, **{name: item})


def ask_again(hand: Visitor, op: str, **arguments: Any) -> dict[str, Any]:
    """The same, and again for a while where that can help: the server may be busy with what is left, or restart."""
    began = hand.crowd.clock()
    while True:
        try:
            return ask(hand, op, **arguments)
        except YoukuError as error:
            patience = RETURN if isinstance(error, Unreachable) else PATIENCE
            if not error.retryable or hand.crowd.clock() > began + patience:
                raise
        hand.crowd.loop.sleep(PAUSE)


def ask(hand: Visitor, op: str, role: Role = Role.UPLOADER, **arguments: Any) -> dict[str, Any]:
    """A question of the administrator's, with its whole answer."""
    return hand.ask(op, frame(op, **arguments), role).fields()


def rows(hand: Visitor, op: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """All rows of a list."""
    cursor = None
    while True:
        page = ask_again(hand, op, limit=PAGE, cursor=cursor, **arguments)
        yield from page[key]
        cursor = page["next"]
        if cursor is None:
            return


def _is_of(row: dict[str, Any], prefix: str) -> bool:
    name = str(row["name"])
    return name.startswith(prefix) and OURS.fullmatch(name) is not None
