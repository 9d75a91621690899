"""Uploads: from the first byte to the published movie, and never an acknowledged byte lost (DESIGN section 4).

An upload is a row and a part file. Whoever sends to it holds a `Claim`; the newest claim is the valid one, and an
older one learns at its next step that it was superseded. The part's size is the offset that the upload has reached:
what was acknowledged is in the page cache and so survives this process; every 64 MiB it is synced and the row says how
far, which is what survives the machine.

Finishing compares the hash, makes the part a blob that is safe on the disk, and only then, in one transaction, makes
the movie's row. Every step can be repeated, so a client that got no answer asks again.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable
from typing import Any, Final
from unicodedata import category

from youku_evloop import orm
from youku_evloop.errors import (
    BadRequest,
    IntegrityFailure,
    MovieExists,
    NoSpace,
    NotFound,
    Superseded,
    Unavailable,
    WrongOffset,
)
from youku_evloop.models import DESCRIPTION_LENGTH, NAME_LENGTH, Movie, Upload, UploadOptions, UploadState
from youku_evloop.services.library import UPLOAD_LIFETIME, Caller, Library, timestamp
from youku_evloop.services.upload_states import UploadEvent, advance
from youku_evloop.storage.part import Part

SYNC_EVERY: Final = 64 * 1024 * 1024
"""Bytes that a power loss may cost a client to send again; syncing more often would wait for the disk more often."""
HIGHEST_PRICE: Final = 100_000_000
LARGEST_SIZE: Final = 2**62
LISTED: Final = 50
"""Unfinished uploads that `upload.list` answers; nobody has so many, and they fit a frame."""
UNFINISHED: Final = (UploadState.RECEIVING, UploadState.VERIFYING)
SWEPT_AT_ONCE: Final = 1000
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that a title must not have: control characters, surrogates, line and paragraph separators."""

Receive = Callable[[Callable[[memoryview], object]], None]
"""Reads the body of a request and hands its pieces to what it is given."""


class OpenUpload:
    """An unfinished upload whose part is open in this process."""

    __slots__ = ("claim", "id", "part", "size", "syncing")

    def __init__(self, upload_id: str, size: int, part: Part) -> None:
        self.id = upload_id
        self.size = size
        self.part = part
        self.claim: Claim | None = None
        self.syncing = False


class Claim:
    """The right to send to an upload, until somebody claims it anew or it ends."""

    __slots__ = ("upload",)

    def __init__(self, upload: OpenUpload) -> None:
        self.upload = upload
        upload.claim = self

    def require(self) -> None:
        """Raise `Superseded` when another claim is newer, `NotFound` when the upload has ended under this one."""
        if self.upload.claim is not self:
            raise Superseded("Another connection has taken this upload over.", upload=self.upload.id)
        if self.upload.part.fd < 0:
            raise NotFound("This upload has ended: start a new one.", upload=self.upload.id)


def as_json(library: Library, upload: Upload) -> dict[str, Any]:
    """An upload as the wire shows it."""
    return {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size,
        "offset": _offset(library, upload),
        "state": upload.state.value,
        "movie": upload.movie_id,
        "create_time": timestamp(upload.create_time),
        "expire_time": timestamp(upload.expire_time),
    }


# -- create and claim


def create(
    library: Library, who: Caller, name: str, size: int, fingerprint: str, options: UploadOptions
) -> tuple[Claim, Upload, bool]:
    """A new upload, or the caller's unfinished one of the same bytes: its claim, its row, and whether a movie of the
    same fingerprint is published.

    Raises `BadRequest`, `MovieExists`, `NoSpace`.
    """
    _check(name, size, options)
    twins = Movie.select(fingerprint=fingerprint, file_size=size, is_delete=False).limit(LISTED).all()
    for movie in twins:
        if movie.name == name and not options["again"]:
            raise MovieExists(
                f"Movie {movie.id} has this title and, by its fingerprint, these bytes; --again publishes it anew.",
                movie=movie.id,
            )
    with library.hold(("create", f"{who.id} {fingerprint}")):
        row = _continued(who, size, fingerprint, name, options)
        if row is None:
            row = _new(library, who, name, size, fingerprint, options)
    return claim(library, who, row.id), row, bool(twins)


