"""MySQL's text protocol, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from youku_evloop.orm.rows import LARGEST, Answer, Template, _decoder


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


EOF = b"\xfe\x01\x00\x22\x00"
BINARY, TEXT = 63, 45
BLOB, LONG = 0xFC, 0x03


class Wire:
    """The bytes of some packets; no more than `piece` of them come in at a time, if that is enough."""

    def __init__(self, *packets: bytes, piece: int = 1 << 30) -> None:
        self.data, self._piece = b"", piece
        for number, packet in enumerate(packets):
            while True:
                part, packet = packet[:LARGEST], packet[LARGEST:]
                self.data += len(part).to_bytes(3, "little") + bytes([number % 256]) + part
                if len(part) < LARGEST:
                    break

    def receive(self, least: int) -> bytes:
        assert least <= len(self.data), "asked for more than there is"
        size = max(least, self._piece)
        data, self.data = self.data[:size], self.data[size:]
        return data


def answer(*rows: bytes, columns: Sequence[bytes] = (description(BLOB, BINARY),), end: bytes = EOF) -> list[bytes]:
    return [bytes([len(columns)]), *columns, EOF, *rows, end]


def rows(*packets: bytes, shape: Template | None = None, piece: int = 1 << 30) -> list[tuple[object, ...]]:
    wire = Wire(*packets, piece=piece)
    found = Answer(wire.receive).read(shape or Template("")).rows
    assert not wire.data
    return list(found)


@pytest.mark.parametrize("size", [0, 1, 250, 251, 252, 65535, 65536, LARGEST, 1 << 24])
def test_a_value_of_any_length_is_read_whole(size: int) -> None:
    value = b"x" * size
    both = [description(BLOB, BINARY)] * 2
    assert rows(*answer(with_length(value) + with_length(b"after"), columns=both)) == [(value, b"after")]


def test_null_is_none_and_takes_one_byte() -> None:
    columns = [description(BLOB, BINARY), description(LONG, BINARY), description(BLOB, BINARY)]
    assert rows(*answer(b"\xfb" + with_length(b"7") + b"\xfb", columns=columns)) == [(None, 7, None)]


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.tuples(*[st.none() | st.binary(max_size=300)] * width), max_size=10)
    ),
    st.integers(1, 1000),
)
def test_any_rows_are_read_as_they_were_written_however_they_come_in(
    values: list[tuple[bytes | None, ...]], piece: int
) -> None:
    written = [b"".join(b"\xfb" if value is None else with_length(value) for value in row) for row in values]
    width = len(values[0]) if values else 1
    shape, packets = Template(""), answer(*written, columns=[description(BLOB, BINARY)] * width)
    for _ in range(2):  # once with the columns unknown, once known
        assert rows(*packets, piece=piece, shape=shape) == values


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


def test_columns_that_change_between_two_answers_are_read_as_they_are_now() -> None:
    shape = Template("")
    for kind, expected in ((LONG, 7), (BLOB, b"7"), (LONG, 7)):
        columns = [description(kind, BINARY)]
        assert rows(*answer(with_length(b"7"), columns=columns), shape=shape) == [(expected,)]


def test_known_columns_end_where_their_number_says() -> None:
    """As many columns, the first of which are the same."""
    shape, one, two = Template(""), description(LONG, BINARY), description(BLOB, BINARY)
    assert rows(*answer(with_length(b"7"), columns=[one]), shape=shape) == [(7,)]
    assert rows(*answer(with_length(b"7") * 2, columns=[one, two]), shape=shape) == [(7, b"7")]
    assert rows(*answer(with_length(b"7"), columns=[one]), shape=shape) == [(7,)]


def test_an_answer_ends_at_eof_and_the_next_one_begins_there() -> None:
    wire = Wire(*answer(b"\x01a", b"\x01b", end=b"\xfe\x00\x00\x0a\x00"), b"\x00\x03\xfc\x00\x01\x02\x00\x00\x00")
    both = Answer(wire.receive)
    assert both.read(Template("")).rows == [(b"a",), (b"b",)]
    assert both.status == 0x0A
    written = both.read(Template(""))
    assert (written.rows, written.count, written.last_id, both.status) == ((), 3, 256, 2)


def test_a_row_that_begins_like_eof_is_a_row() -> None:
    row = with_length(b"x" * (1 << 24))
    assert row[0] == EOF[0]
    assert rows(*answer(row)) == [(b"x" * (1 << 24),)]


@pytest.mark.parametrize("size", [LARGEST, LARGEST * 2, LARGEST + 50])
def test_a_packet_in_parts_is_put_together(size: int) -> None:
    value = b"x" * (size - (4 if size == LARGEST else 9))  # bytes that say how long it is
    assert len(with_length(value)) == size
    after = with_length(b"after")
    assert rows(*answer(with_length(value), after)) == [(value,), (b"after",)]


def test_an_error_among_the_rows_is_raised() -> None:
    error = b"\xff" + struct.pack("<H", 1969) + b"#70100Query execution was interrupted"
    with pytest.raises(pymysql.OperationalError, match="interrupted"):
        rows(*answer(b"\x01a", end=error))
