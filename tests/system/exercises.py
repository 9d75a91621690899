"""What every command can be asked for, in each of its ways: on the real services, with nobody at the other end."""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from blake3 import blake3
from scramp import ScramClient

from tests.support.filled import SIZE, USERS
from tests.support.wire import verifier_of
from youku_evloop.commands import COMMANDS
from youku_evloop.models import Movie, UserType
from youku_evloop.services import accounts, uploads
from youku_evloop.services.accounts import Login
from youku_evloop.services.downloads import Range
from youku_evloop.services.library import SESSION_LIFETIME, Caller, Library
from youku_evloop.services.uploads import Claim
from youku_evloop.wire.messages import Rejected, RequestParser

PASSWORD: Final = "correct horse"
PARSE: Final = RequestParser(COMMANDS)


@dataclass
class Conversation:
    """What commands may ask of a conversation, with nobody at the other end."""

    library: Library
    caller: Caller
    claims: dict[str, Claim] = field(default_factory=dict)
    max_pipeline: int = 1
    body: bytes = b""
    login: Login | None = None
    address: str = "192.0.2.1"
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def who(self) -> Caller:
        """The administrator."""
        return self.caller

    def inspect(self) -> dict[str, Any]:
        """The server's own counts are no business of the database."""
        return {}

    def follow(self) -> None:
        """Nothing is pushed here."""

    def begin_login(self, login: Login) -> None:
        """Kept for `end_login`."""
        self.login = login

    def end_login(self) -> Login:
        """The one that was begun."""
        assert self.login is not None
        return self.login

    def log_in(self, who: Caller) -> None:
        """From now on it is this caller's."""
        self.caller = who

    def log_out(self) -> None:
        """It stays whose it was."""

    def receive(self, sink: Callable[[memoryview], object]) -> None:
        """The body, at once."""
        sink(memoryview(self.body))

    def send_range(self, results: dict[str, Any], piece: Range) -> int:
        """As if all of it went out."""
        return piece.count

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        """The results of a command, its arguments read as from the wire."""
        request = PARSE(json.dumps({"id": 1, "op": op, **arguments}).encode())
        assert not isinstance(request, Rejected), request.error
        return COMMANDS[type(request)].run(self, request) or {}

    def upload(self) -> tuple[str, bytes]:
        """A new upload of bytes that nobody has seen before; its id and the bytes."""
        content = os.urandom(SIZE)
        name = f"Upload {next(self.numbers)}"
        begun = self.ask("upload.create", name=name, size=SIZE, fingerprint=blake3(content).hexdigest())
        return begun["upload"], content

    def whole_upload(self) -> tuple[str, bytes]:
        """The same, and all of it has been sent."""
        upload, self.body = self.upload()
        self.ask("upload.write", upload=upload, offset=0, body=SIZE)
        return upload, self.body

    def movie(self, *, is_free: bool = True) -> int:
        """The id of a movie that has just been published."""
        upload, content = self.whole_upload()
        movie = self.ask("upload.finish", upload=upload, hash=blake3(content).hexdigest())["movie"].id
        Movie.select(id=movie).update(is_free=is_free)
        return int(movie)


# -- what each command is asked for


def log_in(talk: Conversation) -> None:
    """The whole exchange."""
    name = f"n{uuid.uuid4().hex[:20]}"
    talk.ask("account.register", name=name, **verifier_of(PASSWORD))
    client = ScramClient(["SCRAM-SHA-256"], name, PASSWORD)
    client.set_server_first(talk.ask("account.login", message=client.get_client_first())["message"])
    client.set_server_final(talk.ask("account.proof", message=client.get_client_final())["message"])


def hello(talk: Conversation) -> None:
    """With a token, and without."""
    token, session = accounts.open_session(accounts.whoami(talk.caller), SESSION_LIFETIME)
    session.update(last_seen=session.last_seen - 2 * accounts.SLIDE_AFTER)
    talk.ask("hello", token=token)
    talk.ask("hello")


def list_movies(talk: Conversation) -> None:
    """First pages and pages from the middle, of each kind."""
    for kind in ("all", "free", "charge"):
        talk.ask("movie.list", type=kind)
        talk.ask("movie.list", type=kind, cursor="2500")
        for sort in ("oldest", "title", "size"):
            page = talk.ask("movie.list", type=kind, sort=sort)
            talk.ask("movie.list", type=kind, sort=sort, cursor=page["next"])


