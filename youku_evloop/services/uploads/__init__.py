"""Uploads: from the first byte to the published movie, and never an acknowledged byte lost.

An upload is a row and a part file. Whoever sends to it holds a `Claim`; the newest claim is the valid one, and an
older one learns at its next step that it was superseded. The part's size is the offset that the upload has reached:
what was acknowledged is in the page cache and so survives this process; every 64 MiB it is synced and the row says how
far, which is what survives the machine.

Finishing compares the hash, makes the part a blob that is safe on the disk, and only then, in one transaction, makes
the movie's row. Every step can be repeated, so a client that got no answer asks again, and a server that was stopped
goes on by itself.
"""

from youku_evloop.services.uploads.claims import Claim, OpenUpload, claim, release
from youku_evloop.services.uploads.creating import create
from youku_evloop.services.uploads.finishing import cancel, finish
from youku_evloop.services.uploads.receiving import write
from youku_evloop.services.uploads.recovery import Swept, sweep
from youku_evloop.services.uploads.rows import all_unfinished, as_json, own

__all__ = [
    "Claim",
    "OpenUpload",
    "Swept",
    "all_unfinished",
    "as_json",
    "cancel",
    "claim",
    "create",
    "finish",
    "own",
    "release",
    "sweep",
    "write",
]
