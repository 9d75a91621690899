"""Whether the library has a file already: asked by a fingerprint of a few samples, proved by the hash of it all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from client_cli import values
from client_cli.progress import ProgressCallback
from client_cli.source import Source
from client_cli.values import Movie

if TYPE_CHECKING:
    from client_cli.conversation import Conversation


def find(client: Conversation, path: Path, progress: ProgressCallback) -> list[Movie]:
    """See `Member.find`."""
    from client_cli.upload import SourceHash

    with Source(path) as source, SourceHash(source) as source_hash:
        reply = client.call("movie.find", size=source.size, fingerprint=source.fingerprint())
        candidates = values.read(list[Movie], reply.get("movies"))
        if not candidates:
            return []
        source_hash.read_all(progress)
        source.check_unchanged()
        file_hash = source_hash.result()
    return [movie for movie in candidates if movie.hash == file_hash]
