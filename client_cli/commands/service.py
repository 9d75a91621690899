"""The server itself: is it there?"""

from __future__ import annotations

from client_cli.app import App
from client_cli.framework import command, pass_app


@command(
    "ping",
    document='{"server": TEXT, "name": TEXT, "seconds": NUMBER}',
    examples=(
        ("youku ping", "Whether the server answers, and how quickly."),
        ("youku --server library.example:9685 ping --json", "Another server, for a script."),
    ),
)
@pass_app
def ping(app: App) -> None:
    """Ask the server for a sign of life. Needs no login."""
    with app.client(logged_in=False) as youku:
        seconds = youku.ping()
        name = youku.server_name
    server = str(app.settings.server)
    result = {"server": server, "name": name, "seconds": round(seconds, 6)}
    app.output.item(result, server, f"{server} ({name}) answered in {seconds * 1000:.2f} ms.")
    app.output.document(result)
