"""The videos that the tour and the tests use are real: the container is read back by the book, piece by piece."""

from __future__ import annotations

import hashlib
import io
import itertools
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts import make_video as generator

SIZE = 2_000_000


@dataclass(frozen=True)
class Chunk:
    """One node of a RIFF tree: its name (of a list: the list's kind), where its data begin, and the data."""

    name: bytes
    offset: int
    data: bytes


def chunks(data: bytes, begin: int = 0) -> Iterator[Chunk]:
    """The chunks that stand side by side in `data`, which is `begin` bytes into the file."""
    position = 0
    while position < len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        content = data[position + 8 : position + 8 + size]
        assert len(content) == size, f"{name!r} is cut short"
        skipped = 4 if name in (b"RIFF", b"LIST") else 0
        yield Chunk(content[:4] if skipped else name, begin + position + 8 + skipped, content[skipped:])
        position += 8 + size + size % 2


def named(data: bytes, *path: bytes, begin: int = 0) -> Chunk:
    """The one chunk at the end of a path of names."""
    (found,) = [chunk for chunk in chunks(data, begin) if chunk.name == path[0]]
    return named(found.data, *path[1:], begin=found.offset) if path[1:] else found


def video(size: int = SIZE, seed: int = 1) -> bytes:
    """A small video, in memory."""
    file = io.BytesIO()
    generator.write_video(file, size, seed)
    return file.getvalue()


def frames_of(data: bytes) -> list[Chunk]:
    """Every frame, in the order of the file."""
    return list(chunks(named(data, b"AVI ", b"movi").data, named(data, b"AVI ", b"movi").offset))


def test_the_header_tells_the_number_and_the_shape_of_the_frames() -> None:
    data = video()
    main = struct.unpack("<14I", named(data, b"AVI ", b"hdrl", b"avih").data)
    bitmap = struct.unpack("<IiiHHIIiiII", named(data, b"AVI ", b"hdrl", b"strl", b"strf").data)
    assert main[4] == len(frames_of(data))
    assert main[8:10] == bitmap[1:3] == (generator.WIDTH, generator.HEIGHT)
    assert bitmap[4] == 24 and bitmap[5] == 0, "24 bits a pixel, uncompressed"
    assert {len(frame.data) for frame in frames_of(data)} == {bitmap[6]}


def test_the_stream_is_video_at_its_frame_rate() -> None:
    stream = named(video(), b"AVI ", b"hdrl", b"strl", b"strh").data
    assert stream[:8] == b"vidsDIB "
    scale, rate, _, length = struct.unpack_from("<4I", stream, 20)
    assert rate / scale == generator.FRAMES_PER_SECOND
    assert length == len(frames_of(video()))


def test_the_index_finds_every_frame() -> None:
    data = video()
    index = list(struct.iter_unpack("<4sIII", named(data, b"AVI ", b"idx1").data))
    movie = named(data, b"AVI ", b"movi").offset - 4
    found = [(name, movie + offset + 8, size) for name, _, offset, size in index]
    assert found == [(frame.name, frame.offset, len(frame.data)) for frame in frames_of(data)]


def test_every_frame_differs_from_the_one_before() -> None:
    hashes = [hashlib.sha256(frame.data).digest() for frame in frames_of(video())]
    assert all(one != following for one, following in itertools.pairwise(hashes))


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others() -> None:
    assert video(seed=1) == video(seed=1)
    assert video(seed=1) != video(seed=2)


@pytest.mark.parametrize("size", [0, 1, 1_000_000, SIZE])
def test_a_video_is_as_large_as_asked_for_and_less_than_a_frame_more(size: int) -> None:
    assert size <= len(video(size)) <= size + generator.FRAME + 1024


def test_more_than_the_format_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        generator.write_video(io.BytesIO(), generator.MAX_SIZE + 1)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The generator as a command."""
    command = [sys.executable, generator.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_writes_the_video_and_says_what_it_is(tmp_path: Path) -> None:
    done = run(tmp_path / "holiday.avi", "--size", "1M", "--seed", "3")
    assert done.returncode == 0
    assert (tmp_path / "holiday.avi").read_bytes() == video(1024**2, seed=3)
    assert "bytes" in done.stdout and "seconds of video" in done.stdout


@pytest.mark.parametrize("size", ["much", "-1", "5G", "1.5M"])
def test_a_size_that_cannot_be_is_refused(tmp_path: Path, size: str) -> None:
    assert run(tmp_path / "holiday.avi", f"--size={size}").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    done = run(tmp_path / "missing" / "holiday.avi", "--size", "1M")
    assert done.returncode == 1
    assert "missing" in done.stderr and "Traceback" not in done.stderr


def test_nothing_is_left_of_a_video_that_could_not_be_finished(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most"):
        generator.make_video(tmp_path / "holiday.avi", generator.MAX_SIZE + 1)
    assert list(tmp_path.iterdir()) == []
