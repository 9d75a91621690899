"""Sending one file, so that nothing short of changing it can spoil the result.

Theory of operation. An upload goes through the steps of `Step`; whatever connection it loses on the way, it asks the
server where to go on and goes on there. Segments are pipelined, `WINDOW` in flight, so that the link is never idle;
the file is read once, hashed and sent in slices that stay in the processor's cache. Two cases need the hash of bytes
that are not sent: an upload that an earlier run began (a helper thread hashes the file while this one sends the rest),
and a file that the server may have already (it is hashed first, and if the server agrees nothing is sent at all).
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from client_cli import values
from client_cli.connection import Connection
from client_cli.hashing import RunningHash
from client_cli.names import title_from
from client_cli.pace import Rate, SegmentSize, pacer_for
from client_cli.progress import Phase, Progress, ProgressCallback
from client_cli.source import Source
from client_cli.values import Movie
from youku_evloop.errors import IntegrityFailure, NoSpace, WrongOffset, YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

WINDOW: Final = 4
"""Segments in flight: enough to keep the link busy while one is acknowledged, few enough to lose little by a cut."""


class Step(Enum):
    """What an upload does next."""

    CREATE = "ask where to send from"
    OFFER = "offer the hash instead of the bytes"
    SEND = "send the bytes"
    FINISH = "compare hashes and publish"


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What the movie shall be; prices in fen, None: the server's."""

    title: str | None = None
    description: str = ""
    is_free: bool = True
    price: int | None = None
    vip_price: int | None = None
    again: bool = False

    def arguments(self, path: Path = Path("-")) -> dict[str, Any]:
        """The fields of `upload.create` that are about the movie."""
        return {
            "name": self.title if self.title is not None else title_from(path),
            "description": self.description,
            "is_free": self.is_free,
            "price": self.price,
            "vip_price": self.vip_price,
            "again": self.again,
        }


def upload(client: Client, path: Path, options: UploadOptions, progress: ProgressCallback, limit_rate: Rate) -> Movie:
    """Send the file at `path` and publish it; see `Client.upload`."""
    with Source(path) as source, SourceHash(source) as source_hash:
        return Uploader(client, source, source_hash, options, progress, limit_rate).run()


class Abandoned(Exception):
    """The upload has ended before the helper thread was through."""


