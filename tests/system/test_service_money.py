"""Buying movies and VIP: prices, races, providers, and what survives."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.client.command import on_a_terminal
from tests.support.server import LIMIT, Person, RunningServer
from tests.system.conftest import MakeFile, on_sqlite_alone
from youku_evloop.errors import ExitCode

Publish = Callable[..., int]


@pytest.fixture
def somebody(server: RunningServer) -> Person:
    """A user of this test alone, logged in."""
    return server.register(f"m{uuid.uuid4().hex[:12]}")


@pytest.fixture
def publish(admin: Person, make_file: MakeFile) -> Publish:
    """Publishes a small movie with these options; its id."""

    def make(*options: str) -> int:
        return int(admin.do("upload", make_file(1000), *options)["uploaded"][0]["movie"]["id"])

    return make


@pytest.fixture(scope="module")
def manual_server(
    fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """One where an administrator confirms payments."""
    directory = tmp_path_factory.mktemp("manual")
    with RunningServer(directory, fresh_database(), options=["--payments", "manual"]) as running:
        yield running


def until(person: Person) -> datetime:
    return datetime.fromisoformat(person.do("vip")["vip_until"])


def test_a_movie_is_bought_once_and_stays_bought(somebody: Person, publish: Publish) -> None:
    movie = publish("--charge", "--price", "9.90")
    refused = somebody.fail(ExitCode.PAYMENT_REQUIRED, "download", str(movie), "-o", "copy.avi")
    assert (refused["movie"], refused["price"]) == (movie, 990)
    purchase = somebody.do("buy", str(movie))["purchase"]
    assert (purchase["state"], purchase["amount"], purchase["movie"]) == ("paid", 990, movie)
    again = somebody.fail(ExitCode.CONFLICT, "buy", str(movie))
    assert (again["error"], again["purchase"]) == ("already_bought", purchase["id"])
    assert somebody.do("download", str(movie), "-o", "copy.avi")["failed"] == []
    assert [row["id"] for row in somebody.do("purchases")["purchases"]] == [purchase["id"]]


def test_the_price_is_that_of_the_moment_and_of_the_buyer(somebody: Person, admin: Person, publish: Publish) -> None:
    first, second = publish("--charge"), publish("--charge")
    assert somebody.do("buy", str(first))["purchase"]["amount"] == 2000
    admin.do("edit", str(first), "--price", "1")
    admin.do("users", "grant-vip", somebody.name, "1")
    assert somebody.do("buy", str(second))["purchase"]["amount"] == 1000
    assert sorted(row["amount"] for row in somebody.do("purchases")["purchases"]) == [1000, 2000]


def test_people_are_told_the_price_before_they_buy(somebody: Person, publish: Publish, tmp_path: Path) -> None:
    movie = publish("--charge", "--title", f"Dear {uuid.uuid4().hex}", "--price", "12.50")
    ask = partial(on_a_terminal, environment=somebody.environment, directory=tmp_path)
    refused = ask("buy", str(movie), typed=[("for 12.50 yuan? [y/N]", "n")])
    assert (refused.code, refused.lines[-1]) == (ExitCode.INTERRUPTED, "youku: Nothing was bought.")
    assert ask("vip", "buy", "2", typed=[("months: 2, for 60.00 yuan? [y/N]", "")]).code == ExitCode.INTERRUPTED
    assert somebody.do("purchases")["purchases"] == []
    assert ask("buy", str(movie), typed=[("[y/N]", "y")]).code == ExitCode.OK
    assert [row["movie"] for row in somebody.do("purchases")["purchases"]] == [movie]


def test_a_script_does_not_buy_what_a_part_of_a_title_happens_to_mean(somebody: Person, publish: Publish) -> None:
    title = uuid.uuid4().hex
    movie = publish("--charge", "--title", title)
    assert [found["id"] for found in somebody.fail(ExitCode.CONFLICT, "buy", title[:20])["candidates"]] == [movie]
    assert somebody.do("buy", title)["purchase"]["movie"] == movie


def test_buying_from_many_clients_at_once_makes_one_purchase_and_says_so(somebody: Person, publish: Publish) -> None:
    movie = publish("--charge")

    def buy(_: int) -> str:
        with somebody.wire() as wire:
            return str(wire.request("movie.buy", movie=movie).get("error", "bought"))

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(buy, range(8)))
    assert answers == ["already_bought"] * 7 + ["bought"]
    assert len(somebody.do("purchases")["purchases"]) == 1


def test_a_purchase_that_was_cut_off_before_its_record_is_settled_when_it_is_repeated(
    somebody: Person, server: RunningServer, publish: Publish, execute: Callable[..., Any]
) -> None:
    movie = publish("--charge", "--price", "5")
    purchase = somebody.do("buy", str(movie))["purchase"]
    # as a server leaves it that was killed after the provider took the money: waiting, with no word of the payment
    execute(server, "UPDATE `purchase` SET `state` = 'waiting', `reference` = '' WHERE `id` = ?", [purchase["id"]])
    somebody.fail(ExitCode.PAYMENT_REQUIRED, "download", str(movie), "-o", "x.avi")
    settled = somebody.do("buy", str(movie))["purchase"]
    assert (settled["id"], settled["state"], settled["amount"]) == (purchase["id"], "paid", 500)


def test_free_and_unknown_and_deleted_movies_are_not_sold(somebody: Person, admin: Person, publish: Publish) -> None:
    free, gone = publish(), publish("--charge")
    admin.do("delete", str(gone), "--yes")
    somebody.fail(ExitCode.CONFLICT, "buy", str(free))
    somebody.fail(ExitCode.NOT_FOUND, "buy", str(2**40))
    assert somebody.fail(ExitCode.NOT_FOUND, "buy", str(gone))["error"] == "movie_deleted"


def test_who_bought_a_movie_that_was_deleted_is_told_and_gets_it_back(
    somebody: Person, admin: Person, publish: Publish
) -> None:
    movie = publish("--charge", "--title", "Bought and gone")
    somebody.do("buy", str(movie))
    admin.do("delete", str(movie), "--yes")
    for words in (["show", str(movie)], ["download", str(movie), "-o", "x.avi"], ["download", "bought and go"]):
        assert "You have bought movie" in somebody.fail(ExitCode.NOT_FOUND, *words)["message"]
    with somebody.wire() as wire:
        assert wire.refused("movie.read", movie=movie)["error"] == "movie_deleted"
    with admin.wire() as wire:
        assert wire.refused("movie.read", movie=movie)["error"] == "not_found"  # who has no part in it
    purchase = somebody.do("purchases")["purchases"][0]
    assert (purchase["name"], purchase["deleted"]) == ("Bought and gone", True)
    assert movie in [row["id"] for row in admin.do("list", "--type", "deleted", "--limit", "0")["movies"]]
    admin.do("restore", str(movie))
    assert somebody.do("download", str(movie), "-o", "copy.avi")["failed"] == []


def test_vip_extends_what_is_left_by_calendar_months(somebody: Person) -> None:
    assert somebody.do("vip")["vip_until"] is None
    bought = somebody.do("vip", "buy", "1")
    assert bought["purchase"]["amount"] == somebody.do("vip")["month"]
    first = until(somebody)
    assert timedelta(days=27) < first - datetime.now(UTC) < timedelta(days=32)
    somebody.do("vip", "buy", "12")
    second = until(somebody)
    assert (second.year, second.month) == (first.year + 1, first.month)


def test_vip_bought_twice_under_one_key_is_bought_once_even_at_once(somebody: Person) -> None:
    def buy(_: int) -> int:
        with somebody.wire() as wire:
            return int(wire.ask("vip.buy", months=1, key="order-4711")["purchase"]["id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(buy, range(8)))) == 1
    assert until(somebody) - datetime.now(UTC) < timedelta(days=32)
    error = somebody.fail(ExitCode.CONFLICT, "vip", "buy", "2", "--key", "order-4711")
    assert "another purchase" in error["message"]


def test_vip_bought_by_two_clients_at_once_counts_twice(somebody: Person) -> None:
    def buy(number: int) -> None:
        with somebody.wire() as wire:
            wire.ask("vip.buy", months=1, key=f"order-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(buy, range(4)))
    assert timedelta(days=118) < until(somebody) - datetime.now(UTC) < timedelta(days=125)


def test_an_administrator_grants_and_ends_vip(somebody: Person, admin: Person) -> None:
    assert admin.do("users", "grant-vip", somebody.name, "3")["user"]["vip_until"] is not None
    admin.do("users", "end-vip", somebody.name, "--yes")
    assert somebody.do("vip")["vip_until"] is None
    admin.fail(ExitCode.USAGE, "users", "grant-vip", somebody.name, "100000")


def test_a_manual_purchase_waits_for_an_administrator(manual_server: RunningServer, make_file: MakeFile) -> None:
    admin, buyer = manual_server.create_admin("anna"), manual_server.register("berta")
    movie = admin.do("upload", make_file(1000), "--charge")["uploaded"][0]["movie"]["id"]
    waiting = buyer.do("buy", str(movie))["purchase"]
    assert waiting["state"] == "waiting"
    assert buyer.fail(ExitCode.CONFLICT, "buy", str(movie))["state"] == "waiting"
    buyer.fail(ExitCode.PAYMENT_REQUIRED, "download", str(movie), "-o", "copy.avi")
    assert [row["id"] for row in admin.do("purchases", "--all", "--state", "waiting")["purchases"]] == [waiting["id"]]
    assert admin.do("purchases", "decline", str(waiting["id"]), "--yes")["purchase"]["state"] == "declined"
    admin.fail(ExitCode.CONFLICT, "purchases", "confirm", str(waiting["id"]))
    second = buyer.do("buy", str(movie))["purchase"]
    assert second["id"] != waiting["id"]
    for _ in range(2):  # confirming again changes nothing
        assert admin.do("purchases", "confirm", str(second["id"]))["purchase"]["state"] == "paid"
    assert buyer.do("download", str(movie), "-o", "copy.avi")["failed"] == []
    vip = buyer.do("vip", "buy", "1")
    assert (vip["purchase"]["state"], vip["vip_until"]) == ("waiting", None)
    for _ in range(2):
        admin.do("purchases", "confirm", str(vip["purchase"]["id"]))
    assert until(buyer) - datetime.now(UTC) < timedelta(days=32)
    admin.fail(ExitCode.NOT_FOUND, "purchases", "confirm", str(2**40))


@on_sqlite_alone
def test_somebody_can_wait_for_the_confirmation(manual_server: RunningServer, make_file: MakeFile) -> None:
    admin, buyer = manual_server.create_admin("eva"), manual_server.register("frieda")
    movie = admin.do("upload", make_file(1000), "--charge")["uploaded"][0]["movie"]["id"]
    buyer.do("buy", str(movie))  # the first to wait goes on with this one, the second with one of its own
    for settle, code in (("decline", ExitCode.PAYMENT_REQUIRED), ("confirm", ExitCode.OK)):
        process = buyer.start("buy", str(movie), "--wait")
        assert process.stderr is not None
        assert "An administrator has to confirm" in process.stderr.readline()
        waiting = [row["id"] for row in buyer.do("purchases")["purchases"] if row["state"] == "waiting"]
        admin.do("purchases", settle, *map(str, waiting), "--yes")
        process.communicate(timeout=LIMIT)
        assert process.returncode == code


def test_confirming_and_declining_at_once_comes_to_one_end(manual_server: RunningServer, make_file: MakeFile) -> None:
    admin, buyer = manual_server.create_admin("clara"), manual_server.register("doris")
    movie = admin.do("upload", make_file(1000), "--charge")["uploaded"][0]["movie"]["id"]
    waiting = buyer.do("buy", str(movie))["purchase"]["id"]

    def settle(number: int) -> str:
        with admin.wire() as wire:
            reply = wire.request("purchase.decline" if number % 2 else "purchase.confirm", purchase=waiting)
        return str(reply.get("error") or reply["purchase"]["state"])

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(settle, range(8)))
    end = buyer.do("purchases")["purchases"][0]["state"]
    assert answers == {"conflict", end}
    assert buyer.run("download", str(movie), "-o", "copy.avi").code == (
        ExitCode.OK if end == "paid" else ExitCode.PAYMENT_REQUIRED
    )


def test_buying_again_while_it_is_declined_is_always_answered(
    manual_server: RunningServer, make_file: MakeFile
) -> None:
    admin, buyer = manual_server.create_admin("elsa"), manual_server.register("frida")
    movie = admin.do("upload", make_file(1000), "--charge")["uploaded"][0]["movie"]["id"]

    def buy(_: int) -> set[str]:
        with buyer.wire() as wire:
            replies = [wire.request("movie.buy", movie=movie) for _ in range(60)]
        return {reply.get("error") or reply["purchase"]["state"] for reply in replies}

    def decline(_: int) -> set[str]:
        with admin.wire() as wire:
            for _ in range(60):
                for row in wire.ask("purchase.list_all", state="waiting")["purchases"]:
                    wire.request("purchase.decline", purchase=row["id"])
        return set()

    with ThreadPoolExecutor(4) as pool:
        answers = set().union(*pool.map(lambda number: (buy if number < 3 else decline)(number), range(4)))
    assert "waiting" in answers and answers <= {"waiting", "already_bought", "declined"}


def test_an_unknown_payment_provider_is_refused_at_the_start(tmp_path: Any) -> None:
    refused = RunningServer(tmp_path).command("run", "--payments", "barter", "--listen", "127.0.0.1:0")
    assert refused.code == ExitCode.USAGE
    assert "instant, manual" in refused.stderr


def test_vip_that_is_extended_on_and_on_ends_where_calendars_do(admin: Person, somebody: Person) -> None:
    with admin.wire() as wire:
        for _ in range(800):
            granted = wire.ask("user.grant_vip", user=somebody.name, months=120)["user"]["vip_until"]
    assert granted.startswith("9998-")
    assert somebody.do("vip", "buy", "120")["vip_until"] == granted
    assert "9998-" in admin.run("users", "show", somebody.name).stdout
