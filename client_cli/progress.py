"""How far a transfer is, as the library tells whoever asked. Knows no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


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


ProgressCallback = Callable[[Progress], None]


def no_progress(_progress: Progress) -> None:
    """For those who do not want to know."""
