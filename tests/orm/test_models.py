"""Models: what can be declared, and what an object does."""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.orm.tables import Author, Book, Colour, Counter, Everything, Order, Review
from youku_evloop import orm


@pytest.fixture
def author(database: orm.Database) -> Author:
    return Author.create(name="ann")


@pytest.fixture
def book(author: Author) -> Book:
    return Book.create(author=author, title="one")


# declaring


def key() -> orm.Field[int]:
    return orm.Integer(primary_key=True)


def test_a_model_has_one_primary_key() -> None:
    with pytest.raises(orm.ModelError, match="Nothing needs one field with primary_key=True; it has none"):

        class Nothing(orm.Model):
            name = orm.String(10)

    with pytest.raises(orm.ModelError, match="Two needs one field with primary_key=True; it has a, b"):

        class Two(orm.Model):
            a = orm.Integer(primary_key=True)
            b = orm.Integer(primary_key=True)


@pytest.mark.parametrize("name", ["update", "select", "save", "_stored", "mro"])
def test_a_field_cannot_take_the_name_of_a_method(name: str) -> None:
    with pytest.raises(orm.ModelError, match="the name is taken"):
        types.new_class("Bad", (orm.Model,), {}, lambda body: body.update({"id": key(), name: orm.Integer()}))


def test_a_foreign_key_and_a_field_cannot_share_a_column() -> None:
    with pytest.raises(orm.ModelError, match="the name is taken"):

        class Bad(orm.Model):
            id = orm.Integer(primary_key=True)
            author_id = orm.Integer()
            author = orm.ForeignKey(Author)


@pytest.mark.parametrize("name", ["", "no blanks", "quo`te", "naïve", "x" * 64, "1st"])
def test_a_table_has_a_plain_name(name: str) -> None:
    with pytest.raises(orm.ModelError, match="cannot be the name"):
        types.new_class("Bad", (orm.Model,), {"table": name or " "}, lambda body: body.update({"id": key()}))


def test_a_table_is_named_after_its_class_where_no_name_is_given() -> None:
    class SearchHistory(orm.Model):
        id = orm.Integer(primary_key=True)

    assert (SearchHistory.__table__.name, Review.__table__.name) == ("search_history", "review")


def test_a_foreign_key_leads_to_a_model() -> None:
    with pytest.raises(orm.ModelError, match="is not a model"):
        orm.ForeignKey(int)


def test_an_index_is_over_fields_that_exist() -> None:
    with pytest.raises(orm.ModelError, match="Bad has no field 'nmae'; it has id, name"):

        class Bad(orm.Model, indexes=[orm.Index("nmae")]):
            id = orm.Integer(primary_key=True)
            name = orm.String(10)


def test_a_model_outside_any_database_says_what_to_do() -> None:
    with pytest.raises(orm.ModelError, match=r"with database\.use\(\)"):
        Author.select().all()


# creating


def test_create_numbers_the_row_and_fills_in_defaults(database: orm.Database) -> None:
    before = orm.utcnow()
    author = Author.create(name="ann")
    assert author.id > 0
    assert (author.colour, author.is_locked, author.born) == (Colour.RED, False, None)
    assert before <= Book.create(author=author, title="t").added <= orm.utcnow()
    assert Author.select(id=author.id).get().__dict__ == author.__dict__


def test_a_number_may_be_given(database: orm.Database) -> None:
    assert Author.create(id=77, name="ann").id == 77
    assert Author.create(name="ben").id > 77


def test_other_primary_keys_are_given_by_the_caller(database: orm.Database) -> None:
    assert Counter.create(name="hits").name == "hits"
    assert Order.create(key=b"k").key == b"k"
    with pytest.raises(orm.FieldError, match=r"Counter\.name needs a value"):
        Counter.create(count=1)


def test_an_unknown_field_is_refused(database: orm.Database) -> None:
    for attempt in (
        lambda: Author.create(nmae="x"),
        lambda: Author(nmae="x"),
        lambda: Author.select(nmae="x"),
        lambda: Author.insert_many([{"nmae": "x"}]),
        lambda: Author.select().update(nmae="x"),
    ):
        with pytest.raises(orm.ModelError, match="Author has no field 'nmae'; it has id, name, colour"):
            attempt()


