"""A part: the bytes of one unfinished upload, and the hash of all of them so far."""

from __future__ import annotations

from typing import Final

from blake3 import blake3

from youku_evloop.storage.files import Files

HASH_CHUNK: Final = 1024 * 1024
"""Bytes read at once when a hash has to catch up: large reads, little memory."""


class Part:
    """An open part file. It only grows, at its end; its size is the offset that the upload has reached."""

    __slots__ = ("_files", "_hasher", "fd", "hashed", "size", "synced")

    def __init__(self, files: Files, fd: int, size: int) -> None:
        self._files = files
        self._hasher = blake3()
        self.fd = fd
        self.size = size
        self.hashed = 0
        self.synced = 0

    @property
    def is_published(self) -> bool:
        """Whether its bytes are a blob already: whole, safe on the disk, and perhaps part of a movie."""
        return self._files.links(self.fd) > 1

    def append(self, data: memoryview) -> None:
        """Write all of `data` at the end and hash it. On `OSError` the part keeps what was written before it.

        The hash must have caught up (`catch_up`).
        """
        while data:
            written = self._files.write(self.fd, data, self.size)
            self._hasher.update(data[:written])
            self.size += written
            self.hashed += written
            data = data[written:]

    def catch_up(self) -> None:
        """Hash what is in the file and not yet hashed. Blocks: for a worker thread."""
        while self.hashed < self.size:
            chunk = self._files.read(self.fd, min(HASH_CHUNK, self.size - self.hashed), self.hashed)
            if not chunk:
                raise OSError(f"the part has {self.hashed} bytes instead of {self.size}")
            self._hasher.update(chunk)
            self.hashed += len(chunk)

    def cut_back(self, size: int) -> None:
        """Forget the bytes from `size` on; the hash begins anew."""
        self._files.truncate(self.fd, size)
        self.size = size
        self.hashed = 0
        self._hasher = blake3()

    def sync(self) -> int:
        """Bring the bytes to the disk itself; answers how many are safe there. Blocks: for a worker thread."""
        size = self.size
        self._files.sync(self.fd)
        self.synced = size
        return size

    def hash(self) -> str:
        """BLAKE3 of all bytes so far, in hexadecimal."""
        return self._hasher.hexdigest()

    def close(self) -> None:
        """Close the file. Harmless when closed."""
        if self.fd >= 0:
            self._files.close(self.fd)
            self.fd = -1
