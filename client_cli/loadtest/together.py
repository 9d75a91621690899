"""Several tasks that do the same to many things: connect them, make them, remove them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from youku_evloop.errors import Interrupted
from youku_evloop.kernel.loop import Loop
from youku_evloop.kernel.tasks import Waiter

T = TypeVar("T")
HandT = TypeVar("HandT")


def in_parallel(
    loop: Loop,
    work: Callable[[HandT, T], Any],
    hands: Iterable[HandT],
    items: Iterable[T],
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """`work(hand, item)` for each item, a task for each hand; raises what goes wrong first, or `Interrupted`."""
    left = list(items)[::-1]
    problems: list[Exception] = []
    done = Waiter(loop)
    toiling = 0

    def toil(hand: HandT) -> None:
        nonlocal toiling
        try:
            while left and not problems:
                if interrupted():
                    raise Interrupted("Stopped.")
                work(hand, left.pop())
        except Exception as problem:
            problems.append(problem)
        finally:
            toiling -= 1
            if not toiling:
                done.wake()

    for hand in list(hands)[: len(left)]:
        toiling += 1
        loop.spawn(toil, hand)
    if toiling:
        done.wait()
    if problems:
        raise problems[0]
