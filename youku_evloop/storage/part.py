"""A part: the bytes of one unfinished upload, and the hash of all of them so far.

Normally the hash is taken of the bytes as they come. A part that is opened again begins with bytes that were not
hashed; then those that come are only written, and `catch_up` hashes all of them in worker threads until it has reached
the end. Bytes are appended in one thread only, and one thread at a time catches up; that is what makes it sound: the
one hashes only while `hashed == size`, the other stops at the size that it saw when it began.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from blake3 import blake3

from youku_evloop.storage.files import Files
from youku_evloop.wire.fingerprint import fingerprint

HASH_CHUNK: Final = 1024 * 1024
"""Bytes read at once when a hash has to catch up: large reads, little memory."""


class RunningHash:
    """BLAKE3 of the first `position` bytes."""

    __slots__ = ("hasher", "position")

    def __init__(self) -> None:
        self.hasher = blake3()
        self.position = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes in; the position moves last, so that who sees it may rely on the hash."""
        self.hasher.update(data)
        self.position += len(data)

    def hexdigest(self) -> str:
        """The hash so far."""
        return self.hasher.hexdigest()


class Part:
    """An open part file. It grows at its end; its size is the offset that the upload has reached."""

    __slots__ = ("_files", "_hash", "fd", "is_anchored", "is_doubtful", "size", "synced")

    def __init__(self, files: Files, fd: int, size: int) -> None:
        self._files = files
        self._hash = RunningHash()
        self.fd = fd
        self.size = size
        self.synced = 0
        """How many bytes are known to be on the disk itself."""
        self.is_anchored = False
        """Whether its name is known to be on the disk itself."""
        self.is_doubtful = False
        """A sync has failed: what is not synced may be lost, though it can still be read for a while."""

    @property
    def unhashed(self) -> int:
        """Bytes that the hash has still to catch up with."""
        return self.size - self._hash.position

    @property
    def unsynced(self) -> int:
        """Bytes that a power loss would take."""
        return self.size - self.synced

    @property
    def is_published(self) -> bool:
        """Whether its bytes are a blob already: whole, safe on the disk, and perhaps part of a movie."""
        return self._files.links(self.fd) > 1

    def append(self, data: memoryview) -> None:
        """Write all of `data` at the end. On `OSError` the part keeps what was written before it."""
        running = self._hash
        while data:
            has_caught_up = running.position == self.size
            written = self._files.write(self.fd, data, self.size)
            self.size += written
            if has_caught_up:
                running.update(data[:written])
            data = data[written:]

    def catch_up(self, most: int) -> None:
        """Hash up to `most` bytes of what is in the file and not yet hashed. Blocks: for a worker thread."""
        running = self._hash
        end = min(self.size, running.position + most)
        while running.position < end:
            chunk = self._files.read(self.fd, min(HASH_CHUNK, end - running.position), running.position)
            if running is not self._hash:  # cut back meanwhile
                return
            if not chunk:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            running.update(chunk)

    def cut_back(self, size: int) -> None:
        """Forget the bytes from `size` on; the hash begins anew. On `OSError` nothing has changed."""
        self._files.truncate(self.fd, size)
        self._hash = RunningHash()
        self.size = size
        self.synced = min(self.synced, size)
        self.is_doubtful = False

    def sync(self) -> int:
        """Bring the bytes to the disk itself; answers how many are safe there. Blocks: for a worker thread.

        On `OSError` the part is doubtful: a second sync would succeed without having written what the first could not.
        """
        size = self.size
        if self.is_published:
            return size
        try:
            self._files.sync(self.fd)
        except OSError:
            self.is_doubtful = True
            raise
        self.synced = size
        return size

    def hash(self) -> str:
        """BLAKE3 of all bytes, in hexadecimal; the hash must have caught up."""
        assert not self.unhashed
        return self._hash.hexdigest()

    def fingerprint(self) -> str:
        """See `wire.fingerprint`. Blocks: for a worker thread."""
        return fingerprint(self.size, lambda length, offset: self._files.read(self.fd, length, offset))

    def close(self) -> None:
        """Close the file. Harmless when closed."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            self._files.close(fd)
