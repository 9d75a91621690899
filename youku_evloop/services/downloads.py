"""Downloads: who may have which bytes, how they come off the disk, and the record of what was taken.

A record is one download: it begins with the first byte and is complete when every byte has been sent, in whatever
order and over however many connections the ranges were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from youku_evloop import orm
from youku_evloop.errors import BadRequest, IntegrityFailure, MovieDeleted, NotFound, PaymentRequired
from youku_evloop.models import DownloadRecord, Movie
from youku_evloop.services import purchases, shown, vip, waiting
from youku_evloop.services.disk import on_disk
from youku_evloop.services.library import Caller, Library
from youku_evloop.storage.part import RunningHash

WARM_PIECE: Final = 16 * 1024 * 1024
"""Bytes handed out at once while they are in the cache: large, for each piece costs a switch of tasks."""
COLD_PIECE: Final = 4 * 1024 * 1024
"""Bytes brought from the disk at once, and asked for ahead: twice this is what a slow reader holds of the cache."""

LATE_RESUME: Final = timedelta(days=1)
"""Since its beginning: for so long a range from the middle belongs to a download that seems complete."""

HASHED_AT_ONCE: Final = 64 * 1024 * 1024
"""Bytes that a worker hashes in one round."""

Ranges = list[list[int]]

MOVIE: Final = Movie.select(id=orm.Given("id")).limit(1)
LAST_RECORD: Final = (
    DownloadRecord.select(user_id=orm.Given("user"), movie_id=orm.Given("movie"))
    .order_by(DownloadRecord.id.desc())
    .limit(1)
)

UNCHANGED_RECORD: Final = DownloadRecord.select(id=orm.Given("id"), bytes_sent=orm.Given("bytes_sent"))


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of a movie's blob, open for reading."""

    movie: Movie
    fd: int
    offset: int
    count: int
    pieces: Iterable[int] = ()
    """How many bytes can be sent without waiting for the disk, piece after piece; raises `Unavailable`. None: all."""


@dataclass(slots=True)
class _Begun:
    """What a download of a range begins with; `record`: none, where nothing is to be sent."""

    movie: Movie
    count: int
    waits: bool
    record: DownloadRecord | None
    fd: int


def read(
    library: Library, who: Caller, movie_id: int, offset: int, length: int | None, send: Callable[[Range], int]
) -> None:
    """Send a range of a movie and put it on record; `send` answers how many bytes went out, even if not all did.

    Raises `NotFound`, `MovieDeleted`, `PaymentRequired`, `WaitRequired`, `BadRequest` for a range outside the movie,
    `Unavailable`.
    """
    begun = _begin(library, who, movie_id, offset, length)
    movie, fd, count = begun.movie, begun.fd, begun.count
    sent = 0
    library.signals.send("download_started", user=who.id, movie=movie.id, offset=offset)
    try:
        sent = send(Range(movie, fd, offset, count, pieces_of(library, fd, offset, offset + count)))
    finally:
        completed = False
        try:
            _close(library, fd)
            completed = begun.record is not None and _note(begun.record, movie.file_size, offset, sent)
        finally:
            facts = {"offset": offset, "sent": sent, "completed": completed}
            library.signals.send("download_finished", user=who.id, movie=movie.id, **facts)


def prefix_hash(library: Library, who: Caller, movie_id: int, length: int) -> str:
    """BLAKE3 of the first `length` bytes of a movie. Errors as `read`."""
    movie = _readable(who, movie_id)
    if not 0 <= length <= movie.file_size:
        raise BadRequest(f"`length` is from 0 to {movie.file_size}, the size of movie {movie_id}.")
    if length == movie.file_size:
        return movie.file_hash
    fd = _open(library, movie)
    running = RunningHash()
    try:
        while running.position < length:  # in rounds, for others want to know about theirs
            on_disk(
                library, library.store.hash_on, fd, running, min(HASHED_AT_ONCE, length - running.position), slow=True
            )
    finally:
        _close(library, fd)
    return running.hexdigest()


def _begin(library: Library, who: Caller, movie_id: int, offset: int, length: int | None) -> _Begun:
    """The range, open and on record; one after the other, for ranges of one download may be asked for at once."""
    opened: list[int] = []
    try:
        with library.hold(("record", f"{who.id} {movie_id}")):
            look = partial(_look, library, who, movie_id, offset, length, opened)
            begun = orm.current_database().together(look, write=not offset)
            if begun.waits:
                waiting.require(library, who, begun.movie)
            if begun.count and begun.record is None:
                begun.record = _new_record(who, begun.movie, offset)
        return begun
    except BaseException:
        for fd in opened:
            _close(library, fd)
        raise


def _look(library: Library, who: Caller, movie_id: int, offset: int, length: int | None, opened: list[int]) -> _Begun:
    """All that has to be looked at; a new record, if this is the beginning and needs no wait; and last the blob, among
    the `opened`. It may be run again, where the database has undone it."""
    movie = _readable(who, movie_id)
    count = _count(movie, offset, length)
    waits = waiting.is_needed(library, who, movie, offset)
    record = _record(library, who, movie, offset) if count else None
    if count and record is None and not (offset or waits):
        record = _new_record(who, movie, offset)
    if not opened:
        opened.append(_open(library, movie))
    return _Begun(movie, count, waits, record, opened[0])


