"""A server of nothing: real sockets, connections and conversations, and commands that do what a test wants.

    def test_something(house: House) -> None:
        peer = house.connect()
        assert peer.ask("echo", text="hello")["text"] == "hello"

Everything happens in one loop, the test being one of its tasks (`tests.support.loops`).
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, cast

from tests.support.loops import ManualLoop
from youku_evloop.commands import Access, Call, Command
from youku_evloop.config import Limits
from youku_evloop.errors import BadRequest, Unavailable
from youku_evloop.kernel import CooperativeSocket, Waiter
from youku_evloop.models import UserType
from youku_evloop.services.downloads import Range
from youku_evloop.services.library import Caller
from youku_evloop.session import Desk, Session
from youku_evloop.signals import Signals
from youku_evloop.statistics import Statistics
from youku_evloop.transport.connection import Connection
from youku_evloop.transport.listener import Listener, Tls, Transport, listen
from youku_evloop.transport.states import ConnectionState
from youku_evloop.wire.messages import Request, RequestParser

Fields = dict[str, Any]
READ_SIZE: Final = 64 * 1024


class Ping(Request, tag="ping"):
    pass


class Echo(Request, tag="echo"):
    text: str = ""
    times: int = 1


class Wait(Request, tag="wait"):
    gate: str = ""


class Fail(Request, tag="fail"):
    pass


class Store(Request, tag="store"):
    refuse: bool = False
    choke_at: int | None = None


class Fetch(Request, tag="fetch"):
    count: int
    fail: bool = False


class Login(Request, tag="login"):
    pass


class Proof(Request, tag="proof"):
    good: bool = False


class Enter(Request, tag="enter"):
    pass


class Secret(Request, tag="secret"):
    pass


@dataclass
class Workshop:
    """What the commands work with: gates at which they wait, bytes that they took, a file that they hand out."""

    loop: ManualLoop
    file: int = -1
    gates: dict[str, Waiter] = field(default_factory=dict)
    stored: list[bytes] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)

    def open_gate(self, name: str = "") -> None:
        """Let the command that waits there go on."""
        self.gates[name].wake()

    def wait(self, _call: Call, arguments: Wait) -> Fields:
        self.begun.append(f"wait {arguments.gate}".rstrip())
        gate = self.gates[arguments.gate] = Waiter(self.loop)
        gate.wait()
        return {}

    def store(self, call: Call, arguments: Store) -> Fields:
        if arguments.refuse:
            raise BadRequest("Not this one.")
        data = bytearray()

        def take(piece: memoryview) -> None:
            data.extend(piece)
            self.pieces.append(len(piece))
            if arguments.choke_at is not None and len(data) >= arguments.choke_at:
                raise OSError("no more")

        try:
            call.receive(take)
        except OSError as problem:
            raise Unavailable(str(problem)) from problem
        self.stored.append(bytes(data))
        return {"size": len(data)}

    def fetch(self, call: Call, arguments: Fetch) -> None:
        piece = SimpleNamespace(fd=self.file, offset=0, count=arguments.count, pieces=())
        self.sent.append(call.send_range({}, cast(Range, piece)))
        if arguments.fail:
            raise Unavailable("Too late.")

    def commands(self) -> dict[type[Request], Command]:
        """The table, in place of the real one."""
        user = Caller(1, "ann", UserType.USER, 1)

        def begin(call: Call, _: Login) -> Fields:
            call.begin_login(cast(Any, object()))
            return {}

        def prove(call: Call, arguments: Proof) -> Fields:
            call.end_login()
            if not arguments.good:
                raise BadRequest("Wrong.")
            return enter(call, arguments)

        def enter(call: Call, _: Request) -> Fields:
            call.log_in(user)
            return {"user": call.who.name}

        def fail(_call: Call, _: Fail) -> Fields:
            raise RuntimeError("on purpose")

        rows = (
            Command(Ping, Access.ANYONE, lambda call, arguments: {}, waits=False),
            Command(Echo, Access.ANYONE, lambda call, arguments: {"text": arguments.text * arguments.times}),
            Command(Wait, Access.ANYONE, self.wait),
            Command(Fail, Access.ANYONE, fail),
            Command(Store, Access.ANYONE, self.store, takes_body=True),
            Command(Fetch, Access.ANYONE, self.fetch),
            Command(Login, Access.ANYONE, begin),
            Command(Proof, Access.ANYONE, prove),
            Command(Enter, Access.ANYONE, enter),
            Command(Secret, Access.USER, lambda call, arguments: {"user": call.who.name}),
        )
        return {row.arguments: row for row in rows}


class House:
    """The server, its workshop and its guests."""

    def __init__(self, loop: ManualLoop, workshop: Workshop, limits: Limits, tls: Tls | None = None) -> None:
        self.loop = loop
        self.workshop = workshop
        self.limits = limits
        self.transport = Transport(loop, limits, RequestParser(workshop.commands()))
        library: Any = SimpleNamespace(spawn=loop.spawn, signals=Signals())
        self.desk = Desk(library, workshop.commands(), Statistics(), loop.tasks.set_label, dict, limits.pipeline)
        self.listener = Listener(self.transport, listen("127.0.0.1", 0), lambda guest: Session(self.desk, guest), tls)
        self._peers: list[Peer] = []

    def connect(self, *, receive_buffer: int | None = None) -> Peer:
        """A guest, admitted; `receive_buffer` makes it one that takes little before it reads."""
        peer = self.knock(receive_buffer=receive_buffer)
        self.loop.settle()
        return peer

    def knock(self, *, receive_buffer: int | None = None) -> Peer:
        """A guest at the door."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(self.listener.address)
        peer = Peer(self.loop, sock)
        self._peers.append(peer)
        return peer

    @property
    def connection(self) -> Connection:
        """The only connection."""
        (connection,) = self.transport.connections
        return connection

    def is_in(self, state: ConnectionState) -> bool:
        """Whether the only connection is in that state."""
        return self.connection.state is state

    @property
    def session(self) -> Session:
        """The only conversation."""
        owner = self.connection.owner
        assert isinstance(owner, Session)
        return owner

    @property
    def is_empty(self) -> bool:
        """Whether nobody is there."""
        return not self.transport.connections and not self.transport.newcomers

    def assert_quiet(self) -> None:
        """Fail when the loop would be woken although there is nothing to do."""
        self.loop.settle()
        ready = self.loop._epoll.poll(0)
        assert not ready, f"epoll reports {ready} for ever"

    def close(self) -> None:
        """Send everybody home; nothing may be left of them."""
        for peer in self._peers:
            peer.close()
        self.loop.settle()
        for gate in self.workshop.gates.values():
            gate.wake()
        self.loop.advance(self.limits.linger + 3)
        assert self.is_empty, f"still there: {[guest.state for guest in self.transport.connections]}"
        self.listener.close()
        watched = sum(map(len, self.loop.deadlines._buckets.values()))
        assert watched == 0, f"the wheel keeps {watched} deadlines of nobody"


