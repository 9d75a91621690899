"""Several clients at work at once, one in each thread, on a list of things to do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from youku_evloop.errors import YoukuError

if TYPE_CHECKING:
    from client_cli.client import Client

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_parallel(
    clients: Sequence[Client], items: Sequence[ItemT], work: Callable[[Client, ItemT], ResultT]
) -> Generator[tuple[ItemT, ResultT | YoukuError], None, None]:
    """What came of each item, in the order in which they are done.

    Whoever leaves before the end (Ctrl-C does) aborts what is under way; no thread is left behind.
    """
    waiting, done = deque(items), SimpleQueue[tuple[ItemT, ResultT | BaseException]]()

    def run(client: Client) -> None:
        while waiting:
            try:
                item = waiting.popleft()
            except IndexError:  # another was quicker
                return
            try:
                done.put((item, work(client, item)))
            except BaseException as problem:
                done.put((item, problem))

    threads = [threading.Thread(target=run, args=(client,), name="youku job") for client in clients]
    left = len(items)
    try:
        for thread in threads:
            thread.start()
        while left:
            item, outcome = done.get()
            left -= 1
            if isinstance(outcome, BaseException) and not isinstance(outcome, YoukuError):
                raise outcome
            yield item, outcome
    finally:
        waiting.clear()
        if left:
            for client in clients:
                client.abort()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
