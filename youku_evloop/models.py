"""The tables, as classes (times are UTC, money is whole fen). `schema.sql` is what they declare for MySQL."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from unicodedata import normalize

from youku_evloop import orm

NAME_LENGTH: Final = 200
"""Characters of a title: fifty of the longest, four bytes a character, still fit one frame."""
DESCRIPTION_LENGTH: Final = 4000
FOLDED_LENGTH: Final = 96
"""Characters: folding makes three of one at most."""
CLAIM_LENGTH: Final = 160
REFERENCE_LENGTH: Final = 200
ADDRESS_LENGTH: Final = 64


def folded_name(name: str) -> str:
    """A user's name as names are compared: full and half width, upper and lower case are the same."""
    return normalize("NFKC", normalize("NFKC", name).casefold())


class UserType(StrEnum):
    """What a user may do at all."""

    ADMIN = "admin"
    USER = "user"


class UploadState(StrEnum):
    """Where an upload is (docs/states.md)."""

    RECEIVING = "receiving"
    VERIFYING = "verifying"
    PUBLISHED = "published"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class PurchaseKind(StrEnum):
    """What was bought."""

    VIP = "vip"
    MOVIE = "movie"


class PurchaseState(StrEnum):
    """How far the payment is."""

    WAITING = "waiting"
    PAID = "paid"
    DECLINED = "declined"


class User(orm.Model, table="user"):
    """An account; `password` is a SCRAM-SHA-256 verifier, never a password.

    `notice_seen`: the newest notice that the user has looked at; those after it are new. `folded_name`: the name
    without upper case, so that no two differ in case alone; null where such two were there before this rule.
    """

    id = orm.BigInteger(primary_key=True)
    name = orm.String(32, unique=True)
    password = orm.String(255)
    user_type = orm.Enum(UserType, default=UserType.USER)
    is_locked = orm.Boolean(default=False)
    vip_until = orm.DateTime(null=True)
    register_time = orm.DateTime(default=orm.utcnow)
    notice_seen = orm.BigInteger(default=0)
    folded_name = orm.String(FOLDED_LENGTH, null=True, unique=True)


class Session(orm.Model, table="session", indexes=[orm.Index("expire_time")]):
    """A login that outlives its connection; only the token's hash is known here."""

    id = orm.BigInteger(primary_key=True)
    token_hash = orm.String(64, unique=True)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    create_time = orm.DateTime(default=orm.utcnow)
    last_seen = orm.DateTime(default=orm.utcnow)
    expire_time = orm.DateTime()
    address = orm.String(ADDRESS_LENGTH, default="")


class Movie(
    orm.Model,
    table="movie",
    indexes=[
        orm.Index("is_delete"),
        orm.Index("is_delete", "is_free"),
        orm.Index("is_delete", "name"),
        orm.Index("is_delete", "file_size"),
        orm.Index("is_delete", "is_free", "name"),
        orm.Index("is_delete", "is_free", "file_size"),
        orm.Index("file_hash"),
        orm.Index("fingerprint"),
        orm.Index("user", "is_delete", "file_size"),
    ],
):
    """A published video; its bytes are the blob `file_hash`, which outlives a deletion for a while.

    `search_text`: title and description as searching compares them (`services.search`); never shown.
    """

    id = orm.BigInteger(primary_key=True)
    name = orm.String(NAME_LENGTH)
    description = orm.Text(default="")
    file_hash = orm.String(64)
    file_size = orm.BigInteger()
    fingerprint = orm.String(64)
    is_free = orm.Boolean(default=True)
    price = orm.Integer(null=True)
    vip_price = orm.Integer(null=True)
    is_delete = orm.Boolean(default=False)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    create_time = orm.DateTime(default=orm.utcnow)
    delete_time = orm.DateTime(null=True)
    search_text = orm.Text(default="")


class MovieGram(orm.Model, table="movie_gram", indexes=[orm.Unique("gram", "movie_id")]):
    """A piece of a movie's search text, as a number: the index of `services.search`.

    `movie_id` is no foreign key: that would demand an index of its own, on the largest table of all.
    """

    id = orm.BigInteger(primary_key=True)
    gram = orm.BigInteger()
    movie_id = orm.BigInteger()


