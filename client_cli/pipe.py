"""Uploading from a stream that can be read only once and whose size nobody knows, such as a pipe.

What the server has not acknowledged yet is kept in memory (at most `WINDOW` segments), so that a lost connection can be
made up for. A client that ends cannot go on later: what it has sent is then thrown away.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from client_cli import values
from client_cli.connection import Connection
from client_cli.hashing import RunningHash
from client_cli.pace import Rate, SegmentSize, pacer_for
from client_cli.progress import Phase, Progress, ProgressCallback
from client_cli.upload import WINDOW, UploadOptions
from client_cli.values import Movie, Upload
from youku_evloop.errors import BadRequest, IntegrityFailure, WrongOffset, YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

RECEIVING: Final = "receiving"
"""The state of an upload that takes more bytes; in any other one, `upload.finish` tells what became of it."""


class Stream(Protocol):
    """What is read: `sys.stdin.buffer` is one."""

    def read(self, count: int, /) -> bytes:
        """The next bytes, at most `count`; none at the end."""


class Segment:
    """Bytes that were read and that the server has not acknowledged."""

    __slots__ = ("data", "offset", "started")

    def __init__(self, offset: int, data: memoryview) -> None:
        self.offset = offset
        self.data = data
        self.started = 0.0

    @property
    def end(self) -> int:
        """The offset behind them."""
        return self.offset + len(self.data)


def upload_stream(
    client: Client,
    stream: Stream,
    options: UploadOptions,
    progress: ProgressCallback,
    limit_rate: Rate,
) -> Movie:
    """Send all that the stream brings and publish it; see `Client.upload_stream`."""
    uploader = StreamUploader(client, stream, progress, limit_rate)
    uploader.read()
    if not uploader.size:
        raise BadRequest("The stream brought nothing: there is nothing to upload.")
    uploader.create(options.arguments())
    try:
        return uploader.run()
    except BaseException:
        uploader.cancel()
        raise


class StreamUploader:
    """One stream on its way; `size` bytes of it have been read."""

    def __init__(self, client: Client, stream: Stream, progress: ProgressCallback, limit_rate: Rate) -> None:
        self._client = client
        self._stream = stream
        self._progress = progress
        self._pacer = pacer_for(limit_rate)
        self._segment = SegmentSize(self._pacer.rate)
        self._retry = client.retry()
        self._hash = RunningHash()
        self._kept: deque[Segment] = deque()
        self._upload = ""
        self._ended = False
        self._acknowledged = 0
        self.size = 0

    def read(self) -> Segment | None:
        """The next segment, whole unless the stream ends in it; None at the end."""
        data = bytearray()
        while len(data) < self._segment.bytes and not self._ended:
            more = self._stream.read(self._segment.bytes - len(data))
            self._ended = not more
            data += more
        if not data:
            return None
        segment = Segment(self.size, memoryview(data))
        self._hash.take(self.size, segment.data)
        self._kept.append(segment)
        self.size += len(data)
        return segment

    def create(self, arguments: dict[str, Any]) -> None:
        """Begin the upload on the server."""
        self._upload = str(self._client.call("upload.create", size=None, fingerprint=None, **arguments)["upload"])

    def run(self) -> Movie:
        """To the end of the stream, over as many connections as it takes."""
        is_in_doubt = False
        while True:
            try:
                if is_in_doubt:
                    self._ask()
                    is_in_doubt = False
                self._send()
                return self._finish()
            except WrongOffset as error:
                self._client.close()
                self._retry.pause(error)
            except YoukuError as error:
                self._segment.cut()
                self._client.recover(error, self._retry)
            is_in_doubt = True

    def cancel(self) -> None:
        """What was sent is of no use any more; if the server cannot be told, it expires."""
        with contextlib.suppress(YoukuError):
            self._client.close()
            self._client.connection().request("upload.cancel", upload=self._upload)

    def _ask(self) -> None:
        """Where to go on, after a connection was lost."""
        reply = self._client.connection().request("upload.status", upload=self._upload)
        upload = values.read(Upload, reply.get("upload"))
        if upload.state != RECEIVING:
            return
        offset = upload.offset
        if offset < self._acknowledged:
            raise IntegrityFailure(
                f"The server has lost bytes that it had (from {offset} on), and a stream cannot be read again: begin"
                " again.",
                upload=self._upload,
            )
        self._take_acknowledgement(offset)

    def _send(self) -> None:
        """What is kept, then what the stream brings, `WINDOW` segments in flight."""
        connection = self._client.connection()
        flying, waiting = deque[Segment](), deque(self._kept)
        while waiting or flying or not self._ended:
            if not waiting and len(self._kept) < WINDOW and (segment := self.read()) is not None:
                waiting.append(segment)
            if waiting:
                flying.append(waiting.popleft())
                self._send_segment(connection, flying[-1])
            if flying:
                has_time = not waiting and (self._ended or len(self._kept) == WINDOW)
                self._take_replies(connection, flying, has_time)

    def _send_segment(self, connection: Connection, segment: Segment) -> None:
        offset = max(segment.offset, self._acknowledged)
        data = segment.data[offset - segment.offset :]
        segment.started = time.monotonic()
        connection.send_request("upload.write", upload=self._upload, offset=offset, body=len(data))
        while data:
            piece = data[: self._pacer.slice]
            connection.send_body(piece)
            self._pacer.spend(len(piece))
            data = data[len(piece) :]
            self._progress(Progress(Phase.TRANSFERRING, segment.end - len(data), None))

    def _take_replies(self, connection: Connection, flying: deque[Segment], has_time: bool) -> None:
        reply = connection.receive() if has_time else connection.received()
        while reply is not None:
            self._segment.acknowledged_after(time.monotonic() - flying.popleft().started)
            self._take_acknowledgement(int(reply["offset"]))
            self._retry.progressed()
            reply = connection.received()

    def _take_acknowledgement(self, offset: int) -> None:
        """Bytes that the server has need not be kept."""
        self._acknowledged = offset
        while self._kept and self._kept[0].end <= offset:
            self._kept.popleft()

    def _finish(self) -> Movie:
        self._progress(Progress(Phase.FINISHING, 0, self.size))
        reply = self._client.connection().request(
            "upload.finish",
            timeout=self._client.patience(self.size),
            upload=self._upload,
            hash=self._hash.hexdigest(),
            size=self.size,
        )
        movie = values.read(Movie, reply.get("movie"))
        self._progress(Progress(Phase.FINISHING, self.size, self.size))
        return movie
