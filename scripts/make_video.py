"""Make a video to try things with: an AVI that plays everywhere, of any size, in a moment, from nothing.

    python scripts/make_video.py holiday.avi --size 64M

The pictures are uncompressed (24 bits a pixel), so that the size is what was asked for and no encoder is needed. They
show waves of colour that roll by and a ball that bounces. The same seed and size make the same bytes.

The container is AVI 1.0 (Microsoft's "AVI RIFF File Reference"): a RIFF tree of chunks, each a four-letter name, a
32-bit little-endian length, and as many bytes. A header list says what the frames look like, the `movi` list holds one
chunk a frame, and the index `idx1` says where each of them begins.

How it is fast: a row of a picture is a slice of one long precomputed row, cut a little further along in each frame.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

WIDTH: Final = 320
HEIGHT: Final = 180
FRAMES_PER_SECOND: Final = 25
PIXEL: Final = 3
"""Bytes: blue, green, red."""

ROW: Final = WIDTH * PIXEL
"""Bytes of a row; AVI wants a multiple of four, which it is."""

FRAME: Final = ROW * HEIGHT
CHUNK_HEADER: Final = 8
INDEX_ENTRY: Final = 16

MAX_SIZE: Final = 2000 * 1024**2
"""Bytes. The lengths of AVI 1.0 have 32 bits, and many players read them as signed."""

BALL: Final = 24
"""The ball's radius in pixels."""

UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}

HAS_INDEX: Final = 0x10
KEY_FRAME: Final = 0x10


def chunk(name: bytes, data: bytes) -> bytes:
    """One leaf of the RIFF tree. `data` has an even length: nothing here needs padding."""
    return name + struct.pack("<I", len(data)) + data


def list_of(kind: bytes, *chunks: bytes) -> bytes:
    """One branch of the RIFF tree."""
    return chunk(b"LIST", kind + b"".join(chunks))


