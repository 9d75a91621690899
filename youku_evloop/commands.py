"""The commands of the protocol as one table: name, arguments, who may call it, and the service behind it.

The arguments are checked while they are decoded (`wire.messages`), the permission before the service is called; what
is left here is to translate between the wire and the services.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Final, Literal, Protocol

from msgspec import Meta

from youku_evloop import __version__
from youku_evloop.errors import BadRequest
from youku_evloop.services import accounts, catalogue, downloads, uploads
from youku_evloop.services.downloads import Range
from youku_evloop.services.library import Caller, Library, timestamp
from youku_evloop.services.uploads import Claim
from youku_evloop.wire.frames import MAX_FRAME
from youku_evloop.wire.messages import MAX_BODY, Request

PROTOCOL: Final = 1
Results = dict[str, Any]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""What a database can number."""
UploadId = Annotated[str, Meta(max_length=32)]


class Access(Enum):
    """Who may call a command."""

    ANYONE = "anyone"
    USER = "user"
    ADMIN = "admin"


class Call(Protocol):
    """What a command may ask of the conversation that brought it."""

    @property
    def library(self) -> Library:
        """What the services work with."""

    @property
    def max_pipeline(self) -> int:
        """Requests that are read ahead."""

    @property
    def claims(self) -> dict[str, Claim]:
        """The uploads that the conversation sends to, by id."""

    @property
    def who(self) -> Caller:
        """The user who asks; the permission check has seen to it that there is one."""

    def inspect(self) -> Results:
        """What the server counts about itself."""

    def begin_login(self, login: accounts.Login) -> None:
        """Remember an exchange that has begun."""

    def end_login(self) -> accounts.Login:
        """The exchange that has begun; raises `BadRequest` when none has."""

    def log_in(self, who: Caller) -> None:
        """From here on the conversation is this user's."""

    def log_out(self) -> None:
        """From here on it is nobody's."""

    def receive(self, sink: Callable[[memoryview], object]) -> None:
        """Read the request's body into `sink`."""

    def send_range(self, results: Results, piece: Range) -> int:
        """Reply with a piece of a movie as the body; answers how many of its bytes went out."""


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table. `run` answers the results, or None when it has replied itself."""

    arguments: type[Request]
    access: Access
    run: Callable[[Call, Any], Results | None]
    takes_body: bool = False

    name: str = field(init=False)
    """As requests name it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(self.arguments.__struct_config__.tag))


# -- conversation


class Hello(Request, tag="hello"):
    protocol: int = PROTOCOL
    client: str = ""
    token: str | None = None


class Ping(Request, tag="ping"):
    pass


class ServerStats(Request, tag="server.stats"):
    pass


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


# -- accounts


class Register(Request, tag="account.register"):
    name: str
    salt: str
    iterations: int
    stored_key: str
    server_key: str


class ScramMessage(Request):
    message: str


class Login(ScramMessage, tag="account.login"):
    pass


class Proof(ScramMessage, tag="account.proof"):
    pass


class Logout(Request, tag="account.logout"):
    pass


class Whoami(Request, tag="account.whoami"):
    pass


def register(call: Call, arguments: Register) -> Results:
    a = arguments
    verifier = accounts.Verifier.from_client(a.salt, a.iterations, a.stored_key, a.server_key)
    return {"user": accounts.as_json(accounts.register(a.name, verifier))}


def login(call: Call, arguments: Login) -> Results:
    exchange, message = accounts.begin_login(call.library, arguments.message)
    call.begin_login(exchange)
    return {"message": message}


def proof(call: Call, arguments: Proof) -> Results:
    message, token, user, session = accounts.finish_login(call.end_login(), arguments.message)
    call.log_in(accounts.caller(user, session))
    expire_time = timestamp(session.expire_time)
    return {"message": message, "user": accounts.as_json(user), "token": token, "expire_time": expire_time}


def logout(call: Call, arguments: Logout) -> Results:
    accounts.logout(call.who)
    call.log_out()
    return {}


# -- movies


class ListMovies(Request, tag="movie.list"):
    type: Literal["all", "free", "charge"] = "all"
    limit: int = 20
    cursor: str | None = None


class OneMovie(Request):
    movie: Id


class ShowMovie(OneMovie, tag="movie.show"):
    pass


class DeleteMovie(OneMovie, tag="movie.delete"):
    pass


class RestoreMovie(OneMovie, tag="movie.restore"):
    pass


class ReadMovie(OneMovie, tag="movie.read"):
    offset: int = 0
    length: int | None = None


class HashMovie(OneMovie, tag="movie.hash"):
    length: int


def list_movies(call: Call, arguments: ListMovies) -> Results:
    movies, cursor = catalogue.list_movies(arguments.type, arguments.limit, arguments.cursor)
    return {"movies": [catalogue.as_json(movie) for movie in movies], "next": cursor}


def show_movie(call: Call, arguments: ShowMovie) -> Results:
    return {"movie": catalogue.as_json(catalogue.get(arguments.movie), whole=True)}


