"""What a connection has still to send: bytes and pieces of files, in order.

Three verbs: `append` at the tail, `send_some` from the head, and the head advances by what the socket took. Small
replies that queue up leave in one system call; a file goes from the page cache to the socket without passing through
this process (`sendfile`).
"""

from __future__ import annotations

from typing import Final

from youku_evloop.transport.channels import Channel

GATHER: Final = 64 * 1024
"""Bytes of queued replies that are joined for one `send`: about what a socket buffer takes at once."""


class FileSegment:
    """`count` bytes of an open file, from `offset` on. The descriptor stays its opener's.

    Of them `ready` may be sent: the others would make the loop wait for the disk.
    """

    __slots__ = ("count", "fd", "offset", "ready")

    def __init__(self, fd: int, offset: int, count: int) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count
        self.ready = 0


class WriteQueue:
    """The unsent bytes of one connection."""

    __slots__ = ("_segments", "size")

    def __init__(self) -> None:
        self._segments: list[bytes | FileSegment] | None = None  # none for a connection at rest
        self.size = 0

    def append(self, data: bytes) -> None:
        """Queue bytes."""
        self._push(data)
        self.size += len(data)

    def append_file(self, segment: FileSegment) -> None:
        """Queue a piece of a file; it is not counted in `size`, for it takes no memory."""
        self._push(segment)

    def __bool__(self) -> bool:
        return self._segments is not None

    @property
    def sends_file(self) -> bool:
        """Whether the last that is queued is a piece of a file that can be sent."""
        last = self._segments[-1] if self._segments is not None else None
        return isinstance(last, FileSegment) and last.ready > 0

    @property
    def waits_for_disk(self) -> bool:
        """Whether nothing can be sent until more of a file is ready."""
        head = self._segments[0] if self._segments is not None else None
        return isinstance(head, FileSegment) and not head.ready

    def send_some(self, channel: Channel, limit: int) -> int:
        """Send at most about `limit` bytes; answer how many the socket took, 0 when it takes none now.

        Raises `OSError` when the connection is gone, `EOFError` when a file is shorter than its segment.
        """
        segments = self._segments
        assert segments is not None
        if len(segments) > 1:
            _join_head(segments)
        head = segments[0]
        try:
            if isinstance(head, FileSegment):
                return self._send_file(channel, head, limit)
            sent = channel.send(head)
        except BlockingIOError:
            return 0
        self.size -= sent
        if sent == len(head):
            self._pop()
        else:
            segments[0] = head[sent:]
        return sent

    def _push(self, segment: bytes | FileSegment) -> None:
        if self._segments is None:
            self._segments = [segment]
        else:
            self._segments.append(segment)

    def _pop(self) -> None:
        assert self._segments is not None
        if len(self._segments) == 1:
            self._segments = None
        else:
            del self._segments[0]

    def _send_file(self, channel: Channel, head: FileSegment, limit: int) -> int:
        if not head.ready:
            return 0
        sent = channel.send_file(head.fd, head.offset, min(head.ready, limit))
        if not sent:
            raise EOFError(f"the file ends {head.count} bytes early")
        head.offset += sent
        head.count -= sent
        head.ready -= sent
        if not head.count:
            self._pop()
        return sent


def _join_head(segments: list[bytes | FileSegment]) -> None:
    """Make one of the small replies at the head."""
    pieces: list[bytes] = []
    size = 0
    for piece in segments:
        if size >= GATHER or isinstance(piece, FileSegment):
            break
        pieces.append(piece)
        size += len(piece)
    if len(pieces) > 1:
        segments[: len(pieces)] = [b"".join(pieces)]
