"""Fingerprints, against the formula of docs/protocol.md."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from blake3 import blake3

from youku_evloop.wire.fingerprint import SAMPLE_COUNT, SAMPLE_SIZE, fingerprint, sample_ranges

MIB = 1024 * 1024


def fingerprint_of(data: bytearray) -> str:
    return fingerprint(len(data), lambda length, offset: bytes(data[offset : offset + length]))


def data_of(size: int) -> bytearray:
    return bytearray(random.Random(size).randbytes(size))


@pytest.mark.parametrize("size", [1, 65536, MIB - 1, MIB])
def test_a_small_file_is_hashed_whole_behind_its_size(size: int) -> None:
    data = data_of(size)
    assert fingerprint_of(data) == blake3(size.to_bytes(8, "big") + data).hexdigest()


@pytest.mark.parametrize("size", [MIB + 1, 3 * MIB, 5_000_001])
def test_of_a_large_file_16_samples_are_hashed(size: int) -> None:
    data = data_of(size)
    hasher = blake3(size.to_bytes(8, "big"))
    for i in range(16):
        start = i * (size - 65536) // 15
        hasher.update(bytes(data[start : start + 65536]))
    assert fingerprint_of(data) == hasher.hexdigest()


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, MIB + 15, 10**12 + 7])
def test_samples_lie_within_the_file_and_reach_both_ends(size: int) -> None:
    ranges = sample_ranges(size)
    assert ranges[0][0] == 0
    assert ranges[-1][0] + ranges[-1][1] == size
    assert sum(length for _, length in ranges) == min(size, SAMPLE_COUNT * SAMPLE_SIZE)


def test_samples_of_a_large_file_do_not_overlap() -> None:
    ends = [(offset, offset + length) for offset, length in sample_ranges(MIB + SAMPLE_COUNT)]
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))


def test_one_changed_byte_in_a_sample_changes_the_fingerprint() -> None:
    data = data_of(2 * MIB)
    before = fingerprint_of(data)
    for offset, _ in sample_ranges(len(data)):
        data[offset] ^= 1
        assert fingerprint_of(data) != before
        data[offset] ^= 1
    assert fingerprint_of(data) == before


def test_the_size_is_part_of_the_fingerprint() -> None:
    assert fingerprint_of(bytearray(10)) != fingerprint_of(bytearray(11))
