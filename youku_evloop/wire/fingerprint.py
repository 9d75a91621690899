"""The fingerprint of a file: cheap enough to take before a transfer, sharp enough to find it again.

BLAKE3 over the size (8 bytes, big-endian) and 16 evenly spaced samples of 64 KiB; a file of at most 1 MiB is its own
single sample. It finds candidates (an upload to resume, a movie that may be here already); only the full hash proves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from blake3 import blake3

SAMPLE_SIZE: Final = 64 * 1024
SAMPLE_COUNT: Final = 16


def sample_ranges(size: int) -> list[tuple[int, int]]:
    """The (offset, length) pairs, in bytes, that the fingerprint of a file of `size` bytes looks at."""
    if size <= SAMPLE_SIZE * SAMPLE_COUNT:
        return [(0, size)]
    last = size - SAMPLE_SIZE
    return [(index * last // (SAMPLE_COUNT - 1), SAMPLE_SIZE) for index in range(SAMPLE_COUNT)]


def fingerprint(size: int, read: Callable[[int, int], bytes]) -> str:
    """64 hexadecimal digits for a file of `size` bytes; `read(length, offset)` gives its bytes (as `os.pread`)."""
    hasher = blake3(size.to_bytes(8, "big"))
    for offset, length in sample_ranges(size):
        hasher.update(read(length, offset))
    return hasher.hexdigest()
