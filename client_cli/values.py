"""What the server answers, as typed values (docs/protocol.md).

Times are aware `datetime` in UTC, sizes and offsets bytes, prices fen, hashes 64 hexadecimal digits of BLAKE3. Fields
that a newer server adds are ignored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from youku_evloop.errors import BrokenFrame

RowT = TypeVar("RowT")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with an account; `user_type` is `admin` or `user`."""

    id: int
    name: str
    user_type: str
    vip_until: datetime | None = None
    register_time: datetime


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a login brings: the token that stands for the password until `expire_time`."""

    user: User
    token: str
    expire_time: datetime


class Movie(msgspec.Struct, frozen=True, kw_only=True):
    """A published video; lists leave the description out."""

    id: int
    name: str
    size: int
    hash: str
    is_free: bool
    price: int
    vip_price: int
    create_time: datetime
    uploader: str | None = None
    description: str | UnsetType = UNSET


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a deletion: until when it can be taken back, None where it cannot."""

    restorable_until: datetime | None = None


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer to the server that is not published yet; `movie` is an id once it is, `size` None if not known yet."""

    id: str
    name: str
    size: int | None
    offset: int
    state: str
    movie: int | None = None
    create_time: datetime
    expire_time: datetime


class MoviePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list of movies; `next` is the cursor of the following one."""

    movies: list[Movie]
    next: str | None = None


class Account(User, frozen=True, kw_only=True):
    """A user as administrators see one."""

    is_locked: bool


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a user is logged in; `current`: the one that asks."""

    id: int
    address: str
    create_time: datetime
    last_seen: datetime
    expire_time: datetime
    current: bool


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """The right to register as an administrator, once."""

    id: int
    by: str
    create_time: datetime
    expire_time: datetime
    used_by: str | None = None
    use_time: datetime | None = None


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """Something bought; `kind` is `vip` or `movie`, `state` `waiting`, `paid` or `declined`."""

    id: int
    user: str
    kind: str
    movie: int | None = None
    name: str | None = None
    deleted: bool = False
    months: int | None = None
    amount: int
    state: str
    provider: str
    create_time: datetime
    settle_time: datetime | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the download history."""

    id: int
    user: str
    movie: int
    name: str
    deleted: bool
    size: int
    bytes_sent: int
    completed: bool
    create_time: datetime


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An announcement; lists leave the content out, and say what is new to the asker."""

    id: int
    title: str
    by: str
    create_time: datetime
    edit_time: datetime | None = None
    content: str | UnsetType = UNSET
    new: bool | UnsetType = UNSET


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the user looked for."""

    query: str
    found: bool
    create_time: datetime


class MissedSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was looked for in vain."""

    query: str
    times: int
    last: datetime


class Vip(msgspec.Struct, frozen=True, kw_only=True):
    """Until when the user is a VIP, and what a month costs."""

    vip_until: datetime | None = None
    month: int


class Page(msgspec.Struct, Generic[RowT], frozen=True, kw_only=True):
    """One page of a list; `next` is the cursor of the following one."""

    rows: list[RowT]
    next: str | None = None


ValueT = TypeVar("ValueT")


def read(kind: type[ValueT], fields: Any) -> ValueT:
    """`fields` as a value of type `kind`; raises `BrokenFrame` when the server sent something else."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as problem:
        raise BrokenFrame(f"The server answered something that this client does not understand: {problem}.") from None
