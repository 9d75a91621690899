"""Accounts and sessions. Passwords never come here: registering brings a SCRAM-SHA-256 verifier, logging in is the
SCRAM exchange (RFC 5802, RFC 7677), and a session is known by the hash of its token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from scramp import ScramException, ScramMechanism
from scramp.core import ScramServer

from youku_evloop import orm
from youku_evloop.errors import AccountLocked, BadRequest, Forbidden, LoginFailed, NameTaken, NotLoggedIn, YoukuError
from youku_evloop.models import Session, User, UserType, folded_name
from youku_evloop.services import attempts, invitations, sessions
from youku_evloop.services.library import SESSION_LIFETIME, Caller, Library, timestamp

NAME: Final = re.compile(r"[^\W_][\w.-]{1,31}")
MIXABLE: Final = frozenset(
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "BOPOMOFO", "HANGUL"}
)
"""Scripts, by the first word of their letters' names, that one user name may have together (Unicode's UTS 39, section
5.2, allows the same): none of their letters looks like another's. Fillers are Hangul letters that nobody sees."""
ITERATIONS: Final = 600_000
"""PBKDF2 rounds of a new verifier (OWASP's figure for HMAC-SHA-256); the client spends them, not the server."""
LEAST_ITERATIONS: Final = 4096
MOST_ITERATIONS: Final = 10_000_000
LEAST_SALT: Final = 12
MOST_SALT: Final = 64
USUAL_SALT: Final = 16
"""Bytes of salt in the verifiers that our own tools make: one that is made up has to look like them."""
KEY_SIZE: Final = 32
TOKEN_BYTES: Final = 32
SLIDE_AFTER: Final = timedelta(hours=1)
"""A session's expiry moves at most this often, so that using a token costs no write."""
OF_TOKEN: Final = Session.select(token_hash=orm.Given("token_hash")).join(Session.user).limit(1)


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a server keeps instead of a password (RFC 5802, section 3)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    def __str__(self) -> str:
        keys = f"{_base64(self.stored_key)}:{_base64(self.server_key)}"
        return f"SCRAM-SHA-256${self.iterations}:{_base64(self.salt)}${keys}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """The verifier that `str` wrote."""
        _, parameters, keys = text.split("$")
        iterations, salt = parameters.split(":")
        stored_key, server_key = keys.split(":")
        decode = base64.b64decode
        return cls(decode(salt), int(iterations), decode(stored_key), decode(server_key))

    @classmethod
    def of_password(cls, password: str, iterations: int = ITERATIONS) -> Verifier:
        """A new verifier. Takes a good part of a second: for tools, never for the server's loop."""
        made = ScramMechanism("SCRAM-SHA-256").make_auth_info(password, iteration_count=iterations)
        salt, stored_key, server_key, rounds = made
        return cls(salt, rounds, stored_key, server_key)

    @classmethod
    def from_client(cls, salt: str, iterations: int, stored_key: str, server_key: str) -> Verifier:
        """A verifier as a client sends it, checked; raises `BadRequest`."""
        verifier = cls(
            _decoded("salt", salt), iterations, _decoded("stored_key", stored_key), _decoded("server_key", server_key)
        )
        if not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
            raise BadRequest(f"`iterations` is from {LEAST_ITERATIONS} to {MOST_ITERATIONS}; {ITERATIONS} is usual.")
        if not LEAST_SALT <= len(verifier.salt) <= MOST_SALT:
            raise BadRequest(f"`salt` has {LEAST_SALT} to {MOST_SALT} bytes.")
        if len(verifier.stored_key) != KEY_SIZE or len(verifier.server_key) != KEY_SIZE:
            raise BadRequest(f"`stored_key` and `server_key` have {KEY_SIZE} bytes each.")
        return verifier


@dataclass(slots=True)
class Login:
    """A SCRAM exchange between its first and its last message."""

    scram: ScramServer
    name: str
    """Folded: guesses count for it, however it is spelt."""
    address: str
    user: User | None
    """As it was when the exchange began; None for a name that nobody has."""


def as_json(user: User) -> dict[str, Any]:
    """A user as the wire shows it."""
    return {
        "id": user.id,
        "name": user.name,
        "user_type": user.user_type.value,
        "vip_until": timestamp(user.vip_until),
        "register_time": timestamp(user.register_time),
    }


