"""What can stand where somebody types, for shells that complete. Silent, and at an end soon, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

from client_cli.app import App
from client_cli.settings import config_path, load_config
from youku_evloop.errors import YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client
    from client_cli.values import Movie

PATIENCE: Final = 1.5
"""Seconds without a word of the server: nobody waits longer for a list after pressing a key."""

CANDIDATES: Final = 50
"""Offered at most, the newest ones: one page of the server's."""


def movies(context: click.Context, typed: str, *, deleted: bool = False) -> list[CompletionItem]:
    """Ids and titles that begin with what is typed, each with the other as its description; or the one title that has
    it somewhere else."""

    def candidates(youku: Client) -> Iterator[CompletionItem]:
        found = _movies(youku, typed, deleted)
        yield from (
            CompletionItem(str(movie.id), help=movie.name) for movie in found if str(movie.id).startswith(typed)
        )
        for movie in _titled(found, typed):
            yield CompletionItem(_title(movie.name), help=str(movie.id))

    return _ask(context, candidates)


def uploads(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Ids of unfinished uploads."""
    return _ask(
        context,
        lambda youku: (CompletionItem(row.id, help=row.name) for row in youku.uploads() if row.id.startswith(typed)),
    )


def users(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of users, for administrators."""
    return _ask(context, lambda youku: (CompletionItem(row.name) for row in youku.users(CANDIDATES, name=typed).rows))


def notices(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Ids of notices."""
    return _ask(
        context,
        lambda youku: (
            CompletionItem(str(row.id), help=row.title)
            for row in youku.notices(CANDIDATES).rows
            if str(row.id).startswith(typed)
        ),
    )


def profiles(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of profiles."""
    app = context.ensure_object(App)
    try:
        names = load_config(config_path(app.environment)).get("profiles", {})
    except YoukuError:
        return []
    return [CompletionItem(name) for name in sorted(names) if name.startswith(typed)]


def files(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Whatever files there are: the shell knows."""
    return [CompletionItem(typed, type="file")]


def directories(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Whatever directories there are."""
    return [CompletionItem(typed, type="dir")]


def _ask(context: click.Context, candidates: Callable[[Client], Iterator[CompletionItem]]) -> list[CompletionItem]:
    """What the server offers to whoever is logged in; nothing without one."""
    app = context.ensure_object(App)
    app.overrides.update(timeout=PATIENCE, retry=0, progress="none", no_input=True)
    try:
        with app.client() as youku:
            return list(candidates(youku))
    except (YoukuError, OSError):
        return []


def _movies(youku: Client, typed: str, deleted: bool) -> list[Movie]:
    from client_cli.titles import NUMBER, PREFIX, WORD

    if deleted:
        return youku.deleted_movies(CANDIDATES).rows
    words = WORD.findall(typed.removeprefix(PREFIX))
    newest = youku.movie_page(limit=CANDIDATES).movies if not words or NUMBER.fullmatch(typed) else []
    found = youku.search(" ".join(words), limit=CANDIDATES, remember=False).movies if words else []
    return list({movie.id: movie for movie in [*newest, *found]}.values())


def _titled(found: list[Movie], typed: str) -> list[Movie]:
    from client_cli.titles import PREFIX, comparable

    wanted = comparable(typed.removeprefix(PREFIX))
    begun = [movie for movie in found if comparable(_title(movie.name)).startswith((wanted, comparable(typed)))]
    within = [movie for movie in found if wanted in comparable(movie.name)]
    return begun or (within if len(within) == 1 else [])


def _title(name: str) -> str:
    """As it can be typed: marked where it would be taken for an id."""
    from client_cli.titles import NUMBER, PREFIX

    return f"{PREFIX}{name}" if NUMBER.fullmatch(name) or name.startswith(PREFIX) else name
