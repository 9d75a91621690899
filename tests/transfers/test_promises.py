"""Room that is asked for before any row tells of it."""

from youku_evloop.services.promises import Promise, Promises


def test_who_asks_counts_those_who_asked_earlier() -> None:
    promises = Promises()
    first, second = Promise("a", 1, 100), Promise("b", 2, 200)
    assert promises.ask(first) == ()
    assert promises.ask(second) == (first,)
    promises.settle("a")
    assert promises.ask(Promise("c", 3, 300)) == (second,)


def test_who_asks_anew_stands_at_the_end_and_does_not_count_itself() -> None:
    promises = Promises()
    first, second = Promise("a", 1, 100), Promise("b", 2, 200)
    promises.ask(first)
    promises.ask(second)
    assert promises.ask(first) == (second,)
    promises.settle("b")
    promises.settle("b")
    assert promises.ask(first) == ()
