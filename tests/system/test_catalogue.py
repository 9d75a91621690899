"""The catalogue: list, show, delete, pages beyond the first, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from blake3 import blake3

from tests.support.server import Person, RunningServer
from tests.support.wire import Wire
from tests.system.conftest import MakeFile, bytes_of
from youku_evloop.errors import ExitCode

HASH: Final = "0" * 64


def publish(wire: Wire, title: str, content: bytes, **options: Any) -> int:
    """The id of a new movie; where the library knows the bytes it gets their hash alone."""
    fingerprint = blake3(len(content).to_bytes(8, "big") + content).hexdigest()
    created = wire.ask("upload.create", name=title, size=len(content), fingerprint=fingerprint, **options)
    if not created["known"]:
        wire.ask("upload.write", body=content, upload=created["upload"], offset=0)
    return int(wire.ask("upload.finish", upload=created["upload"], hash=blake3(content).hexdigest())["movie"]["id"])


@pytest.fixture(scope="session")
def many(admin: Person) -> list[int]:
    """The ids of 70 movies; every third one has to be paid for. All have the same bytes, sent once."""
    content = bytes_of(40)
    with admin.wire() as wire:
        return [publish(wire, f"Part {n}", content, is_free=n % 3 > 0) for n in range(70)]


def pages(wire: Wire, **arguments: Any) -> Iterator[list[dict[str, Any]]]:
    """Page after page, to the last."""
    page = wire.ask("movie.list", **arguments)
    yield page["movies"]
    while page["next"] is not None:
        page = wire.ask("movie.list", **arguments, cursor=page["next"])
        yield page["movies"]


def test_a_list_goes_on_beyond_a_page_and_says_so(user: Person, many: list[int]) -> None:
    first = user.do("list")
    assert (len(first["movies"]), first["more"]) == (50, True)
    whole = user.do("list", "--limit", "0")
    assert whole["more"] is False
    ids = [movie["id"] for movie in whole["movies"]]
    assert ids == sorted(ids, reverse=True), "newest first"
    assert len(set(ids)) == len(ids)
    assert set(many) <= set(ids)
    assert [movie["id"] for movie in first["movies"]] == ids[:50]
    assert "--limit 0" in user.run("list").stderr


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_of_any_size_bring_every_movie_once(user: Person, many: list[int], limit: int) -> None:
    with user.wire() as wire:
        found = list(pages(wire, limit=limit))
        whole = [movie["id"] for page in pages(wire, limit=50) for movie in page]
    assert all(len(page) == limit for page in found[:-1])
    assert [movie["id"] for page in found for movie in page] == whole


def test_what_is_published_and_deleted_meanwhile_disturbs_no_page(admin: Person, user: Person, many: list[int]) -> None:
    with admin.wire() as changing, user.wire() as reading:
        before = [movie["id"] for page in pages(reading, limit=50) for movie in page]
        seen = []
        doomed = publish(changing, "Doomed", bytes_of(50))
        for page in pages(reading, limit=20):
            seen += [movie["id"] for movie in page]
            publish(changing, f"New after {len(seen)}", bytes_of(50))
            if doomed in seen:
                changing.ask("movie.delete", movie=doomed)
                doomed = 0
    assert [movie for movie in seen if movie in before] == before


def test_free_and_paid_movies_can_be_listed_apart(user: Person, many: list[int]) -> None:
    free, paid = (
        {movie["id"] for movie in user.do("list", "--type", kind, "--limit", "0")["movies"]}
        for kind in ("free", "charge")
    )
    assert set(many[0::3]) <= paid
    assert set(many[1::3]) | set(many[2::3]) <= free
    assert not free & paid


def test_a_paid_movie_says_its_prices_and_is_not_given_away(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    usual = admin.do("upload", make_file(1000), "--charge")["uploaded"][0]["movie"]
    assert (usual["is_free"], usual["price"], usual["vip_price"]) == (False, 2000, 1000)
    special = admin.do("upload", make_file(1000), "--charge", "--price", "9.90", "--vip-price", "0")
    movie = special["uploaded"][0]["movie"]
    assert (movie["price"], movie["vip_price"]) == (990, 0)
    error = user.fail(ExitCode.PAYMENT_REQUIRED, "download", str(movie["id"]))
    assert (error["movie"], error["price"]) == (movie["id"], 990)
    with user.wire() as wire:
        assert wire.refused("movie.hash", movie=movie["id"], length=10)["error"] == "payment_required"
    admin.do("download", str(movie["id"]))


def test_a_deleted_movie_is_gone_from_everywhere(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    video = make_file(1000)
    movie = str(admin.do("upload", video)["uploaded"][0]["movie"]["id"])
    error = admin.fail(ExitCode.USAGE, "delete", movie)
    assert "--yes" in error["message"]
    assert admin.do("delete", movie, "--yes")["movie"]["id"] == int(movie)
    for command in ("show", "download"):
        assert user.fail(ExitCode.NOT_FOUND, command, movie)["movie"] == int(movie)
    admin.fail(ExitCode.NOT_FOUND, "delete", movie, "--yes")
    assert int(movie) not in [listed["id"] for listed in user.do("list")["movies"]]
    again = admin.do("upload", video)["uploaded"][0]["movie"]
    assert again["id"] != int(movie), "the same file can be published anew"


def test_a_title_is_text_and_nothing_else(
    server: RunningServer, admin: Person, user: Person, make_file: MakeFile
) -> None:
    title = "../../'; DROP TABLE movie; -- %s ? \\ \U0001f3ac 电影 <b>"
    movie = admin.do("upload", make_file(1000), "--title", title)["uploaded"][0]["movie"]
    assert user.do("show", str(movie["id"]))["movie"]["name"] == title
    downloaded = user.do("download", str(movie["id"]))["downloaded"][0]["path"]
    assert "/" not in downloaded
    assert (user.home / downloaded).is_file()


def test_titles_that_hardly_differ_are_two_titles_on_both_databases(server: RunningServer, admin: Person) -> None:
    content = bytes_of(100)
    with admin.wire() as wire:
        titles = ["Holiday", "holiday", "Höliday", "Holiday ", "Holiday\u200b"]
        movies = {publish(wire, title, content) for title in titles}
        assert len(movies) == len(titles)


def test_a_title_has_something_to_see(server: RunningServer, admin: Person, make_file: MakeFile) -> None:
    file = make_file(1000)
    for nothing in ("\u200b", "\u3000 ", "\u0301", "\ufeff\u202e"):
        assert "the title" in admin.fail(ExitCode.USAGE, "upload", file, "--title", nothing)["message"]
    assert admin.do("upload", file, "--title", "\u200b。")["failed"] == []


ADMINISTRATORS: Final[dict[str, dict[str, Any]]] = {
    "movie.delete": {"movie": 1},
    "upload.create": {"name": "x", "size": 1, "fingerprint": HASH},
    "upload.write": {"upload": "0" * 32, "offset": 0, "body": b"x"},
    "upload.finish": {"upload": "0" * 32, "hash": HASH},
    "upload.status": {"upload": "0" * 32},
    "upload.cancel": {"upload": "0" * 32},
}
USERS: Final[dict[str, dict[str, Any]]] = {
    "account.logout": {},
    "account.whoami": {},
    "movie.list": {},
    "movie.show": {"movie": 1},
    "movie.read": {"movie": 1},
    "movie.find": {"size": 1, "fingerprint": HASH},
    "movie.hash": {"movie": 1, "length": 0},
    "upload.list": {},
}


def test_administrators_commands_are_refused_to_users(user: Person, server: RunningServer) -> None:
    with user.wire() as wire:
        for op, arguments in ADMINISTRATORS.items():
            assert wire.refused(op, **arguments)["error"] == "forbidden", op


def test_nothing_but_the_door_is_open_to_strangers(server: RunningServer) -> None:
    with Wire(server.address) as wire:
        for op, arguments in (USERS | ADMINISTRATORS).items():
            assert wire.refused(op, **arguments)["error"] == "not_logged_in", op


def test_a_user_who_uploads_or_deletes_is_told_who_may(
    server: RunningServer, user: Person, make_file: MakeFile
) -> None:
    assert user.do("uploads") == {"uploads": []}
    for command in (("upload", make_file(1000)), ("uploads", "cancel", "0" * 32, "--yes")):
        error = user.fail(ExitCode.FORBIDDEN, *command)
        assert "administrators" in error["message"]
    with user.wire() as wire:
        assert wire.refused("movie.delete", movie=1)["error"] == "forbidden"


def test_an_upload_is_its_owners_alone(server: RunningServer, admin: Person, other_admin: Person) -> None:
    with admin.wire() as owner, other_admin.wire() as other:
        upload = owner.ask("upload.create", name="Mine", size=10, fingerprint="a" * 64)["upload"]
        requests: dict[str, dict[str, Any]] = {
            "upload.status": {},
            "upload.cancel": {},
            "upload.write": {"offset": 0, "body": b"x"},
            "upload.finish": {"hash": HASH},
        }
        for op, arguments in requests.items():
            assert other.refused(op, upload=upload, **arguments)["error"] == "not_found", op
        assert upload not in [listed["id"] for listed in other.ask("upload.list")["uploads"]]
        owner.ask("upload.cancel", upload=upload)