def claim(library: Library, who: Caller, upload_id: str) -> Claim:
    """The newest claim to one of the caller's unfinished uploads; raises `NotFound`."""
    with library.hold(("upload", upload_id)):
        row = _unfinished(who, upload_id)
        upload = library.open_uploads.get(upload_id) or _open(library, row)
        return Claim(upload)


def release(library: Library, held: Claim) -> None:
    """Give a claim back; the part is closed if nobody else has claimed it."""
    with library.hold(("upload", held.upload.id)):
        if held.upload.claim is held:
            _close(library, held.upload)


def _check(name: str, size: int, options: UploadOptions) -> None:
    check_title(name)
    if not 1 <= size <= LARGEST_SIZE:
        raise BadRequest("`size` is the number of bytes, at least 1: an empty file is no video.")
    if len(options["description"]) > DESCRIPTION_LENGTH:
        raise BadRequest(f"`description` has at most {DESCRIPTION_LENGTH} characters.")
    for field in ("price", "vip_price"):
        if options[field] is not None and not 0 <= options[field] <= HIGHEST_PRICE:
            raise BadRequest(f"`{field}` is in fen, from 0 to {HIGHEST_PRICE}.")


def check_title(name: str) -> None:
    """Raise `BadRequest` for what cannot be a movie's title."""
    if not 1 <= len(name) <= NAME_LENGTH or name.isspace() or any(category(c) in UNPRINTABLE for c in name):
        raise BadRequest(f"`name`, the title, has 1 to {NAME_LENGTH} characters and no control characters.")


def _continued(who: Caller, size: int, fingerprint: str, name: str, options: UploadOptions) -> Upload | None:
    mine = Upload.select(user_id=who.id, size=size, fingerprint=fingerprint).where(Upload.state.in_(UNFINISHED))
    row = mine.order_by(Upload.create_time.desc()).first()
    if row is not None:
        row.update(name=name, options=options, expire_time=orm.utcnow() + UPLOAD_LIFETIME)
    return row


def _new(library: Library, who: Caller, name: str, size: int, fingerprint: str, options: UploadOptions) -> Upload:
    with library.hold(("space", "")):
        _require_space(library, size)
        return Upload.create(
            id=secrets.token_hex(16),
            user_id=who.id,
            name=name,
            size=size,
            fingerprint=fingerprint,
            boot_id=library.boot_id,
            options=options,
            expire_time=orm.utcnow() + UPLOAD_LIFETIME,
        )


def _require_space(library: Library, size: int) -> None:
    unfinished = Upload.select().where(Upload.state.in_(UNFINISHED)).columns(Upload.id, Upload.size).rows()
    free = library.in_thread(_unpledged, library, unfinished)
    if size > free:
        raise NoSpace(
            f"The upload needs {size} bytes, the server has {max(free, 0)} that are not promised to other uploads. "
            "Try again when there is room.",
            needed=size,
            free=max(free, 0),
        )


def _unpledged(library: Library, unfinished: list[tuple[str, int]]) -> int:
    pledged = sum(max(size - library.store.part_size(upload_id), 0) for upload_id, size in unfinished)
    return library.store.free() - pledged


def _open(library: Library, row: Upload) -> OpenUpload:
    try:
        part = library.in_thread(_open_part, library, row)
    except BlockingIOError:  # a hot restart: its conversation goes on there, or has just been cut off
        raise Unavailable("The server's former process still has this upload. Try again in a moment.") from None
    if row.boot_id != library.boot_id:
        row.update(boot_id=library.boot_id)
    upload = library.open_uploads[row.id] = OpenUpload(row.id, row.size, part)
    return upload


