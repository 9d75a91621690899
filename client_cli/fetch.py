"""Fetching bytes of a movie into a sink, over as many connections as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from client_cli.pace import Pacer
from client_cli.values import Movie
from youku_evloop.errors import IntegrityFailure, NoSpace, WaitRequired, YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

BUFFER_SIZE: Final = 256 * 1024
"""Bytes received, hashed and written at a time: they stay in the processor's cache between the three."""


class Sink(Protocol):
    """Where bytes go, one after the other."""

    @property
    def position(self) -> int:
        """The offset in the movie of the byte that comes next."""

    def append(self, data: memoryview) -> None:
        """Take the next bytes; `data` is reused afterwards."""


def fetch(client: Client, movie: Movie, sink: Sink, until: int, pacer: Pacer) -> None:
    """Bring what is missing up to the offset `until`; raises what trying again does not mend."""
    buffer = memoryview(bytearray(BUFFER_SIZE))
    retry = client.retry()
    while sink.position < until:
        before = sink.position
        try:
            _receive(client, movie, sink, until, pacer, buffer)
        except (NoSpace, IntegrityFailure):
            raise  # of this side: the server never answers them to a read of bytes that it has
        except WaitRequired as error:
            retry.wait(error, float(error.facts.get("wait", 1)))
        except YoukuError as error:
            if sink.position > before:
                retry.progressed()
            client.recover(error, retry)


def _receive(client: Client, movie: Movie, sink: Sink, until: int, pacer: Pacer, buffer: memoryview) -> None:
    """One reply's worth: to the end, unless the connection breaks."""
    connection = client.connection()
    length = {} if until == movie.size else {"length": until - sink.position}
    reply = connection.request("movie.read", movie=movie.id, offset=sink.position, **length)
    if (reply.get("size"), reply.get("hash")) != (movie.size, movie.hash):
        client.close()
        raise IntegrityFailure(
            f"Movie {movie.id} is not the one it was a moment ago: repeat the command.", movie=movie.id
        )
    while count := connection.receive_body(buffer):
        sink.append(buffer[:count])
        pacer.spend(count)