class Peer:
    """The client's end: bytes, and messages as docs/protocol.md has them."""

    def __init__(self, loop: ManualLoop, sock: socket.socket) -> None:
        self.loop = loop
        self.events: list[Fields] = []
        self._raw = sock
        self._sock = CooperativeSocket(loop, sock)
        self._last_id = 0

    # -- bytes

    def send_bytes(self, data: bytes) -> None:
        """Whatever bytes; waits until the kernel has them."""
        self._sock.sendall(data)

    def send_what_fits(self, data: bytes) -> int:
        """As much as the server takes without reading more; answers how many bytes."""
        sent = 0
        with suppress(BlockingIOError):
            while sent < len(data):
                sent += self._raw.send(data[sent : sent + 65536])
        return sent

    def read(self, count: int) -> bytes:
        """Exactly so many."""
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self._sock.recv_into(view[:READ_SIZE])
            if not got:
                raise EOFError(f"{len(view)} of {count} bytes are missing")
            view = view[got:]
        return bytes(data)

    def rest(self) -> bytes:
        """Everything to the orderly end of the stream."""
        data, buffer = bytearray(), bytearray(READ_SIZE)
        while got := self._sock.recv_into(buffer):
            data += buffer[:got]
        return bytes(data)

    @property
    def has_something(self) -> bool:
        """Whether bytes, or the end, are here to be read."""
        try:
            self._raw.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        return True

    def end(self) -> None:
        """Say that nothing more will come, and go on listening."""
        self._raw.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Be gone without a word."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    # -- messages

    def send(self, op: str, body: bytes = b"", **arguments: Any) -> int:
        """A request with its body; answers its id."""
        self.send_bytes(self.request(op, len(body), **arguments) + body)
        return self._last_id

    def request(self, op: str, body: int = 0, **arguments: Any) -> bytes:
        """The frame of a request with the next id, which announces so many bytes of body."""
        self._last_id += 1
        return frame({"id": self._last_id, "op": op, **arguments} | ({"body": body} if body else {}))

    def receive(self) -> Fields:
        """The next reply; `events` gets what came before it."""
        while "event" in (message := json.loads(self.read(int.from_bytes(self.read(4), "big")))):
            self.events.append(message)
        assert isinstance(message, dict)
        return message

    def replies(self, count: int) -> list[Fields]:
        """The next replies."""
        return [self.receive() for _ in range(count)]

    def ask(self, op: str, body: bytes = b"", **arguments: Any) -> Fields:
        """A request and its reply."""
        sent = self.send(op, body, **arguments)
        reply = self.receive()
        assert reply["id"] == sent, reply
        return reply

    def assert_ended(self) -> None:
        """Fail when anything comes before the orderly end."""
        assert self.rest() == b""


def frame(fields: Fields) -> bytes:
    """A message as docs/protocol.md says."""
    return framed(json.dumps(fields).encode())


def framed(payload: bytes) -> bytes:
    """Whatever payload as a frame."""
    return len(payload).to_bytes(4, "big") + payload


@contextmanager
def open_house(
    loop: ManualLoop,
    workshop: Workshop,
    limits: Limits,
    tls: Tls | None = None,
) -> Iterator[House]:
    """A house with these limits; nobody and nothing may be left in it at the end."""
    house = House(loop, workshop, limits, tls)
    try:
        yield house
    except BaseException:
        house.listener.close()
        raise
    loop.run_task(house.close)
