"""Beginning an upload, or going on with one: checked and promised its room before a byte is sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, TypeVar

from youku_evloop import orm
from youku_evloop.errors import BadRequest, MovieExists, NotFound
from youku_evloop.models import Movie, Upload, UploadOptions
from youku_evloop.services import catalogue
from youku_evloop.services.library import UPLOAD_LIFETIME, Caller, Library
from youku_evloop.services.uploads import space
from youku_evloop.services.uploads.claims import Claim, claim, claim_new
from youku_evloop.services.uploads.rows import LISTED, UNFINISHED

T = TypeVar("T")

LARGEST_SIZE: Final = 2**62

TWINS: Final = Movie.select(fingerprint=orm.Given("fingerprint"), file_size=orm.Given("size"), is_delete=False).limit(
    LISTED
)
MINE: Final = (
    Upload.select(user_id=orm.Given("user"), size=orm.Given("size"), fingerprint=orm.Given("fingerprint"))
    .where(Upload.state.in_(UNFINISHED))
    .order_by(Upload.create_time.desc())
    .limit(1)
)


def create(
    library: Library, who: Caller, name: str, size: int | None, fingerprint: str | None, options: UploadOptions
) -> tuple[Claim, Upload, bool]:
    """A new upload, or the caller's unfinished one of the same bytes: its claim, its row, and whether a movie of the
    same fingerprint is published. Size and fingerprint are both known, or neither is.

    Raises `BadRequest`, `MovieExists`, `NoSpace`, `QuotaExceeded`.
    """
    _check(name, size, fingerprint, options)
    if size is None or fingerprint is None:
        row = _together(library, _new, who, name, 0, "", options)
        return claim_new(library, row), row, False
    with library.hold(("create", f"{who.id} {fingerprint}")):
        row, is_new, known = _together(library, _look, who, name, size, fingerprint, options)
        if is_new:
            return claim_new(library, row), row, known
    try:
        return claim(library, who, row.id), row, known
    except NotFound:  # it has ended in this moment: look again
        return create(library, who, name, size, fingerprint, options)


def _check(name: str, size: int | None, fingerprint: str | None, options: UploadOptions) -> None:
    catalogue.check({**options, "name": name})
    if (size is None) != (fingerprint is None):
        raise BadRequest("`size` and `fingerprint` are both known or both null.")
    if size is not None and not 1 <= size <= LARGEST_SIZE:
        raise BadRequest("`size` is the number of bytes, at least 1: an empty file is no video.")


def _together(library: Library, begin: Callable[..., T], *args: Any) -> T:
    """`begin(library, upload_id, *args)` in one trip to the database; what room it was promised is settled then."""
    upload_id = secrets.token_hex(16)
    try:
        return orm.current_database().together(begin, library, upload_id, *args, write=True)
    finally:
        library.promises.settle(upload_id)


def _look(
    library: Library, new_id: str, who: Caller, name: str, size: int, fingerprint: str, options: UploadOptions
) -> tuple[Upload, bool, bool]:
    """The caller's upload of these bytes, whether it is new, and whether a movie seems to have them already."""
    twins = TWINS.given(fingerprint=fingerprint, size=size).all()
    for movie in twins:
        if movie.name == name and not options["again"]:
            raise MovieExists(
                f"Movie {movie.id} has this title and, by its fingerprint, these bytes; --again publishes it anew.",
                movie=movie.id,
            )
    row = MINE.given(user=who.id, size=size, fingerprint=fingerprint).first()
    if row is None:
        return _new(library, new_id, who, name, size, fingerprint, options), True, bool(twins)
    row.update(name=name, options=options, expire_time=library.now() + UPLOAD_LIFETIME)
    return row, False, bool(twins)


def _new(
    library: Library, new_id: str, who: Caller, name: str, size: int, fingerprint: str, options: UploadOptions
) -> Upload:
    """Its row, if there is room for it."""
    space.require(library, new_id, who.id, size)
    return Upload.create(
        id=new_id,
        user_id=who.id,
        name=name,
        size=size,
        fingerprint=fingerprint,
        boot_id=library.boot_id,
        options=options,
        expire_time=library.now() + UPLOAD_LIFETIME,
    )
