"""MySQL's text protocol, byte by byte."""

from __future__ import annotations

import struct
from typing import Any

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from youku_evloop.orm.rows import _decoder, _Result, _row


def with_length(data: bytes) -> bytes:
    """Protocol::LengthEncodedString."""
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + data
    if size < 1 << 24:
        return b"\xfd" + size.to_bytes(3, "little") + data
    return b"\xfe" + struct.pack("<Q", size) + data


def description(kind: int, charset: int, name: bytes = b"name") -> bytes:
    """Protocol::ColumnDefinition41."""
    texts = b"".join(map(with_length, (b"def", b"database", b"alias", b"table", name, name)))
    return texts + b"\x0c" + struct.pack("<HIBHB2x", charset, 1024, kind, 0, 0)


class Wire:
    """A connection of which only the reading end is there."""

    def __init__(self, *packets: bytes, largest: int = 0xFFFFFF) -> None:
        self.data, self._next_seq_id = b"", 0
        for number, packet in enumerate(packets):
            while True:
                part, packet = packet[:largest], packet[largest:]
                self.data += len(part).to_bytes(3, "little") + bytes([number % 256]) + part
                if len(part) < 0xFFFFFF:
                    break

    def _read_bytes(self, size: int) -> bytes:
        assert size <= len(self.data), "asked for more than there is"
        data, self.data = self.data[:size], self.data[size:]
        return data


EOF = b"\xfe\x01\x00\x22\x00"


def packets(wire: Wire) -> list[bytes]:
    result: Any = _Result(None)  # type: ignore[arg-type]  # the connection is put in by hand
    result.connection = wire
    return list(result._packets())


@pytest.mark.parametrize("size", [0, 1, 250, 251, 252, 65535, 65536, (1 << 24) - 1, 1 << 24])
def test_a_value_of_any_length_is_read_whole(size: int) -> None:
    value = b"x" * size
    assert _row(with_length(value) + with_length(b"after"), [bytes, bytes]) == (value, b"after")


def test_null_is_none_and_takes_one_byte() -> None:
    assert _row(b"\xfb" + with_length(b"7") + b"\xfb", [bytes, int, bytes]) == (None, 7, None)


@given(st.lists(st.none() | st.binary(max_size=300), min_size=1, max_size=10))
def test_any_row_is_read_as_it_was_written(values: list[bytes | None]) -> None:
    data = b"".join(b"\xfb" if value is None else with_length(value) for value in values)
    assert _row(data, [bytes] * len(values)) == tuple(values)


@pytest.mark.parametrize(
    ("kind", "charset", "raw", "value"),
    [
        (0x01, 63, b"-7", -7),
        (0x08, 63, b"9223372036854775807", 2**63 - 1),
        (0x05, 63, b"1.5", 1.5),
        (0xF6, 63, b"12", 12),
        (0xF6, 63, b"12.50", 12.5),
        (0x0C, 63, b"2024-05-06 07:08:09.123456", "2024-05-06 07:08:09.123456"),
        (0xFD, 45, "你🎬".encode(), "你🎬"),
        (0xFC, 46, b"", ""),
        (0xFC, 63, b"\xff\x00", b"\xff\x00"),
        (0xFD, 63, b"\xff", b"\xff"),
        (0xF5, 63, b'{"a": 1}', '{"a": 1}'),
        (0x10, 63, b"\x01", b"\x01"),
    ],
)
@pytest.mark.parametrize("name", [b"n", b"x" * 60, b"\x0c" * 20])
def test_a_column_is_read_by_its_type_whatever_its_name(
    kind: int, charset: int, raw: bytes, value: object, name: bytes
) -> None:
    assert _decoder(description(kind, charset, name))(raw) == value


def test_packets_end_at_eof_and_nothing_is_read_after_it() -> None:
    wire = Wire(b"\x01a", b"\x01b", EOF, b"more")
    assert packets(wire) == [b"\x01a", b"\x01b"]
    assert wire.data[4:] == b"more"
    assert wire._next_seq_id == 3


def test_a_row_that_begins_like_eof_is_a_row() -> None:
    row = with_length(b"x" * (1 << 24))
    assert row[0] == EOF[0]
    assert packets(Wire(row, EOF)) == [row]


@pytest.mark.parametrize("size", [0xFFFFFF, 0xFFFFFF * 2, 0xFFFFFF + 5])
def test_a_packet_in_parts_is_put_together(size: int) -> None:
    assert [len(packet) for packet in packets(Wire(b"\x00" * size, EOF))] == [size]


def test_an_error_among_the_rows_is_raised() -> None:
    error = b"\xff" + struct.pack("<H", 1969) + b"#70100Query execution was interrupted"
    with pytest.raises(pymysql.OperationalError, match="interrupted"):
        packets(Wire(b"\x01a", error))
