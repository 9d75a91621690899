"""The commands of the protocol as one table: name, arguments, who may call it, and the service behind it.

The arguments are checked while they are decoded (`wire.messages`), the permission before the service is called; what
is left here is to translate between the wire and the services. There is a file for each group of commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from youku_evloop.commands import accounts, conversation, movies, notices, purchases, uploads, users
from youku_evloop.commands.base import Access, Call, Command, Results
from youku_evloop.wire.messages import Request

__all__ = ["COMMANDS", "Access", "Call", "Command", "Results"]

GROUPS: Final = (conversation, accounts, users, movies, uploads, purchases, notices)
COMMANDS: Final[Mapping[type[Request], Command]] = {
    command.arguments: command for group in GROUPS for command in group.COMMANDS
}