def delete_movie(call: Call, arguments: DeleteMovie) -> Results:
    movie = catalogue.delete(call.library, arguments.movie)
    until = catalogue.restorable_until(call.library, movie)
    return {"movie": catalogue.as_json(movie), "restorable_until": timestamp(until)}


def restore_movie(call: Call, arguments: RestoreMovie) -> Results:
    return {"movie": catalogue.as_json(catalogue.restore(call.library, arguments.movie))}


def read_movie(call: Call, arguments: ReadMovie) -> None:
    def send(piece: Range) -> int:
        movie = piece.movie
        results = {"movie": movie.id, "size": movie.file_size, "hash": movie.file_hash, "offset": piece.offset}
        return call.send_range(results, piece)

    downloads.read(call.library, call.who, arguments.movie, arguments.offset, arguments.length, send)


def hash_movie(call: Call, arguments: HashMovie) -> Results:
    return {"hash": downloads.prefix_hash(call.library, call.who, arguments.movie, arguments.length)}


# -- uploads


class CreateUpload(Request, tag="upload.create"):
    name: str
    size: int | None
    fingerprint: str | None
    description: str = ""
    is_free: bool = True
    price: int | None = None
    vip_price: int | None = None
    again: bool = False


class OneUpload(Request):
    upload: UploadId


class WriteUpload(OneUpload, tag="upload.write"):
    offset: int


class FinishUpload(OneUpload, tag="upload.finish"):
    hash: str
    size: int | None = None


class ListUploads(Request, tag="upload.list"):
    pass


class ShowUpload(OneUpload, tag="upload.status"):
    pass


class CancelUpload(OneUpload, tag="upload.cancel"):
    pass


def create_upload(call: Call, arguments: CreateUpload) -> Results:
    a = arguments
    if a.fingerprint is not None:
        _require_hash("fingerprint", a.fingerprint)
    options = {
        "description": a.description,
        "is_free": a.is_free,
        "price": a.price,
        "vip_price": a.vip_price,
        "again": a.again,
    }
    claim, row, known = uploads.create(call.library, call.who, a.name, a.size, a.fingerprint, options)
    call.claims[row.id] = claim
    offset = claim.upload.part.size
    return {"upload": row.id, "offset": offset, "known": known, "expire_time": timestamp(row.expire_time)}


def write_upload(call: Call, arguments: WriteUpload) -> Results:
    claim = call.claims.get(arguments.upload)
    if claim is None:
        claim = call.claims[arguments.upload] = uploads.claim(call.library, call.who, arguments.upload)
    return {"offset": uploads.write(call.library, claim, arguments.offset, arguments.body, call.receive)}


def finish_upload(call: Call, arguments: FinishUpload) -> Results:
    _require_hash("hash", arguments.hash)
    claim = call.claims.get(arguments.upload)
    movie = uploads.finish(call.library, call.who, claim, arguments.upload, arguments.hash, arguments.size)
    call.claims.pop(arguments.upload, None)
    return {"movie": catalogue.as_json(movie, whole=True)}


def list_uploads(call: Call, arguments: ListUploads) -> Results:
    return {"uploads": uploads.as_json(call.library, uploads.all_unfinished(call.who))}


def show_upload(call: Call, arguments: ShowUpload) -> Results:
    return {"upload": uploads.as_json(call.library, [uploads.own(call.who, arguments.upload)])[0]}


def cancel_upload(call: Call, arguments: CancelUpload) -> Results:
    call.claims.pop(arguments.upload, None)
    row = uploads.cancel(call.library, call.who, arguments.upload)
    return {"upload": uploads.as_json(call.library, [row])[0]}


def _require_hash(field: str, text: str) -> None:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise BadRequest(f"`{field}` is BLAKE3 as 64 lower-case hexadecimal digits.")


_ALL: Final = (
    Command(Hello, Access.ANYONE, hello),
    Command(Ping, Access.ANYONE, lambda call, arguments: {}),
    Command(ServerStats, Access.ADMIN, lambda call, arguments: call.inspect()),
    Command(Register, Access.ANYONE, register),
    Command(Login, Access.ANYONE, login),
    Command(Proof, Access.ANYONE, proof),
    Command(Logout, Access.USER, logout),
    Command(Whoami, Access.USER, lambda call, arguments: {"user": accounts.as_json(accounts.whoami(call.who))}),
    Command(ListMovies, Access.USER, list_movies),
    Command(ShowMovie, Access.USER, show_movie),
    Command(ReadMovie, Access.USER, read_movie),
    Command(HashMovie, Access.USER, hash_movie),
    Command(DeleteMovie, Access.ADMIN, delete_movie),
    Command(RestoreMovie, Access.ADMIN, restore_movie),
    Command(CreateUpload, Access.ADMIN, create_upload),
    Command(WriteUpload, Access.ADMIN, write_upload, takes_body=True),
    Command(FinishUpload, Access.ADMIN, finish_upload),
    Command(ListUploads, Access.ADMIN, list_uploads),
    Command(ShowUpload, Access.ADMIN, show_upload),
    Command(CancelUpload, Access.ADMIN, cancel_upload),
)
COMMANDS: Final[Mapping[type[Request], Command]] = {command.arguments: command for command in _ALL}
