"""The states of an upload as one table (docs/states.md); only `advance` changes the state of a row."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from youku_evloop import orm
from youku_evloop.errors import Unavailable
from youku_evloop.machine import step
from youku_evloop.models import Upload, UploadState


class UploadEvent(Enum):
    """What moves an upload on."""

    COMPLETE = "every byte is here"
    PUBLISH = "movie is in the table"
    LOSE = "bytes that were here are lost"
    MISMATCH = "hash differs"
    CANCEL = "client gives it up"
    EXPIRE = "no progress for too long"


S = UploadState
E = UploadEvent
UPLOAD_TRANSITIONS: Final[Mapping[tuple[UploadState, UploadEvent], UploadState]] = {
    (S.RECEIVING, E.COMPLETE): S.VERIFYING,
    (S.RECEIVING, E.PUBLISH): S.PUBLISHED,  # the bytes were here before the upload
    (S.RECEIVING, E.CANCEL): S.CANCELLED,
    (S.RECEIVING, E.EXPIRE): S.EXPIRED,
    (S.VERIFYING, E.COMPLETE): S.VERIFYING,  # asked again, after an answer was lost
    (S.VERIFYING, E.PUBLISH): S.PUBLISHED,
    (S.VERIFYING, E.LOSE): S.RECEIVING,
    (S.VERIFYING, E.MISMATCH): S.REJECTED,
    (S.VERIFYING, E.CANCEL): S.CANCELLED,
    (S.VERIFYING, E.EXPIRE): S.EXPIRED,
}


IN_STATE: Final = Upload.select(id=orm.Given("id"), state=orm.Given("state"))


def advance(row: Upload, event: UploadEvent, **changes: Any) -> None:
    """Write the state after `event`, and `changes` with it; raises `IllegalTransition`.

    Raises `Unavailable` when the row is not in its state any more: another process was quicker.
    """
    changes["state"] = step(UPLOAD_TRANSITIONS, row.state, event)
    if not IN_STATE.given(id=row.id, state=row.state).update(**changes):
        raise Unavailable("This upload has just changed in another process of the server. Repeat it in a moment.")
    for name, value in changes.items():
        setattr(row, name, value)
