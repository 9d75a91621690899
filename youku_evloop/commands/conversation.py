"""The beginning of a conversation, and the server itself."""

from __future__ import annotations

from typing import Final

from youku_evloop import __version__
from youku_evloop.commands.base import Access, Call, Command, Results
from youku_evloop.services import accounts
from youku_evloop.wire.frames import MAX_FRAME
from youku_evloop.wire.messages import MAX_BODY, Request

PROTOCOL: Final = 1


class Hello(Request, tag="hello"):
    """The newest version that the client speaks, its name for the log, and perhaps a session's token."""

    protocol: int = PROTOCOL
    client: str = ""
    token: str | None = None


class Ping(Request, tag="ping"):
    """Nothing: a sign of life, and the measure of what a request costs at least."""


class ServerStats(Request, tag="server.stats"):
    """Nothing: all counts since the server started."""


def hello(call: Call, arguments: Hello) -> Results:
    user = None
    if arguments.token is not None:
        user, session = accounts.resume(arguments.token)
        call.log_in(accounts.caller(user, session))
    return {
        "server": f"youku {__version__}",
        "protocol": PROTOCOL,
        "user": accounts.as_json(user) if user else None,
        "max_frame": MAX_FRAME,
        "max_body": MAX_BODY,
        "max_pipeline": call.max_pipeline,
    }


COMMANDS: Final = (
    Command(Hello, Access.ANYONE, hello),
    Command(Ping, Access.ANYONE, lambda call, arguments: {}, waits=False),
    Command(ServerStats, Access.ADMIN, lambda call, arguments: call.inspect()),
)