def header(frames: int) -> bytes:
    """The list `hdrl`: what the video and its one stream consist of."""
    rate = FRAME * FRAMES_PER_SECOND
    video = (1_000_000 // FRAMES_PER_SECOND, rate, 0, HAS_INDEX, frames, 0, 1, FRAME, WIDTH, HEIGHT)
    stream = (b"vids", b"DIB ", 0, 0, 0, 0, 1, FRAMES_PER_SECOND, 0, frames, FRAME, 0, 0, 0, 0, WIDTH, HEIGHT)
    bitmap = (40, WIDTH, HEIGHT, 1, PIXEL * 8, 0, FRAME, 0, 0, 0, 0)
    return list_of(
        b"hdrl",
        chunk(b"avih", struct.pack("<14I", *video, 0, 0, 0, 0)),
        list_of(
            b"strl",
            chunk(b"strh", struct.pack("<4s4sIHHIIIIIIII4H", *stream)),
            chunk(b"strf", struct.pack("<IiiHHIIiiII", *bitmap)),
        ),
    )


def index(frames: int) -> bytes:
    """The chunk `idx1`: for each frame its offset, counted from the name of the `movi` list, and its length."""
    step = CHUNK_HEADER + FRAME
    entries = (struct.pack("<4sIII", b"00db", KEY_FRAME, 4 + number * step, FRAME) for number in range(frames))
    return chunk(b"idx1", b"".join(entries))


def long_row(chance: random.Random) -> bytes:
    """Two picture widths of one wave of colour that ends where it begins, so that it can roll on for ever."""
    phases = [chance.uniform(0, math.tau) for _ in range(PIXEL)]
    one = bytes(int(127.5 + 100 * math.sin(math.tau * x / WIDTH + phase)) for x in range(WIDTH) for phase in phases)
    return one * 2


def bounce(distance: int, room: int) -> int:
    """Where something is that has rolled `distance` to and fro between 0 and `room`."""
    place = distance % (2 * room)
    return min(place, 2 * room - place)


def pictures(seed: int) -> Iterator[bytes]:
    """One frame after the other, for ever: rows from the bottom up, as bitmaps have them."""
    chance = random.Random(seed)
    row = long_row(chance)
    waves = [int(WIDTH / 5 * math.sin(math.tau * y / HEIGHT)) for y in range(HEIGHT)]
    ball = bytes(chance.randrange(192, 256) for _ in range(PIXEL))
    start_x, start_y = chance.randrange(WIDTH), chance.randrange(HEIGHT)
    number = 0
    while True:
        cuts = [(number * 2 + wave) % WIDTH * PIXEL for wave in waves]
        rows = [row[cut : cut + ROW] for cut in cuts]
        left = bounce(start_x + 5 * number, WIDTH - 2 * BALL)
        bottom = bounce(start_y + 3 * number, HEIGHT - 2 * BALL)
        paint_ball(rows, ball, left, bottom)
        yield b"".join(rows)
        number += 1


def paint_ball(rows: list[bytes], colour: bytes, left: int, bottom: int) -> None:
    """A disc of one colour, in the square of 2 * BALL pixels with its corner at (left, bottom)."""
    for y in range(2 * BALL):
        half = math.isqrt(BALL**2 - (y - BALL) ** 2)
        begin, end = (left + BALL - half) * PIXEL, (left + BALL + half) * PIXEL
        row = rows[bottom + y]
        rows[bottom + y] = row[:begin] + colour * (2 * half) + row[end:]


def frames_for(size: int) -> int:
    """How many frames make a file of at least `size` bytes."""
    fixed = 4 + CHUNK_HEADER * 2 + len(header(0)) + 4 + CHUNK_HEADER
    return max(1, math.ceil((size - fixed) / (FRAME + CHUNK_HEADER + INDEX_ENTRY)))


def write_video(file: BinaryIO, size: int, seed: int = 1) -> None:
    """Write a video of at least `size` bytes, and less than one frame more; more than `MAX_SIZE` is a ValueError."""
    if size > MAX_SIZE:
        raise ValueError(f"An AVI file has at most {MAX_SIZE} bytes.")
    frames = frames_for(size)
    movie_size = 4 + frames * (CHUNK_HEADER + FRAME)
    head, tail = header(frames), index(frames)
    file.write(struct.pack("<4sI4s", b"RIFF", 4 + len(head) + CHUNK_HEADER + movie_size + len(tail), b"AVI "))
    file.write(head)
    file.write(struct.pack("<4sI4s", b"LIST", movie_size, b"movi"))
    frame_header = struct.pack("<4sI", b"00db", FRAME)
    for _, picture in zip(range(frames), pictures(seed), strict=False):
        file.write(frame_header)
        file.write(picture)
    file.write(tail)


def make_video(path: Path, size: int, seed: int = 1) -> Path:
    """A video of at least `size` bytes at `path`, which is there only when it is whole."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            write_video(file, size, seed)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def bytes_of(text: str) -> int:
    """The number of bytes that "64M" stands for; K, M and G are powers of 1024."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write bytes, or a number with K, M or G")
    return int(match[1]) * UNITS[match[2]]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make a video to try things with: an uncompressed AVI that plays.")
    parser.add_argument("path", type=Path, help="the file to write")
    parser.add_argument("--size", type=bytes_of, default="64M", help="at least so many bytes (default: 64M)")
    parser.add_argument("--seed", type=int, default=1, help="another number, another video (default: 1)")
    arguments = parser.parse_args()
    if arguments.size > MAX_SIZE:
        parser.error(f"an AVI file has at most {MAX_SIZE // 1024**2}M")
    try:
        make_video(arguments.path, arguments.size, arguments.seed)
    except OSError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    size = arguments.path.stat().st_size
    seconds = frames_for(size) / FRAMES_PER_SECOND
    print(f"{arguments.path}: {size:,} bytes, {seconds:.1f} seconds of video, {WIDTH} x {HEIGHT}")


if __name__ == "__main__":
    main()
