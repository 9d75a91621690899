"""What goes in comes out: on both databases, in every field, whatever the value."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.orm.tables import Author, Book, Colour, Everything, Order
from youku_evloop import orm

pytestmark = pytest.mark.usefixtures("database")

TEXTS = [
    "", " ", "plain", "你好，世界", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧‍👦 🎬", "it's \"quoted\" `here`", "back\\slash \\' \\n \\0",
    "\0", "a\0b", "%s", "%(x)s %d %%", "?", "? :name $1", "'; DROP TABLE author; --", "/*! SELECT */ -- # ;",
    "line\nfeed\r\n\ttab", "trailing  ", "\x1a\x08\x7f", "\ufeffbom", "\u2028\u2029", "e\u0301 \u00e9", "ß ẞ ı İ",
    "\U0010ffff",
]  # fmt: skip
INTEGERS = [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
MOMENTS = [
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2024, 1, 1, tzinfo=UTC),
    datetime(1001, 1, 1, tzinfo=UTC),
    datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2024, 3, 31, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=1))),  # an hour that Berlin does not have
    datetime(2024, 10, 27, 2, 30, fold=0, tzinfo=ZoneInfo("Europe/Berlin")),  # one that it has twice
    datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2024, 7, 1, 12, tzinfo=timezone(timedelta(hours=8))),
]
JSON = [{}, [], {"a": [1, 2.5, None, True, "'\\\"?%s\0"]}, "text", 7, "你好"]


def returned(name: str, value: Any) -> Any:
    """What a field holds after a round trip, having been asked for by the value too where SQL can."""
    Everything.upsert(Everything.key, key="k", **{name: value})
    found = Everything.select(key="k").get()
    assert Everything.select(**{name: value}).count() == 1
    return getattr(found, name)


@pytest.mark.parametrize("value", TEXTS)
@pytest.mark.parametrize("name", ["short", "text"])
def test_text_comes_back_as_it_was(name: str, value: str) -> None:
    assert returned(name, value) == value


@pytest.mark.parametrize("value", INTEGERS)
def test_integers_come_back_to_the_last_of_64_bits(value: int) -> None:
    assert returned("big", value) == value


@pytest.mark.parametrize("value", MOMENTS)
def test_times_come_back_in_utc_to_the_microsecond(value: datetime) -> None:
    found = returned("moment", value)
    assert found == value.astimezone(UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("value", JSON)
def test_json_comes_back_as_it_was(value: object) -> None:
    assert returned("data", value) == value


@pytest.mark.parametrize("value", [b"", bytes(range(256)), b"\0", b"'\\%s?", b"\xff\xfe"])
def test_bytes_come_back_as_they_were(value: bytes) -> None:
    assert returned("blob", value) == value


@pytest.mark.parametrize("value", [True, False])
def test_flags_come_back_as_flags(value: bool) -> None:
    assert returned("flag", value) is value


def test_an_enum_comes_back_as_its_member_and_may_be_given_by_its_value() -> None:
    assert returned("colour", Colour.GREEN) is Colour.GREEN
    assert returned("colour", "green") is Colour.GREEN
    assert Author.create(name="x", colour="green").colour is Colour.GREEN


@pytest.mark.parametrize("name", [name for name in Everything.__table__.fields if name != "key"])
def test_null_comes_back_as_none(name: str) -> None:
    assert returned(name, None) is None


def test_a_megabyte_of_text_comes_back_whole() -> None:
    text = ("0123456789abcde界" * (1 << 16))[: 1 << 20]
    assert returned("text", text) == text


def test_two_megabytes_of_bytes_come_back_whole() -> None:
    assert returned("blob", bytes(range(256)) * (1 << 13)) == bytes(range(256)) * (1 << 13)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_any_text_comes_back_as_it_was(value: str) -> None:
    assert returned("short", value) == value


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(string.printable, max_size=20), st.text(string.printable, max_size=20))
def test_contains_is_what_python_says_it_is(text: str, part: str) -> None:
    Everything.upsert(Everything.key, key="k", short=text)
    assert Everything.select(Everything.short.contains(part)).exists() == (part in text)
    assert Everything.select(Everything.short.startswith(part)).exists() == text.startswith(part)


@pytest.mark.parametrize("value", [text for text in TEXTS if "\0" not in text])  # where SQLite's LIKE ends
def test_contains_finds_text_that_hurts(value: str) -> None:
    Everything.create(key="k", text=f"<{value}>")
    assert Everything.select(Everything.text.contains(f"<{value}>")).count() == 1
    assert Everything.select(Everything.text.contains(f"<{value}x")).count() == 0


def test_times_sort_and_compare_as_times() -> None:
    for number, moment in enumerate(MOMENTS):
        Everything.create(key=str(number), moment=moment)
    found = [row.moment for row in Everything.select().order_by(Everything.moment, Everything.key)]
    assert found == sorted(found)  # type: ignore[type-var]  # none is None
    assert Everything.select(Everything.moment > MOMENTS[1]).count() == sum(m > MOMENTS[1] for m in MOMENTS)


def test_names_are_compared_byte_by_byte() -> None:
    Author.insert_many({"name": name} for name in ["bob", "Bob", "bob ", "bób", "bo\u0301b", "ＢＯＢ"])
    assert Author.select(name="bob").count() == 1
    assert Author.select(name="BOB").first() is None
    assert Author.select(Author.name.like("B%")).count() == 1
    with pytest.raises(orm.UniqueViolation):
        Author.create(name="Bob")


def test_text_sorts_by_code_point() -> None:
    names = ["Z", "a", "é", "z", "你", "𝔘", "\uffee", " ", "~"]
    Author.insert_many({"name": name} for name in names)
    assert [author.name for author in Author.select().order_by(Author.name)] == sorted(names)


def test_ilike_ignores_case_in_every_alphabet() -> None:
    Author.insert_many({"name": name} for name in ["Straße", "ÉCOLE", "école", "Москва"])
    assert Author.select(Author.name.ilike("éc%")).count() == 2
    assert Author.select(Author.name.contains("МОСК", ignore_case=True)).count() == 1


def test_words_of_sql_are_good_names() -> None:
    Order.create(key=b"\0" * 16, group=3)
    order = Order.select(Order.group > 2, table="select").order_by(Order.group.desc()).get()
    order.table = "from"
    order.save()
    assert Order.select(table="from").count() == 1


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("small", 2**31, "must lie between"),
        ("big", 2**63, "64 bits"),
        ("big", True, "takes int"),
        ("big", "1", "takes int"),
        ("flag", 1, "takes bool"),
        ("short", "x" * 101, "between 0 and 100"),
        ("short", b"x", "takes str"),
        ("text", "\ud800", "UTF-8"),
        ("blob", "x", "takes bytes"),
        ("moment", datetime(2024, 1, 1), "time zone"),
        ("moment", datetime(1, 1, 1, tzinfo=UTC), "years"),
        ("moment", "2024-01-01", "takes datetime"),
        ("colour", "blue", "Colour"),
        ("colour", [], "Colour"),
        ("data", {1, 2}, "JSON"),
        ("data", float("nan"), "JSON"),
        ("key", None, "needs a value"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: object, problem: str) -> None:
    with pytest.raises(orm.FieldError, match=problem) as caught:
        Everything.create(**{"key": "k", name: value})
    assert (caught.value.model, caught.value.field, caught.value.value) == ("Everything", name, value)
    assert Everything.select().count() == 0


@pytest.mark.parametrize(
    "query", [lambda: Everything.small == "1", lambda: Everything.big + 2**64, lambda: Author.id == "x"]
)
def test_a_value_of_the_wrong_type_is_refused_in_a_comparison(query: Callable[[], object]) -> None:
    with pytest.raises(orm.FieldError):
        query()


def test_a_long_text_may_be_looked_for_where_it_could_not_be_stored() -> None:
    assert Author.select(name="x" * 1000).first() is None
    assert Book.select(price=2**40).first() is None


def test_a_message_does_not_repeat_a_long_value() -> None:
    with pytest.raises(orm.FieldError) as caught:
        Author.create(name="x" * 10_000)
    assert len(str(caught.value)) < 250


def test_json_is_compared_as_its_text() -> None:
    Everything.create(key="k", data={"a": 1})
    found = Everything.select(key="k").get()
    found.data["b"] = 2
    found.save()
    assert Everything.select(key="k").get().data == {"a": 1, "b": 2}
    assert Everything.select(data=json.loads('{"a": 1, "b": 2}')).exists()


def test_a_stored_value_that_no_member_has_is_named(database: orm.Database) -> None:
    Everything.create(key="k")
    database.execute("UPDATE everything SET colour = ?", ["mauve"])
    with pytest.raises(orm.FieldError, match=r"Everything\.colour holds what cannot be read, got 'mauve'"):
        Everything.select().all()
