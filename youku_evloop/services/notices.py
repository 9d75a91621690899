"""Notices: what administrators announce, and what of it is new to a user."""

from __future__ import annotations

from typing import Any, Final

from youku_evloop import orm
from youku_evloop.errors import BadRequest, NotFound
from youku_evloop.models import Notice, User
from youku_evloop.services import catalogue
from youku_evloop.services.library import Caller, Library, page, timestamp

LONGEST: Final = 4000
"""Characters of a notice: with four bytes each, it fits a frame with its title."""


def as_json(notice: Notice, *, whole: bool = False, seen: int | None = None) -> dict[str, Any]:
    """A notice as the wire shows it; `whole`: with its content; `seen`: the newest one that the asker has seen."""
    shown: dict[str, Any] = {
        "id": notice.id,
        "title": notice.title,
        "by": notice.user.name,
        "create_time": timestamp(notice.create_time),
        "edit_time": timestamp(notice.edit_time),
    }
    if whole:
        shown["content"] = notice.content
    if seen is not None:
        shown["new"] = notice.id > seen
    return shown


def publish(library: Library, who: Caller, title: str, content: str) -> Notice:
    """Announce something, to those who follow the notices at once. Raises `BadRequest`."""
    _check(title, content)
    made = Notice.create(title=title, content=content, user_id=who.id)
    notice = get(made.id)
    library.announce({"event": "notice", "notice": as_json(notice, whole=True)})
    library.signals.send("notice_published", notice=notice.id, title=notice.title, user=who.id)
    return notice


def edit(notice_id: int, title: str | None, content: str | None) -> Notice:
    """Change what is named. Raises `NotFound`, `BadRequest`."""
    notice = get(notice_id)
    _check(notice.title if title is None else title, notice.content if content is None else content)
    changes = {name: value for name, value in (("title", title), ("content", content)) if value is not None}
    if changes:
        Notice.select(id=notice_id).update(**changes, edit_time=orm.utcnow())
    return get(notice_id)


def withdraw(notice_id: int) -> Notice:
    """Take a notice back; raises `NotFound`."""
    notice = get(notice_id)
    notice.update(is_withdrawn=True)
    return notice


def get(notice_id: int) -> Notice:
    """A notice that has not been withdrawn; raises `NotFound`."""
    notice = Notice.select(id=notice_id, is_withdrawn=False).join(Notice.user).first()
    if notice is None:
        raise _none(notice_id)
    return notice


def list_notices(who: Caller, limit: int, cursor: str | None) -> tuple[list[Notice], str | None, int]:
    """A page of notices, newest first, the cursor of the next page, and the newest one that the caller has seen."""
    notices, following = page(
        Notice.select(is_withdrawn=False), Notice.select().join(Notice.user), Notice.id, limit, cursor
    )
    seen = User.select(id=who.id).columns(User.notice_seen).rows()
    return notices, following, seen[0][0] if seen else 0


def see(who: Caller, notice_id: int) -> None:
    """Remember that the caller has seen all notices up to this one; never goes back. Raises `NotFound`.

    It may have been withdrawn since it was listed.
    """
    if not Notice.select(id=notice_id).exists():
        raise _none(notice_id)
    User.select(id=who.id).where(User.notice_seen < notice_id).update(notice_seen=notice_id)


def _none(notice_id: int) -> NotFound:
    return NotFound(f"There is no notice {notice_id}; `youku notices` lists them.", notice=notice_id)


def _check(title: str, content: str) -> None:
    try:
        catalogue.check_title(title)
    except BadRequest:
        raise BadRequest("`title` has 1 to 200 characters and no control characters.") from None
    if not content.strip() or len(content) > LONGEST:
        raise BadRequest(f"`content` has 1 to {LONGEST} characters.")
