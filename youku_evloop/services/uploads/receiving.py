"""Receiving bytes: into the part, and from time to time from the cache to the disk, while more come in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from youku_evloop import orm
from youku_evloop.errors import BadRequest, Unavailable, WrongOffset, YoukuError
from youku_evloop.models import Upload
from youku_evloop.services.disk import disk_failure, on_disk
from youku_evloop.services.library import UPLOAD_LIFETIME, Library
from youku_evloop.services.uploads import space
from youku_evloop.services.uploads.claims import Claim, OpenUpload, mend, require_trust
from youku_evloop.services.uploads.creating import LARGEST_SIZE

log = logging.getLogger(__name__)

FALLEN_BEHIND: Final = 3
"""Times `sync_every`: where the disk is so far behind, the client waits for it."""

Receive = Callable[[Callable[[memoryview], object]], None]
"""Reads the body of a request and hands its pieces to what it is given."""


def write(library: Library, held: Claim, offset: int, count: int, receive: Receive) -> int:
    """Receive `count` bytes that belong at `offset`; answers the offset after them.

    Raises `Superseded`, `NotFound`, `WrongOffset`, `BadRequest`, `NoSpace`, `QuotaExceeded`, `Unavailable`; what was
    acknowledged before stays.
    """
    held.require()
    upload = held.upload
    require_trust(library, upload)
    _require_place(upload, offset, count)
    space.grow(library, upload, offset + count)
    part, position = upload.part, offset

    def take(data: memoryview) -> None:
        nonlocal position
        held.require()
        _require_offset(part.size, position)  # another may have written, or a failed sync have cut the part back
        part.append(data)
        position = part.size

    try:
        receive(take)
    except OSError as problem:
        raise disk_failure(problem, max(upload.size - part.size, 0)) from problem
    due = library.keeping.sync_every
    if part.unsynced >= FALLEN_BEHIND * due:
        _sync(library, upload)
    elif part.unsynced >= due and not upload.is_syncing:
        library.spawn(sync_in_background, library, upload)
    return position


def _require_place(upload: OpenUpload, offset: int, count: int) -> None:
    _require_offset(upload.part.size, offset)
    most = (upload.size or LARGEST_SIZE) - offset
    if count > most:
        raise BadRequest(f"The upload has {upload.size} bytes: at most {most} may follow.")


def _require_offset(right: int, offset: int) -> None:
    if offset != right:
        raise WrongOffset(f"The upload goes on at {right}, not at {offset}.", offset=right)


def sync_in_background(library: Library, upload: OpenUpload) -> None:
    """Bring the bytes to the disk while others come in; that it fails is news to the log only."""
    upload.is_syncing = True
    try:
        _sync(library, upload)
    except YoukuError as problem:
        log.warning("upload %s could not be made durable: %s", upload.id, problem)
    finally:
        upload.is_syncing = False


def _sync(library: Library, upload: OpenUpload) -> None:
    part = upload.part
    with library.hold(("sync", upload.id)):
        if part.fd < 0 or part.unsynced < library.keeping.sync_every:
            return
        try:
            durable = on_disk(library, library.store.sync_part, part, slow=True)
        except Unavailable:
            mend(library, upload)
            raise
        _remember(library, upload, durable)


def _remember(library: Library, upload: OpenUpload, durable: int) -> None:
    changes = {"durable_offset": durable, "expire_time": library.now() + UPLOAD_LIFETIME}
    try:
        Upload.select(id=upload.id).update(**changes)
    except orm.OrmError as problem:  # the transfer goes on; a power loss would cost it more
        log.warning("upload %s is durable to %d, which the database does not take: %s", upload.id, durable, problem)
