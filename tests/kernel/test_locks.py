"""Locks by key: one at a time, in order, and nothing is kept of a key that nobody holds."""

from __future__ import annotations

import pytest

from tests.support.loops import ManualLoop, in_the_loop
from youku_evloop.kernel.locks import KeyedLocks


@in_the_loop
def test_one_task_at_a_time_holds_a_key_and_the_others_get_it_in_order(loop: ManualLoop) -> None:
    locks = KeyedLocks(loop)
    happened: list[str] = []

    def work(name: str) -> None:
        with locks.hold("upload"):
            happened.append(f"{name} in")
            loop.sleep(1)
            happened.append(f"{name} out")

    for name in "abc":
        loop.spawn(work, name)
    for _ in range(3):
        loop.advance(1)
    assert happened == ["a in", "a out", "b in", "b out", "c in", "c out"]


@in_the_loop
def test_different_keys_do_not_wait_for_each_other(loop: ManualLoop) -> None:
    locks = KeyedLocks(loop)
    inside: list[object] = []

    def work(key: object) -> None:
        with locks.hold(key):
            inside.append(key)
            loop.sleep(1)

    loop.spawn(work, ("upload", "1"))
    loop.spawn(work, ("upload", "2"))
    loop.settle()
    assert len(inside) == 2
    loop.advance(1)


@in_the_loop
def test_one_that_arrives_while_the_key_is_handed_on_does_not_get_in_between(loop: ManualLoop) -> None:
    locks = KeyedLocks(loop)
    order: list[str] = []

    def first() -> None:
        with locks.hold("k"):
            loop.sleep(1)
        with locks.hold("k"):  # the second one has it by right
            order.append("first again")

    def second() -> None:
        with locks.hold("k"):
            order.append("second")

    loop.spawn(first)
    loop.spawn(second)
    loop.settle()
    loop.advance(1)
    assert order == ["second", "first again"]


@in_the_loop
def test_a_key_is_given_back_when_its_holder_fails(loop: ManualLoop) -> None:
    locks = KeyedLocks(loop)
    with pytest.raises(RuntimeError), locks.hold("k"):
        raise RuntimeError("on purpose")
    with locks.hold("k"):
        pass
    assert locks._held == {}
