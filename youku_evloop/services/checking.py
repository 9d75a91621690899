"""Whether the library is sound: does every movie have its whole blob, every blob a movie, every upload its part.

Nothing is changed. A server may be running meanwhile: what it is just doing is no problem, because files are looked at
before the rows that name them, and what then seems wrong is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from youku_evloop.models import Movie, Upload
from youku_evloop.services.library import Library
from youku_evloop.services.uploads.recovery import DAY, is_kept
from youku_evloop.services.uploads.rows import UNFINISHED
from youku_evloop.storage.store import Blob

PREFIXES: Final = [f"{number:02x}" for number in range(256)]
AFTER_HEX: Final = "g"
"""Sorts after every hexadecimal digit."""
SWEEP_TIME: Final = 7200.0
"""Seconds in which an hourly sweep has surely come by."""

Progress = Callable[[int], object]
"""Told how many bytes have been read."""


class ProblemKind(StrEnum):
    """What can be wrong."""

    MISSING_BLOB = "missing_blob"
    BLOB_SIZE = "blob_size"
    BLOB_HASH = "blob_hash"
    UNREADABLE_BLOB = "unreadable_blob"
    UNNAMED_BLOB = "unnamed_blob"
    MISSING_PART = "missing_part"
    SHORT_PART = "short_part"
    STRAY_FILE = "stray_file"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what can be done about it."""

    kind: ProblemKind
    subject: int | str
    """The id of a movie or an upload, the hash of a blob, or a path below the data directory."""
    message: str


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong. Sizes in bytes."""

    deep: bool
    movies: int = 0
    """Deleted ones included, as long as they can be restored."""
    blobs: int = 0
    bytes: int = 0
    uploads: int = 0
    """Unfinished ones."""
    waiting_blobs: int = 0
    """Named by no row, but not for long enough to be removed."""
    orphan_parts: int = 0
    """Left by uploads that have ended; the next sweep removes them."""
    problems: list[Problem] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The document that `youku-server check --json` prints."""
        return {"ok": not self.problems, **asdict(self)}


def check(library: Library, *, deep: bool = False, progress: Progress = lambda count: None) -> Report:
    """Look at everything; `deep`: read every blob and compare its hash."""
    report = Report(deep)
    for prefix in PREFIXES:
        _check_blobs(library, report, prefix, progress)
    _check_parts(library, report)
    for stray in library.in_thread(library.store.strays):
        _add(report, ProblemKind.STRAY_FILE, str(stray), f"{stray} is nothing of the library's: move it elsewhere.")
    return report


def _add(report: Report, kind: ProblemKind, subject: int | str, message: str) -> None:
    report.problems.append(Problem(kind, subject, message))


# -- movies and blobs


def _check_blobs(library: Library, report: Report, prefix: str, progress: Progress) -> None:
    blobs = {blob.digest: blob for blob in library.in_thread(library.store.blobs_in, prefix)}
    named = set()
    for movie in Movie.select().where(Movie.file_hash.between(prefix, prefix + AFTER_HEX)).iterate():
        if is_kept(library, movie):
            named.add(movie.file_hash)
            _check_movie(library, report, movie)
    for blob in blobs.values():
        report.blobs += 1
        report.bytes += blob.size
        if blob.digest not in named:
            _check_unnamed(library, report, blob)
        elif report.deep:
            _read_blob(library, report, blob)
            progress(blob.size)


def _check_movie(library: Library, report: Report, movie: Movie) -> None:
    report.movies += 1
    size = library.in_thread(library.store.blob_size, movie.file_hash)
    title = f"movie {movie.id} ({movie.name})"
    if size is None:
        message = f"The bytes of {title} are missing: restore {movie.file_hash} from a backup, or upload it --again."
        _add(report, ProblemKind.MISSING_BLOB, movie.id, message)
    elif size != movie.file_size:
        message = f"{title} has {size} bytes instead of {movie.file_size}: upload it --again, that mends it."
        _add(report, ProblemKind.BLOB_SIZE, movie.id, message)


def _check_unnamed(library: Library, report: Report, blob: Blob) -> None:
    overdue = library.now() - timedelta(seconds=DAY + SWEEP_TIME)
    if blob.marked is not None and blob.marked < overdue.timestamp():
        message = f"No movie has the blob {blob.digest} ({blob.size} bytes): `youku-server gc` removes it."
        _add(report, ProblemKind.UNNAMED_BLOB, blob.digest, message)
    else:
        report.waiting_blobs += 1


def _read_blob(library: Library, report: Report, blob: Blob) -> None:
    try:
        actual = library.in_thread(library.store.hash_blob, blob.digest, blob.size)
    except FileNotFoundError:  # removed meanwhile
        return
    except OSError as problem:
        message = f"The blob {blob.digest} cannot be read ({problem.strerror}): restore it from a backup."
        _add(report, ProblemKind.UNREADABLE_BLOB, blob.digest, message)
        return
    if actual != blob.digest:
        message = (
            f"blobs/{blob.digest[:2]}/{blob.digest} has decayed, its hash is {actual}: restore it from a backup, or "
            "remove it and upload its movie --again."
        )
        _add(report, ProblemKind.BLOB_HASH, blob.digest, message)


# -- uploads and parts


def _check_parts(library: Library, report: Report) -> None:
    part_ids = set(library.in_thread(library.store.part_ids))
    for row in Upload.select().where(Upload.state.in_(UNFINISHED)).iterate():
        report.uploads += 1
        part_ids.discard(row.id)
        size = library.in_thread(library.store.part_size, row.id)
        if (size or 0) < row.durable_offset and _is_unfinished(row.id):
            message = f"Upload {row.id} had {row.durable_offset} bytes on the disk and has {size or 0}: cancel it."
            _add(report, ProblemKind.MISSING_PART if size is None else ProblemKind.SHORT_PART, row.id, message)
    report.orphan_parts = len(part_ids)


def _is_unfinished(upload_id: str) -> bool:
    return Upload.select(id=upload_id).where(Upload.state.in_(UNFINISHED)).exists()
