"""Guessing passwords, and making accounts: who does it too often waits longer and longer, but never for good.

Each key (a name, an address, an address that registers) has one row: how many times, and until when the next attempt
is refused unlooked-at. A refused attempt does not count, so nobody can keep a pause from ending. Logging in with a
token is no guess and is never refused here.
"""

from __future__ import annotations

import math
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from youku_evloop import orm
from youku_evloop.config import Rules
from youku_evloop.errors import TooManyAttempts
from youku_evloop.models import LoginFailures

MOST_DOUBLINGS: Final = 30
"""More would leave the numbers that times can be computed with."""
KEY_LENGTH: Final = 140
"""A longer name is nobody's; its beginning counts."""
SUBSCRIBER: Final = 64
"""Bits of an IPv6 address that are the provider's to give: whoever has one address has all that differ in the rest."""


def check(name: str, address: str) -> None:
    """Raise `TooManyAttempts` while the name or the address has to wait."""
    _refuse([_of_name(name), _of_address(address)], "Too many logins have failed: try again in {} s.")


def failed(rules: Rules, name: str, address: str) -> None:
    """Count a failure of both."""
    _count(rules, _of_name(name), rules.name_failures)
    _count(rules, _of_address(address), rules.address_failures)


def succeeded(name: str) -> None:
    """Forget the failures of the name; those of the address may have been of other names."""
    LoginFailures.select(key=_of_name(name)).delete()


def registers(rules: Rules, address: str) -> None:
    """Count a registration, good or bad; raises `TooManyAttempts` while the address has to wait with the next one."""
    key = f"register:{_of_address(address)}"
    _refuse([key], "Too many accounts were made from your address: try again in {} s.")
    _count(rules, key, rules.address_registrations)


def sweep(rules: Rules) -> int:
    """Forget what counts no more; answers how many rows went."""
    old = orm.utcnow() - timedelta(seconds=rules.forget_failures)
    return LoginFailures.select().where(LoginFailures.last_time < old).delete()


def source(address: str) -> str:
    """Who counts as one: an IPv4 address, or the network of IPv6 that one subscriber has."""
    try:
        known = ip_address(address.strip("[]").partition("%")[0])
    except ValueError:  # a test's, or none
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    return str(known.ipv4_mapped or ip_network((known, SUBSCRIBER), strict=False))


def _of_name(name: str) -> str:
    return f"name:{name[:KEY_LENGTH]}"


def _of_address(address: str) -> str:
    return f"address:{source(address)[:KEY_LENGTH]}"


def _refuse(keys: list[str], message: str) -> None:
    now = orm.utcnow()
    rows = LoginFailures.select().where(LoginFailures.key.in_(keys), LoginFailures.blocked_until > now)
    until = max((row.blocked_until for row in rows), default=now)
    if until > now:
        wait = max(math.ceil((until - now).total_seconds()), 1)
        raise TooManyAttempts(message.format(wait), wait=wait)


def _count(rules: Rules, key: str, allowed: int) -> None:
    """Add one, whoever else does at the same moment: the row is changed only if it is still as it was read."""
    while True:
        now = orm.utcnow()
        row = LoginFailures.select(key=key).first()
        if row is None:
            count = 1
        else:
            forgotten = (now - row.last_time).total_seconds() > rules.forget_failures
            count = 1 if forgotten else row.count + 1
        changes: dict[str, Any] = {
            "count": count,
            "last_time": now,
            "blocked_until": now + _pause(rules, count - allowed),
        }
        if _store(key, row, changes):
            return


def _store(key: str, row: LoginFailures | None, changes: dict[str, Any]) -> bool:
    if row is not None:
        return LoginFailures.select(key=key, count=row.count, last_time=row.last_time).update(**changes) > 0
    try:
        LoginFailures.create(key=key, **changes)
    except orm.UniqueViolation:
        return False
    return True


def _pause(rules: Rules, beyond: int) -> timedelta:
    if beyond < 0:
        return timedelta()
    return timedelta(seconds=min(rules.first_pause * 2 ** min(beyond, MOST_DOUBLINGS), rules.longest_pause))
