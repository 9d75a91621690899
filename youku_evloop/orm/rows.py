"""Statements to MySQL and their answers, in its text protocol and a fraction of the time that pymysql takes for them.

An answer is read where it lies in what came in, mostly all of it at once: no packet becomes an object, only the cells
do. The columns are described in full (names of table, database, alias, ...) in every answer, which costs more than a
short answer itself. But a statement that is sent again is described by the same bytes again: only others are looked at,
and of them only the type and the character set. Protocol::ColumnDefinition41 ends in 12 bytes of fixed places, whatever
stands before them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from pymysql import Connection
from pymysql.constants import COMMAND, CR, FIELD_TYPE, SERVER_STATUS
from pymysql.err import InterfaceError, OperationalError, raise_mysql_exception

from .expressions import Raw
from .pool import Result

CHARSET_AND_TYPE = struct.Struct("<H4xB5x")
WARNINGS_AND_STATUS = struct.Struct("<xHH")
HEADER = 4  # bytes before each packet: its length in three, its number in one
LARGEST = 0xFFFFFF  # bytes of a packet; one of just this length goes on in the next one
OK, EOF, ERROR = 0x00, 0xFE, 0xFF  # first bytes of packets
EOF_SIZE = 9  # bytes that an EOF packet has less than: a longer one is a row whose first cell is very long
BINARY = 63  # the character set of what is no text
NULL = 251  # in the place of a length; 252, 253 and 254 say that it follows in 2, 3 or 8 bytes
LENGTHS = {252: 2, 253: 3, 254: 8}
SOME, MUCH = 1 << 14, 1 << 20  # bytes asked of the socket at once: a page of rows; of something large

# A quoted text or name, or one of the two characters that mean something: to us, to Python's formatting.
SPECIAL = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|\?|%", re.DOTALL)
Decoder = Callable[[bytes], Any]


def _number(data: bytes) -> int | float:
    """Sums of integers are DECIMAL here, and integers again for us, as in SQLite."""
    return float(data) if b"." in data else int(data)


DECODERS: dict[int, Decoder] = {
    **dict.fromkeys((FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.INT24), int),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float),
    FIELD_TYPE.NEWDECIMAL: _number,
    **dict.fromkeys((FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE, FIELD_TYPE.TIME), bytes.decode),
    FIELD_TYPE.JSON: bytes.decode,  # which MySQL calls binary
}


READER = """
def read(data, at, rows):
    last = len(data)
    while True:
        end = at + 4 + size_of(data[at : at + 3], "little")
        if end >= last or data[at + 4] >= {EOF}:
            return at
        row = at
        at += 4
{cells}
        rows.append(({names}))
"""
CELL = """
        start = at + 1
        at = start + data[at]
        if at - start < {NULL}:
            cell{n} = decode{n}(data[start:at])
        elif at - start == {NULL}:
            cell{n} = None
            at = start
        else:
            return row
