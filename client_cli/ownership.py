"""One thread at a time: what is not made for two of them says so, instead of mixing up their answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class Owned(Protocol):
    """Something that one thread at a time may use."""

    _at_work: threading.RLock


OwnedT = TypeVar("OwnedT", bound=Owned)
ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")


def one_thread_at_a_time(
    method: Callable[Concatenate[OwnedT, ParametersT], ResultT],
) -> Callable[Concatenate[OwnedT, ParametersT], ResultT]:
    """A method that raises `RuntimeError` while another thread is in one of these methods of the same object."""

    @wraps(method)
    def guarded(self: OwnedT, /, *args: ParametersT.args, **kwargs: ParametersT.kwargs) -> ResultT:
        if not self._at_work.acquire(blocking=False):
            raise RuntimeError("This client is at work in another thread: give each thread its own, with clone().")
        try:
            return method(self, *args, **kwargs)
        finally:
            self._at_work.release()

    return guarded