def register(library: Library, name: str, verifier: Verifier, code: str | None = None, address: str = "") -> User:
    """A new account, an administrator's with an invitation's code.

    Raises `BadRequest` for a bad name, `NameTaken`, `NotFound` for a code that is not (or no longer) good,
    `TooManyAttempts`. Repeated with the same verifier, as after an answer that was lost, it answers the same account.
    """
    with library.hold(("register", attempts.source(address))):  # or a hundred at once would not be counted in time
        attempts.registers(library.rules, address)
    if code is None:
        user, is_new = _made(name, verifier, UserType.USER)
    else:
        user, is_new = orm.current_database().run(_invited, name, verifier, code)
    if is_new:
        library.signals.send("user_registered", user=user.id, name=user.name, user_type=user.user_type.value)
    return user


def _invited(name: str, verifier: Verifier, code: str) -> tuple[User, bool]:
    user, is_new = _made(name, verifier, UserType.ADMIN)
    invitations.use(code, user)
    return user, is_new


def create(name: str, verifier: Verifier, user_type: UserType = UserType.USER) -> User:
    """A new account; raises `BadRequest` for a bad name, `NameTaken`."""
    return _made(name, verifier, user_type)[0]


def _made(name: str, verifier: Verifier, user_type: UserType) -> tuple[User, bool]:
    """The account, and whether it was made just now rather than by the same request before."""
    name = unicodedata.normalize("NFKC", name)
    _check_name(name)
    try:
        made = User.create(name=name, folded_name=folded_name(name), password=str(verifier), user_type=user_type)
        return made, True
    except (orm.UniqueViolation, orm.OutcomeUnknown) as problem:
        user = User.select(name=name).first()
        if user is None and isinstance(problem, orm.OutcomeUnknown):
            raise
        if user is None or user.user_type is not user_type or not _same(user.password, str(verifier)):
            raise NameTaken(f"The name {name} is taken: choose another one.", name=name) from None
        return user, False


def _check_name(name: str) -> None:
    """Raise `BadRequest` for what is no name, or looks like one that somebody else may have."""
    if not NAME.fullmatch(name):
        raise BadRequest(
            "A user name has 2 to 32 letters, digits, `_`, `-` or `.`, and begins with a letter or a digit."
        )
    letters = [unicodedata.name(character, "?") for character in name if character.isalpha()]
    scripts = {letter.split()[0] for letter in letters}
    if any(letter.endswith("FILLER") for letter in letters) or not (len(scripts) == 1 or scripts <= MIXABLE):
        raise BadRequest("A user name does not mix letters that look alike, such as Latin and Cyrillic ones.")


def named(name: str) -> User | None:
    """The user of that name, in whatever case; of two that differ in nothing else, the one that is spelt so."""
    name = unicodedata.normalize("NFKC", name)
    found = User.select().where((User.name == name) | (User.folded_name == folded_name(name))).all()
    return max(found, key=lambda user: user.name == name, default=None)


def begin_login(library: Library, message: str, address: str) -> tuple[Login, str]:
    """The client-first message: answers the exchange and the server-first message.

    Raises `LoginFailed`, `TooManyAttempts`. An unknown name takes the same steps as a known one.
    """
    name: str = ""
    user: User | None = None

    def verifier_of(claimed: str) -> tuple[bytes, bytes, bytes, int]:
        nonlocal name, user
        name, user = folded_name(claimed), named(claimed)
        verifier = Verifier.parse(user.password) if user else _made_up(library.secret, name)
        return verifier.salt, verifier.stored_key, verifier.server_key, verifier.iterations

    scram = ScramMechanism("SCRAM-SHA-256").make_server(verifier_of)
    try:
        scram.set_client_first(message)
        first: str = scram.get_server_first()
    except ScramException as problem:
        raise _scram_failure(problem) from problem
    attempts.check(name, address)
    return Login(scram, name, address, user), first


