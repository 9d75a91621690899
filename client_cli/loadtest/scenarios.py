"""What clients do: the scenarios that are there, and those that somebody wrote into a file.

A scenario says what it needs, so that only that is made before the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from functools import lru_cache
from typing import Any, Final, Protocol

from client_cli.loadtest.crowd import Role, Scenario, Visitor
from client_cli.loadtest.line import Answer, frame
from client_cli.loadtest.quantities import Distribution
from client_cli.loadtest.scram import Exchange
from client_cli.loadtest.stage import Stage
from client_cli.loadtest.transfers import download, upload
from youku_evloop.errors import LoginFailed


class Need(Flag):
    """What has to be there."""

    NOTHING = 0
    USERS = auto()
    FILMS = auto()
    ADMINISTRATOR = auto()


PING: Final = frame("ping")
LIST: Final = frame("movie.list", limit=20)
LOGOUT: Final = frame("account.logout")
show: Final = lru_cache(maxsize=4096)(lambda film: frame("movie.show", movie=film))


class Playable(Scenario, Protocol):
    """A scenario that says what it needs."""

    @property
    def needs(self) -> Need:
        """What has to be there."""


@dataclass(frozen=True)
class Ping:
    """A question that costs the server nothing but the conversation."""

    name: str = "ping"
    roles: tuple[Role, ...] = (Role.USER,)
    needs: Need = Need.NOTHING

    def play(self, visitor: Visitor) -> None:
        """One `ping`."""
        visitor.ask("ping", PING)


@dataclass(frozen=True)
class Browse:
    """Somebody who looks around."""

    stage: Stage
    name: str = "browse"
    roles: tuple[Role, ...] = (Role.USER,)
    needs: Need = Need.USERS | Need.FILMS

    def play(self, visitor: Visitor) -> None:
        """The newest movies, a search, and one movie."""
        visitor.ask("movie.list", LIST)
        visitor.think()
        visitor.ask("movie.search", frame("movie.search", query=self.stage.word()))
        visitor.think()
        visitor.ask("movie.show", show(self.stage.film().id))


@dataclass(frozen=True)
class Login:
    """SCRAM, and out again, so that no session is left."""

    stage: Stage
    name: str = "login"
    roles: tuple[Role, ...] = (Role.STRANGER,)
    needs: Need = Need.USERS

    def play(self, visitor: Visitor) -> None:
        """In and out, on a line that is nobody's before and after."""
        exchange = Exchange(self.stage.keys, self.stage.user().name)
        first = visitor.ask("account.login", frame("account.login", message=exchange.first()), Role.STRANGER)
        final = _checked(visitor, exchange.final, first)
        proof = visitor.ask("account.proof", frame("account.proof", message=final), Role.STRANGER)
        _checked(visitor, exchange.check, proof)
        visitor.ask("account.logout", LOGOUT, Role.STRANGER)


def _checked(visitor: Visitor, step: Callable[[str], Any], answer: Answer) -> Any:
    """The next step of an exchange; that it cannot be taken is on record."""
    try:
        return step(str(answer.fields().get("message")))
    except LoginFailed as problem:
        visitor.crowd.recorder.failed("account.proof", problem.code)
        raise


@dataclass(frozen=True)
class Download:
    """A whole movie."""

    stage: Stage
    kill_rate: float
    name: str = "download"
    roles: tuple[Role, ...] = (Role.USER,)
    needs: Need = Need.USERS | Need.FILMS

    def play(self, visitor: Visitor) -> None:
        """One of the test's movies, its hash compared."""
        download(visitor, self.stage.film(), self.kill_rate)


@dataclass(frozen=True)
class Upload:
    """A whole movie, the other way; it goes again at once, so that a test needs little room however long it takes."""

    stage: Stage
    size: Distribution
    kill_rate: float
    name: str = "upload"
    roles: tuple[Role, ...] = (Role.UPLOADER,)
    needs: Need = Need.ADMINISTRATOR

    def play(self, visitor: Visitor) -> None:
        """Publish it; the visit is over then, and what follows is tidying up."""
        film = upload(visitor, self.stage.title(), self.stage.draw_size(self.size), self.kill_rate)
        visitor.arrive()
        for op in ("movie.delete", "movie.purge"):
            visitor.ask(op, frame(op, movie=film.id), Role.UPLOADER)


Step = Callable[[Visitor], object]


@dataclass(frozen=True)
class Own:
    """What somebody wrote into a file."""

    name: str
    steps: Sequence[Step]
    roles: tuple[Role, ...] = (Role.USER,)
    needs: Need = Need.USERS

    def play(self, visitor: Visitor) -> None:
        """One step after the other."""
        for step in self.steps:
            step(visitor)


@dataclass(frozen=True)
class Ask:
    """A step: any command. `fill` makes values of what stands for something (`$movie`)."""

    operation: str
    arguments: Mapping[str, Any]
    fill: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def __call__(self, visitor: Visitor) -> None:
        """Ask, and read what comes."""
        arguments = {
            name: self.fill[value]() if isinstance(value, str) and value in self.fill else value
            for name, value in self.arguments.items()
        }
        answer = visitor.ask(self.operation, frame(self.operation, **arguments))
        if answer.body:
            visitor.receive_body(self.operation, len, answer.body)


@dataclass(frozen=True)
class Pause:
    """A step: think for a while."""

    length: Distribution

    def __call__(self, visitor: Visitor) -> None:
        """That long."""
        visitor.pause(self.length.draw(visitor.crowd.chance))
