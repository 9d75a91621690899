"""Hashes of files while they move: BLAKE3 of what has passed so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from blake3 import blake3

READ_SIZE: Final = 1024 * 1024
"""Bytes read at a time when a file is only hashed."""

ReadInto = Callable[[memoryview, int], None]
"""Fills the view with the file's bytes from the offset on."""


class RunningHash:
    """BLAKE3 of a file's bytes from `start` to `position`, fed in order; bytes seen before are skipped."""

    __slots__ = ("_hasher", "position")

    def __init__(self, start: int = 0) -> None:
        self._hasher = blake3()
        self.position = start

    def take(self, offset: int, data: memoryview) -> None:
        """The file's bytes from `offset` on; raises `ValueError` when that would leave a gap."""
        if offset > self.position:
            raise ValueError(f"bytes from {offset} on do not follow the first {self.position}")
        new = data[self.position - offset :]
        if new:
            self._hasher.update(new)
            self.position += len(new)

    def catch_up(self, read_into: ReadInto, until: int, moved: Callable[[int], object] = int) -> None:
        """Read and take what is missing of the first `until` bytes; `moved` is told the position after each step."""
        buffer = memoryview(bytearray(min(READ_SIZE, max(until - self.position, 0))))
        while self.position < until:
            view = buffer[: until - self.position]
            read_into(view, self.position)
            self.take(self.position, view)
            moved(self.position)

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return str(self._hasher.hexdigest())
