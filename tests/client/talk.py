"""One connection of the peer (`peer.py`): what it answers to each command, and where it is cut."""

from __future__ import annotations

import contextlib
import socket
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blake3 import blake3
from scramp import ScramException, ScramMechanism

from client_cli.titles import comparable
from youku_evloop.errors import (
    IntegrityFailure,
    LoginFailed,
    MovieExists,
    NameTaken,
    NotFound,
    NotLoggedIn,
    Superseded,
    UnknownCommand,
    WrongOffset,
    YoukuError,
)
from youku_evloop.wire.fingerprint import fingerprint
from youku_evloop.wire.frames import NEED_DATA, FrameDecoder, encode_frame
from youku_evloop.wire.messages import Reply, parse_reply

if TYPE_CHECKING:
    from tests.client.peer import Peer

TOKEN = "a-token-that-is-always-good"
TIME = "2026-11-21T08:15:30Z"
LATER = "2026-11-28T08:15:30Z"


class HangUp(Exception):
    """Drop the connection here and now."""


def a_user(name: str, number: int = 1, kind: str = "user") -> dict[str, Any]:
    """A user as the server describes one."""
    return {"id": number, "name": name, "user_type": kind, "vip_until": None, "register_time": TIME}


class Conversation:
    """One connection of the peer."""

    def __init__(self, peer: Peer, link: socket.socket, cut: int | None) -> None:
        self.peer = peer
        self.link = link
        self.decoder: FrameDecoder[Reply] = FrameDecoder(parse_reply)
        self.left_until_cut = cut
        self.user: dict[str, Any] | None = None
        self.scram: Any = None

    def drop(self) -> None:
        """Close from another thread."""
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Answer until somebody hangs up."""
        with self.link, contextlib.suppress(HangUp, OSError):
            for event in self.peer.events:
                self.link.sendall(encode_frame(event))
            while True:
                self.answer(self.read_message())

    def read_message(self) -> dict[str, Any]:
        while (message := self.decoder.next_message()) is NEED_DATA:
            self.decoder.feed(self.receive(65_536))
        assert isinstance(message, Reply)
        return message.fields

    def receive(self, limit: int) -> bytes:
        data = self.link.recv(limit)
        if not data:
            raise HangUp
        return data

    def answer(self, request: dict[str, Any]) -> None:
        request_id, op, size = request.pop("id"), request.pop("op"), request.pop("body", 0)
        self.peer.requests.append((op, request))
        try:
            self.peer.before(op, request)
            handler = HANDLERS.get(op)
            if handler is None:
                raise UnknownCommand(f"There is no command {op!r}.", op=op)
            with contextlib.nullcontext() if op == "upload.write" else self.peer.lock:  # a body takes its time
                reply = handler(self, size, **request)
        except YoukuError as error:
            self.read_body(self.decoder.body_left, lambda data: None)
            self.link.sendall(encode_frame({**error.as_reply(), "id": request_id}))
            return
        data = reply.pop("data", b"")
        body = {"body": len(data)} if data else {}
        self.link.sendall(encode_frame({**reply, **body, "id": request_id, "ok": True}))
        self.count_down(data, self.link.sendall)

    def read_body(self, size: int, take: Callable[[bytes], None]) -> None:
        """`size` bytes, handed on as they come."""
        if size and (data := self.decoder.buffered_body()):
            self.count_down(data, take)
        while self.decoder.body_left:
            data = self.receive(min(65_536, self.decoder.body_left))
            self.decoder.body_received(len(data))
            self.count_down(data, take)

    def count_down(self, data: bytes, take: Callable[[bytes], None]) -> None:
        """Let `data` through, or what is allowed of it before the cut."""
        if self.left_until_cut is not None:
            allowed, self.left_until_cut = data[: self.left_until_cut], self.left_until_cut - len(data)
            take(allowed)
            if self.left_until_cut <= 0:
                raise HangUp
        elif data:
            take(data)

    def require_user(self) -> None:
        if self.user is None:
            raise NotLoggedIn("Log in first.")

    def hello(self, body: int, protocol: int, client: str, token: str | None) -> dict[str, Any]:
        if token is not None and token != TOKEN:
            raise NotLoggedIn("This session has ended: log in again.")
        self.user = a_user("admin", kind="admin") if token else None
        return {"server": "a peer", "protocol": 1, "user": self.user}

    def ping(self, body: int) -> dict[str, Any]:
        return {}

    def register(
        self, body: int, name: str, salt: str, stored_key: str, server_key: str, iterations: int
    ) -> dict[str, Any]:
        if name in self.peer.accounts:
            raise NameTaken(f"{name} is taken.", name=name)
        self.peer.accounts[name] = (b64decode(salt), b64decode(stored_key), b64decode(server_key), iterations)
        return {"user": a_user(name)}

    def login(self, body: int, message: str) -> dict[str, Any]:
        self.scram = ScramMechanism("SCRAM-SHA-256").make_server(self.peer.accounts.get)
        try:
            self.scram.set_client_first(message)
        except ScramException:
            raise LoginFailed("Wrong name or password.") from None
        return {"message": self.scram.get_server_first()}

    def proof(self, body: int, message: str) -> dict[str, Any]:
        try:
            self.scram.set_client_final(message)
        except ScramException:
            raise LoginFailed("Wrong name or password.") from None
        self.user = a_user("somebody")
        return {"message": self.scram.get_server_final(), "user": self.user, "token": TOKEN, "expire_time": LATER}

    def logout(self, body: int) -> dict[str, Any]:
        self.require_user()
        self.user = None
        return {}

    def whoami(self, body: int) -> dict[str, Any]:
        self.require_user()
        return {"user": self.user}

    def list_movies(self, body: int, type: str = "all", limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
        self.require_user()
        found = [movie for _, movie in sorted(self.peer.movies.items(), reverse=True)]
        if type != "all":
            found = [movie for movie in found if movie["is_free"] is (type == "free")]
        start = int(cursor or 0)
        end = start + limit
        return {"movies": found[start:end], "next": str(end) if end < len(found) else None}

    def search(self, body: int, query: str, remember: bool = True, **page: Any) -> dict[str, Any]:
        found = self.list_movies(body, **{**page, "limit": 50})
        words = comparable(query).split()
        named = [movie for movie in found["movies"] if all(word in comparable(movie["name"]) for word in words)]
        return {**found, "movies": named}

    def list_deleted(self, body: int, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
        self.require_user()
        return {"movies": list(self.peer.deleted.values()), "next": None}

    def show(self, body: int, movie: int) -> dict[str, Any]:
        self.require_user()
        if movie not in self.peer.movies:
            raise NotFound(f"There is no movie {movie}.", movie=movie)
        return {"movie": self.peer.movies[movie]}

    def find(self, body: int, size: int, fingerprint: str) -> dict[str, Any]:
        self.require_user()
        blobs = self.peer.blobs
        found = [movie for number, movie in self.peer.movies.items() if fingerprint_of(blobs[number]) == fingerprint]
        return {"movies": [movie for movie in found if movie["size"] == size]}

    def delete(self, body: int, movie: int) -> dict[str, Any]:
        found = self.show(body, movie)
        self.peer.deleted[movie] = self.peer.movies.pop(movie)
        return {**found, "restorable_until": LATER}

    def restore(self, body: int, movie: int) -> dict[str, Any]:
        if movie not in self.peer.deleted:
            raise NotFound(f"There is no movie {movie}.", movie=movie)
        self.peer.movies[movie] = self.peer.deleted.pop(movie)
        return self.show(body, movie)

    def read(self, body: int, movie: int, offset: int = 0, length: int | None = None) -> dict[str, Any]:
        found = self.show(body, movie)["movie"]
        end = found["size"] if length is None else offset + length
        data = self.peer.blobs[movie][offset:end]
        return {"movie": movie, "size": found["size"], "hash": found["hash"], "offset": offset, "data": data}

    def hash_beginning(self, body: int, movie: int, length: int) -> dict[str, Any]:
        self.show(body, movie)
        return {"hash": blake3(self.peer.blobs[movie][:length]).hexdigest()}

    def create(self, body: int, name: str, size: int | None, fingerprint: str | None, **options: Any) -> dict[str, Any]:
        self.require_user()
        known = False
        for number, movie in self.peer.movies.items():
            if fingerprint_of(self.peer.blobs[number]) == fingerprint:
                known = True
                if movie["name"] == name and not options["again"]:
                    raise MovieExists(f"Movie {number} is this.", movie=number)
        upload = next(
            (upload for upload in self.peer.uploads.values() if fingerprint and upload["fingerprint"] == fingerprint),
            None,
        )
        if upload is None:
            upload = {"id": f"u{len(self.peer.parts) + 1}", "fingerprint": fingerprint, "size": size}
            upload |= {"state": "receiving", "create_time": TIME, "expire_time": LATER, "movie": None}
            self.peer.uploads[upload["id"]] = upload
            self.peer.parts[upload["id"]] = bytearray()
        upload["name"] = name
        self.peer.claims[upload["id"]] = self
        offset = len(self.peer.parts[upload["id"]])
        return {"upload": upload["id"], "offset": offset, "known": known, "expire_time": LATER}

    def write(self, body: int, upload: str, offset: int) -> dict[str, Any]:
        part = self.part(upload)
        if self.peer.uploads[upload]["size"] is None:
            self.peer.claims[upload] = self  # nothing else can take over an upload that only its id finds again
        if self.peer.claims[upload] is not self:
            raise Superseded("Another connection has taken this upload over.")
        if offset != len(part):
            raise WrongOffset(f"The upload goes on at {len(part)}.", offset=len(part))
        received = bytearray()
        self.read_body(body, received.extend)
        part += received
        return {"offset": len(part)}

    def finish(self, body: int, upload: str, hash: str, size: int | None = None) -> dict[str, Any]:
        found = self.peer.uploads.get(upload)
        if found is not None and found["movie"] is not None:
            return {"movie": self.peer.movies[found["movie"]]}
        part = self.part(upload)
        for number, movie in self.peer.movies.items():
            if movie["hash"] == hash:
                return {"movie": self.peer.movies[self.peer.publish(upload, self.peer.blobs[number])]}
        if len(part) < (self.peer.uploads[upload]["size"] or size or 0):
            raise WrongOffset("Bytes are missing.", offset=len(part))
        if blake3(part).hexdigest() != hash:
            del self.peer.uploads[upload], self.peer.parts[upload]
            raise IntegrityFailure("The bytes differ: start again.", expected=hash, actual=blake3(part).hexdigest())
        return {"movie": self.peer.movies[self.peer.publish(upload)]}

    def part(self, upload: str) -> bytearray:
        self.require_user()
        if upload not in self.peer.parts:
            raise NotFound(f"There is no upload {upload}.", upload=upload)
        return self.peer.parts[upload]

    def describe(self, upload: dict[str, Any]) -> dict[str, Any]:
        fields = {key: value for key, value in upload.items() if key != "fingerprint"}
        return {**fields, "offset": len(self.peer.parts[upload["id"]])}

    def list_uploads(self, body: int) -> dict[str, Any]:
        self.require_user()
        return {"uploads": [self.describe(upload) for upload in self.peer.uploads.values() if upload["movie"] is None]}

    def status(self, body: int, upload: str) -> dict[str, Any]:
        self.part(upload)
        return {"upload": self.describe(self.peer.uploads[upload])}

    def cancel(self, body: int, upload: str) -> dict[str, Any]:
        self.part(upload)
        found = self.peer.uploads.pop(upload)
        reply = {"upload": {**self.describe(found), "state": "cancelled"}}
        del self.peer.parts[upload]
        return reply


def fingerprint_of(data: bytes) -> str:
    """The fingerprint of bytes in memory."""
    return fingerprint(len(data), lambda length, offset: data[offset : offset + length])


HANDLERS: dict[str, Callable[..., dict[str, Any]]] = {
    "hello": Conversation.hello,
    "ping": Conversation.ping,
    "account.register": Conversation.register,
    "account.login": Conversation.login,
    "account.proof": Conversation.proof,
    "account.logout": Conversation.logout,
    "account.whoami": Conversation.whoami,
    "movie.list": Conversation.list_movies,
    "movie.search": Conversation.search,
    "movie.deleted": Conversation.list_deleted,
    "movie.show": Conversation.show,
    "movie.delete": Conversation.delete,
    "movie.restore": Conversation.restore,
    "movie.read": Conversation.read,
    "movie.find": Conversation.find,
    "movie.hash": Conversation.hash_beginning,
    "upload.create": Conversation.create,
    "upload.write": Conversation.write,
    "upload.finish": Conversation.finish,
    "upload.list": Conversation.list_uploads,
    "upload.status": Conversation.status,
    "upload.cancel": Conversation.cancel,
}
