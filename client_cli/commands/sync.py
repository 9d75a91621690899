"""A directory and the library: upload what is missing there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from client_cli import candidates, text
from client_cli.app import App
from client_cli.commands.prices import parse_price
from client_cli.commands.publishing import Outcome, Publishing, Wanted, publish_all
from client_cli.commands.uploads import movie_options
from client_cli.directories import files_below
from client_cli.framework import command, pass_app
from youku_evloop.errors import BadRequest, NotFound


@command(
    "sync",
    document=(
        '{"uploaded": [ROW, ...], "existing": [ROW, ...], "missing": [ROW, ...], "failed": [ROW, ...], '
        '"skipped": [{"path": TEXT, "reason": TEXT}, ...]}'
    ),
    examples=(
        ("youku sync ~/Videos --dry-run", "What would be uploaded."),
        ("youku sync ~/Videos --jobs 2 --limit-rate 5M", "Upload it, two files at once, gently."),
        ("youku sync ~/Videos --json-lines | jq -r 'select(.outcome == \"failed\") | .path'", "What did not go."),
    ),
)
@click.argument(
    "directory", metavar="DIR", type=click.Path(path_type=Path, readable=False), shell_complete=candidates.directories
)
@click.option("--dry-run", is_flag=True, help="Only say what is missing.")
@click.option("--charge", is_flag=True, help="What is uploaded becomes paid movies; without it, free ones.")
@click.option("--price", metavar="YUAN", callback=parse_price, help="Their price (the server's).")
@click.option("--vip-price", metavar="YUAN", callback=parse_price, help="Their price for VIPs (the server's).")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Files at once (1).")
@click.option("--limit-rate", metavar="RATE", help="Bytes per second at most, of all together: 500k, 2.5M, 1G.")
@pass_app
def sync(app: App, /, directory: Path, dry_run: bool, jobs: int, limit_rate: str | None, **prices: Any) -> None:
    """Upload the files of DIR, and below it, that the library does not have (administrators).

    A file is there when a movie has the same bytes, whatever its title; so nothing is uploaded twice, and a file that
    was changed is uploaded anew. Nothing is ever deleted. Hidden and empty files, links to directories and what is no
    regular file are skipped. When it was stopped, or something failed, repeat it.
    """
    from client_cli.pace import shared_pacer

    options = movie_options(title=None, description="", again=False, **prices)
    if not directory.is_dir():
        raise (
            BadRequest(f"{directory} is no directory.")
            if directory.exists()
            else NotFound(f"There is no directory {directory}.")
        )
    files, skipped = files_below([directory])
    for entry in skipped:
        app.message(f"Skipped {text.visible(entry['path'])}: {entry['reason']}.")
    publishing = Publishing(app, shared_pacer(limit_rate, max(min(jobs, len(files)), 1)), dry_run=dry_run)
    wanted = [Wanted(path, options) for path in files]
    publish_all(publishing, wanted, Outcome, jobs=jobs, besides={"skipped": skipped})
