"""The write queue, against a channel that takes as much as a test says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from youku_evloop.transport.writes import GATHER, FileSegment, WriteQueue

NEVER = 1 << 30


class Funnel:
    """A channel that takes so many bytes at a time, each number once; then nothing."""

    empties: ClassVar[bool] = True

    def __init__(self, *takes: int) -> None:
        self.takes = list(takes)
        self.taken = bytearray()
        self.calls = 0
        self.corked = True

    def _take(self, data: bytes) -> int:
        self.calls += 1
        if not self.takes:
            raise BlockingIOError
        data = data[: self.takes.pop(0)]
        self.taken += data
        return len(data)

    def cork(self, corked: bool) -> None:
        self.corked = corked

    def send(self, data: bytes) -> int:
        return self._take(data)

    def send_file(self, fd: int, offset: int, count: int) -> int:
        return self._take(os.pread(fd, count, offset))

    def fileno(self) -> int:
        return -1

    def recv_into(self, buffer: memoryview, count: int) -> int:
        raise NotImplementedError

    def pending(self) -> bool:
        return False

    def unacknowledged(self) -> int:
        return 0

    def end_output(self) -> None: ...

    def abandon(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


def ready(fd: int, offset: int, count: int) -> FileSegment:
    """A piece that can be sent at once."""
    segment = FileSegment(fd, offset, count)
    segment.ready = count
    return segment


def test_an_empty_queue_holds_nothing() -> None:
    queue = WriteQueue()
    assert not queue.segments and queue.size == 0 and not queue.sends_file


def test_small_replies_leave_together() -> None:
    queue, funnel = WriteQueue(), Funnel(NEVER)
    for number in range(100):
        queue.append(b"%d," % number)
    queue.send(funnel, NEVER)
    assert funnel.calls == 1
    assert funnel.taken == b"".join(b"%d," % number for number in range(100))
    assert not queue.segments and queue.size == 0


def test_what_was_not_taken_is_offered_again_and_what_came_behind_it_later() -> None:
    queue, funnel = WriteQueue(), Funnel()
    queue.append(b"hello")
    funnel.takes = [3]
    queue.send(funnel, NEVER)
    assert queue.sent == 3 and queue.size == 2
    queue.append(b"world")
    funnel.takes = [2, NEVER]
    queue.send(funnel, NEVER)
    assert funnel.taken == b"helloworld"


def test_a_channel_that_takes_nothing_changes_nothing() -> None:
    queue, funnel = WriteQueue(), Funnel()
    queue.append(b"hello")
    queue.send(funnel, NEVER)
    assert queue.segments and queue.size == 5 and queue.sent == 0
    funnel.takes = [NEVER]
    queue.send(funnel, NEVER)
    assert funnel.taken == b"hello"


def test_pieces_of_a_file_keep_their_place_between_replies(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel(*[NEVER] * 9)
    segment = ready(file, 10, 5)
    queue.append(b"head:")
    queue.append_file(segment)
    assert queue.sends_file
    queue.append(b":tail")
    assert not queue.sends_file and queue.size == 10
    queue.send(funnel, NEVER)
    assert funnel.taken == b"head:" + bytes(range(10, 15)) + b":tail"
    assert segment.count == 0


def test_no_more_of_a_file_is_sent_at_once_than_the_limit(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel(NEVER, NEVER, NEVER)
    segment = ready(file, 0, 100)
    queue.append_file(segment)
    queue.send(funnel, 30)
    assert queue.sent == 30
    assert (segment.offset, segment.count) == (30, 70)


def test_with_its_last_byte_a_file_has_all_that_is_left_leave(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel(*[NEVER] * 9)
    queue.append_file(ready(file, 0, 150))
    queue.send(funnel, 100)
    assert funnel.corked
    queue.send(funnel, 100)
    assert not funnel.corked


def test_pieces_of_a_file_end_at_multiples_of_the_limit_whatever_led_them(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel(*[NEVER] * 9)
    segment = ready(file, 70, 500)
    queue.append(b"head")
    queue.append_file(segment)
    for end in (100, 200, 300):
        queue.send(funnel, 100)
        assert segment.offset == end


def test_a_file_in_the_midst_of_its_way_is_streamed(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel(NEVER, 50, NEVER)
    segment = ready(file, 0, 300)
    queue.append_file(segment)
    assert [queue.stream(funnel, 100) for _ in range(4)] == [True, True, True, False]
    assert segment.offset == queue.sent == 200 and segment.count == segment.ready == 100
    assert funnel.taken == bytes(range(200))


def test_a_stream_that_the_socket_does_not_take_stays_where_it_is(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel()
    queue.append_file(ready(file, 0, 250))
    assert queue.stream(funnel, 100)
    assert queue.sent == 0


def test_nothing_else_is_streamed(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel()
    assert not queue.stream(funnel, 100)
    queue.append(b"head")
    queue.append_file(ready(file, 0, 250))
    assert not queue.stream(funnel, 100)
    assert funnel.calls == 0


def test_of_a_file_only_what_is_ready_is_sent(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel(*[NEVER] * 9)
    segment = FileSegment(file, 0, 100)
    queue.append_file(segment)
    queue.append(b"tail")
    queue.send(funnel, NEVER)
    assert queue.waits_for_disk and queue.sent == 0
    segment.ready = 60
    assert not queue.waits_for_disk
    queue.send(funnel, NEVER)
    assert len(funnel.taken) == 60 and queue.waits_for_disk
    segment.ready = 40
    queue.send(funnel, NEVER)
    assert funnel.taken == bytes(range(100)) + b"tail"
    assert not queue.segments and not queue.waits_for_disk


def test_a_file_that_ends_early_is_an_error(file: int) -> None:
    queue, funnel = WriteQueue(), Funnel(*[NEVER] * 3)
    queue.append_file(ready(file, 1000, 100))
    queue.send(funnel, NEVER)
    with pytest.raises(EOFError, match="76 bytes"):
        queue.send(funnel, NEVER)
    assert queue.sent == 24


def test_not_everything_is_joined_at_once() -> None:
    queue, funnel = WriteQueue(), Funnel(*[NEVER] * 99)
    for _ in range(8):
        queue.append(b"x" * (GATHER // 2))
    queue.send(funnel, 1)
    assert queue.sent == GATHER
    queue.send(funnel, NEVER)
    assert len(funnel.taken) == 4 * GATHER


@given(
    st.lists(st.one_of(st.binary(min_size=1, max_size=50), st.tuples(st.integers(0, 200), st.integers(1, 50)))),
    st.lists(st.integers(1, 60)),
)
def test_whatever_is_queued_leaves_in_order_however_it_is_taken(
    items: list[bytes | tuple[int, int]], takes: list[int]
) -> None:
    content = bytes(range(256))
    fd = os.memfd_create("content")
    os.write(fd, content)
    queue, funnel, expected = WriteQueue(), Funnel(*takes, *[NEVER] * 200), b""
    for item in items:
        if isinstance(item, bytes):
            queue.append(item)
            expected += item
        else:
            queue.append_file(ready(fd, *item))
            expected += content[item[0] : item[0] + item[1]]
        queue.send(funnel, NEVER)
    while queue.segments:
        queue.send(funnel, NEVER)
    os.close(fd)
    assert funnel.taken == expected
    assert not queue.segments and queue.size == 0