def _open_part(library: Library, row: Upload) -> Part:
    try:
        part = library.store.open_part(row.id)
    except FileNotFoundError:  # stopped between making the row and the file
        return library.store.create_part(row.id)
    try:
        safe = row.size if row.boot_id == library.boot_id else row.durable_offset
        if part.size > safe and not part.is_published:
            part.cut_back(safe)
        part.catch_up()
    except BaseException:
        part.close()
        raise
    return part


def _close(library: Library, upload: OpenUpload) -> None:
    upload.part.close()
    library.open_uploads.pop(upload.id, None)


# -- write


def write(library: Library, held: Claim, offset: int, count: int, receive: Receive) -> int:
    """Receive `count` bytes that belong at `offset`; answers the offset after them.

    Raises `Superseded`, `WrongOffset`, `BadRequest`, `NoSpace`, `Unavailable`; what was acknowledged before stays.
    """
    held.require()
    upload = held.upload
    part = upload.part
    if offset != part.size:
        raise WrongOffset(f"The upload goes on at {part.size}, not at {offset}.", offset=part.size)
    if count > upload.size - offset:
        raise BadRequest(f"The upload has {upload.size} bytes: at most {upload.size - offset} may follow.")

    def take(data: memoryview) -> None:
        held.require()
        part.append(data)

    try:
        receive(take)
    except OSError as problem:
        raise _disk_failure(problem, upload) from problem
    if part.size - part.synced >= SYNC_EVERY and not upload.syncing:
        library.spawn(_sync, library, upload)
    return part.size


def _disk_failure(problem: OSError, upload: OpenUpload) -> Unavailable:
    left = upload.size - upload.part.size
    if problem.errno in FULL:
        return NoSpace(
            f"The server's disk is full with {left} bytes still to come. What has arrived is kept: repeat it later.",
            needed=left,
            free=0,
        )
    return Unavailable(f"The server's disk failed ({problem.strerror}). What has arrived is kept: repeat it later.")


def _sync(library: Library, upload: OpenUpload) -> None:
    upload.syncing = True
    try:
        with library.hold(("upload", upload.id)):
            if upload.part.fd < 0:
                return
            durable = library.in_thread(upload.part.sync)
        expire_time = orm.utcnow() + UPLOAD_LIFETIME
        Upload.select(id=upload.id).update(durable_offset=durable, expire_time=expire_time)
    finally:
        upload.syncing = False


# -- finish


def finish(library: Library, who: Caller, held: Claim | None, upload_id: str, digest: str) -> Movie:
    """Verify, publish, and answer the movie; repeating it answers the same one.

    Raises `IntegrityFailure` (the upload is gone), `WrongOffset` (bytes are missing), `Superseded`, `NotFound`.
    """
    row = _own(who, upload_id)
    if row.state is not UploadState.PUBLISHED:
        held = held or claim(library, who, upload_id)
        with library.hold(("upload", upload_id)):
            row = _own(who, upload_id)  # two may have finished it at once
            if row.state is not UploadState.PUBLISHED:
                _require_unfinished(row)
                held.require()
                _finish(library, held.upload, row, digest)
    return Movie.select(id=row.movie_id).join(Movie.user).get()


def _finish(library: Library, upload: OpenUpload, row: Upload, digest: str) -> None:
    part = upload.part
    if part.size < row.size and not _is_here_already(library, row, digest):
        raise WrongOffset(f"Bytes are missing: the upload goes on at {part.size}.", offset=part.size)
    if part.size == row.size:
        advance(row, UploadEvent.COMPLETE)
        if part.hash() != digest:
            _reject(library, upload, row, digest)
        library.in_thread(library.store.publish, row.id, part)
    with library.hold(("blob", digest)):
        orm.current_database().run(_publish, row, digest)
    _close(library, upload)
    library.in_thread(library.store.remove_part, row.id)


