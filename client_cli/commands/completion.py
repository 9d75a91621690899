"""Completion for shells: click writes the scripts and answers them; movies are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from client_cli import text
from client_cli.app import App
from client_cli.framework import command
from youku_evloop.errors import YoukuError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PATIENCE: Final = 2.0
"""Seconds: nobody waits longer for a list after pressing a key."""

CANDIDATES: Final = 50
"""Movies offered, the newest ones: one page of the server's."""


def movies(context: click.Context, typed: str, *, deleted: bool = False) -> list[CompletionItem]:
    """The ids that begin with what is typed, titles beside them where the shell shows such; none without a server."""
    from click.shell_completion import CompletionItem

    app = context.ensure_object(App)
    app.overrides.update(timeout=PATIENCE, retry=0)
    try:
        with app.client() as youku:
            page = youku.movie_page(limit=CANDIDATES)
    except YoukuError:
        return []
    return [
        CompletionItem(str(movie.id), help=text.visible(movie.name))
        for movie in page.movies
        if str(movie.id).startswith(typed)
    ]


@command(
    "completion",
    document='{"shell": TEXT, "script": TEXT}',
    examples=(
        ('eval "$(youku completion bash)"', "In ~/.bashrc."),
        ("youku completion fish > ~/.config/fish/completions/youku.fish", "Once, for fish."),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and movies in SHELL."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "youku", "_YOUKU_COMPLETE").source()
    output = context.ensure_object(App).output
    output.item({"shell": shell, "script": script}, script, script)
    output.document({"shell": shell, "script": script})
