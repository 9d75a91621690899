"""Every error that crosses a boundary of Youku, as one small tree.

An error has a *code* (the same in every language and on every wire), a *message* for a person that says what to do,
and *facts* that a program can use. What a code means elsewhere (the exit code of the command line, whether trying
again can help) stands here and nowhere else, as attributes of its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """How `youku` and `youku-server` end. Scripts may rely on these numbers."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_LOGGED_IN = 3
    FORBIDDEN = 4
    NOT_FOUND = 5
    CONFLICT = 6
    PAYMENT_REQUIRED = 7
    WAIT = 8
    TEMPORARY = 9
    INTEGRITY = 10
    THRESHOLD = 11
    INTERRUPTED = 130


class YoukuError(Exception):
    """The root of the tree; itself: something that nobody foresaw."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def as_reply(self) -> dict[str, Any]:
        """The fields of an error reply (docs/protocol.md), without the id of the request."""
        return {**self.facts, "ok": False, "error": self.code, "message": self.message}


class BadRequest(YoukuError):
    """An argument is missing, unknown, of the wrong type or out of range."""

    code = "bad_request"
    exit_code = ExitCode.USAGE


class UnknownCommand(BadRequest):
    """No command of that name."""

    code = "unknown_command"


class BrokenFrame(YoukuError):
    """The bytes are no frame of this protocol: the connection ends after the reply."""

    code = "broken_frame"


class NotLoggedIn(YoukuError):
    """The command needs a session and the connection has none (any more)."""

    code = "not_logged_in"
    exit_code = ExitCode.NOT_LOGGED_IN


class LoginFailed(NotLoggedIn):
    """Wrong name or wrong password: which of them, nobody is told."""

    code = "login_failed"


class Forbidden(YoukuError):
    """Logged in, but not allowed to do this."""

    code = "forbidden"
    exit_code = ExitCode.FORBIDDEN


class AccountLocked(Forbidden):
    """An administrator has locked the account."""

    code = "account_locked"


class QuotaExceeded(Forbidden):
    """The user has no more room of their own: `needed`, `used` and `quota` say the bytes."""

    code = "quota_exceeded"


class NotFound(YoukuError):
    """There is no such thing, or none that the asker may know of."""

    code = "not_found"
    exit_code = ExitCode.NOT_FOUND


class Conflict(YoukuError):
    """What is asked for contradicts what is there."""

    code = "conflict"
    exit_code = ExitCode.CONFLICT


class Ambiguous(Conflict):
    """What was named can be several things: `candidates` are they. Only the client says so; a server is told ids."""

    code = "ambiguous"


class NameTaken(Conflict):
    """Somebody else has that user name."""

    code = "name_taken"


class AlreadyBought(Conflict):
    """The purchase is there: `purchase` is its id, `state` how far it is."""

    code = "already_bought"


class MovieDeleted(NotFound):
    """The movie was taken out of the library; the asker has bought it, or downloaded it."""

    code = "movie_deleted"


class MovieExists(Conflict):
    """The library holds these very bytes already."""

    code = "movie_exists"


class WrongOffset(Conflict):
    """An upload goes on elsewhere: `offset` says where."""

    code = "wrong_offset"
    retryable = True


class Superseded(Conflict):
    """A newer connection has taken the upload over."""

    code = "superseded"


class PaymentRequired(YoukuError):
    """The movie has to be bought first."""

    code = "payment_required"
    exit_code = ExitCode.PAYMENT_REQUIRED


class WaitRequired(YoukuError):
    """Too early: `wait` says how many seconds are left."""

    code = "wait"
    exit_code = ExitCode.WAIT
    retryable = True


class TooManyAttempts(WaitRequired):
    """Too many logins have failed, or accounts were made: `wait` says after how many seconds the next is looked at."""

    code = "too_many_attempts"


class Unavailable(YoukuError):
    """Not now; the same request may succeed later."""

    code = "unavailable"
    exit_code = ExitCode.TEMPORARY
    retryable = True


class NoSpace(Unavailable):
    """The disk cannot hold it: `needed` and `free` say the bytes, where it is known."""

    code = "no_space"


class Unreachable(Unavailable):
    """No server answers there, or the connection to it was lost."""

    code = "unreachable"


class TimedOut(Unavailable):
    """The other side took longer than the limit."""

    code = "timeout"


class IntegrityFailure(YoukuError):
    """Bytes are not what they have to be: nothing was published or kept."""

    code = "integrity"
    exit_code = ExitCode.INTEGRITY


class UntrustedServer(YoukuError):
    """The server could not prove to be the one that is meant: nothing was sent to it."""

    code = "untrusted_server"
    exit_code = ExitCode.INTEGRITY


class ThresholdCrossed(YoukuError):
    """A load test went well, and was not good enough: `crossed` says what was too much or too little."""

    code = "threshold"
    exit_code = ExitCode.THRESHOLD


class Interrupted(YoukuError):
    """The person asked to stop."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


def _tree(root: type[YoukuError]) -> Iterator[type[YoukuError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


BY_CODE: Mapping[str, type[YoukuError]] = MappingProxyType({kind.code: kind for kind in _tree(YoukuError)})


def from_reply(reply: Mapping[str, Any]) -> YoukuError:
    """The exception that an error reply stands for; an unknown code becomes a plain `YoukuError`."""
    facts = {key: value for key, value in reply.items() if key not in ("id", "ok", "error", "message")}
    kind = BY_CODE.get(str(reply.get("error")), YoukuError)
    return kind(str(reply.get("message", "The server gave no reason.")), **facts)
