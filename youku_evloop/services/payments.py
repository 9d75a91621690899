"""Payment: the seam to whoever takes the money. A provider is told of a charge and answers how far it is.

Writing a real one (docs/plugins.md): a class with `name` and `charge`. The rules that make it safe:

- `charge.key` is the same whenever the same purchase is asked for again, after a crash too. A provider that has taken
  the money for a key must answer `APPROVED` for it again, and take nothing.
- `charge` runs in a task of the loop: whatever blocks goes to `library.in_thread`, or a plugin's `PluginApp.in_thread`.
- What it raises is logged, the purchase stays waiting, and buying again asks again.
- A provider that learns of the payment later answers `WAITING`; `purchases.settle` is where it reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Protocol


class Outcome(Enum):
    """How far a payment is."""

    APPROVED = "approved"
    WAITING = "waiting"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Charge:
    """What somebody is to pay: `amount` in fen, `key` the same for every repetition, `title` for a statement."""

    key: str
    amount: int
    user: str
    title: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's answer; `reference` is its own name for the payment."""

    outcome: Outcome
    reference: str = ""


class Provider(Protocol):
    """Whoever takes the money."""

    @property
    def name(self) -> str:
        """As purchases record it."""

    def charge(self, charge: Charge) -> Receipt:
        """Take the money, or say that it will be known later; the same answer for the same key."""


class Instant:
    """Approves everything at once: for a library among friends, and for trying things out."""

    name = "instant"

    def charge(self, charge: Charge) -> Receipt:
        """Approved."""
        return Receipt(Outcome.APPROVED, f"instant-{charge.key}")


class Manual:
    """The money comes by other ways; an administrator confirms or declines."""

    name = "manual"

    def charge(self, charge: Charge) -> Receipt:
        """Waiting, until somebody has looked."""
        return Receipt(Outcome.WAITING)


PROVIDERS: Mapping[str, type[Instant] | type[Manual]] = MappingProxyType({"instant": Instant, "manual": Manual})