def read_movie(talk: Conversation) -> None:
    """Twice, as an administrator; and as a user who has not bought it."""
    movie = talk.movie(is_free=False)
    talk.ask("movie.read", movie=movie, length=SIZE // 2)
    talk.ask("movie.read", movie=movie, offset=SIZE // 2)
    with pytest.raises(Exception, match="bought"):
        Conversation(talk.library, Caller(USERS, f"user {USERS - 1}", UserType.USER, 1)).ask("movie.read", movie=movie)


def restore_movie(talk: Conversation) -> None:
    """One that has just been deleted."""
    movie = talk.movie()
    talk.ask("movie.delete", movie=movie)
    talk.ask("movie.restore", movie=movie)


def create_upload(talk: Conversation) -> None:
    """A new one, the same one again, and one of unknown size."""
    content = os.urandom(SIZE)
    for _ in range(2):
        talk.ask("upload.create", name="Twice", size=SIZE, fingerprint=blake3(content).hexdigest())
    talk.ask("upload.create", name="Unknown", size=None, fingerprint=None)


def write_upload(talk: Conversation) -> None:
    """By the conversation that began it, and by another one; the sync of a long one."""
    upload, talk.body = talk.upload()
    talk.ask("upload.write", upload=upload, offset=0, body=SIZE)
    talk.claims.clear()
    talk.body = b""
    talk.ask("upload.write", upload=upload, offset=SIZE, body=0)
    uploads.receiving._remember(talk.library, talk.claims[upload].upload, SIZE)


def finish_upload(talk: Conversation) -> None:
    """Twice."""
    upload, content = talk.whole_upload()
    for _ in range(2):
        talk.ask("upload.finish", upload=upload, hash=blake3(content).hexdigest())


def change_password(talk: Conversation) -> None:
    """After a login, as it has to be."""
    log_in(talk)
    talk.ask("account.password", **verifier_of("another one"))


def end_session(talk: Conversation) -> None:
    """One's own, elsewhere."""
    _, session = accounts.open_session(accounts.whoami(talk.caller), SESSION_LIFETIME)
    talk.ask("session.end", session=session.id)


def use_invitation(talk: Conversation) -> None:
    """Made, used, made and cancelled."""
    code = talk.ask("invitation.create")["code"]
    talk.ask("account.register", name=f"i{uuid.uuid4().hex[:20]}", invitation=code, **verifier_of(PASSWORD))
    talk.ask("invitation.cancel", invitation=talk.ask("invitation.create")["invitation"]["id"])


def make_and_delete_user(talk: Conversation) -> None:
    """Somebody who has searched and downloaded."""
    name = f"d{uuid.uuid4().hex[:20]}"
    user = talk.ask("user.create", name=name, **verifier_of(PASSWORD))["user"]["id"]
    movie = talk.movie()
    theirs = Conversation(talk.library, Caller(user, name, UserType.USER, 1))
    theirs.ask("movie.search", query="upload")
    talk.ask("user.grant_vip", user=name, months=1)  # who need not wait
    theirs.ask("movie.read", movie=movie)
    talk.ask("user.delete", user=name)


def purge_movie(talk: Conversation) -> None:
    """One that nobody wants, and one that somebody has downloaded."""
    movie = talk.movie()
    talk.ask("movie.delete", movie=movie)
    talk.ask("movie.purge", movie=movie)
    movie = talk.movie()
    talk.ask("movie.read", movie=movie)
    talk.ask("movie.delete", movie=movie)
    with pytest.raises(Exception, match="on record"):
        talk.ask("movie.purge", movie=movie)


def list_users(talk: Conversation) -> None:
    """All, and some."""
    talk.ask("user.list")
    talk.ask("user.list", name="user 1", cursor="50")


def change_users(talk: Conversation) -> None:
    """All that an administrator does to a user."""
    for op in ("user.show", "user.lock", "user.unlock", "user.end_vip"):
        talk.ask(op, user="user 7")
    talk.ask("user.grant_vip", user="user 7", months=1)


def search(talk: Conversation) -> None:
    """One that finds something, and one that does not."""
    movie = talk.movie()
    talk.ask("movie.edit", movie=movie, name="大话西游 journey")
    for query in ("西游", "journ", "jo", "qqqq"):
        talk.ask("movie.search", query=query)
        talk.ask("movie.search", query=query, type="free", cursor=str(movie))


def buy(talk: Conversation) -> None:
    """A movie, and VIP twice under one key."""
    talk.ask("movie.buy", movie=talk.movie(is_free=False))
    key = uuid.uuid4().hex
    for _ in range(2):
        talk.ask("vip.buy", months=1, key=key)


def settle(talk: Conversation) -> None:
    """What is settled already."""
    paid = talk.ask("vip.buy", months=1, key=uuid.uuid4().hex)["purchase"]["id"]
    talk.ask("purchase.confirm", purchase=paid)
    with pytest.raises(Exception, match="already"):
        talk.ask("purchase.decline", purchase=paid)


def read_notices(talk: Conversation) -> None:
    """One from its publication to its end."""
    notice = talk.ask("notice.publish", title="Title", content="Content")["notice"]["id"]
    for op in ("notice.show", "notice.seen"):
        talk.ask(op, notice=notice)
    talk.ask("notice.edit", notice=notice, title="Another")
    talk.ask("notice.list", cursor=talk.ask("notice.list", limit=1)["next"])
    talk.ask("notice.withdraw", notice=notice)


def pages(op: str, **arguments: Any) -> Callable[[Conversation], object]:
    """The first page of a list, and one from the middle."""

    def ask(talk: Conversation) -> None:
        talk.ask(op, **arguments)
        talk.ask(op, cursor="2500", **arguments)

    return ask


EXERCISES: Final[Mapping[str, Callable[[Conversation], object]]] = {
    "hello": hello,
    "ping": lambda talk: talk.ask("ping"),
    "server.stats": lambda talk: talk.ask("server.stats"),
    "account.register": log_in,
    "account.login": log_in,
    "account.proof": log_in,
    "account.logout": lambda talk: talk.ask("account.logout"),
    "account.whoami": lambda talk: talk.ask("account.whoami"),
    "movie.list": list_movies,
    "movie.show": lambda talk: talk.ask("movie.show", movie=talk.movie()),
    "movie.read": read_movie,
    "movie.find": lambda talk: talk.ask("movie.find", size=SIZE, fingerprint="0" * 64),
    "movie.hash": lambda talk: talk.ask("movie.hash", movie=talk.movie(), length=1),
    "movie.delete": restore_movie,
    "movie.restore": restore_movie,
    "movie.purge": purge_movie,
    "account.password": change_password,
    "session.list": lambda talk: talk.ask("session.list"),
    "session.end": end_session,
    "session.end_others": lambda talk: talk.ask("session.end_others"),
    "invitation.create": use_invitation,
    "invitation.list": pages("invitation.list"),
    "invitation.cancel": use_invitation,
    "user.list": list_users,
    "user.show": change_users,
    "user.create": make_and_delete_user,
    "user.delete": make_and_delete_user,
    "user.lock": change_users,
    "user.unlock": change_users,
    "user.grant_vip": change_users,
    "user.end_vip": change_users,
    "movie.deleted": pages("movie.deleted"),
    "movie.edit": search,
    "movie.search": search,
    "movie.buy": buy,
    "search.list": lambda talk: talk.ask("search.list"),
    "search.clear": lambda talk: talk.ask("search.clear"),
    "search.missed": lambda talk: talk.ask("search.missed"),
    "vip.buy": buy,
    "vip.show": lambda talk: talk.ask("vip.show"),
    "purchase.list": pages("purchase.list"),
    "purchase.list_all": pages("purchase.list_all", state="paid"),
    "purchase.confirm": settle,
    "purchase.decline": settle,
    "record.list": pages("record.list"),
    "record.list_all": pages("record.list_all", user="user 7", movie=7),
    "notice.list": read_notices,
    "notice.show": read_notices,
    "notice.seen": read_notices,
    "notice.edit": read_notices,
    "notice.publish": read_notices,
    "notice.withdraw": read_notices,
    "notice.follow": lambda talk: talk.ask("notice.follow"),
    "upload.create": create_upload,
    "upload.write": write_upload,
    "upload.finish": finish_upload,
    "upload.list": lambda talk: talk.ask("upload.list", cursor=talk.ask("upload.list")["next"] or talk.upload()[0]),
    "upload.status": lambda talk: talk.ask("upload.status", upload=talk.upload()[0]),
    "upload.cancel": lambda talk: talk.ask("upload.cancel", upload=talk.upload()[0]),
}