def finish_login(library: Library, login: Login, message: str) -> tuple[str, str, User, Session]:
    """The client-final message: answers the server-final one, a new token, the user and the session.

    Raises `LoginFailed`, `TooManyAttempts`, or `AccountLocked` to one who knows the password. One after the other for
    each name, or a hundred guesses at once would all be looked at before the first of them is counted.
    """
    with library.hold(("login", login.name)):
        attempts.check(login.name, login.address)
        try:
            answer, user = _verify(login, message)
        except LoginFailed:
            attempts.failed(library.rules, login.name, login.address)
            raise
        attempts.succeeded(login.name)
    token, session = open_session(user, SESSION_LIFETIME, login.address)
    try:  # again, for whoever locks an account or changes its password may have looked for sessions a moment too early
        _require_unchanged(login)
    except YoukuError:
        Session.select(id=session.id).delete()
        raise
    library.signals.send("user_logged_in", user=user.id, name=user.name, address=login.address)
    return answer, token, user, session


def _verify(login: Login, message: str) -> tuple[str, User]:
    try:
        login.scram.set_client_final(message)
        answer: str = login.scram.get_server_final()
    except ScramException as problem:
        raise _scram_failure(problem) from problem
    return answer, _require_unchanged(login)


def _require_unchanged(login: Login) -> User:
    """The user as it is now; raises `LoginFailed` where the password is another one since the exchange began."""
    user = User.select(id=login.user.id).first() if login.user else None
    if user is None or login.user is None or user.password != login.user.password:
        raise _wrong()
    _refuse_locked(user)
    return user


def open_session(user: User, lifetime: timedelta, address: str = "") -> tuple[str, Session]:
    """A new session and its token, which is known to nobody else."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expire_time = orm.utcnow() + lifetime
    session = Session.create(token_hash=_token_hash(token), user=user, expire_time=expire_time, address=address)
    return token, session


def resume(token: str) -> tuple[User, Session]:
    """The session of a token; raises `NotLoggedIn`, `AccountLocked`."""
    session = OF_TOKEN.given(token_hash=_token_hash(token)).first()
    now = orm.utcnow()
    if session is None or session.expire_time <= now:
        raise NotLoggedIn("The session is over or was revoked: log in again.")
    _refuse_locked(session.user)
    if now - session.last_seen > SLIDE_AFTER:
        changes = {"last_seen": now, "expire_time": now + SESSION_LIFETIME}
        if not Session.select(id=session.id).update(**changes):
            raise NotLoggedIn("The session is over or was revoked: log in again.")
    return session.user, session


def caller(user: User, session: Session, *, by_password: bool = False) -> Caller:
    """On whose behalf the session acts."""
    return Caller(user.id, user.name, user.user_type, session.id, by_password)


def logout(library: Library, who: Caller, log_out: Callable[[], None]) -> None:
    """Revoke the caller's session; `log_out` spares the conversation that asks, all others with it are ended."""
    sessions.end(library, {who.session_id}, log_out)


def change_password(library: Library, who: Caller, verifier: Verifier) -> int:
    """A new password, for one who has just proved the old one; ends all other sessions and says how many.

    Raises `Forbidden` where only a token was shown: who has found one must not be able to take the account.
    """
    if not who.by_password:
        raise Forbidden("Prove the old password first: log in on this connection, then change it.")
    User.select(id=who.id).update(password=str(verifier))
    return sessions.end_others(library, who)


def whoami(who: Caller) -> User:
    """The caller's account as it is now; raises `NotLoggedIn` when it or its session is gone."""
    session = Session.select(id=who.session_id).join(Session.user).first()
    if session is None:
        raise NotLoggedIn("The session is over or was revoked: log in again.")
    return session.user


def _same(one: str, other: str) -> bool:
    """Compared without telling by the time how much of it is right."""
    return hmac.compare_digest(one.encode(), other.encode())


def _made_up(secret: bytes, name: str) -> Verifier:
    """For a name that nobody has: always the same salt, and keys that no password fits."""
    salt = hmac.digest(secret, b"salt:" + name.encode(), "sha256")[:USUAL_SALT]
    return Verifier(salt, ITERATIONS, secrets.token_bytes(KEY_SIZE), secrets.token_bytes(KEY_SIZE))


def _scram_failure(problem: ScramException) -> Exception:
    cause = problem.__cause__
    return cause if isinstance(cause, orm.OrmError) else _wrong()


def _wrong() -> LoginFailed:
    return LoginFailed("Wrong name or password. Try again, or register with `youku register`.")


def _refuse_locked(user: User) -> None:
    if user.is_locked:
        raise _locked(user)


def _locked(user: User) -> AccountLocked:
    return AccountLocked(f"The account {user.name} is locked: ask an administrator of this library.")


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"`{field}` is not base64.") from None