class SourceHash:
    """The hash of a source: of the bytes as they are sent, or taken by a helper thread where they are not."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._running = RunningHash()
        self._helper: Future[None] | None = None
        self._stop = Event()

    def __enter__(self) -> SourceHash:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stop.set()
        if self._helper is not None and not self._helper.cancelled():
            self._helper.exception()

    def send_from(self, offset: int) -> None:
        """Bytes from `offset` on will be sent: what is before them has to be hashed without."""
        if self._helper is None and offset > self._running.position:
            pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="youku-hash")
            self._helper = pool.submit(self._running.catch_up, self._source.read_into, self._source.size, self._check)
            pool.shutdown(wait=False)

    def take(self, offset: int, data: memoryview) -> None:
        """These bytes are about to be sent."""
        if self._helper is None:
            self._running.take(offset, data)

    def read_all(self, progress: ProgressCallback) -> None:
        """Hash the whole file now."""
        size = self._source.size
        self._running.catch_up(
            self._source.read_into, size, lambda done: progress(Progress(Phase.CHECKING, done, size))
        )

    def result(self) -> str:
        """The hash of the whole file, waiting for the helper where there is one."""
        if self._helper is not None:
            self._helper.result()
            self._helper = None
        return self._running.hexdigest()

    def _check(self, _position: int) -> None:
        if self._stop.is_set():
            raise Abandoned


class Uploader:
    """One file on its way; `run` does it all."""

    def __init__(
        self,
        client: Client,
        source: Source,
        source_hash: SourceHash,
        options: UploadOptions,
        progress: ProgressCallback,
        limit_rate: Rate,
    ) -> None:
        self._client = client
        self._source = source
        self._hash = source_hash
        self._options = options
        self._progress = progress
        self._retry = client.retry()
        self._pacer = pacer_for(limit_rate)
        self._segment = SegmentSize(self._pacer.rate)
        self._buffer = memoryview(bytearray(self._pacer.slice))
        self._fingerprint = source.fingerprint()
        self._step = Step.CREATE
        self._upload: Any = None
        self._offset = 0
        self._was_offered = False

    def run(self) -> Movie:
        """Until the movie is published; raises what cannot be mended by trying again."""
        movie = None
        while movie is None:
            try:
                movie = self._next_step()
            except IntegrityFailure:
                self._cancel()
                raise
            except YoukuError as error:
                self._recover(error)
        return movie

    def _next_step(self) -> Movie | None:
        if self._step is Step.CREATE:
            return self._create()
        if self._step is Step.OFFER:
            return self._offer()
        if self._step is Step.SEND:
            return self._send()
        return self._finish()

    def _create(self) -> Movie | None:
        reply = self._client.connection().request(
            "upload.create",
            size=self._source.size,
            fingerprint=self._fingerprint,
            **self._options.arguments(self._source.path),
        )
        self._upload, self._offset = reply["upload"], int(reply["offset"])
        self._step = Step.OFFER if reply.get("known") and not self._was_offered else Step.SEND
        return None

    def _offer(self) -> Movie | None:
        """Where the server has the same bytes under another upload, the hash is enough."""
        self._hash.read_all(self._progress)
        self._was_offered = True
        try:
            return self._finish()
        except WrongOffset as error:
            self._offset = int(error.facts["offset"])
            self._step = Step.SEND
            return None

    def _send(self) -> Movie | None:
        """Everything from the offset on, `WINDOW` segments in flight."""
        connection = self._client.connection()
        self._hash.send_from(self._offset)
        size, position, started = self._source.size, self._offset, deque[float]()
        self._progress(Progress(Phase.TRANSFERRING, position, size))
        while self._offset < size:
            if position < size and connection.in_flight < WINDOW:
                started.append(time.monotonic())
                position = self._send_segment(connection, position)
            must_wait = position == size or connection.in_flight == WINDOW
            reply = connection.receive() if must_wait else connection.received()
            while reply is not None:
                self._acknowledged(reply, started.popleft())
                reply = connection.received()
        self._source.check_unchanged()
        self._step = Step.FINISH
        return None

    def _send_segment(self, connection: Connection, position: int) -> int:
        """Where the next one begins."""
        end = min(position + self._segment.bytes, self._source.size)
        connection.send_request("upload.write", upload=self._upload, offset=position, body=end - position)
        while position < end:
            view = self._buffer[: end - position]
            self._source.read_into(view, position)
            self._hash.take(position, view)
            connection.send_body(view)
            position += len(view)
            self._pacer.spend(len(view))
            self._progress(Progress(Phase.TRANSFERRING, position, self._source.size))
        return end

    def _acknowledged(self, reply: dict[str, Any], started: float) -> None:
        self._offset = int(reply["offset"])
        self._segment.acknowledged_after(time.monotonic() - started)
        self._retry.progressed()

    def _finish(self) -> Movie:
        size = self._source.size
        self._progress(Progress(Phase.FINISHING, 0, size))
        file_hash = self._hash.result()
        self._source.check_unchanged()
        reply = self._client.connection().request(
            "upload.finish", timeout=self._client.patience(size), upload=self._upload, hash=file_hash
        )
        movie = values.read(Movie, reply.get("movie"))
        self._progress(Progress(Phase.FINISHING, size, size))
        return movie

    def _recover(self, error: YoukuError) -> None:
        """Whatever was under way, the server knows best where to go on; only a `finish` is simply repeated."""
        if isinstance(error, WrongOffset):
            self._client.close()
            self._step = Step.CREATE
            self._retry.pause(error)
            return
        if isinstance(error, NoSpace) and self._step is Step.CREATE:
            raise error
        if self._step is Step.SEND:
            self._segment.cut()
            self._step = Step.CREATE
        self._client.recover(error, self._retry)

    def _cancel(self) -> None:
        """The bytes on the server are of no use any more; if it cannot be told, they expire."""
        if self._upload is not None:
            with contextlib.suppress(YoukuError):
                self._client.connection().request("upload.cancel", upload=self._upload)
