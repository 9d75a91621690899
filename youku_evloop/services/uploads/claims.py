"""Who sends to an upload: open parts, and claims to them, of which the newest is the valid one.

A claim is granted at once, whatever else is going on with the upload: the older one learns at its next step that it was
superseded. What works on the part in worker threads holds one of the upload's locks, and a part is closed only by
whoever holds them all. The locks, in the order in which they are taken:

    finish    verifying, publishing, ending
    open      making sure that the part is opened only once
    sync      bringing bytes to the disk
    hash      catching up with the hash
"""

from __future__ import annotations

from typing import Final

from youku_evloop.errors import NotFound, Superseded, Unavailable
from youku_evloop.models import Upload
from youku_evloop.services.disk import disk_failure, on_disk
from youku_evloop.services.library import UPLOAD_LIFETIME, Caller, Library
from youku_evloop.services.uploads import rows
from youku_evloop.storage.part import Part

HASHED_AT_ONCE: Final = 64 * 1024 * 1024
"""Bytes that one job of a worker hashes; then it looks whether they are still wanted."""
HASHED_ON_THE_LOOP: Final = 1024 * 1024
"""Bytes that have just come and are in the cache: a last gap as small as this is closed where it cannot grow again."""


class OpenUpload:
    """An unfinished upload whose part is open in this process."""

    __slots__ = ("claim", "granted", "id", "is_syncing", "part", "size", "user_id")

    def __init__(self, row: Upload, part: Part) -> None:
        self.id = row.id
        self.user_id = row.user_id
        self.size = row.size
        """0: not known before the end."""
        self.part = part
        self.granted = part.size
        """Where no size is known: up to where there is room on the disk."""
        self.is_syncing = False
        self.claim: Claim | None = None


class Claim:
    """The right to send to an upload, until somebody claims it anew or it ends."""

    __slots__ = ("upload",)

    def __init__(self, upload: OpenUpload) -> None:
        self.upload = upload
        upload.claim = self

    def require(self) -> None:
        """Raise `Superseded` when another claim is newer, `NotFound` when the upload has ended."""
        if self.upload.part.fd < 0:
            raise NotFound("This upload has ended: start a new one.", upload=self.upload.id)
        if self.upload.claim is not self:
            raise Superseded("Another connection has taken this upload over.", upload=self.upload.id)


def claim(library: Library, who: Caller, upload_id: str) -> Claim:
    """The newest claim to one of the caller's unfinished uploads; raises `NotFound`, `Unavailable`."""
    if upload_id in library.open_uploads:
        rows.unfinished(who, upload_id)
        upload = library.open_uploads.get(upload_id)
        if upload is not None:
            return Claim(upload)
    with library.hold(("open", upload_id)):
        row = rows.unfinished(who, upload_id)
        return Claim(library.open_uploads.get(upload_id) or open_upload(library, row))


def claim_new(library: Library, row: Upload) -> Claim:
    """The first claim to an upload of which nobody knows yet; raises `Unavailable`."""
    with library.hold(("open", row.id)):
        return Claim(_opened(library, row, on_disk(library, library.store.create_part, row.id)))


def release(library: Library, held: Claim) -> None:
    """Give a claim back; the part is closed if nobody claims it anew."""
    upload = held.upload
    if upload.claim is held:
        upload.claim = None
        key = upload.id
        with library.hold(("finish", key)), library.hold(("sync", key)), library.hold(("hash", key)):
            if upload.claim is None:
                _close(library, upload)


def open_upload(library: Library, row: Upload) -> OpenUpload:
    """Open the part of a row; whoever calls holds its lock `open`. Its hash catches up by itself."""
    part = on_disk(library, _open_part, library, row, slow=True)  # which may have to be cut
    try:
        _require_still_unfinished(library, row, part)
    except BaseException:
        part.close()
        raise
    return _opened(library, row, part)


def _require_still_unfinished(library: Library, row: Upload, part: Part) -> None:
    """Another process may have ended the upload while we waited for its part."""
    unfinished = Upload.select(id=row.id).where(Upload.state.in_(rows.UNFINISHED))
    lifetime = library.now() + UPLOAD_LIFETIME
    if not unfinished.update(boot_id=library.boot_id, durable_offset=part.synced, expire_time=lifetime):
        on_disk(library, library.store.remove_part, row.id, slow=True)
        raise NotFound("This upload has just ended: start a new one.", upload=row.id)


def _opened(library: Library, row: Upload, part: Part) -> OpenUpload:
    upload = library.open_uploads[row.id] = OpenUpload(row, part)
    if part.unhashed:
        library.spawn(catch_up, library, upload)
    return upload


def _open_part(library: Library, row: Upload) -> Part:
    try:
        part = library.store.open_part(row.id)
    except FileNotFoundError:  # stopped between making the row and the file
        return library.store.create_part(row.id)
    except BlockingIOError:  # a hot restart: its conversation goes on there, or has just been cut off
        raise Unavailable("The server's former process still has this upload. Try again in a moment.") from None
    try:
        part.synced = part.size if part.is_published else min(part.size, row.durable_offset)
        if row.boot_id != library.boot_id and part.unsynced:
            part.cut_back(part.synced)
    except BaseException:
        part.close()
        raise
    return part


def catch_up(library: Library, upload: OpenUpload, *, to_the_end: bool = False) -> None:
    """Hash what is in the part and not yet hashed, while somebody claims the upload (or `to_the_end`, whoever does)."""
    part = upload.part
    with library.hold(("hash", upload.id)):
        while part.fd >= 0 and part.unhashed and (to_the_end or upload.claim is not None):
            on_disk(library, part.catch_up, HASHED_AT_ONCE, slow=True)
            if part.unhashed <= HASHED_ON_THE_LOOP:
                part.catch_up(HASHED_ON_THE_LOOP)


def require_trust(library: Library, upload: OpenUpload) -> None:
    """Mend a part that is still doubtful; raises `Unavailable` while that is not possible."""
    if upload.part.is_doubtful:
        with library.hold(("sync", upload.id)):
            mend(library, upload)


def mend(library: Library, upload: OpenUpload) -> None:
    """After a failed sync: cut the part back to what is safe, which the client then sends on from.

    What was not synced may be gone from the disk although it can still be read from the cache, and no later sync would
    tell. This truncates on the loop, where nobody can write meanwhile. Whoever calls holds the lock `sync`.
    """
    if upload.part.is_doubtful and upload.part.fd >= 0:
        try:
            upload.part.cut_back(upload.part.synced)
        except OSError as problem:
            raise disk_failure(problem) from problem
        library.spawn(catch_up, library, upload)


def end(library: Library, upload: OpenUpload) -> None:
    """Close the part of an upload that has ended; whoever calls holds the lock `finish`."""
    upload.claim = None
    with library.hold(("sync", upload.id)), library.hold(("hash", upload.id)):
        _close(library, upload)


def _close(library: Library, upload: OpenUpload) -> None:
    library.open_uploads.pop(upload.id, None)
    upload.part.close()