def _new_record(who: Caller, movie: Movie, offset: int) -> DownloadRecord:
    return DownloadRecord.create(user_id=who.id, movie_id=movie.id, ranges=[] if offset else [[0, 0]])


def find(who: Caller, movie_id: int) -> Movie:
    """A movie of the lists, its uploader joined; raises `NotFound`, or `MovieDeleted` to one who has a part in it."""
    return _present(who, movie_id, Movie.select(id=movie_id).join(Movie.user).first())


def _present(who: Caller, movie_id: int, movie: Movie | None) -> Movie:
    if movie is None:
        raise NotFound(f"There is no movie {movie_id}; `youku list` shows what there is.", movie=movie_id)
    if movie.is_delete:
        raise _deleted(who, movie)
    return movie


def _readable(who: Caller, movie_id: int) -> Movie:
    movie = _present(who, movie_id, MOVIE.given(id=movie_id).first())
    if movie.is_free or who.is_admin or purchases.has_bought(who.id, movie_id):
        return movie
    price = shown.vip_price(movie) if vip.is_vip(who.id) else shown.price(movie)
    raise PaymentRequired(
        f"Movie {movie_id} has to be bought first: `youku buy {movie_id}`.", movie=movie_id, price=price
    )


def _deleted(who: Caller, movie: Movie) -> NotFound:
    """Whoever has a right to the movie, or part of it, learns what became of it."""
    if purchases.has_bought(who.id, movie.id):
        return MovieDeleted(
            f"You have bought movie {movie.id}, but it was taken out of the library: ask an administrator for it.",
            movie=movie.id,
        )
    if DownloadRecord.select(user_id=who.id, movie_id=movie.id).exists():
        return MovieDeleted(f"Movie {movie.id} was taken out of the library.", movie=movie.id)
    return NotFound(f"There is no movie {movie.id}; `youku list` shows what there is.", movie=movie.id)


def _count(movie: Movie, offset: int, length: int | None) -> int:
    size = movie.file_size
    if not 0 <= offset <= size:
        raise BadRequest(f"`offset` is from 0 to {size}, the size of movie {movie.id}.", size=size)
    if length is not None and not 0 <= length <= size - offset:
        raise BadRequest(f"`length` is from 0 to {size - offset}, what is left after the offset.", size=size)
    return size - offset if length is None else length


# -- the bytes


def _open(library: Library, movie: Movie) -> int:
    try:
        return on_disk(library, library.store.open_blob, movie.file_hash)
    except FileNotFoundError:
        raise _missing(movie) from None


def _close(library: Library, fd: int) -> None:
    """At once, unless it is all that is left of a blob that is gone: to give its space back takes the disk a while."""
    if library.store.is_named(fd):
        library.store.close(fd)
    else:
        library.in_slow_thread(library.store.close, fd)


def _missing(movie: Movie) -> IntegrityFailure:
    message = f"The bytes of movie {movie.id} are missing on the server: tell an administrator."
    return IntegrityFailure(message, movie=movie.id)


def pieces_of(library: Library, fd: int, offset: int, end: int) -> Iterator[int]:
    """How many bytes of an open blob can be sent without waiting for the disk, piece after piece; see `Range`."""
    store = library.store
    while offset < end:
        count = min(WARM_PIECE, end - offset)
        if not store.is_warm(fd, offset, count):
            count = min(COLD_PIECE, end - offset)
            on_disk(library, store.warm, fd, offset, count, slow=True)
        yield count
        offset += count


# -- the record


def _record(library: Library, who: Caller, movie: Movie, offset: int) -> DownloadRecord | None:
    """The download that this range belongs to: the last one, unless that has had this range's beginning or is over.

    One that is over only by our own account goes on for a while: what was sent last may not have arrived.
    """
    record = LAST_RECORD.given(user=who.id, movie=movie.id).first()
    return record if record is not None and _goes_on(record, offset, library.now()) else None


def _goes_on(record: DownloadRecord, offset: int, now: datetime) -> bool:
    if not offset:
        return not record.completed and not (record.ranges and record.ranges[0][0] == 0)
    return not record.completed or record.create_time > now - LATE_RESUME


def _note(record: DownloadRecord, size: int, offset: int, sent: int) -> bool:
    """Add what was sent, and say whether that is all; where another range was noted meanwhile, look at it again."""
    try:
        while (completed := _add(record, size, offset, sent)) is None:
            record.refresh()
    except orm.NotFound:  # the user was deleted meanwhile, and the record with them
        return False
    return completed


def _add(record: DownloadRecord, size: int, offset: int, sent: int) -> bool | None:
    """Whether every byte has been sent; None where the record has changed since it was read, and nothing was added."""
    ranges = merged([*(record.ranges or []), [offset, offset + sent]])
    completed = record.completed or ranges == [[0, size]]
    unchanged = UNCHANGED_RECORD.given(id=record.id, bytes_sent=record.bytes_sent)
    changes = {"bytes_sent": record.bytes_sent + sent, "ranges": ranges, "completed": completed}
    return completed if unchanged.update(**changes) else None


def merged(ranges: Ranges) -> Ranges:
    """The same bytes as [start, end) pairs in order that neither overlap nor touch nor are empty."""
    result: Ranges = []
    for start, end in sorted(piece for piece in ranges if piece[0] < piece[1]):
        if result and start <= result[-1][1]:
            result[-1][1] = max(result[-1][1], end)
        else:
            result.append([start, end])
    return result
