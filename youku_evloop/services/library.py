"""What the services work with: the store, the settings, and the few things of the kernel that they may use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from youku_evloop import orm
from youku_evloop.config import Keeping
from youku_evloop.models import UserType
from youku_evloop.storage.store import Store

if TYPE_CHECKING:
    from youku_evloop.services.uploads.claims import OpenUpload

T = TypeVar("T")

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


@dataclass(slots=True)
class Library:
    """One running library. The database is the ambient one (`orm.Database.use`)."""

    store: Store
    secret: bytes
    """32 random bytes that stay the same: for the made-up salts of unknown names."""
    boot_id: str
    """Another one after every start of the machine: what was not synced before may be gone."""
    in_thread: InThread
    spawn: Callable[..., None]
    hold: Callable[[tuple[str, str]], AbstractContextManager[None]]
    """A lock between tasks, by key."""
    keeping: Keeping = field(default_factory=Keeping)
    now: Callable[[], datetime] = orm.utcnow
    open_uploads: dict[str, OpenUpload] = field(default_factory=dict)

    @classmethod
    def for_one(cls, store: Store, boot_id: str, keeping: Keeping, **others: Any) -> Library:
        """A library for a program that does one thing after the other, without a loop."""
        return cls(
            store=store,
            secret=b"",
            boot_id=boot_id,
            in_thread=_at_once,
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

    @property
    def is_admin(self) -> bool:
        """Whether the caller runs this library."""
        return self.user_type is UserType.ADMIN


def timestamp(moment: datetime | None) -> str | None:
    """A time as the wire writes it: UTC, to the second, `2026-11-21T08:15:30Z`."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
