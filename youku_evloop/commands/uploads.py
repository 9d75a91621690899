"""Uploads: create, write, finish, and what is unfinished."""

from __future__ import annotations

from typing import Final

from youku_evloop.commands.base import Access, Call, Command, Results, UploadId
from youku_evloop.errors import BadRequest
from youku_evloop.services import shown, uploads
from youku_evloop.services.library import timestamp
from youku_evloop.wire.messages import Request


class CreateUpload(Request, tag="upload.create"):
    """A file to come: title, bytes, fingerprint (both null: not known yet), and the movie it will be."""

    name: str
    size: int | None
    fingerprint: str | None
    description: str = ""
    is_free: bool = True
    price: int | None = None
    vip_price: int | None = None
    again: bool = False


class OneUpload(Request):
    """An upload by its id."""

    upload: UploadId


class WriteUpload(OneUpload, tag="upload.write"):
    """Where in the file the body belongs."""

    offset: int


class FinishUpload(OneUpload, tag="upload.finish"):
    """BLAKE3 of the whole file; its size, where `upload.create` had none."""

    hash: str
    size: int | None = None


class ListUploads(Request, tag="upload.list"):
    """The asker's own unfinished uploads; `cursor`: where an earlier page ended."""

    cursor: UploadId | None = None


class ShowUpload(OneUpload, tag="upload.status"):
    """The upload to be looked at, whatever became of it."""


class CancelUpload(OneUpload, tag="upload.cancel"):
    """The upload to be thrown away."""


def create_upload(call: Call, arguments: CreateUpload) -> Results:
    a = arguments
    if a.fingerprint is not None:
        _require_hash("fingerprint", a.fingerprint)
    options = {
        "description": a.description,
        "is_free": a.is_free,
        "price": a.price,
        "vip_price": a.vip_price,
        "again": a.again,
    }
    claim, row, known = uploads.create(call.library, call.who, a.name, a.size, a.fingerprint, options)
    call.claims[row.id] = claim
    offset = claim.upload.part.size
    return {"upload": row.id, "offset": offset, "known": known, "expire_time": timestamp(row.expire_time)}


def write_upload(call: Call, arguments: WriteUpload) -> Results:
    claim = call.claims.get(arguments.upload)
    if claim is None:
        claim = call.claims[arguments.upload] = uploads.claim(call.library, call.who, arguments.upload)
    return {"offset": uploads.write(call.library, claim, arguments.offset, arguments.body, call.receive)}


def finish_upload(call: Call, arguments: FinishUpload) -> Results:
    _require_hash("hash", arguments.hash)
    claim = call.claims.get(arguments.upload)
    movie = uploads.finish(call.library, call.who, claim, arguments.upload, arguments.hash, arguments.size)
    call.claims.pop(arguments.upload, None)
    return {"movie": shown.as_json(movie, whole=True)}


def list_uploads(call: Call, arguments: ListUploads) -> Results:
    rows, following = uploads.all_unfinished(call.who, arguments.cursor)
    return {"uploads": uploads.as_json(call.library, rows), "next": following}


def show_upload(call: Call, arguments: ShowUpload) -> Results:
    return {"upload": uploads.as_json(call.library, [uploads.own(call.who, arguments.upload)])[0]}


def cancel_upload(call: Call, arguments: CancelUpload) -> Results:
    call.claims.pop(arguments.upload, None)
    row = uploads.cancel(call.library, call.who, arguments.upload)
    return {"upload": uploads.as_json(call.library, [row])[0]}


def _require_hash(field: str, text: str) -> None:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise BadRequest(f"`{field}` is BLAKE3 as 64 lower-case hexadecimal digits.")


COMMANDS: Final = (
    Command(CreateUpload, Access.ADMIN, create_upload),
    Command(WriteUpload, Access.ADMIN, write_upload, takes_body=True),
    Command(FinishUpload, Access.ADMIN, finish_upload),
    Command(ListUploads, Access.USER, list_uploads),
    Command(ShowUpload, Access.ADMIN, show_upload),
    Command(CancelUpload, Access.ADMIN, cancel_upload),
)
