"""A connection: a small object with a named state, driven by the loop's callbacks.

It cuts what comes in into messages and hands them to its *owner* (the conversation), and sends what the owner writes.
The owner may run in a task: then `receive`, `send_file` and `drained` park it until the body is in, the file is out, or
the queue is short again; each raises `ConnectionLost` when the peer is gone.

Reading follows the state (`states.CONNECTION_TRANSITIONS`): a message that announces a body puts the connection on hold
until somebody claims the body, so no byte of it is read without a place to go; so does an owner that has enough to do.
Body bytes go from the socket into the one shared buffer and from there into the receiver's sink.

Bytes that break the rules end what is read: the breach is handed on as the last message, so that everything before it
is answered before it. Interest in the descriptor is withdrawn late, when it reports what nobody wants: most holds are
over by then, and a system call at both ends of each would be dear.

Nothing is allocated for a connection at rest: the buffer is shared, the queue is empty, and time is watched by
its `Patience`, which asks what the connection is waiting for instead of being told at every request.
"""

from __future__ import annotations

import logging
import select
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from youku_evloop.errors import BrokenFrame, TimedOut, YoukuError
from youku_evloop.kernel.loop import READ, WRITE
from youku_evloop.kernel.tasks import Waiter
from youku_evloop.machine import step
from youku_evloop.transport.channels import Channel
from youku_evloop.transport.owner import ConnectionLost, Owner
from youku_evloop.transport.patience import REPLY, Patience, Wait
from youku_evloop.transport.states import (
    CLOSED,
    CONNECTION_TRANSITIONS,
    FLUSHING,
    GOING,
    HOLDING,
    INTERESTED,
    LINGERING,
    PAUSING,
    READING,
    RECEIVING,
    SILENT,
    ConnectionEvent,
    ConnectionState,
    E,
)
from youku_evloop.transport.writes import FileSegment, WriteQueue
from youku_evloop.wire.frames import NEED_DATA, FrameDecoder, encode_frame
from youku_evloop.wire.messages import Rejected, Request

if TYPE_CHECKING:
    from youku_evloop.transport.listener import Transport

log = logging.getLogger(__name__)

OK: Final = "ok"
LOST: Final = "lost"

Sink = Callable[[memoryview], object]

BROKEN: Final = select.EPOLLERR | select.EPOLLHUP
FRAME_READ: Final = 64 * 1024
"""Bytes read where frames are expected: what comes along of a body has to be copied, so not more than that."""


