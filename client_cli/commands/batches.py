"""Several transfers in one command: each is tried, the first failure decides how the command ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from client_cli.app import App
from client_cli.bars import Bars
from youku_evloop.errors import Interrupted, YoukuError

ItemT = TypeVar("ItemT")

STOPPED: Final = "Stopped. Repeat the same command: it goes on where this one was."


def run_batch(
    app: App,
    done: str,
    items: Sequence[ItemT],
    transfer: Callable[[ItemT, Bars], dict[str, Any]],
    name: Callable[[ItemT], dict[str, Any]],
) -> None:
    """Transfer the items one after the other, then print the document `{done: [...], "failed": [...]}`.

    A single item's error is raised as it is. Of several items each error is said when it happens, the others are tried
    all the same, and at the end the first error is raised again. `name` says in the document which item failed.
    """
    results: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    first: YoukuError | None = None
    bars = app.bars()
    for item in items:
        try:
            results.append(transfer(item, bars))
        except KeyboardInterrupt:
            raise Interrupted(STOPPED) from None
        except YoukuError as error:
            if len(items) == 1:
                raise
            first = first or error
            failures.append({**name(item), "error": error.code, "message": error.message})
            app.message(f"youku: {error.message}")
    app.output.document({done: results, "failed": failures})
    if first is not None:
        message = f"{len(failures)} of {len(items)} failed. The first: {first.message}"
        raise type(first)(message, **first.facts) from first
