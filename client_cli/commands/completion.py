"""The scripts with which shells complete; what they are answered is in `candidates` and `shells`."""

from __future__ import annotations

import click

from client_cli.app import App
from client_cli.framework import command


@command(
    "completion",
    document='{"shell": TEXT, "script": TEXT}',
    examples=(
        ('eval "$(youku completion bash)"', "In ~/.bashrc."),
        ("youku completion zsh > ~/.zfunc/_youku", "Once, for zsh, where ~/.zfunc is in its fpath."),
        ("youku completion fish > ~/.config/fish/completions/youku.fish", "Once, for fish."),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, movies and files in SHELL.

    Ids and titles of movies come from the server that you are logged in at. bash has to be 4.4 or newer.
    """
    from click.shell_completion import get_completion_class

    from client_cli.shells import register

    register()
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "youku", "_YOUKU_COMPLETE").source()
    output = context.ensure_object(App).output
    output.item({"shell": shell, "script": script}, script, script)
    output.document({"shell": shell, "script": script})
