"""Removing for good: deleted movies with their bytes, accounts with what is only their own; and making accounts."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.client.command import on_a_terminal
from tests.support.server import PASSWORD, Person, RunningServer
from tests.support.wire import Wire, verifier_of
from tests.system.conftest import MakeFile
from youku_evloop.errors import ExitCode
from youku_evloop.wire.fingerprint import fingerprint


def a_name() -> str:
    return f"r{uuid.uuid4().hex[:12]}"


def blob_of(server: RunningServer, digest: str) -> Path:
    return server.data / "blobs" / digest[:2] / digest


def fingerprint_of(file: Path) -> str:
    content = file.read_bytes()
    return fingerprint(len(content), lambda length, offset: content[offset : offset + length])


def read(wire: Wire, movie: int) -> None:
    """All of it, and until the server has written down that it was."""
    wire.read(wire.ask("movie.read", movie=movie)["body"])
    wire.ask("ping")


@pytest.fixture
def account(server: RunningServer, admin: Person) -> str:
    """Somebody whose account an administrator has made."""
    name = a_name()
    with admin.wire() as boss:
        assert boss.ask("user.create", name=name, **verifier_of(PASSWORD))["user"]["user_type"] == "user"
    return name


def test_an_account_that_an_administrator_made_can_log_in(server: RunningServer, account: str) -> None:
    with Wire(server.address) as wire:
        assert wire.log_in(account, PASSWORD)["user"]["name"] == account


def test_a_name_is_given_once(admin: Person, account: str) -> None:
    with admin.wire() as boss:
        assert boss.refused("user.create", name=account, **verifier_of("other"))["error"] == "name_taken"
        assert boss.refused("user.create", name="?", **verifier_of("other"))["error"] == "bad_request"


def test_a_deleted_account_is_gone_with_all_that_was_only_its_own(
    server: RunningServer, admin: Person, account: str, make_file: MakeFile
) -> None:
    movie = admin.do("upload", make_file(100_000))["uploaded"][0]["movie"]["id"]
    with admin.wire() as boss, Wire(server.address) as theirs:
        token = theirs.log_in(account, PASSWORD)["token"]
        theirs.ask("movie.search", query="anything")
        read(theirs, movie)
        assert boss.ask("user.delete", user=account)["user"]["name"] == account
        assert theirs.receive()["error"] == "account_locked"
        assert boss.refused("user.show", user=account)["error"] == "not_found"
        assert boss.ask("record.list_all", movie=movie)["records"] == []
    with Wire(server.address) as again:
        assert again.refused("hello", token=token)["error"] == "not_logged_in"
        assert again.log_in(account, PASSWORD)["error"] == "login_failed"
        again.register(account, PASSWORD)  # the name is free again


def test_who_has_bought_something_stays_on_record(
    server: RunningServer, admin: Person, account: str, make_file: MakeFile
) -> None:
    movie = admin.do("upload", make_file(100_000), "--charge")["uploaded"][0]["movie"]["id"]
    with admin.wire() as boss, Wire(server.address) as theirs:
        theirs.log_in(account, PASSWORD)
        theirs.ask("movie.buy", movie=movie)
        assert boss.refused("user.delete", user=account)["error"] == "conflict"
        assert boss.ask("user.show", user=account)["user"]["is_locked"] is False
        boss.ask("movie.delete", movie=movie)
        assert boss.refused("movie.purge", movie=movie)["error"] == "conflict"
        assert boss.ask("movie.restore", movie=movie)["movie"]["id"] == movie


def test_an_administrator_is_not_deleted(admin: Person) -> None:
    with admin.wire() as boss:
        assert boss.refused("user.delete", user=admin.name)["error"] == "conflict"


def test_a_purged_movie_is_gone_with_its_bytes(server: RunningServer, admin: Person, make_file: MakeFile) -> None:
    movie = admin.do("upload", make_file(100_000))["uploaded"][0]["movie"]
    assert blob_of(server, movie["hash"]).exists()
    with admin.wire() as boss:
        assert boss.refused("movie.purge", movie=movie["id"])["error"] == "conflict"  # not deleted
        boss.ask("movie.delete", movie=movie["id"])
        boss.ask("movie.purge", movie=movie["id"])
        assert boss.refused("movie.restore", movie=movie["id"])["error"] == "not_found"
        assert boss.refused("movie.purge", movie=movie["id"])["error"] == "not_found"
    assert not blob_of(server, movie["hash"]).exists()


def test_bytes_that_another_movie_has_stay(server: RunningServer, admin: Person, make_file: MakeFile) -> None:
    file = make_file(100_000)
    first = admin.do("upload", file, "--title", a_name())["uploaded"][0]["movie"]
    second = admin.do("upload", file, "--title", a_name())["uploaded"][0]["movie"]
    with admin.wire() as boss:
        boss.ask("movie.delete", movie=first["id"])
        boss.ask("movie.purge", movie=first["id"])
        assert boss.read(boss.ask("movie.read", movie=second["id"])["body"]) == file.read_bytes()
    assert blob_of(server, second["hash"]).exists()


def test_a_movie_that_somebody_has_downloaded_stays_on_record(
    server: RunningServer, admin: Person, account: str, make_file: MakeFile
) -> None:
    movie = admin.do("upload", make_file(100_000))["uploaded"][0]["movie"]["id"]
    with admin.wire() as boss, Wire(server.address) as theirs:
        theirs.log_in(account, PASSWORD)
        read(theirs, movie)
        boss.ask("movie.delete", movie=movie)
        assert boss.refused("movie.purge", movie=movie)["error"] == "conflict"
        boss.ask("user.delete", user=account)
        boss.ask("movie.purge", movie=movie)


def test_bytes_that_an_upload_is_about_to_name_stay(server: RunningServer, admin: Person, make_file: MakeFile) -> None:
    file = make_file(100_000)
    movie = admin.do("upload", file, "--title", a_name())["uploaded"][0]["movie"]
    with admin.wire() as boss:
        begun = boss.ask("upload.create", name=a_name(), size=movie["size"], fingerprint=fingerprint_of(file))
        boss.ask("movie.delete", movie=movie["id"])
        boss.ask("movie.purge", movie=movie["id"])
        assert blob_of(server, movie["hash"]).exists()
        boss.ask("upload.cancel", upload=begun["upload"])


# -- as commands


def test_an_account_is_made_and_removed_at_the_command_line(server: RunningServer, admin: Person) -> None:
    name = a_name()
    assert admin.do("users", "create", name)["user"]["name"] == name
    somebody = server.somebody(name)
    somebody.log_in()
    assert admin.fail(ExitCode.CONFLICT, "users", "create", name, YOUKU_PASSWORD="other")["error"] == "name_taken"
    assert "--yes" in admin.fail(ExitCode.USAGE, "users", "delete", name)["message"]
    assert admin.do("users", "delete", name, "--yes")["user"]["name"] == name
    somebody.fail(ExitCode.NOT_LOGGED_IN, "list")
    admin.fail(ExitCode.NOT_FOUND, "users", "delete", name, "--yes")
    admin.fail(ExitCode.CONFLICT, "users", "delete", admin.name, "--yes")


def test_a_deleted_movie_is_purged_at_the_command_line(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    title = a_name()
    movie = admin.do("upload", make_file(1000), "--title", title)["uploaded"][0]["movie"]
    number = str(movie["id"])
    assert "deleted ones" in admin.fail(ExitCode.NOT_FOUND, "delete", number, "--purge", "--yes")["message"]
    admin.do("delete", number, "--yes")
    assert "--yes" in admin.fail(ExitCode.USAGE, "delete", number, "--purge")["message"]
    admin.fail(ExitCode.CONFLICT, "delete", title[:-1], "--purge", "--yes")  # a part of a title
    assert admin.do("delete", title, "--purge", "--yes")["movie"]["id"] == movie["id"]
    assert not blob_of(server, movie["hash"]).exists()
    admin.fail(ExitCode.NOT_FOUND, "restore", number)


def test_people_are_asked_before_something_is_gone_for_good(
    server: RunningServer, admin: Person, make_file: MakeFile
) -> None:
    name = a_name()
    movie = str(admin.do("upload", make_file(1000), "--title", name)["uploaded"][0]["movie"]["id"])
    admin.do("delete", movie, "--yes")
    admin.do("users", "create", name)
    for words, question in (
        (("delete", movie, "--purge"), f"Remove movie {movie}, '{name}' (1000 B), for good? [y/N]"),
        (("users", "delete", name), f"Remove the account {name} for good? [y/N]"),
    ):
        for answer, code in (("n", ExitCode.INTERRUPTED), ("y", ExitCode.OK)):
            screen = on_a_terminal(
                *words, environment=admin.environment, directory=admin.home, typed=[("[y/N]", answer)]
            )
            assert screen.code == code
            assert question in screen.text and ("Nothing was removed." in screen.text) is (answer == "n")