def _is_here_already(library: Library, row: Upload, digest: str) -> bool:
    twin = Movie.select(file_hash=digest, file_size=row.size, fingerprint=row.fingerprint).exists()
    return twin and library.in_thread(library.store.blob_size, digest) == row.size


def _reject(library: Library, upload: OpenUpload, row: Upload, digest: str) -> None:
    actual = upload.part.hash()
    advance(row, UploadEvent.MISMATCH)
    _close(library, upload)
    library.in_thread(library.store.remove_part, row.id)
    raise IntegrityFailure(
        "The bytes that arrived are not the ones that were sent; nothing was published. Upload the file again.",
        expected=digest,
        actual=actual,
    )


def _publish(row: Upload, digest: str) -> None:
    options = row.options
    same = Movie.select(file_hash=digest, name=row.name, is_delete=False)
    movie = None if options["again"] else same.order_by(Movie.id).first()
    if movie is None:
        movie = Movie.create(
            name=row.name,
            description=options["description"],
            file_hash=digest,
            file_size=row.size,
            fingerprint=row.fingerprint,
            is_free=options["is_free"],
            price=options["price"],
            vip_price=options["vip_price"],
            user_id=row.user_id,
        )
    advance(row, UploadEvent.PUBLISH, movie_id=movie.id)


# -- look and clear away


def unfinished(who: Caller) -> list[Upload]:
    """The caller's unfinished uploads, newest first."""
    mine = Upload.select(user_id=who.id).where(Upload.state.in_(UNFINISHED))
    return mine.order_by(Upload.create_time.desc()).limit(LISTED).all()


def status(who: Caller, upload_id: str) -> Upload:
    """One of the caller's uploads, in whatever state; raises `NotFound`."""
    return _own(who, upload_id)


def cancel(library: Library, who: Caller, upload_id: str) -> Upload:
    """End an unfinished upload and remove its bytes; raises `NotFound`."""
    with library.hold(("upload", upload_id)):
        row = _unfinished(who, upload_id)
        _end(library, row, UploadEvent.CANCEL)
        return row


def sweep(library: Library) -> int:
    """End what has expired and remove parts that no unfinished upload names; answers how many parts went."""
    late = Upload.select().where(Upload.state.in_(UNFINISHED), Upload.expire_time < orm.utcnow())
    for row in late.limit(SWEPT_AT_ONCE).all():
        with library.hold(("upload", row.id)):
            if row.id not in library.open_uploads:
                _end(library, row, UploadEvent.EXPIRE)
    orphans = [part_id for part_id in library.in_thread(library.store.part_ids) if not _is_unfinished(part_id)]
    for part_id in orphans:
        library.in_thread(library.store.remove_part, part_id)
    return len(orphans)


def _is_unfinished(upload_id: str) -> bool:
    return Upload.select(id=upload_id).where(Upload.state.in_(UNFINISHED)).exists()


def _end(library: Library, row: Upload, event: UploadEvent) -> None:
    advance(row, event)
    upload = library.open_uploads.get(row.id)
    if upload is not None:
        _close(library, upload)
    library.in_thread(library.store.remove_part, row.id)


def _own(who: Caller, upload_id: str) -> Upload:
    row = Upload.select(id=upload_id, user_id=who.id).first()
    if row is None:
        raise NotFound("There is no such upload of yours; `youku uploads` lists them.", upload=upload_id)
    return row


def _unfinished(who: Caller, upload_id: str) -> Upload:
    row = _own(who, upload_id)
    _require_unfinished(row)
    return row


def _require_unfinished(row: Upload) -> None:
    if row.state not in UNFINISHED:
        raise NotFound(f"This upload is {row.state.value}; start a new one.", upload=row.id, state=row.state.value)


def _offset(library: Library, row: Upload) -> int:
    if row.state is UploadState.PUBLISHED:
        return row.size
    upload = library.open_uploads.get(row.id)
    return upload.part.size if upload else library.store.part_size(row.id)
