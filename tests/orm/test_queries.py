"""Queries: what they ask for, what they give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.orm.tables import Author, Book, Colour, Counter, Everything, Review
from youku_evloop import orm

WRONG: list[Callable[[], Any]] = [
    lambda: bool(Book.price == 3),
    lambda: Book.price > 3 and Book.is_free == True,  # noqa: E712  # SQL
    lambda: bool(Book.select()),
]


@pytest.fixture
def library(database: orm.Database) -> dict[str, Author]:
    """Ann wrote five books, the first two edited by Ben; Ben wrote one."""
    ann, ben = Author.create(name="ann"), Author.create(name="ben", colour=Colour.GREEN)
    for number in range(5):
        editor = ben if number < 2 else None
        Book.create(author=ann, editor=editor, title=f"a{number}", price=number * 10, is_free=number == 0)
    Book.create(author=ben, title="b0", price=10, is_free=False)
    return {"ann": ann, "ben": ben}


def titles(query: orm.Query[Book]) -> str:
    return " ".join(book.title for book in query.order_by(Book.title))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda: Book.price == 10, "a1 b0"),
        (lambda: Book.price != 10, "a0 a2 a3 a4"),
        (lambda: (Book.price > 10) & (Book.price <= 30), "a2 a3"),
        (lambda: (Book.price < 10) | (Book.price >= 40), "a0 a4"),
        (lambda: ~((Book.price < 10) | (Book.price >= 40)), "a1 a2 a3 b0"),
        (lambda: Book.price.between(10, 20), "a1 a2 b0"),
        (lambda: Book.price.in_([0, 40, 41]), "a0 a4"),
        (lambda: Book.price.in_([]), ""),
        (lambda: ~Book.price.in_([]), "a0 a1 a2 a3 a4 b0"),
        (lambda: ~Book.title.in_(["a0", "b0"]), "a1 a2 a3 a4"),
        (lambda: Book.title.like("_0"), "a0 b0"),
        (lambda: Book.title.startswith("b"), "b0"),
        (lambda: Book.editor_id.is_null(), "a2 a3 a4 b0"),
        (lambda: ~Book.editor_id.is_null(), "a0 a1"),
        (lambda: Book.editor == None, "a2 a3 a4 b0"),  # noqa: E711  # SQL
        (lambda: Book.editor_id != None, "a0 a1"),  # noqa: E711  # SQL
        (lambda: Book.price + 5 > 40, "a4"),
        (lambda: Book.price * 2 - 20 == Book.price, "a2"),
        (lambda: Book.is_free == True, "a0"),  # noqa: E712  # SQL
        (lambda: orm.lower(Book.title) == "a1", "a1"),
        (lambda: orm.coalesce(Book.editor_id, 0) == 0, "a2 a3 a4 b0"),
        (lambda: Book.author_id.in_(Author.select(colour=Colour.GREEN)), "b0"),
        (lambda: Book.author_id.in_(Author.select(name="ann").columns(Author.id)), "a0 a1 a2 a3 a4"),
        (lambda: Book.price.in_(Book.select(title="a1").columns(Book.price)), "a1 b0"),
        (lambda: Book.id.in_(Book.select().order_by(Book.title.desc()).limit(2)), "a4 b0"),
    ],
)
def test_a_condition_selects(library: dict[str, Author], condition: Callable[[], Any], expected: str) -> None:
    assert titles(Book.select(condition())) == expected
    assert Book.select().where(condition()).count() == len(expected.split())


def test_keywords_mean_equal_and_none_means_null(library: dict[str, Author]) -> None:
    ann = library["ann"]
    assert titles(Book.select(author=ann, price=10)) == "a1"
    assert titles(Book.select(author_id=ann.id, editor=None).where(price=20)) == "a2"
    assert Author.select(colour="green").get().name == "ben"


def test_conditions_add_up_and_queries_stay_as_they_were(library: dict[str, Author]) -> None:
    query = Book.select(Book.price > 0)
    narrower = query.where(Book.price < 30).order_by(Book.price.desc()).limit(1)
    assert titles(query) == "a1 a2 a3 a4 b0"
    assert titles(narrower) == "a1"
    assert query.count() == 5


def test_rows_come_in_order_and_in_pages(library: dict[str, Author]) -> None:
    query = Book.select().order_by(Book.price.desc(), Book.title)
    assert [book.title for book in query] == ["a4", "a3", "a2", "a1", "b0", "a0"]
    assert [book.title for book in query.limit(2).offset(1)] == ["a3", "a2"]
    assert [book.title for book in query.offset(4)] == ["b0", "a0"]
    assert query.limit(0).all() == []


@pytest.mark.parametrize("wrong", [-1, "1; DROP TABLE book", 1.5, None])
def test_a_limit_is_a_natural_number(wrong: Any) -> None:
    with pytest.raises(orm.ModelError, match="limit and offset take"):
        Book.select().limit(wrong)


def test_first_get_exists(library: dict[str, Author]) -> None:
    assert Book.select(title="a1").get().price == 10
    first = Book.select().order_by(Book.title).first()
    assert first is not None
    assert first.title == "a0"
    assert Book.select(title="zz").first() is None
    assert Book.select(title="a1").exists()
    assert not Book.select(title="zz").exists()
    with pytest.raises(orm.NotFound, match="no Book matches"):
        Book.select(title="zz").get()


def test_joins_load_objects_in_one_statement(library: dict[str, Author]) -> None:
    books = Book.select().join(Book.author, Book.editor).order_by(Book.title).all()
    assert [(b.author.name, b.editor and b.editor.name) for b in books] == [
        ("ann", "ben"), ("ann", "ben"), ("ann", None), ("ann", None), ("ann", None), ("ben", None),
    ]  # fmt: skip
    assert books[0].author.colour is Colour.RED
    books[0].author.name = "anna"
    books[0].author.save()
    assert Author.select(name="anna").exists()


def test_joins_go_on_from_joined_models(library: dict[str, Author]) -> None:
    Review.create(book=Book.select(title="a0").get(), stars=5)
    query = Review.select().join(Review.book, Book.author).where(Author.name == "ann", Book.price == 0)
    assert query.get().book.author.name == "ann"
    assert query.count() == 1


def test_columns_of_a_joined_model_select_and_order(library: dict[str, Author]) -> None:
    query = Book.select().join(Book.author).where(Author.colour == Colour.GREEN)
    assert titles(query) == "b0"
    assert Book.select().join(Book.author).order_by(Author.name.desc()).get().title == "b0"


def test_a_model_joined_twice_is_reached_by_its_key(library: dict[str, Author]) -> None:
    query = Book.select().join(Book.author, Book.editor)
    assert titles(query.where(Book.editor.of(Author.name) == "ben", Book.author.of(Author.name) == "ann")) == "a0 a1"
    assert query.columns(Book.author.of(Author.colour)).distinct().order_by(Book.author.of(Author.name)).rows() == [
        (Colour.RED,), (Colour.GREEN,),
    ]  # fmt: skip
    with pytest.raises(orm.ModelError, match="joined more than once"):
        query.where(Author.name == "ben").all()


def test_what_is_not_joined_cannot_be_used(library: dict[str, Author]) -> None:
    with pytest.raises(orm.ModelError, match="Author is not part of this query: join it first"):
        Book.select(Author.name == "ann").all()
    with pytest.raises(orm.ModelError, match="not joined before it"):
        Review.select().join(Book.author).all()
    with pytest.raises(orm.ModelError, match="join takes a foreign key"):
        Book.select().join(Book.author_id)


def test_columns_and_groups_come_as_tuples(library: dict[str, Author]) -> None:
    ann, ben = library["ann"].id, library["ben"].id
    query = Book.select().columns(Book.author_id, orm.count(), orm.sum(Book.price), orm.max(Book.is_free))
    grouped = query.group_by(Book.author_id).order_by(Book.author_id)
    assert grouped.rows() == [(ann, 5, 100, True), (ben, 1, 10, False)]
    assert grouped.having(orm.count() > 1).rows() == [(ann, 5, 100, True)]
    assert grouped.count() == 2
    assert Book.select().columns(orm.count(Book.editor_id), orm.count(Book.price, distinct=True)).rows() == [(2, 5)]
    assert Book.select(title="zz").columns(orm.sum(Book.price), orm.min(Book.added)).rows() == [(None, None)]


def test_aggregates_give_the_field_s_own_type(library: dict[str, Author]) -> None:
    [(newest, average)] = Book.select().columns(orm.max(Book.added), orm.avg(Book.price)).rows()
    assert newest == max(book.added for book in Book.select())
    assert average == pytest.approx(110 / 6, abs=0.001)
    assert Author.select().columns(Author.colour, Author.born).order_by(Author.id).rows() == [
        (Colour.RED, None), (Colour.GREEN, None),
    ]  # fmt: skip


def test_selected_columns_are_not_objects() -> None:
    with pytest.raises(orm.ModelError, match=r"come as rows\(\)"):
        Book.select().columns(Book.id).all()


def test_distinct_rows_are_counted_as_such(library: dict[str, Author]) -> None:
    query = Book.select().columns(Book.price).distinct()
    assert query.order_by(Book.price).rows() == [(0,), (10,), (20,), (30,), (40,)]
    assert query.count() == 5
    assert Book.select().limit(4).count() == 4
    assert Book.select().offset(4).count() == 2


@pytest.mark.parametrize(
    "order",
    [
        (Book.id,),
        (Book.id.desc(),),
        (Book.price, Book.id),
        (Book.price.desc(), Book.id),
        (Book.is_free, Book.price.desc(), Book.id.desc()),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_pages_by_key_hold_every_row_once(library: dict[str, Author], order: tuple[Any, ...], size: int) -> None:
    query = Book.select().order_by(*order)
    last: Book | None = None
    seen: list[Book] = []
    while page := query.after(last).limit(size).all():
        seen += page
        last = page[-1]
    assert seen == query.all()


def test_a_page_may_be_asked_for_by_values(library: dict[str, Author]) -> None:
    query = Book.select().order_by(Book.price, Book.title)
    assert [book.title for book in query.after((10, "a1"))] == ["b0", "a2", "a3", "a4"]
    assert query.after(None).count() == 6


def test_pages_need_an_order_that_loses_nothing(library: dict[str, Author]) -> None:
    book = Book.select().get()
    for query in (Book.select(), Book.select().order_by(Book.editor_id), Book.select().order_by(Book.price + 1)):
        with pytest.raises(orm.ModelError, match=r"after\(\)"):
            query.after(book)
    with pytest.raises(orm.ModelError, match="a value for each part"):
        Book.select().order_by(Book.price, Book.id).after((1,))


@pytest.mark.parametrize("batch", [1, 2, 5, 6, 7])
def test_iterate_gives_every_object_once(library: dict[str, Author], batch: int) -> None:
    query = Book.select().join(Book.author).order_by(Book.price.desc())
    found = list(query.iterate(batch))
    assert found == query.order_by(Book.price.desc(), Book.id).all()
    assert found[0].author.name == "ann"
    assert [book.price for book in query.limit(3).iterate(batch)] == [40, 30, 20]
    assert [book.price for book in query.offset(4).iterate(batch)] == [10, 0]


def test_iterate_holds_no_connection(library: dict[str, Author], database: orm.Database) -> None:
    for book in Book.select().iterate(2):
        assert database.stats().in_use == 0
        book.delete()
    assert not Book.select().exists()


def test_update_counts_the_rows_it_matched(library: dict[str, Author]) -> None:
    assert Book.select(Book.price >= 30).update(price=Book.price + 1, is_free=True) == 2
    assert [book.price for book in Book.select(is_free=True).order_by(Book.price)] == [0, 31, 41]
    assert Book.select(price=31).update(price=31) == 1
    assert Book.select(title="zz").update(price=1) == 0
    assert Book.select().update() == 0
    assert Book.select(title="b0").update(author=library["ann"], editor=None) == 1
    assert Book.select(author=library["ann"]).count() == 6


def test_update_checks_values(library: dict[str, Author]) -> None:
    for values in ({"price": None}, {"price": 2**31}, {"title": 3}, {"author": "ann"}):
        with pytest.raises(orm.FieldError):
            Book.select().update(**values)


def test_delete_counts_its_rows(library: dict[str, Author]) -> None:
    assert Book.select(price=10).delete() == 2
    assert Book.select(price=10).delete() == 0
    assert Book.select().delete() == 4


def test_changes_take_no_joins_or_limits(library: dict[str, Author]) -> None:
    for query in (Book.select().limit(1), Book.select().join(Book.author), Book.select().offset(1)):
        with pytest.raises(orm.ModelError, match="conditions only"):
            query.delete()
        with pytest.raises(orm.ModelError, match="conditions only"):
            query.update(price=1)


def test_a_counter_never_loses_a_step(database: orm.Database) -> None:
    Counter.create(name="c")
    for _ in range(3):
        Counter.select(name="c").update(count=Counter.count + 1)
    assert Counter.select(name="c").get().count == 3


def test_the_statement_can_be_seen() -> None:
    sql, values = Book.select(Book.title.like("x%"), price=3).order_by(Book.id.desc()).columns(Book.id).limit(5).sql()
    assert sql == (
        "SELECT `book`.`id` FROM `book` WHERE `book`.`title` LIKE ? ESCAPE ? AND `book`.`price` = ?"
        " ORDER BY `book`.`id` DESC LIMIT ?"
    )
    assert values == ["x%", "\\", 3, 5]


def test_a_query_made_once_takes_other_values_each_time(library: dict[str, Author]) -> None:
    dear = Book.select(Book.price >= orm.Given("least")).order_by(Book.title).limit(orm.Given("most"))
    assert [titles_of(dear.given(least=least, most=2)) for least in (0, 20, 50)] == ["a0 a1", "a2 a3", ""]
    assert titles_of(dear.given(least=20, most=9).given(least=30, most=9)) == "a3 a4"
    assert titles_of(dear.given(least=10, most=9).where(author=library["ben"])) == "b0"
    assert dear.given(least=10, most=9).first().title == "a1"  # type: ignore[union-attr]  # it is there
    inner = Author.select(name=orm.Given("name")).columns(Author.id).limit(orm.Given("most"))
    by = Book.select(Book.author_id.in_(inner)).order_by(Book.title)
    assert [titles_of(by.given(name=name, most=1)) for name in ("ann", "ben")] == ["a0 a1 a2 a3 a4", "b0"]


def titles_of(query: orm.Query[Book]) -> str:
    return " ".join(book.title for book in query.all())


def test_changes_are_made_once_too_however_they_are_given(library: dict[str, Author]) -> None:
    of_title = Book.select(title=orm.Given("title"))
    assert of_title.given(title="a0").update(price=7, author=library["ben"]) == 1
    assert of_title.given(title="a1").update(price=8, author=library["ben"]) == 1
    assert of_title.given(title="a2").update(price=Book.price + 1) == 1
    assert of_title.given(title="a3").where(price=1).update(price=9) == 0
    assert of_title.given(title="a4").delete() == 1
    assert Book.select().order_by(Book.title).columns(Book.title, Book.price).rows() == [
        ("a0", 7),
        ("a1", 8),
        ("a2", 21),
        ("a3", 30),
        ("b0", 10),
    ]
    with pytest.raises(orm.ModelError, match="no field 'prise'"):
        of_title.given(title="a0").update(prise=1)
    with pytest.raises(orm.FieldError, match="needs a value"):
        of_title.given(title="a0").update(price=None)


@pytest.mark.parametrize("given", [{}, {"leest": 1}])
def test_a_value_that_is_not_given_is_asked_for(database: orm.Database, given: dict[str, int]) -> None:
    with pytest.raises(orm.ModelError, match="given\\(least="):
        Book.select(Book.price >= orm.Given("least")).given(**given).all()


def test_given_values_are_parameters_and_are_checked(library: dict[str, Author]) -> None:
    named = Book.select(title=orm.Given("title"))
    assert named.given(title="a0' OR '1' = '1").all() == []
    assert named.given(title="a0").sql() == (named.given(title="b0").sql()[0], ["a0"])
    for wrong in (2**63, "\ud800", object()):
        with pytest.raises(orm.FieldError):
            named.given(title=wrong).all()


def test_a_stored_column_comes_as_the_database_has_it(library: dict[str, Author]) -> None:
    born = datetime(1970, 1, 2, 3, 4, 5, 600, UTC)
    Author.select(name="ann").update(born=born)
    ann = Author.select(name="ann").columns(Author.born.stored, Author.is_locked.stored, Author.colour.stored)
    assert ann.rows() == [("1970-01-02 03:04:05.000600", 0, "red")]
    assert Author.select(name="ben").columns(Author.born.stored, Author.born).rows() == [(None, None)]


def test_no_value_becomes_part_of_the_text() -> None:
    evil = "x'; DROP TABLE book; --"
    sql, values = Book.select(title=evil).where(Book.title.in_([evil]), Book.title.contains(evil)).sql()
    assert "DROP" not in sql
    assert len(values) == 4


@pytest.mark.parametrize("wrong", WRONG)
def test_an_expression_is_neither_true_nor_false(wrong: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        wrong()


def test_null_is_not_compared_by_size() -> None:
    with pytest.raises(orm.ModelError, match=r"use is_null\(\)"):
        Book.price < None  # type: ignore[operator]  # noqa: B015  # as meant


def test_raw_statements_take_values_at_question_marks(library: dict[str, Author], database: orm.Database) -> None:
    result = database.execute("SELECT title, '100% sure?' FROM book WHERE price = ? ORDER BY title", [10])
    assert [tuple(row) for row in result.rows] == [("a1", "100% sure?"), ("b0", "100% sure?")]
    assert database.execute("UPDATE book SET price = price WHERE price = ?", [10]).count == 2
    assert database.execute("SELECT '50%'").rows[0][0] == "50%"


def test_locked_rows_can_be_read_and_written(library: dict[str, Author], database: orm.Database) -> None:
    with database.transaction():
        book = Book.select(title="a0").for_update().get()
        book.update(price=book.price + 1)
    assert Book.select(title="a0").get().price == 1


ODD_TEXTS = [
    "",
    "nothing\0after",
    "quote \" and \\ and '",
    "[1,2],",
    "null",
    "1e400",
    "\x01\x1f\x7f\u2028",
    "片\U0001f3ac\U0010ffff",
]
ODD_NUMBERS = [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)]


def test_rows_hold_whatever_was_stored(database: orm.Database) -> None:
    stored = [(f"{n:02}", text, number) for n, text in enumerate(ODD_TEXTS) for number in ODD_NUMBERS]
    odd = [(f"{n:03}{key}", text, number, {"of": text}) for n, (key, text, number) in enumerate(stored)]
    Everything.insert_many({"key": key, "text": text, "big": number, "data": data} for key, text, number, data in odd)
    columns = (Everything.key, Everything.text, Everything.big, Everything.data)
    query = Everything.select().columns(*columns, Everything.small).order_by(Everything.key.desc())
    assert query.rows() == [(*row, None) for row in reversed(odd)]
    assert query.limit(3).offset(1).rows() == [(*row, None) for row in odd[-2:-5:-1]]
    assert query.where(Everything.small == 1).rows() == []


def test_objects_hold_what_json_does_not(database: orm.Database) -> None:
    blob = bytes(range(256))
    Everything.insert_many({"key": str(number), "blob": blob, "flag": number == 1} for number in range(3))
    assert [(one.blob, one.flag) for one in Everything.select().order_by(Everything.key)] == [
        (blob, False),
        (blob, True),
        (blob, False),
    ]
