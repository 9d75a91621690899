"""What the services work with: the store, the settings, and the few things of the kernel that they may use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from youku_evloop import orm
from youku_evloop.config import Keeping, Rules
from youku_evloop.errors import BadRequest, YoukuError
from youku_evloop.models import UserType
from youku_evloop.services.payments import Instant, Provider
from youku_evloop.services.promises import Promises
from youku_evloop.signals import Signals
from youku_evloop.storage.store import Store

if TYPE_CHECKING:
    from youku_evloop.services.history import Entry
    from youku_evloop.services.uploads.claims import OpenUpload

T = TypeVar("T")
RowT = TypeVar("RowT", bound=orm.Model)

MOST_ROWS: Final = 50
"""Rows of one reply: with the longest names they still fit a frame."""

DEFAULT_PRICE: Final = 2000
"""Fen for a paid movie that names no price of its own."""
DEFAULT_VIP_PRICE: Final = 1000
SESSION_LIFETIME: Final = timedelta(days=30)
"""After its last use; long enough for a monthly script."""
UPLOAD_LIFETIME: Final = timedelta(days=7)
"""Without progress; a part takes disk space that nobody may be coming back for."""


class InThread(Protocol):
    """Run what blocks where it stops nobody."""

    def __call__(self, fn: Callable[..., T], *args: Any) -> T:
        """What `fn(*args)` returns or raises."""


def _at_once(fn: Callable[..., T], *args: Any) -> T:
    return fn(*args)


class EndConversations(Protocol):
    """Hang up on somebody, in the middle of a transfer too."""

    def __call__(self, is_over: Callable[[Caller], bool], why: YoukuError) -> None:
        """End every conversation of whose user `is_over` says so, and say why where there is room for it."""


@dataclass(slots=True)
class Library:
    """One running library. The database is the ambient one (`orm.Database.use`)."""

    store: Store
    secret: bytes
    """32 random bytes that stay the same: for the made-up salts of unknown names."""
    boot_id: str
    """Another one after every start of the machine: what was not synced before may be gone."""
    in_thread: InThread
    in_slow_thread: InThread
    """The same for what may take seconds (syncing, hashing), so that it is not in the way of what takes no time."""
    spawn: Callable[..., None]
    hold: Callable[[tuple[str, str]], AbstractContextManager[None]]
    """A lock between tasks, by key."""
    end_conversations: EndConversations = lambda is_over, why: None
    announce: Callable[[dict[str, Any]], None] = lambda event: None
    """Push an event to every conversation that follows the notices."""
    payments: Provider = field(default_factory=Instant)
    signals: Signals = field(default_factory=Signals)
    rules: Rules = field(default_factory=Rules)
    keeping: Keeping = field(default_factory=Keeping)
    now: Callable[[], datetime] = orm.utcnow
    open_uploads: dict[str, OpenUpload] = field(default_factory=dict)
    promises: Promises = field(default_factory=Promises)
    searches: list[Entry] = field(default_factory=list)
    """Those that wait to be written down (`services.history`)."""

    @classmethod
    def for_one(cls, store: Store, boot_id: str, keeping: Keeping, **others: Any) -> Library:
        """A library for a program that does one thing after the other, without a loop."""
        return cls(
            store=store,
            secret=b"",
            boot_id=boot_id,
            in_thread=_at_once,
            in_slow_thread=_at_once,
            spawn=_at_once,
            hold=lambda key: nullcontext(),
            keeping=keeping,
            **others,
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """The user on whose behalf something is done."""

    id: int
    name: str
    user_type: UserType
    session_id: int
    by_password: bool = False
    """Whether the password was proved on this very connection, rather than a token shown."""

    @property
    def is_admin(self) -> bool:
        """Whether the caller runs this library."""
        return self.user_type is UserType.ADMIN


def timestamp(moment: datetime | None) -> str | None:
    """A time as the wire writes it: UTC, to the second, `2026-11-21T08:15:30Z`."""
    return None if moment is None else f"{moment.isoformat()[:19]}Z"  # strftime takes twice the time


def position(cursor: str) -> int:
    """The id that a cursor stands for; raises `BadRequest`."""
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise BadRequest("`cursor` is the `next` of an earlier reply, unchanged.")
    return int(cursor)


def page(
    query: orm.Query[RowT], whole: orm.Query[RowT], key: orm.Field[int], limit: int, cursor: str | None
) -> tuple[list[RowT], str | None]:
    """At most `limit` rows of `query`, the highest `key` first, and the cursor of the next page (None: the last one).

    First the keys, which is a walk along an index wherever the page begins; then `whole`, with its joins, for these
    keys. Asked for both at once, MariaDB walks from the top: *measured* 570 ms for a page in the middle of a million.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise BadRequest(f"`limit` is from 1 to {MOST_ROWS}.")
    if cursor is not None:
        query = query.where(key < position(cursor))
    keys = [row[0] for row in query.columns(key).order_by(key.desc()).limit(limit + 1).rows()]
    rows = whole.where(key.in_(keys[:limit])).order_by(key.desc()).all()
    return rows, str(keys[limit - 1]) if len(keys) > limit else None