def test_a_field_without_a_value_is_refused(database: orm.Database) -> None:
    with pytest.raises(orm.FieldError, match=r"Author\.name needs a value, got None"):
        Author.create()


def test_an_object_without_its_number_says_so(database: orm.Database) -> None:
    with pytest.raises(orm.ModelError, match=r"Author\.id has no value here yet"):
        print(Author(name="x").id)


def test_insert_many_inserts_every_row_or_none(author: Author) -> None:
    assert Author.insert_many([]) == 0
    assert Author.insert_many({"name": f"n{number}"} for number in range(2500)) == 2500
    with pytest.raises(orm.UniqueViolation):
        Author.insert_many([{"name": f"m{number}"} for number in range(9000)] + [{"name": "ann"}])
    wrong: list[dict[str, Any]] = [{"name": None}, {"name": "numbered, where the other is not", "id": 7}]
    for row in wrong:
        with pytest.raises(orm.FieldError):
            Author.insert_many([{"name": "good"}, row])
    assert Author.select().count() == 2501


def test_insert_many_takes_objects_and_rows_too_large_for_one_statement(author: Author) -> None:
    Book.insert_many([{"author": author, "title": "a"}, {"author_id": author.id, "title": "b", "price": 3}])
    assert [book.price for book in Book.select().order_by(Book.title)] == [0, 3]
    Everything.insert_many({"key": str(number), "text": "x" * 700_000} for number in range(5))
    assert Everything.select().count() == 5


def test_upsert_inserts_or_sets(database: orm.Database) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    for count in (1, 2):
        Counter.upsert(Counter.name, name="a", count=count, changed=moment)
    assert Counter.select().get().count == 2
    Counter.upsert(Counter.name, {"count": Counter.count + 10}, name="a", count=99)
    assert (Counter.select().get().count, Counter.select().get().changed) == (12, moment)
    Counter.upsert(Counter.name, {}, name="a", count=1000)
    assert Counter.select().get().count == 12


def test_upsert_goes_by_several_columns(author: Author) -> None:
    for price in (1, 2):
        Book.upsert([Book.author_id, Book.title], author=author, title="t", price=price)
    Book.upsert([Book.author_id, Book.title], {"is_free": False}, author=author, title="t")
    assert [(book.price, book.is_free) for book in Book.select()] == [(2, False)]


# changing


def test_save_writes_what_changed_and_nothing_else(book: Book) -> None:
    other = Book.select().get()
    other.price = 5
    other.save()
    book.title = "two"
    book.save()
    found = Book.select().get()
    assert (found.title, found.price) == ("two", 5)


def test_save_without_a_change_asks_nothing(book: Book, database: orm.Database) -> None:
    database.execute("DELETE FROM book")
    book.save()


def test_save_inserts_a_new_object_once(database: orm.Database) -> None:
    author = Author(name="ann")
    author.save()
    author.save()
    assert [found.id for found in Author.select()] == [author.id]


def test_save_checks_before_it_asks(book: Book) -> None:
    book.price = "free"  # type: ignore[assignment]  # as meant
    with pytest.raises(orm.FieldError, match=r"Book\.price takes int, got 'free'"):
        book.save()


def test_a_moment_in_another_zone_is_shown_in_utc_once_saved(author: Author) -> None:
    author.born = datetime.fromisoformat("2024-05-01T08:00+08:00")
    author.save()
    assert author.born.tzinfo is UTC


def test_saving_what_is_gone_is_not_found(book: Book) -> None:
    Book.select().delete()
    book.price = 1
    for change in (book.save, book.delete, book.refresh, lambda: book.update(price=2)):
        with pytest.raises(orm.NotFound):
            change()


def test_update_writes_these_fields_alone(book: Book) -> None:
    book.title = "unsaved"
    book.update(price=7, is_free=False)
    found = Book.select().get()
    assert (found.title, found.price, found.is_free) == ("one", 7, False)
    book.save()
    assert Book.select().get().title == "unsaved"