class Upload(
    orm.Model,
    table="upload",
    indexes=[orm.Index("user", "fingerprint", "size"), orm.Index("state", "expire_time")],
):
    """A transfer; its bytes are the part of the same id until it is published.

    A `size` of 0 and an empty `fingerprint`: not known before the end. `file_hash`: what the client says the bytes are,
    once it has said so.
    """

    id = orm.String(32, primary_key=True)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    name = orm.String(NAME_LENGTH)
    size = orm.BigInteger()
    fingerprint = orm.String(64)
    durable_offset = orm.BigInteger(default=0)
    boot_id = orm.String(36)
    state = orm.Enum(UploadState, default=UploadState.RECEIVING)
    movie = orm.ForeignKey(Movie, null=True)
    movie_id: orm.Field[int | None]
    options = orm.Json()
    create_time = orm.DateTime(default=orm.utcnow)
    expire_time = orm.DateTime()
    file_hash = orm.String(64, null=True)


class Notice(orm.Model, table="notice", indexes=[orm.Index("create_time"), orm.Index("is_withdrawn")]):
    """An administrator's announcement."""

    id = orm.BigInteger(primary_key=True)
    title = orm.String(NAME_LENGTH)
    content = orm.Text()
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    create_time = orm.DateTime(default=orm.utcnow)
    edit_time = orm.DateTime(null=True)
    is_withdrawn = orm.Boolean(default=False)


class DownloadRecord(orm.Model, table="download_record", indexes=[orm.Index("user", "movie")]):
    """One line of the download history: what a user took of a movie, and whether that was all of it.

    `ranges`: which bytes, as [start, end) pairs in order that do not touch; the pieces may come in any order.
    """

    id = orm.BigInteger(primary_key=True)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    movie = orm.ForeignKey(Movie)
    movie_id: orm.Field[int]
    create_time = orm.DateTime(default=orm.utcnow)
    bytes_sent = orm.BigInteger(default=0)
    completed = orm.Boolean(default=False)
    ranges = orm.Json(null=True)


class DownloadWait(orm.Model, table="download_wait", indexes=[orm.Unique("user", "movie"), orm.Index("ready_time")]):
    """A free download that a user without VIP has asked for, and when it may begin."""

    id = orm.BigInteger(primary_key=True)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    movie = orm.ForeignKey(Movie)
    movie_id: orm.Field[int]
    ready_time = orm.DateTime()


class Purchase(orm.Model, table="purchase", indexes=[orm.Index("user", "movie"), orm.Index("state")]):
    """What a user bought, at the price of that moment.

    `claim` is unique: whoever buys the same thing again, or repeats a request whose answer was lost, meets this row.
    A declined purchase of a movie gives it up. `months` of VIP; `provider` and its `reference` of the payment.
    """

    id = orm.BigInteger(primary_key=True)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    kind = orm.Enum(PurchaseKind)
    movie = orm.ForeignKey(Movie, null=True)
    movie_id: orm.Field[int | None]
    amount = orm.Integer()
    state = orm.Enum(PurchaseState, default=PurchaseState.WAITING)
    create_time = orm.DateTime(default=orm.utcnow)
    months = orm.Integer(null=True)
    claim = orm.String(CLAIM_LENGTH, null=True, unique=True)
    provider = orm.String(32, default="instant")
    reference = orm.String(REFERENCE_LENGTH, default="")
    settle_time = orm.DateTime(null=True)


class SearchHistory(
    orm.Model,
    table="search_history",
    indexes=[orm.Index("user", "create_time"), orm.Index("is_found", "create_time")],
):
    """What a user looked for, and whether there was such a movie."""

    id = orm.BigInteger(primary_key=True)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    query = orm.String(NAME_LENGTH)
    create_time = orm.DateTime(default=orm.utcnow)
    is_found = orm.Boolean(default=True)


class Invitation(orm.Model, table="invitation"):
    """The right to register as an administrator, once; only the code's hash is known here."""

    id = orm.BigInteger(primary_key=True)
    code_hash = orm.String(64, unique=True)
    user = orm.ForeignKey(User)
    user_id: orm.Field[int]
    create_time = orm.DateTime(default=orm.utcnow)
    expire_time = orm.DateTime()
    used_by = orm.ForeignKey(User, null=True)
    used_by_id: orm.Field[int | None]
    use_time = orm.DateTime(null=True)


class LoginFailures(orm.Model, table="login_failures", indexes=[orm.Index("last_time")]):
    """Logins that failed lately, of one name or from one address, and until when further ones are refused."""

    key = orm.String(160, primary_key=True)
    count = orm.Integer()
    last_time = orm.DateTime()
    blocked_until = orm.DateTime()


MODELS: Final[tuple[type[orm.Model], ...]] = (
    User,
    Session,
    Movie,
    MovieGram,
    Upload,
    Notice,
    DownloadRecord,
    DownloadWait,
    Purchase,
    SearchHistory,
    Invitation,
    LoginFailures,
)

UploadOptions = dict[str, Any]
"""`description`, `is_free`, `price`, `vip_price`, `again`: what the movie will be."""
