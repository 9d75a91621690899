"""Verifying and publishing: every step can be repeated, and the movie's row is the last one.

the row says which hash the client claims        stopped from here on: started again, the server goes on
the hash is compared
the part gets a second name, as a blob           on the disk itself before the next step
the movie is in the table, the upload is done    one transaction: the publication
the part's own name goes                         left over: swept
"""

from __future__ import annotations

import logging
from typing import Final, NoReturn

from youku_evloop import orm
from youku_evloop.errors import BadRequest, Conflict, IntegrityFailure, Unavailable, WrongOffset
from youku_evloop.models import Movie, Upload, UploadState, User
from youku_evloop.services import search
from youku_evloop.services.disk import on_disk
from youku_evloop.services.library import Caller, Library
from youku_evloop.services.upload_states import UploadEvent, advance
from youku_evloop.services.uploads import claims, rows
from youku_evloop.services.uploads.claims import Claim, OpenUpload
from youku_evloop.storage.part import Part

log = logging.getLogger(__name__)

LOCKED: Final = Upload.select(id=orm.Given("id")).for_update().limit(1)
SAME: Final = (
    Movie.select(file_hash=orm.Given("hash"), name=orm.Given("name"), is_delete=False)
    .for_update()
    .order_by(Movie.id)
    .limit(1)
)
UPLOADER: Final = User.select(id=orm.Given("id")).limit(1)


def finish(
    library: Library, who: Caller, held: Claim | None, upload_id: str, digest: str, size: int | None = None
) -> Movie:
    """Verify, publish, and answer the movie; repeating it answers the same one. `size`: of all bytes, where
    `upload.create` did not say.

    Raises `IntegrityFailure` (the upload is gone), `Conflict` (it was published with another hash), `WrongOffset`
    (bytes are missing), `Superseded`, `NotFound`.
    """
    mine = held
    try:
        with library.hold(("finish", upload_id)):  # which may be under way already, begun by somebody else
            row = rows.own(who, upload_id)
            if row.state is not UploadState.PUBLISHED:
                rows.require_unfinished(row)
                mine = held or claims.claim(library, who, upload_id)
                mine.require()
                _require_size(row, mine.upload.part, size)
                return complete(library, mine.upload, row, digest)
    finally:
        if mine is not None and mine is not held:
            claims.release(library, mine)
    movie = _movie(row.movie_id)
    if movie.file_hash != digest:
        raise Conflict(
            f"This upload has been published already, as movie {movie.id}, with another hash.", movie=movie.id
        )
    return movie


def _require_size(row: Upload, part: Part, size: int | None) -> None:
    """An upload that began without a size gets it now."""
    if size is not None and row.size and size != row.size:
        raise BadRequest(f"The upload has {row.size} bytes, and not {size}.")
    if not row.size:
        if size is None:
            raise BadRequest("`size` is needed: this upload began without one.")
        if not part.size <= size or not size:
            raise BadRequest(f"`size` is at least {max(part.size, 1)}: as many bytes are here.")
        row.size = size


def complete(library: Library, upload: OpenUpload, row: Upload, digest: str) -> Movie:
    """Verify and publish; answers the movie. Whoever calls holds the lock `finish`. Errors as `finish`."""
    claims.require_trust(library, upload)
    part = upload.part
    if part.size < row.size:
        if not _is_here_already(library, row, digest):
            raise WrongOffset(f"Bytes are missing: the upload goes on at {part.size}.", offset=part.size)
        fingerprint = row.fingerprint
    else:
        upload.size = row.size  # from here on nobody can add to it
        advance(row, UploadEvent.COMPLETE, file_hash=digest, size=row.size)
        claims.catch_up(library, upload, to_the_end=True)
        if part.hash() != digest:
            _reject(library, upload, row, digest)
        fingerprint = _make_blob(library, upload, row)
    with library.hold(("blob", digest)):
        movie, is_new = orm.current_database().run(_publish, row.id, digest, fingerprint)
        row.movie_id, row.state = movie.id, UploadState.PUBLISHED
    remove(library, upload, row)
    if is_new:
        library.signals.send("movie_published", movie=movie.id, name=row.name, user=row.user_id)
    return movie


def _is_here_already(library: Library, row: Upload, digest: str) -> bool:
    twins = Movie.select(file_hash=digest, file_size=row.size, fingerprint=row.fingerprint)
    return bool(row.fingerprint) and twins.exists() and on_disk(library, library.store.keep_blob, digest, row.size)


def _make_blob(library: Library, upload: OpenUpload, row: Upload) -> str:
    """Name the part as a blob; answers the fingerprint of its bytes."""
    with library.hold(("sync", row.id)):
        try:
            return on_disk(library, library.store.publish, row.id, upload.part, slow=True)
        except Unavailable:
            if upload.part.is_doubtful:
                advance(row, UploadEvent.LOSE)
                claims.mend(library, upload)
            raise


def _reject(library: Library, upload: OpenUpload, row: Upload, digest: str) -> NoReturn:
    actual = upload.part.hash()
    advance(row, UploadEvent.MISMATCH)
    remove(library, upload, row)
    raise IntegrityFailure(
        "The bytes that arrived are not the ones that were sent; nothing was published. Upload the file again.",
        expected=digest,
        actual=actual,
    )


def _publish(upload_id: str, digest: str, fingerprint: str) -> tuple[Movie, bool]:
    """The movie, and whether it is a new one rather than one that had these bytes and this title already."""
    row = LOCKED.given(id=upload_id).get()
    if row.movie_id is not None:  # by another process
        return _movie(row.movie_id), False
    options = row.options
    movie = None if options["again"] else SAME.given(hash=digest, name=row.name).first()
    is_new = movie is None
    if movie is None:
        movie = Movie.create(
            name=row.name,
            description=options["description"],
            file_hash=digest,
            file_size=row.size,
            fingerprint=fingerprint,
            is_free=options["is_free"],
            price=options["price"],
            vip_price=options["vip_price"],
            user_id=row.user_id,
            search_text=search.text(row.name, options["description"]),
        )
        search.index(movie)
    advance(row, UploadEvent.PUBLISH, movie_id=movie.id)
    movie.user = UPLOADER.given(id=movie.user_id).get()
    return movie, is_new


def _movie(movie_id: int | None) -> Movie:
    return Movie.select(id=movie_id).join(Movie.user).get()


def cancel(library: Library, who: Caller, upload_id: str) -> Upload:
    """End an unfinished upload and remove its bytes; raises `NotFound`."""
    with library.hold(("finish", upload_id)), library.hold(("open", upload_id)):
        row = rows.unfinished(who, upload_id)
        advance(row, UploadEvent.CANCEL)
        remove(library, library.open_uploads.get(upload_id), row)
        return row


def remove(library: Library, upload: OpenUpload | None, row: Upload) -> None:
    """Close and remove the part of an upload that has ended; whoever calls holds the lock `finish`.

    The row has been written, so that this fails is no failure of the request: what stays is swept.
    """
    if upload is not None:
        claims.end(library, upload)
    try:
        library.in_slow_thread(library.store.remove_part, row.id)
    except OSError as problem:
        log.warning("the part of upload %s is left to be swept: %s", row.id, problem)
