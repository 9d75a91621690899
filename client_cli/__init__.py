"""The `youku` command, and the library under it.

    from client_cli import Client

    with Client("library.example:9685", token="...") as youku:
        movie = youku.upload("holiday.avi", progress=print)
        youku.download(movie.id, "copy.avi")

docs/library.md shows the rest. What goes wrong is an exception of the tree in `errors`: each has a `code`, a `message`
for a person and `facts` for a program.

The names below are imported when they are first used, so that the command starts quickly.
"""

from __future__ import annotations

TYPE_CHECKING = False
"""What `typing` has under this name; importing that takes a few milliseconds of every command."""

__version__ = "0.1.0"

if TYPE_CHECKING:
    from typing import Any

    from client_cli.address import Address
    from client_cli.client import Client
    from client_cli.download import Download
    from client_cli.progress import Phase, Progress
    from client_cli.trust import TlsMode, Trust
    from client_cli.values import Movie, Session, Upload, User
    from youku_evloop import errors
    from youku_evloop.errors import YoukuError

_HOMES = {
    "Address": "client_cli.address",
    "Client": "client_cli.client",
    "Download": "client_cli.download",
    "Movie": "client_cli.values",
    "Phase": "client_cli.progress",
    "Progress": "client_cli.progress",
    "Session": "client_cli.values",
    "TlsMode": "client_cli.trust",
    "Trust": "client_cli.trust",
    "Upload": "client_cli.values",
    "User": "client_cli.values",
    "YoukuError": "youku_evloop.errors",
}

__all__ = [
    "Address",
    "Client",
    "Download",
    "Movie",
    "Phase",
    "Progress",
    "Session",
    "TlsMode",
    "Trust",
    "Upload",
    "User",
    "YoukuError",
    "__version__",
    "errors",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "errors":
        return import_module("youku_evloop.errors")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
