"""VIP: who is one, until when, and making it longer by whole calendar months."""

from __future__ import annotations

import calendar
from datetime import datetime
from typing import Final

from youku_evloop import orm
from youku_evloop.errors import BadRequest, NotFound
from youku_evloop.models import User

MOST_MONTHS: Final = 120
"""Of one purchase or grant: ten years, more is a slip of the finger."""
LAST_YEAR: Final = 9998
"""As far as calendars and databases go, time zones included: whoever buys on and on has VIP for good by then."""


def is_vip(user_id: int) -> bool:
    """Whether the user is a VIP at this moment."""
    return User.select(id=user_id).where(User.vip_until > orm.utcnow()).exists()


def check_months(months: int) -> None:
    """Raise `BadRequest` for what nobody means."""
    if not 1 <= months <= MOST_MONTHS:
        raise BadRequest(f"`months` is from 1 to {MOST_MONTHS}.")


def extend(user_id: int, months: int) -> datetime:
    """Add months to what is left, or begin now; answers the new end. Inside a transaction: the row is locked."""
    user = User.select(id=user_id).for_update().first()
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    now = orm.utcnow()
    start = max(user.vip_until or now, now)
    until = later(start, months)
    user.update(vip_until=until)
    return until


def end(user_id: int) -> None:
    """No VIP any more."""
    User.select(id=user_id).update(vip_until=None)


def later(moment: datetime, months: int) -> datetime:
    """The same day so many months later, or the month's last day where it has no such day; never past `LAST_YEAR`."""
    number = moment.month - 1 + months
    year, month = min(moment.year + number // 12, LAST_YEAR), number % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)
