"""Notices: read, follow, publish, change."""

from __future__ import annotations

from typing import Final

from youku_evloop.commands.base import Access, Call, Command, Id, Paged, Results
from youku_evloop.services import notices
from youku_evloop.wire.messages import Request


class ListNotices(Paged, tag="notice.list"):
    """A page of the notices, without their contents."""


class OneNotice(Request):
    """A notice by its id."""

    notice: Id


class ShowNotice(OneNotice, tag="notice.show"):
    """The notice to be read, content and all."""


class SeeNotice(OneNotice, tag="notice.seen"):
    """The newest notice that the asker has seen."""


class FollowNotices(Request, tag="notice.follow"):
    """Nothing: the connection gets an event for each notice from here on."""


class PublishNotice(Request, tag="notice.publish"):
    """What the notice says, in plain text."""

    title: str
    content: str


class EditNotice(OneNotice, tag="notice.edit"):
    """What is to change; null: as it was."""

    title: str | None = None
    content: str | None = None


class WithdrawNotice(OneNotice, tag="notice.withdraw"):
    """The notice that nobody is to see any more."""


def list_notices(call: Call, arguments: ListNotices) -> Results:
    rows, following, seen = notices.list_notices(call.who, arguments.limit, arguments.cursor)
    return {"notices": [notices.as_json(row, seen=seen) for row in rows], "next": following}


def show_notice(call: Call, arguments: ShowNotice) -> Results:
    return {"notice": notices.as_json(notices.get(arguments.notice), whole=True)}


def see_notice(call: Call, arguments: SeeNotice) -> Results:
    notices.see(call.who, arguments.notice)
    return {}


def follow_notices(call: Call, arguments: FollowNotices) -> Results:
    call.follow()
    return {}


def publish_notice(call: Call, arguments: PublishNotice) -> Results:
    notice = notices.publish(call.library, call.who, arguments.title, arguments.content)
    return {"notice": notices.as_json(notice, whole=True)}


def edit_notice(call: Call, arguments: EditNotice) -> Results:
    return {"notice": notices.as_json(notices.edit(arguments.notice, arguments.title, arguments.content), whole=True)}


def withdraw_notice(call: Call, arguments: WithdrawNotice) -> Results:
    return {"notice": notices.as_json(notices.withdraw(arguments.notice))}


COMMANDS: Final = (
    Command(ListNotices, Access.USER, list_notices),
    Command(ShowNotice, Access.USER, show_notice),
    Command(SeeNotice, Access.USER, see_notice),
    Command(FollowNotices, Access.USER, follow_notices),
    Command(PublishNotice, Access.ADMIN, publish_notice),
    Command(EditNotice, Access.ADMIN, edit_notice),
    Command(WithdrawNotice, Access.ADMIN, withdraw_notice),
)
