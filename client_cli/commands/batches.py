"""Several transfers in one command: each is tried, the first failure decides how the command ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from client_cli.app import App
from client_cli.bars import Bars
from youku_evloop.errors import AccountLocked, Interrupted, NotLoggedIn, Unreachable, UntrustedServer, YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

STOPPED: Final = "Stopped. Repeat the same command: it goes on where this one was."

HOPELESS: Final = (Unreachable, NotLoggedIn, AccountLocked, UntrustedServer)
"""What ends one transfer, after all its tries, would end the next one too."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one transfer, in the three shapes of `Output.item`."""

    value: dict[str, Any]
    identity: object
    words: str


def run_batch(
    app: App,
    done: str,
    items: Sequence[ItemT],
    transfer: Callable[[Client, ItemT, Bars], Result],
    name: Callable[[ItemT], dict[str, Any]],
    *,
    jobs: int = 1,
    besides: dict[str, Any] | None = None,
    stopped: str = STOPPED,
) -> None:
    """Transfer the items, `jobs` at once, then print the document `{done: [...], "failed": [...], **besides}`.

    A single item's error is raised as it is. Of several items each error is said when it happens, the others are tried
    all the same, and at the end the first error is raised again. `name` says in the document which item failed. Both
    lists are in the order of the items. `stopped` is said after Ctrl-C.
    """

    def say(_item: ItemT, outcome: Result | YoukuError) -> None:
        _say(app, outcome, is_alone=len(items) == 1)

    in_order = transfer_all(app, items, transfer, say, jobs=jobs, stopped=stopped)
    results = [outcome.value for outcome in in_order if isinstance(outcome, Result)]
    errors = [(item, error) for item, error in zip(items, in_order, strict=True) if isinstance(error, YoukuError)]
    failures = [{**name(item), "error": error.code, "message": error.message} for item, error in errors]
    app.output.document({done: results, "failed": failures, **(besides or {})})
    if errors:
        raise failure_of([error for _, error in errors], len(items))


def transfer_all(
    app: App,
    items: Sequence[ItemT],
    transfer: Callable[[Client, ItemT, Bars], ResultT],
    ended: Callable[[ItemT, ResultT | YoukuError], object],
    *,
    jobs: int = 1,
    stopped: str = STOPPED,
) -> list[ResultT | YoukuError]:
    """What came of each item, in their order; `ended` is told as they end. Raises `Interrupted` after Ctrl-C.

    After an error that would only come again, the items that are left get it without being tried.
    """
    outcomes: dict[int, ResultT | YoukuError] = {}
    hopeless: list[YoukuError] = []
    bars = app.bars()

    def work(client: Client, numbered: tuple[int, ItemT]) -> ResultT:
        if hopeless:
            raise hopeless[0]
        try:
            return transfer(client, numbered[1], bars)
        except HOPELESS as error:
            hopeless.append(error)
            raise

    try:
        with ExitStack() as open_clients:
            run = _runner(app, len(items), jobs, open_clients)
            with closing(run(list(enumerate(items)), work)) as several:
                for (number, item), outcome in several:
                    outcomes[number] = outcome
                    ended(item, outcome)
    except KeyboardInterrupt:
        raise Interrupted(stopped) from None
    return [outcomes[number] for number in range(len(items))]


def failure_of(errors: Sequence[YoukuError], count: int) -> YoukuError:
    """How a command ends of whose `count` items some failed: as the first of them."""
    first = errors[0]
    failure = type(first)(f"{len(errors)} of {count} failed. The first: {first.message}", **first.facts)
    failure.__cause__ = first
    return failure


Outcomes = Iterator[tuple[Any, Any]]


def _runner(app: App, count: int, jobs: int, open_clients: ExitStack) -> Callable[..., Any]:
    """What runs a function on all items: here and now, or in threads with a client for each."""
    youku = open_clients.enter_context(app.client())
    at_once = min(jobs, count)
    if at_once < 2:
        return lambda items, work: _one_by_one(youku, items, work)
    from client_cli.crew import in_parallel

    youku.connection()  # who the server is, is found out once
    clients = [youku, *(open_clients.enter_context(youku.clone()) for _ in range(at_once - 1))]
    return lambda items, work: in_parallel(clients, items, work)


def _one_by_one(youku: Client, items: Sequence[Any], work: Callable[[Client, Any], Result]) -> Outcomes:
    for item in items:
        try:
            yield item, work(youku, item)
        except YoukuError as error:
            yield item, error


def _say(app: App, outcome: Result | YoukuError, *, is_alone: bool) -> None:
    if isinstance(outcome, Result):
        app.output.item(outcome.value, outcome.identity, outcome.words)
    elif is_alone:
        raise outcome
    else:
        app.message(f"youku: {outcome.message}")