class Connection:
    """One admitted peer. `owner` is set by whoever makes it."""

    __slots__ = (
        "_channel",
        "_decoder",
        "_gathering",
        "_interest",
        "_patience",
        "_sink",
        "_sink_error",
        "_transport",
        "_waiter",
        "_writes",
        "accepted_at",
        "active_at",
        "bytes_in",
        "outcome",
        "owner",
        "peer",
        "state",
    )

    owner: Owner
    outcome: str
    """How it ended, for the log: `ok`, `lost`, or the code of the error for which it was closed."""

    def __init__(self, transport: Transport, channel: Channel, peer: str) -> None:
        self.state = READING
        self.peer = peer
        self.bytes_in = 0
        self.outcome = OK
        self.accepted_at = self.active_at = transport.loop.now
        self._transport = transport
        self._channel = channel
        self._decoder: FrameDecoder[Request | Rejected] = FrameDecoder(transport.parse)
        self._writes = WriteQueue()
        self._gathering = False
        self._interest = READ
        self._sink: Sink | None = None
        self._sink_error: Exception | None = None
        self._waiter: Waiter | None = None
        transport.loop.watch(channel.fileno(), READ, self._on_ready)
        self._patience = Patience(self, transport.loop, transport.limits)

    @property
    def age(self) -> float:
        """Seconds since it was accepted."""
        return self._transport.loop.now - self.accepted_at

    @property
    def bytes_out(self) -> int:
        """Bytes that the socket has taken."""
        return self._writes.sent

    @property
    def moved(self) -> int:
        """Bytes that have been read, written, or queued to be written, but for files, which count as they leave."""
        return self.bytes_in + self.bytes_out + self._writes.size

    @property
    def takes_replies(self) -> bool:
        """Whether the client takes them as fast as they are made: `drained` would not wait."""
        return self._writes.size <= self._transport.limits.write_high

    # -- what the owner does

    def write(self, data: bytes) -> None:
        """Queue bytes and send what the socket takes now; silently nothing when nobody is there any more."""
        if self.state in SILENT:
            return
        self._writes.append(data)
        if not self._gathering:
            self._flush()
        if self._writes.size > self._transport.limits.write_most:
            self.close(TimedOut.code)

    def send_file(self, head: bytes, segment: FileSegment, pieces: Iterable[int] = ()) -> None:
        """Send `head` and then the piece of a file; park the task until it is out. `segment.count` is what is left.

        `pieces`: how many bytes of it are ready to be sent, then how many more, until it is all; asking may wait for
        the disk. Without them all of it is.
        """
        unsent = head
        for ready in pieces or (segment.count,):
            self._require_peer()
            if unsent:
                self._channel.cork(True)  # until the queue has sent the last of it
                self._writes.append(unsent)
                self._writes.append_file(segment)
                unsent = b""
            segment.ready += ready
            if not self._gathering:
                self._flush()
            while segment.ready:
                self._park()

    def receive(self, sink: Sink | None) -> None:
        """Park the task until the announced body is in; each piece goes to `sink` (None: dropped).

        When the sink raises, the rest of the body is dropped and the error raised afterwards.
        """
        self._require(HOLDING)
        self._advance(E.CLAIM)
        self._sink, self._sink_error = sink, None
        self._patience.begin(Wait.BODY)
        self._feed_sink(memoryview(self._decoder.buffered_body()))
        while self._decoder.body_left:
            self._update_interest()
            self._park()
            self._require(RECEIVING)
        self._sink, error, self._sink_error = None, self._sink_error, None
        self._advance(E.BODY_DONE)
        if error is not None:
            raise error

    def drained(self) -> None:
        """Park the task while the client takes its replies more slowly than they are made."""
        self._require_peer()
        limits = self._transport.limits
        if self._writes.size > limits.write_high:
            while self._writes.size > limits.write_low:
                self._park()

    def await_greeting(self) -> None:
        """Give the client the time of a greeting again: it has begun to log in."""
        self._patience.begin(Wait.GREETING)

    def hold(self) -> None:
        """Stop reading."""
        if self.state is READING or self.state is PAUSING:
            self._advance(E.HOLD)

    def release(self) -> None:
        """Go on reading, beginning with what has been read already. Every body must have been received."""
        self.active_at = self._transport.loop.now
        if self.state is HOLDING:
            self._advance(E.RELEASE)
        if self.state is READING and not self._gathering:
            if self._decoder.buffered or self._channel.pending():
                self._pause()
            else:
                self._update_interest()

    def refuse(self, problem: YoukuError) -> None:
        """Say why, and end the connection."""
        self.outcome = problem.code
        self.write(encode_frame({"id": None, **problem.as_reply()}))
        self.finish()

    def finish(self) -> None:
        """Send what is queued, let it arrive, then close."""
        if self.state not in GOING:
            self._advance(E.FINISH)
            self._flush()

    def close(self, outcome: str | None = None) -> None:
        """Close at once; `outcome` is why, if it is not known already."""
        if self.state is CLOSED:
            return
        if outcome is not None and self.outcome == OK:
            self.outcome = outcome
        self._advance(E.CLOSE)
        loop = self._transport.loop
        self._patience.end()
        loop.unwatch(self._channel.fileno())
        if self._writes.segments:
            self._channel.abandon()
        self._channel.close()
        self._transport.connections.discard(self)
        if self._waiter is not None:
            self._waiter.wake()
        self.owner.connection_closed()

    # -- what the loop does

    def _on_ready(self, events: int) -> None:
        try:
            if events == WRITE and self._writes.stream(self._channel, self._transport.limits.turn):
                return
            if events & WRITE:
                self._flush()
            if self.state in INTERESTED:
                if events & (READ | BROKEN):
                    self._read()
            elif events & BROKEN:
                self.close(LOST)
            else:
                self._update_interest()
        except (OSError, EOFError):
            self.close(LOST)
        except Exception:  # nobody knows where it stands now
            log.exception("%s: the connection failed", self.peer)
            self.close(YoukuError.code)

    def _read(self) -> None:
        if self.state is READING:
            self._read_frames()
        elif self.state is RECEIVING:
            self._read_body()
        else:
            self._read_and_drop()

    def _read_frames(self) -> None:
        buffer = self._transport.buffer
        try:
            count = self._channel.recv_into(buffer, FRAME_READ)
        except BlockingIOError:
            return
        if not count:
            self._input_ended()
            return
        self.bytes_in += count
        self._decoder.feed(buffer[:count])
        self._deliver()

    def _read_body(self) -> None:
        buffer, decoder = self._transport.buffer, self._decoder
        budget = self._transport.limits.turn
        while budget > 0 and decoder.body_left:
            wanted = decoder.body_left % len(buffer) or len(buffer)  # pieces that end where the page cache's do
            try:
                count = self._channel.recv_into(buffer, wanted)
            except BlockingIOError:
                break
            if not count:
                self.close(LOST)
                return
            self.bytes_in += count
            budget -= count
            self._feed_sink(buffer[:count])
            decoder.body_received(count)
            if count < wanted and self._channel.empties:
                break
        if not decoder.body_left:
            self._wake()

    def _read_and_drop(self) -> None:
        try:
            if not self._channel.recv_into(self._transport.buffer, FRAME_READ):
                self.close()
        except BlockingIOError:
            pass

    def _input_ended(self) -> None:
        cut = None if self._decoder.at_boundary else BrokenFrame("The stream ended in the middle of a frame.")
        self._end_input(cut)

    def _end_input(self, breach: BrokenFrame | None) -> None:
        self._advance(E.END)
        if breach is not None:
            self.outcome = breach.code
            self.owner.message_received(Rejected(None, 0, breach))
        self.owner.input_ended()

    def _deliver(self) -> None:
        """Hand the messages that are here to the owner, though not so many that the others wait for it; replies they
        cause at once leave together.
        """
        decoder, budget = self._decoder, self._transport.limits.pipeline
        self._gathering = True
        try:
            while decoder.unread and self.state is READING and (message := decoder.next_message()) is not NEED_DATA:
                self.active_at = self._transport.loop.now
                budget -= 1
                if message.body:
                    self._advance(E.HOLD)
                self.owner.message_received(message)
                if not budget and self.state is READING and decoder.unread:
                    self._pause()
        except BrokenFrame as breach:
            self._end_input(breach)
        finally:
            self._gathering = False
        if self._writes.segments:
            self._flush()
        if decoder.unread:
            self._expect_the_rest()

    def _expect_the_rest(self) -> None:
        waits_already = self._patience.wait is Wait.FRAME
        if self.state is READING and not waits_already and self.current_wait() is Wait.FRAME:
            self._patience.begin(Wait.FRAME)

    def _pause(self) -> None:
        """Let the others have their turn, then go on with what has been read already."""
        self._advance(E.PAUSE)
        self._transport.loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self.state is PAUSING:
            self._advance(E.RESUME)
            self._deliver()
            self._update_interest()
            self._read_what_is_pending()

    def _read_what_is_pending(self) -> None:
        if self.state is READING and self._channel.pending():
            self._on_ready(READ)

    def _feed_sink(self, data: memoryview) -> None:
        if self._sink is None or not data:
            return
        try:
            self._sink(data)
        except Exception as error:
            self._sink, self._sink_error = None, error

    def _flush(self) -> None:
        try:
            self._writes.send(self._channel, self._transport.limits.turn)
        except (OSError, EOFError):
            self.close(LOST)
            return
        if self._writes.segments:
            if self._patience.wait is not REPLY:
                self._patience.begin(REPLY)
        elif self.state is FLUSHING:
            self._linger()
        elif self._patience.wait is REPLY:
            self._patience.begin(self.current_wait())
        self._update_interest()
        if self._waiter is not None and self.state is not RECEIVING and self._writes_are_short():
            self._waiter.wake()

    def _linger(self) -> None:
        self._advance(E.FLUSHED)
        self._patience.begin(Wait.LINGER)
        try:
            self._channel.end_output()
        except OSError:
            self.close()

    def _update_interest(self) -> None:
        if self.state is CLOSED:
            return
        interest = (READ if self.state in INTERESTED else 0) | (
            WRITE if self._writes.segments and not self._writes.waits_for_disk else 0
        )
        if interest != self._interest:
            self._interest = interest
            self._transport.loop.change(self._channel.fileno(), interest)

    def _advance(self, event: ConnectionEvent) -> None:
        self.state = step(CONNECTION_TRANSITIONS, self.state, event)

    # -- the task that waits for this connection

    def _park(self) -> None:
        self._require_peer()
        self._waiter = Waiter(self._transport.loop)
        try:
            self._waiter.wait()
        finally:
            self._waiter = None
        self._require_peer()

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.wake()

    def _writes_are_short(self) -> bool:
        return self._writes.size <= self._transport.limits.write_low and not self._writes.sends_file

    def _require(self, state: ConnectionState) -> None:
        if self.state is not state:
            raise ConnectionLost

    def _require_peer(self) -> None:
        if self.state in SILENT:
            raise ConnectionLost

    # -- what patience asks

    @property
    def busy(self) -> bool:
        """Whether a reply is being made."""
        return self.owner.busy

    def current_wait(self) -> Wait:
        """What this is waiting for."""
        if self.state is LINGERING:
            return Wait.LINGER
        if self._writes.segments:
            return REPLY
        if self.state is RECEIVING:
            return Wait.BODY
        if self.owner.busy:
            return Wait.WORK
        if not self.owner.greeted:
            return Wait.GREETING
        return Wait.IDLE if self._decoder.at_boundary else Wait.FRAME

    def moved_for(self, wait: Wait) -> int:
        """What has come from the client, or has reached it: our own socket may hold minutes of a slow one's reading."""
        return self.bytes_out - self._channel.unacknowledged() if wait is REPLY else self.bytes_in

    def give_up(self, wait: Wait) -> bool:
        """Let go of the client; whether it is given the time to hear why."""
        if wait is Wait.LINGER:
            self.close()
        elif wait is REPLY:
            self.close(TimedOut.code)
        else:
            self.refuse(TimedOut(f"The server waited too long for {wait.value}. Connect again."))
            self._wake()
        return self.state is not CLOSED