"""


@lru_cache(maxsize=128)
def reader(decoders: Sequence[Decoder]) -> Callable[[bytes, int, list[tuple[Any, ...]]], int]:
    """A function that reads rows from a place on, as long as they are plain: whole, no cell of 251 bytes or more, and
    something after them. It answers where it stopped.

    It is made as text, all columns one after the other: a loop over them takes a third more.
    """
    numbers = range(len(decoders))
    cells = "".join(CELL.format(n=n, NULL=NULL) for n in numbers)
    source = READER.format(cells=cells, names="".join(f"cell{n}, " for n in numbers), EOF=EOF)
    names: dict[str, Any] = {f"decode{n}": decode for n, decode in enumerate(decoders)}
    exec(source, names | {"size_of": int.from_bytes}, names)  # nothing of it comes from outside
    return names["read"]  # type: ignore[no-any-return]


class Columns:
    """What an answer begins with, and how the rows behind it are read."""

    __slots__ = ("decoders", "head", "read")

    def __init__(self, head: bytes, decoders: Sequence[Decoder]) -> None:
        self.head, self.decoders, self.read = head, decoders, reader(decoders)


class Template:
    """A statement with places for its values, and how its answer began last time."""

    __slots__ = ("known", "text")

    def __init__(self, sql: str) -> None:
        """`?` becomes `%s`, and what is a percent sign is doubled."""
        self.text = SPECIAL.sub(lambda match: "%s" if match[0] == "?" else match[0].replace("%", "%%"), sql)
        self.known: Columns | None = None


template = lru_cache(maxsize=128)(Template)


class QuickConnection(Connection):
    """A connection of pymysql's, which logs in and says goodbye; what is between is asked and read in our way."""

    _sock: Any  # what the stubs do not tell of
    _rfile: Any
    _force_close: Any
    _write_bytes: Any
    _execute_command: Any
    encoders: Any

    def ask(self, sql: str, values: Sequence[Raw]) -> Result:
        """Send a statement and read its answer; the first one, where a procedure gives several."""
        shape = template(sql)
        if values:
            sql = shape.text % tuple([str(v) if type(v) is int else self.escape(v, self.encoders) for v in values])
        self._say(sql.encode(self.encoding, "surrogateescape"))
        answer = Answer(self._receive)
        result = answer.read(shape)
        while answer.status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
            answer.read(Template(""))
        self.server_status = answer.status
        return result

    def _say(self, sql: bytes) -> None:
        if not self._sock:
            raise InterfaceError(0, "")
        size = len(sql) + 1
        if size < LARGEST:
            self._write_bytes(size.to_bytes(HEADER, "little") + bytes((COMMAND.COM_QUERY,)) + sql)
        else:
            self._execute_command(COMMAND.COM_QUERY, sql)

    def _receive(self, least: int) -> bytes:
        """At least so many bytes, and what else is there."""
        parts = []
        while least > 0:
            try:
                part = self._rfile.read1(min(max(least, SOME), MUCH))
                if not part:
                    raise ConnectionResetError("the server hung up")
            except OSError as error:
                self._force_close()
                message = f"Lost connection to MySQL server during query ({error})"
                raise OperationalError(CR.CR_SERVER_LOST, message) from error
            least -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Answer:
    """What a statement is answered with. `receive(least)` gives the next bytes, at least so many."""

    __slots__ = ("_data", "_end", "_receive", "_start", "status")

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._data, self._start, self._end = b"", 0, 0  # the current packet lies between the two
        self.status = 0

    def read(self, shape: Template) -> Result:
        """The next result; an error is raised."""
        if self._next() == OK:
            count, at = self._number(self._start + 1)
            last_id, at = self._number(at)
            (self.status,) = struct.unpack_from("<H", self._data, at)
            return Result((), count, last_id)
        rows = self._rows(self._columns(shape))
        _, self.status = WARNINGS_AND_STATUS.unpack_from(self._data, self._start)
        return Result(rows, len(rows), None)

    def _columns(self, shape: Template) -> Columns:
        """How to read each row, by the packets from the current one, the number of columns, to an EOF."""
        begun, known = self._start - HEADER, shape.known
        if known is not None and self._data.startswith(known.head, begun):
            self._end = begun + len(known.head)
            self._next()
            return known
        head, decoders = self._data[begun : self._end], []
        while self._next() != EOF:
            head += self._data[self._start - HEADER : self._end]
            decoders.append(_decoder(self._data[self._start : self._end]))
        shape.known = Columns(head, tuple(decoders))
        return shape.known

    def _rows(self, columns: Columns) -> list[tuple[Any, ...]]:
        """All rows up to an EOF packet, which is the current one then."""
        rows: list[tuple[Any, ...]] = []
        while True:
            self._end = columns.read(self._data, self._end, rows)
            if self._next() == EOF and self._end - self._start < EOF_SIZE:
                return rows
            rows.append(self._row(columns.decoders))

    def _row(self, decoders: Sequence[Decoder]) -> tuple[Any, ...]:
        """The current packet, whatever it looks like."""
        row: list[Any] = []
        at = self._start
        for decode in decoders:
            if self._data[at] == NULL:
                row.append(None)
                at += 1
            else:
                length, start = self._number(at)
                at = start + length
                row.append(decode(self._data[start:at]))
        return tuple(row)

    def _next(self) -> int:
        """Go on to the next packet, all of it there; what it begins with. An error is raised."""
        data, at = self._data, self._end
        size = int.from_bytes(data[at : at + 3], "little")
        self._start, self._end = at + HEADER, at + HEADER + size
        if size == LARGEST or self._end > len(data):
            self._take_in(at)
        first = self._data[self._start]
        if first == ERROR:
            raise_mysql_exception(self._data[self._start : self._end])
        return first

    def _take_in(self, at: int) -> None:
        """Have all of the packet that begins at this place, and nothing any more of those before it."""
        self._data = self._data[at:]
        size = self._header(0)
        self._fill(self._end + size)
        if size == LARGEST:
            self._join()

    def _header(self, at: int) -> int:
        """Begin the packet whose header is at this place; how many bytes it has."""
        self._fill(at + HEADER)
        self._start = self._end
        return int.from_bytes(self._data[at : at + 3], "little")

    def _fill(self, end: int) -> None:
        """Have all up to this place."""
        if len(self._data) < end:
            self._data += self._receive(end - len(self._data))
        self._end = end

    def _join(self) -> None:
        """Put a packet in parts together, the first of which is there."""
        parts, size = [self._data[self._start : self._end]], LARGEST
        while size == LARGEST:
            size = self._header(self._end)
            self._fill(self._end + size)
            parts.append(self._data[self._start : self._end])
        whole = b"".join(parts)
        self._data = whole + self._data[self._end :]
        self._start, self._end = 0, len(whole)

    def _number(self, at: int) -> tuple[int, int]:
        """A length-encoded integer, and where it ends."""
        first = self._data[at]
        if first < NULL:
            return first, at + 1
        end = at + 1 + LENGTHS[first]
        return int.from_bytes(self._data[at + 1 : end], "little"), end


def _decoder(description: bytes) -> Decoder:
    charset, kind = CHARSET_AND_TYPE.unpack_from(description, len(description) - CHARSET_AND_TYPE.size)
    return DECODERS.get(kind) or (bytes if charset == BINARY else bytes.decode)
