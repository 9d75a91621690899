"""How far a transfer or a pause is, as whoever asked is told. Knows no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from youku_evloop.errors import YoukuError


class Phase(Enum):
    """What a transfer is busy with."""

    CHECKING = "checking"
    """Hashing what is here already, before or instead of a transfer."""
    TRANSFERRING = "transferring"
    FINISHING = "finishing"
    """The bytes are over; the hash is being compared."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` bytes of the current phase; None: nobody knows how many there will be."""

    phase: Phase
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause before another try: because of which error, for how many seconds, and how many are left."""

    error: YoukuError
    seconds: float
    left: float


ProgressCallback = Callable[[Progress], None]


def no_progress(_progress: Progress) -> None:
    """For those who do not want to know."""