def test_update_with_an_expression_is_read_at_refresh(book: Book) -> None:
    book.update(price=Book.price + 3)
    with pytest.raises(orm.ModelError, match=r"refresh\(\)"):
        print(book.price)
    book.refresh()
    assert book.price == 3


def test_an_update_that_fails_leaves_the_object_as_it_was(book: Book) -> None:
    with pytest.raises(orm.FieldError):
        book.update(price=2**40)
    assert book.price == 0


def test_delete_removes_the_row(book: Book) -> None:
    book.delete()
    assert Book.select().count() == 0
    with pytest.raises(orm.ModelError, match="not in the database"):
        book.delete()


def test_a_primary_key_can_change(database: orm.Database) -> None:
    counter = Counter.create(name="a")
    counter.name = "b"
    counter.save()
    assert [found.name for found in Counter.select()] == ["b"]
    counter.delete()


# foreign keys


def test_an_object_is_there_when_it_was_given_or_joined(book: Book, author: Author) -> None:
    assert book.author is author
    assert Book.select().join(Book.author).get().author == author
    with pytest.raises(orm.ModelError, match=r"Book\.author was not loaded: add \.join\(Book\.author\)"):
        print(Book.select().get().author)


def test_an_object_that_no_longer_fits_the_column_is_not_given(book: Book, author: Author) -> None:
    book.author_id = author.id + 1
    with pytest.raises(orm.ModelError, match="was not loaded"):
        print(book.author)


def test_a_foreign_key_takes_an_object_or_nothing(book: Book) -> None:
    ben = Author.create(name="ben")
    book.author, book.editor = ben, ben
    book.save()
    assert Book.select(author=ben, editor_id=ben.id).count() == 1
    book.editor = None
    book.save()
    assert book.editor is None
    assert Book.select(editor=None).count() == 1


@pytest.mark.parametrize("wrong", [7, "ann"])
def test_a_foreign_key_takes_no_other_thing(book: Book, wrong: object) -> None:
    with pytest.raises(orm.FieldError, match=r"Book\.author_id takes a Author"):
        book.author = wrong  # type: ignore[assignment]  # as meant


def test_a_foreign_key_holds(book: Book, author: Author) -> None:
    with pytest.raises(orm.ForeignKeyViolation):
        Book.create(author_id=author.id + 1000, title="x")
    Review.create(book=book, stars=5)
    editor = Author.create(name="ed")
    book.update(editor=editor)
    editor.delete()
    assert Book.select().get().editor_id is None
    author.delete()
    assert (Book.select().count(), Review.select().count()) == (0, 0)


# errors that say where


@pytest.mark.parametrize(
    ("again", "columns", "constraint"),
    [
        (lambda book: Author.create(name="ann"), ("name",), "author_name"),
        (lambda book: Author.create(id=book.author_id, name="x"), ("id",), "PRIMARY"),
        (lambda book: Book.create(author=book.author, title="one"), ("author_id", "title"), "book_author_id_title"),
        (lambda book: Book.insert_many([{"author": book.author, "title": "one"}]), ("author_id", "title"), None),
        (lambda book: Book.create(author=book.author, title="2").update(title="one"), ("author_id", "title"), None),
    ],
)
def test_a_duplicate_names_columns_and_constraint(
    book: Book, again: Callable[[Book], object], columns: tuple[str, ...], constraint: str | None
) -> None:
    with pytest.raises(orm.UniqueViolation) as caught:
        again(book)
    assert caught.value.columns == columns
    assert caught.value.constraint == constraint or constraint is None


# objects


def test_objects_are_equal_when_they_are_the_same_row(book: Book) -> None:
    assert Book.select().get() == book
    assert hash(Book.select().get()) == hash(book)
    assert Author(name="x") != Author(name="x")
    assert book != Author.select().get()


def test_an_object_shows_its_key_and_nothing_private(author: Author) -> None:
    assert repr(author) == f"<Author id={author.id}>"
