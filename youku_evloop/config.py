"""What can be configured, with its defaults and the reasons for them (docs/protocol.md tells clients the same)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from youku_evloop.errors import BadRequest

DEFAULT_HOST: Final = "127.0.0.1"
"""Nobody outside the machine reaches a server that was started without a thought."""
DEFAULT_PORT: Final = 9685
DEFAULT_POOL_SIZE: Final = 16
"""Database connections: on two cores more of them only queue up inside the database."""
DEFAULT_STATEMENT_TIMEOUT: Final = 6.0
"""Seconds: with the grace of two more and a new connection, a hung database host is left within ten."""
DEFAULT_SLOW_QUERY: Final = 0.5
"""Seconds from which a statement is worth a line in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one stranger may take from everybody else. Times in seconds, sizes in bytes."""

    greeting: float = 10.0
    """To the first whole request, and for a login from its first message to its last."""
    idle: float = 300.0
    """A connection on which nothing happens; clients that mean to stay send a ping every 30 s."""
    window: float = 30.0
    """Over such a window a frame, a body or a reply that has begun must move at `least_rate`, in bytes a second."""
    least_rate: int = 1024
    stalled_write: float = 60.0
    """Finished replies and events of which the client takes nothing."""
    linger: float = 5.0
    """After the last reply, so that it arrives before the close: what still comes is read and dropped."""
    write_high: int = 256 * 1024
    """Queued replies above which no further request is carried out; `write_low` lets them go on."""
    write_low: int = 64 * 1024
    write_most: int = 4 * 1024 * 1024
    """Queued bytes, pushed events included, with which nobody stays."""
    turn: int = 1024 * 1024
    """Body bytes that a connection moves in one turn of the loop; then the others."""
    pipeline: int = 16
    """Requests read ahead; then reading stops."""
    accepts: int = 64
    """New connections in one turn."""
    accept_pause: float = 0.5
    """Out of descriptors: time in which some may come back, without spinning."""
    reserve: int = 64
    """Descriptors kept for files and the database when connections want them all."""
    drain: float = 30.0
    """For requests under way when the server is told to stop."""


GIB: Final = 1024**3
KEPT_FREE_SHARE: Final = 0.01
DEFAULT_KEEP_DELETED: Final = 30.0
"""Days: whoever deleted the wrong movie notices within a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What the disk is used for, and how long. Sizes in bytes."""

    keep_free: int | None = None
    """Left free on the filesystem of the videos; None: 1 GiB or 1 % of it, whichever is less. On a large disk 1 GiB is
    enough for the database and the log; on a small one it would be all there is."""
    quota: int | None = None
    """What one user's movies and unfinished uploads may take together; None: whatever there is."""
    keep_deleted: float = DEFAULT_KEEP_DELETED
    """Days for which a deleted movie can be restored."""
    sync_every: int = 64 * 1024 * 1024
    """Bytes that a power loss may cost a client to send again; syncing more often would wait for the disk more often.
    With three times as many unsynced the client waits, or else the kernel would make the whole process wait."""

    def kept_free(self, total: int) -> int:
        """Bytes to leave free on a filesystem of `total` bytes."""
        return min(GIB, int(total * KEPT_FREE_SHARE)) if self.keep_free is None else self.keep_free


LARGEST: Final = 100 * 365 * 86_400
"""Of a limit or rule: as seconds a hundred years, which is for ever, and still a time that can be computed with."""
DEAREST_MONTH: Final = 10_000_000
"""Fen: ten years of it, the most that is bought at once, are still a number that the database holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How this library treats its users. Times in seconds, money in fen."""

    free_wait: float = 30.0
    """Before a free download of somebody who is no VIP; 0: nobody waits."""
    vip_month: int = 3000
    """Of a month of VIP: as much as three movies save."""
    name_failures: int = 5
    """Failed logins of one name before the next one has to wait: people mistype a few times."""
    address_failures: int = 50
    """The same of one address, behind which a whole company may sit."""
    address_registrations: int = 50
    """Accounts of one address before the next one has to wait: as many as a company may make in its first hour."""
    first_pause: float = 1.0
    """After one failure, or one account, too many; doubled by each further one."""
    longest_pause: float = 300.0
    """Where the doubling ends: a password that is guessed at this pace is safe, and nobody is shut out for good."""
    forget_failures: float = 3600.0
    """Without another one: then what was counted counts no more."""
    invitation: float = 7 * 86_400.0
    """How long an invitation is good for."""
    forget_searches: float = 90 * 86_400.0
    """What was searched longer ago tells an administrator no more what is missed; until then rows only gather."""


def read_rules(assignments: Iterable[str]) -> Rules:
    """The rules, changed as in `free_wait=0`; raises `BadRequest` for what is no rule or no sensible number."""
    rules = Rules(**dict(_read_number(Rules, "rule", text, least=0) for text in assignments))
    if rules.vip_month > DEAREST_MONTH:
        raise BadRequest(f"The rule vip_month has to be at most {DEAREST_MONTH}.")
    return rules


def read_limits(assignments: Iterable[str]) -> Limits:
    """The limits, changed as in `idle=5`; raises `BadRequest` for what is no limit or no sensible number."""
    limits = Limits(**dict(_read_number(Limits, "limit", text) for text in assignments))
    if not limits.write_low <= limits.write_high <= limits.write_most:
        raise BadRequest("The limits write_low, write_high and write_most must not fall.")
    return limits


def _read_number(settings: type, what: str, text: str, least: float | None = None) -> tuple[str, Any]:
    """`name=number`; more than 0, or at least `least`; and at most `LARGEST`."""
    name, _, value = text.partition("=")
    kinds = {known.name: int if isinstance(known.default, int) else float for known in fields(settings)}
    if name not in kinds:
        raise BadRequest(f"There is no {what} {name!r}. The {what}s are {', '.join(kinds)}.")
    try:
        number = kinds[name](value)
    except ValueError:
        kind = "a whole number" if kinds[name] is int else "a number"
        message = f"The {what} {name} is {kind}, as in {name}=5, and not {value!r}."
        raise BadRequest(message) from None
    if not (number > 0 if least is None else least <= number):
        raise BadRequest(f"The {what} {name} has to be {'more than 0' if least is None else f'at least {least}'}.")
    if number > LARGEST:
        raise BadRequest(f"The {what} {name} has to be at most {LARGEST}.")
    return name, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One server."""

    data: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    database: str = ""
    """The URL; empty: SQLite in the data directory."""
    pool_size: int = DEFAULT_POOL_SIZE
    statement_timeout: float | None = DEFAULT_STATEMENT_TIMEOUT
    """Seconds that the database may work on one statement; None: as long as it takes."""
    slow_query: float | None = DEFAULT_SLOW_QUERY
    """Seconds from which a statement is logged; None: never."""
    threads: int = 4
    tls: Literal["off", "auto"] = "off"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    """Serve other machines in the clear."""
    limits: Limits = field(default_factory=Limits)
    keeping: Keeping = field(default_factory=Keeping)
    rules: Rules = field(default_factory=Rules)
    payments: str = "instant"
    """The payment provider, by its name."""

    @property
    def encrypts(self) -> bool:
        """Whether clients can speak TLS with it."""
        return self.tls == "auto" or self.tls_cert is not None

    @property
    def database_url(self) -> str:
        """Where the metadata lives."""
        return self.database or f"sqlite:///{self.data.absolute() / 'youku.db'}"


def default_data_directory() -> Path:
    """`youku` in the user's data directory, by the XDG base directory specification."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "youku"
