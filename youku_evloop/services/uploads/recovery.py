"""Putting things in order: at the start, every hour, and by `youku-server gc`.

Uploads that were verified but are not in the table are finished. Expired uploads end. Parts without an unfinished
upload go, and so do blobs that no row has named for a day. A deleted movie names its blob for as long as it can be
restored.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from youku_evloop import orm
from youku_evloop.errors import YoukuError
from youku_evloop.models import Movie, Upload, UploadState
from youku_evloop.services.library import Library
from youku_evloop.services.upload_states import UploadEvent, advance
from youku_evloop.services.uploads import claims
from youku_evloop.services.uploads.claims import Claim
from youku_evloop.services.uploads.finishing import complete, remove
from youku_evloop.services.uploads.rows import UNFINISHED
from youku_evloop.storage.store import Blob

log = logging.getLogger(__name__)

DAY: Final = 86400.0
ASKED_AT_ONCE: Final = 500
"""Names in one query."""


@dataclass(slots=True)
class Swept:
    """What went, or what would go: ids of uploads and parts, hashes of blobs; sizes in bytes."""

    finished: list[str] = field(default_factory=list)
    """Uploads that were verified and are published now."""
    expired: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)
    waiting: list[Blob] = field(default_factory=list)
    """Blobs that no row names, but not for long enough yet."""
    bytes: int = 0
    """Of the parts and blobs that went; those of expired uploads included."""
    problems: list[str] = field(default_factory=list)


def sweep(library: Library, *, dry: bool = False) -> Swept:
    """Put everything in order; `dry`: only look what there would be to do."""
    swept = Swept()
    for step in (_finish_verified, _expire, _remove_orphans, _remove_unnamed):
        try:
            step(library, swept, dry)
        except (OSError, YoukuError, orm.OrmError) as problem:
            swept.problems.append(f"{step.__name__.strip('_')}: {problem}")
            log.warning("a part of the sweep was not possible: %s", problem)
    return swept


# -- verified, but not in the table


def _finish_verified(library: Library, swept: Swept, dry: bool) -> None:
    for row in Upload.select(state=UploadState.VERIFYING).iterate():
        if row.file_hash is not None and row.id not in library.open_uploads:
            try:
                if dry or _finish_again(library, row.id):
                    swept.finished.append(row.id)
            except (YoukuError, orm.OrmError) as problem:
                log.warning("upload %s, which was complete, is not published: %s", row.id, problem)


def _finish_again(library: Library, upload_id: str) -> bool:
    with library.hold(("finish", upload_id)):
        with library.hold(("open", upload_id)):
            row = Upload.select(id=upload_id).get()
            if row.state is not UploadState.VERIFYING or upload_id in library.open_uploads:
                return False  # its client has come back
            held = Claim(claims.open_upload(library, row))
        try:
            if held.upload.part.size < row.size:
                advance(row, UploadEvent.LOSE)
            else:
                complete(library, held.upload, row, str(row.file_hash))
        finally:
            library.spawn(claims.release, library, held)
    log.info("upload %s, found complete, is %s now", upload_id, row.state.value)
    return row.movie_id is not None


# -- expired


def _expire(library: Library, swept: Swept, dry: bool) -> None:
    late = Upload.select().where(Upload.state.in_(UNFINISHED), Upload.expire_time < library.now())
    for row in late.iterate():
        size = library.in_slow_thread(library.store.part_size, row.id) or 0
        if dry or _expire_one(library, row.id):
            swept.expired.append(row.id)
            swept.bytes += size


def _expire_one(library: Library, upload_id: str) -> bool:
    with library.hold(("finish", upload_id)), library.hold(("open", upload_id)):
        row = Upload.select(id=upload_id).get()
        is_late = row.state in UNFINISHED and row.expire_time < library.now()
        if not is_late or upload_id in library.open_uploads or library.in_slow_thread(_is_in_use, library, upload_id):
            return False
        advance(row, UploadEvent.EXPIRE)
        remove(library, None, row)
        return True


def _is_in_use(library: Library, part_id: str) -> bool:
    """Whether another process has the part open."""
    try:
        library.store.open_part(part_id).close()
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


# -- parts without an upload


def _remove_orphans(library: Library, swept: Swept, dry: bool) -> None:
    part_ids = library.in_slow_thread(library.store.part_ids)
    for start in range(0, len(part_ids), ASKED_AT_ONCE):
        some = part_ids[start : start + ASKED_AT_ONCE]
        wanted = Upload.select().where(Upload.id.in_(some), Upload.state.in_(UNFINISHED)).columns(Upload.id).rows()
        orphans = sorted(set(some) - {upload_id for (upload_id,) in wanted})
        swept.parts += orphans
        swept.bytes += library.in_slow_thread(_remove_parts, library, orphans, dry)


def _remove_parts(library: Library, part_ids: list[str], dry: bool) -> int:
    total = 0
    for part_id in part_ids:
        total += library.store.part_size(part_id) or 0
        if not dry:
            library.store.remove_part(part_id)
    return total


# -- blobs without a row


def _remove_unnamed(library: Library, swept: Swept, dry: bool) -> None:
    for directory in library.in_slow_thread(library.store.blob_directories):
        blobs = library.in_slow_thread(library.store.blobs_in, directory)
        for start in range(0, len(blobs), ASKED_AT_ONCE):
            some = blobs[start : start + ASKED_AT_ONCE]
            named = named_blobs(library, [blob.digest for blob in some])
            gone, waiting = library.in_slow_thread(_judge, library, some, named, dry)
            swept.blobs += gone
            swept.waiting += waiting
            swept.bytes += sum(blob.size for blob in gone)
    if not dry:
        library.in_slow_thread(library.store.remove_fresh, library.now().timestamp() - DAY)


def named_blobs(library: Library, digests: list[str]) -> set[str]:
    """Those of the blobs that a movie has, or a deleted one may want again."""
    kept = Movie.select().where(Movie.file_hash.in_(digests)).iterate()
    return {movie.file_hash for movie in kept if is_kept(library, movie)}


def is_kept(library: Library, movie: Movie) -> bool:
    """Whether the movie is published, or deleted so recently that it can be restored."""
    if movie.delete_time is None:
        return True
    return library.now() - movie.delete_time < timedelta(days=library.keeping.keep_deleted)


def _judge(library: Library, blobs: list[Blob], named: set[str], dry: bool) -> tuple[list[Blob], list[Blob]]:
    """Those that have been unnamed for long enough, which go; and those that have not, which are marked."""
    now = library.now().timestamp()
    gone, waiting = [], []
    for blob in blobs:
        if blob.digest in named:
            if blob.marked is not None and not dry:
                library.store.keep_blob(blob.digest, blob.size)
        elif blob.marked is None:
            waiting.append(blob)
            if not dry:
                library.store.mark_blob(blob.digest)
        elif blob.marked < now - DAY and (dry or library.store.remove_blob(blob.digest, now - DAY)):
            gone.append(blob)
        else:
            waiting.append(blob)
    return gone, waiting
