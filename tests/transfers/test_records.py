"""The download record: begun or complete, with the bytes, in whatever order the ranges come."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.little_library import Play, Stage, content, perform
from youku_evloop.models import DownloadRecord
from youku_evloop.services import catalogue, downloads
from youku_evloop.services.downloads import Range, merged
from youku_evloop.services.library import Caller

SIZE = 10_000
FILM = content("film", SIZE)


class Reader:
    """Somebody who reads ranges of one movie."""

    def __init__(self, play: Play, name: str = "bob", movie: int | None = None) -> None:
        self.play = play
        self.who: Caller = play.user(name)
        self.movie = movie or play.upload(play.user("alice"), "film", FILM).id

    def read(self, start: int, end: int | None = None, *, sent: int | None = None) -> None:
        """A range, of which `sent` bytes go out before the connection breaks."""

        def send(piece: Range) -> int:
            ready = sum(piece.pieces)
            assert ready == piece.count
            return ready if sent is None else sent

        length = None if end is None else end - start
        downloads.read(self.play.library, self.who, self.movie, start, length, send)

    def records(self) -> list[tuple[int, bool]]:
        """(bytes, completed), oldest first."""
        rows = DownloadRecord.select(user_id=self.who.id).order_by(DownloadRecord.id)
        return [(row.bytes_sent, row.completed) for row in rows]


@pytest.fixture
def stage(stages: Path) -> Stage:
    return Stage(stages)


def test_a_whole_download_is_complete(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)
        reader.read(0)
        assert reader.records() == [(SIZE, True)]

    perform(stage, act)


def test_one_that_breaks_has_begun_and_goes_on_on_the_same_line(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)
        reader.read(0, sent=4_000)
        assert reader.records() == [(4_000, False)]
        reader.read(3_500, sent=1_000)  # less has arrived than was sent
        assert reader.records() == [(5_000, False)]
        reader.read(4_500)
        assert reader.records() == [(10_500, True)]

    perform(stage, act)


def test_parts_in_any_order_are_one_download(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)
        pieces = [(start, min(start + 1_234, SIZE)) for start in range(0, SIZE, 1_234)]
        random.shuffle(pieces)
        for start, end in pieces[:-1]:
            reader.read(start, end)
            assert not reader.records()[-1][1]
        reader.read(*pieces[-1])
        assert reader.records() == [(SIZE, True)]

    perform(stage, act)


def test_the_last_byte_alone_is_no_whole_download(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)
        reader.read(SIZE - 1)
        assert reader.records() == [(1, False)]

    perform(stage, act)


def test_beginning_anew_is_another_download(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)
        reader.read(0, sent=100)
        reader.read(0)
        reader.read(0)
        assert reader.records() == [(100, False), (SIZE, True), (SIZE, True)]

    perform(stage, act)


def test_what_was_sent_last_may_not_have_arrived_and_is_asked_for_again(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)
        reader.read(0)
        reader.read(9_000)
        assert reader.records() == [(11_000, True)]
        stage.later(days=2)
        reader.read(9_000)
        assert reader.records() == [(11_000, True), (1_000, False)]

    perform(stage, act)


def test_two_people_have_a_line_each(stage: Stage) -> None:
    def act(play: Play) -> None:
        bob = Reader(play)
        carol = Reader(play, "carol", bob.movie)
        bob.read(0, sent=10)
        carol.read(10)
        assert (bob.records(), carol.records()) == ([(10, False)], [(SIZE - 10, False)])

    perform(stage, act)


def test_a_download_that_has_begun_when_its_movie_is_deleted_goes_on(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)

        def send(piece: Range) -> int:
            catalogue.delete(play.library, reader.movie)
            return sum(piece.pieces)

        downloads.read(play.library, reader.who, reader.movie, 0, None, send)
        assert reader.records() == [(SIZE, True)]

    perform(stage, act)


def test_nothing_is_recorded_of_nothing(stage: Stage) -> None:
    def act(play: Play) -> None:
        reader = Reader(play)
        reader.read(SIZE)
        assert reader.records() == []

    perform(stage, act)


def test_merged_ranges_are_in_order_and_neither_overlap_nor_touch_nor_are_empty() -> None:
    assert merged([[5, 7], [0, 2], [2, 3], [6, 9], [4, 4]]) == [[0, 3], [5, 9]]
    assert merged([]) == []
    chance = random.Random(5)
    for _ in range(200):
        ranges = [sorted((chance.randrange(60), chance.randrange(60))) for _ in range(chance.randrange(8))]
        result = merged(ranges)
        assert {byte for start, end in ranges for byte in range(start, end)} == {
            byte for start, end in result for byte in range(start, end)
        }
        assert all(one[1] < other[0] for one, other in pairwise(result))
