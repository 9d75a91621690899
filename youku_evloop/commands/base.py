"""What a command is, and what it may ask of the conversation that brought it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Protocol

from msgspec import Meta

from youku_evloop.services import accounts
from youku_evloop.services.downloads import Range
from youku_evloop.services.library import Caller, Library
from youku_evloop.services.uploads import Claim
from youku_evloop.wire.messages import Request

Results = dict[str, Any]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""What a database can number."""
UploadId = Annotated[str, Meta(max_length=32)]


class Access(Enum):
    """Who may call a command."""

    ANYONE = "anyone"
    USER = "user"
    ADMIN = "admin"


class Call(Protocol):
    """What a command may ask of the conversation that brought it."""

    @property
    def library(self) -> Library:
        """What the services work with."""

    @property
    def max_pipeline(self) -> int:
        """Requests that are read ahead."""

    @property
    def claims(self) -> dict[str, Claim]:
        """The uploads that the conversation sends to, by id."""

    @property
    def who(self) -> Caller:
        """The user who asks; the permission check has seen to it that there is one."""

    def inspect(self) -> Results:
        """What the server counts about itself."""

    def begin_login(self, login: accounts.Login) -> None:
        """Remember an exchange that has begun."""

    def end_login(self) -> accounts.Login:
        """The exchange that has begun; raises `BadRequest` when none has."""

    @property
    def address(self) -> str:
        """Of the client, without its port."""

    def follow(self) -> None:
        """From here on, push notices to this conversation."""

    def log_in(self, who: Caller) -> None:
        """From here on the conversation is this user's."""

    def log_out(self) -> None:
        """From here on it is nobody's."""

    def receive(self, sink: Callable[[memoryview], object]) -> None:
        """Read the request's body into `sink`."""

    def send_range(self, results: Results, piece: Range) -> int:
        """Reply with a piece of a movie as the body; answers how many of its bytes went out."""


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table. `run` answers the results, or None when it has replied itself."""

    arguments: type[Request]
    access: Access
    run: Callable[[Call, Any], Results | None]
    takes_body: bool = False
    waits: bool = True
    """Whether it may wait, for a database, a disk or another task; one that never does is answered without a task."""

    name: str = field(init=False)
    """As requests name it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(self.arguments.__struct_config__.tag))


class Paged(Request, kw_only=True):
    """Arguments of a command that answers a list page by page."""

    limit: int = 20
    cursor: str | None = None
