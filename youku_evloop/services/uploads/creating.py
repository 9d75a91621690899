"""Beginning an upload, or going on with one: checked and promised its room before a byte is sent."""

from __future__ import annotations

import secrets
from typing import Final

from youku_evloop.errors import BadRequest, MovieExists, NotFound
from youku_evloop.models import Movie, Upload, UploadOptions
from youku_evloop.services import catalogue
from youku_evloop.services.library import UPLOAD_LIFETIME, Caller, Library
from youku_evloop.services.uploads import space
from youku_evloop.services.uploads.claims import Claim, claim, claim_new
from youku_evloop.services.uploads.rows import LISTED, UNFINISHED

LARGEST_SIZE: Final = 2**62


def create(
    library: Library, who: Caller, name: str, size: int | None, fingerprint: str | None, options: UploadOptions
) -> tuple[Claim, Upload, bool]:
    """A new upload, or the caller's unfinished one of the same bytes: its claim, its row, and whether a movie of the
    same fingerprint is published. Size and fingerprint are both known, or neither is.

    Raises `BadRequest`, `MovieExists`, `NoSpace`, `QuotaExceeded`.
    """
    _check(name, size, fingerprint, options)
    if size is None or fingerprint is None:
        row = _new(library, who, name, 0, "", options)
        return claim_new(library, row), row, False
    twins = Movie.select(fingerprint=fingerprint, file_size=size, is_delete=False).limit(LISTED).all()
    for movie in twins:
        if movie.name == name and not options["again"]:
            raise MovieExists(
                f"Movie {movie.id} has this title and, by its fingerprint, these bytes; --again publishes it anew.",
                movie=movie.id,
            )
    with library.hold(("create", f"{who.id} {fingerprint}")):
        found = _continued(library, who, size, fingerprint, name, options)
        if found is None:
            row = _new(library, who, name, size, fingerprint, options)
            return claim_new(library, row), row, bool(twins)
    try:
        return claim(library, who, found.id), found, bool(twins)
    except NotFound:  # it has ended in this moment: look again
        return create(library, who, name, size, fingerprint, options)


def _check(name: str, size: int | None, fingerprint: str | None, options: UploadOptions) -> None:
    catalogue.check({**options, "name": name})
    if (size is None) != (fingerprint is None):
        raise BadRequest("`size` and `fingerprint` are both known or both null.")
    if size is not None and not 1 <= size <= LARGEST_SIZE:
        raise BadRequest("`size` is the number of bytes, at least 1: an empty file is no video.")


def _continued(
    library: Library, who: Caller, size: int, fingerprint: str, name: str, options: UploadOptions
) -> Upload | None:
    mine = Upload.select(user_id=who.id, size=size, fingerprint=fingerprint).where(Upload.state.in_(UNFINISHED))
    row = mine.order_by(Upload.create_time.desc()).first()
    if row is not None:
        row.update(name=name, options=options, expire_time=library.now() + UPLOAD_LIFETIME)
    return row


def _new(library: Library, who: Caller, name: str, size: int, fingerprint: str, options: UploadOptions) -> Upload:
    with library.hold(("space", "")):
        space.require(library, who.id, size)
        return Upload.create(
            id=secrets.token_hex(16),
            user_id=who.id,
            name=name,
            size=size,
            fingerprint=fingerprint,
            boot_id=library.boot_id,
            options=options,
            expire_time=library.now() + UPLOAD_LIFETIME,
        )
