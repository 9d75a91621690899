"""Search, notices, editing, lists in several orders, records, and the wait before a free download."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.server import Person, RunningServer, eventually, finish
from tests.system.conftest import MakeFile, on_sqlite_alone
from youku_evloop.errors import ExitCode

Publish = Callable[..., int]
SIZE = 4 * 1024 * 1024


@pytest.fixture
def somebody(server: RunningServer) -> Person:
    """A user of this test alone, logged in."""
    return server.register(f"l{uuid.uuid4().hex[:12]}")


@pytest.fixture
def publish(admin: Person, make_file: MakeFile) -> Publish:
    """Publishes a small movie with these options; its id."""

    def make(*options: str, size: int = 1000) -> int:
        return int(admin.do("upload", make_file(size), *options)["uploaded"][0]["movie"]["id"])

    return make


@pytest.fixture(scope="module")
def slow_server(fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One where a free download has to wait for an hour."""
    options = ["--rule", "free_wait=3600"]
    with RunningServer(tmp_path_factory.mktemp("slow"), fresh_database(), options=options) as running:
        yield running


def found(person: Person, *words: str) -> list[int]:
    return [movie["id"] for movie in person.do("search", *words, "--limit", "0")["movies"]]


# -- search


def test_a_search_finds_every_word_and_part_of_a_word_in_any_script(user: Person, publish: Publish) -> None:
    mark = uuid.uuid4().hex[:8]
    journey = publish("--title", f"大话西游之月光宝盒 {mark}", "--description", "A Chinese Odyssey, part one; ＡＢＣ")
    other = publish("--title", f"Odyssey of {mark}")
    assert found(user, "西游", mark) == [journey]
    assert found(user, "宝", mark) == [journey]
    assert found(user, "odyss", mark) == [other, journey]
    assert found(user, "ODYSSEY", "月光", mark) == [journey]
    assert found(user, "abc", mark) == [journey]  # full-width letters are letters
    assert found(user, f"西游{mark}") == [journey]  # scripts are words of their own
    assert found(user, "od", mark) == [other, journey]
    assert found(user, "西光", mark) == []  # characters that are not beside each other
    assert found(user, "游西", mark) == []
    assert found(user, mark[1:6], "chin") == [journey]


def test_two_letters_are_found_anywhere_and_one_alone_at_beginnings(user: Person, publish: Publish) -> None:
    mark = uuid.uuid4().hex[:8]
    episode = publish("--title", f"{mark}.S02E05 HDTV ǀzǂ zq0")
    other = publish("--title", f"{mark} xtv ǀ5 zq7")
    assert found(user, mark, "05") == found(user, "05", mark, "TV", "02") == [episode]
    assert found(user, mark, "tv") == found(user, "zq") == [other, episode]
    assert found(user, "zq", "q0") == [episode]
    assert found(user, mark, "ǂ") == [episode]  # another word leads there
    assert found(user, "ǀ") == [other, episode]
    assert found(user, "ǀ", "ǂ") == []


def test_a_search_keeps_up_with_edits_and_deletions(user: Person, admin: Person, publish: Publish) -> None:
    before, after = uuid.uuid4().hex[:10], uuid.uuid4().hex[:10]
    movie = publish("--title", f"甲 {before}")
    admin.do("edit", str(movie), "--title", f"乙 {after}", "--description", "丙丁")
    assert (found(user, before), found(user, after), found(user, "丙丁", after)) == ([], [movie], [movie])
    admin.do("delete", str(movie), "--yes")
    assert found(user, after) == []
    admin.do("restore", str(movie))
    assert found(user, after) == [movie]


def test_a_search_is_paged_and_can_ask_for_free_movies(user: Person, publish: Publish) -> None:
    mark = uuid.uuid4().hex[:10]
    movies = [publish("--title", f"{mark} {number}", *(["--charge"] if number % 2 else [])) for number in range(4)]
    with user.wire() as wire:
        first = wire.ask("movie.search", query=mark, limit=3)
        second = wire.ask("movie.search", query=mark, limit=3, cursor=first["next"])
        assert [row["id"] for row in first["movies"] + second["movies"]] == movies[::-1]
        assert second["next"] is None
    free = user.do("search", mark, "--type", "free")["movies"]
    assert [row["id"] for row in free] == [movies[2], movies[0]]


@pytest.mark.parametrize("query", ["", "%_\\'\"", "a b c d e f g h i", "x" * 201])
def test_a_search_for_nothing_or_too_much_is_refused(user: Person, query: str) -> None:
    with user.wire() as wire:
        assert wire.refused("movie.search", query=query)["error"] == "bad_request"


def test_searches_are_remembered_and_forgotten_and_what_was_missed_is_told(somebody: Person, admin: Person) -> None:
    missing = f"没有{uuid.uuid4().hex[:10]}"
    somebody.do("search", missing)
    somebody.do("search", missing)
    mine = somebody.do("searches")["searches"]
    assert [(row["query"], row["found"]) for row in mine] == [(missing, False)] * 2
    missed = {row["query"]: row["times"] for row in admin.do("searches", "--missed")["searches"]}
    assert missed[missing] == 2
    somebody.fail(ExitCode.NOT_FOUND, "show", missing)  # looking a title up is no search
    assert somebody.do("searches", "--clear", "--yes")["cleared"] == 2
    assert somebody.do("searches")["searches"] == []
    somebody.fail(ExitCode.FORBIDDEN, "searches", "--missed")


def test_old_searches_are_forgotten(fresh_database: Callable[[], str], tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "server", fresh_database(), options=["--rule", "forget_searches=0"])
    server.start()
    try:
        somebody = server.register("bob")
        somebody.do("search", "something")
        assert len(somebody.do("searches")["searches"]) == 1
        server.restart()
        eventually(lambda: somebody.do("searches")["searches"] == [], "the sweep at the start is through")
    finally:
        server.kill()


# -- movies


def test_movies_are_listed_in_several_orders_page_by_page(user: Person, publish: Publish) -> None:
    for number in range(3):
        publish("--title", f"{'cab'[number]} {uuid.uuid4().hex}", size=1000 + number)
    orders: dict[str, Callable[[dict[str, Any]], Any]] = {
        "newest": lambda row: -row["id"],
        "oldest": lambda row: row["id"],
        "title": lambda row: (row["name"].encode(), row["id"]),
        "size": lambda row: (-row["size"], -row["id"]),
    }
    whole = user.do("list", "--limit", "0")["movies"]
    with user.wire() as wire:
        for sort, key in orders.items():
            rows, cursor = [], None
            while True:
                page = wire.ask("movie.list", sort=sort, limit=2, cursor=cursor)
                rows += page["movies"]
                cursor = page["next"]
                if cursor is None:
                    break
            assert [row["id"] for row in rows] == [row["id"] for row in sorted(whole, key=key)], sort
            assert [row["id"] for row in user.do("list", "--sort", sort, "--limit", "0")["movies"]] == [
                row["id"] for row in rows
            ]
        for cursor in ("x", "WyJh", "WzEsMl0=", "W10=", "bnVsbA=="):
            assert wire.refused("movie.list", sort="title", cursor=cursor)["error"] == "bad_request"


def test_a_movie_is_edited_field_by_field(admin: Person, user: Person, publish: Publish) -> None:
    movie = publish("--title", "Before")
    edited = admin.do("edit", str(movie), "--title", "After 之后", "--charge", "--price", "3", "--vip-price", "1.5")[
        "movie"
    ]
    assert (edited["name"], edited["is_free"], edited["price"], edited["vip_price"]) == ("After 之后", False, 300, 150)
    assert admin.do("edit", str(movie), "--free")["movie"]["price"] == 0
    assert user.do("show", str(movie))["movie"]["name"] == "After 之后"
    user.fail(ExitCode.FORBIDDEN, "edit", str(movie), "--title", "Mine")
    admin.fail(ExitCode.USAGE, "edit", str(movie), "--title", "")
    admin.fail(ExitCode.USAGE, "edit", str(movie))
    admin.fail(ExitCode.NOT_FOUND, "edit", str(2**40), "--title", "x")


def test_a_vip_never_pays_more_than_others(admin: Person, publish: Publish, make_file: MakeFile) -> None:
    movie = str(publish("--charge", "--price", "9.90"))
    shown = admin.do("show", movie)["movie"]
    assert (shown["price"], shown["vip_price"]) == (990, 990)  # the usual price for VIPs, 10.00, would be above it
    assert admin.do("edit", movie, "--price", "15", "--vip-price", "12")["movie"]["vip_price"] == 1200
    for prices in (("--price", "9.90"), ("--vip-price", "15.01"), ("--price", "0")):
        error = admin.fail(ExitCode.USAGE, "edit", movie, *prices)
        assert error["price"] < error["vip_price"] and f"{error['vip_price'] / 100:.2f} yuan" in error["message"]
    assert admin.do("edit", movie, "--title", "Another one")["movie"]["price"] == 1500
    assert admin.do("edit", movie, "--price", "0", "--vip-price", "0")["movie"]["vip_price"] == 0
    for named in ("--price=5 --vip-price=5.01", "--vip-price=20.01"):
        failed = admin.fail(ExitCode.USAGE, "upload", make_file(1000), "--charge", *named.split())
        assert "VIPs never pay more" in failed["message"]
    with admin.wire() as wire:
        refused = wire.refused("upload.create", name="x", size=1, fingerprint="0" * 64, price=1, vip_price=2)
        assert (refused["error"], refused["price"], refused["vip_price"]) == ("bad_request", 1, 2)


# -- notices


def test_notices_are_new_until_they_are_seen(admin: Person, somebody: Person) -> None:
    notice = admin.do("notice", "publish", "维护", "今晚十点。")["notice"]
    first = somebody.do("notices")["notices"][0]
    assert (first["id"], first["title"], first["new"]) == (notice["id"], "维护", True)
    assert somebody.do("notices")["notices"][0]["new"] is False
    assert somebody.do("notices", "show", str(notice["id"]))["notice"]["content"] == "今晚十点。"
    edited = admin.do("notice", "edit", str(notice["id"]), "--content", "明晚。")["notice"]
    assert (edited["title"], edited["content"]) == ("维护", "明晚。")
    assert edited["edit_time"] is not None
    admin.do("notice", "withdraw", str(notice["id"]), "--yes")
    assert notice["id"] not in [row["id"] for row in somebody.do("notices", "--limit", "0")["notices"]]
    somebody.fail(ExitCode.NOT_FOUND, "notices", "show", str(notice["id"]))
    somebody.fail(ExitCode.FORBIDDEN, "notice", "publish", "x", "y")
    admin.fail(ExitCode.USAGE, "notice", "publish", "x", "")


def test_a_notice_is_pushed_to_those_who_follow_and_to_nobody_else(
    admin: Person, user: Person, somebody: Person
) -> None:
    with user.wire() as follower, somebody.wire() as other:
        follower.ask("notice.follow")
        notice = admin.do("notice", "publish", "Now", "At once.")["notice"]
        follower.ask("ping")
        other.ask("ping")
        assert [event["notice"]["id"] for event in follower.events] == [notice["id"]]
        assert follower.events[0]["notice"]["content"] == "At once."
        assert other.events == []


@contextmanager
def following(person: Person, server: RunningServer, form: str) -> Iterator[IO[str]]:
    """What the command prints that follows the notices, from when it is sure to see them."""
    before = server.log.count("notice.follow")
    with subprocess.Popen(
        person._command(["notices", "--follow", form]),
        env=person.environment, cwd=person.home, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            eventually(lambda: server.log.count("notice.follow") > before, "the command follows")
            yield process.stdout
        finally:
            process.kill()


def test_the_command_follows_notices(server: RunningServer, admin: Person, user: Person) -> None:
    with following(user, server, "--json-lines") as lines:
        admin.do("notice", "publish", "Followed", "So it is.")
        assert '"title":"Followed"' in lines.readline()


def test_following_loses_no_notice_over_a_restart_and_shows_none_twice(own_server: RunningServer) -> None:
    admin = own_server.create_admin("alice")
    with following(admin, own_server, "--quiet") as lines:
        before = admin.do("notice", "publish", "Before", "the restart")["notice"]["id"]
        assert int(lines.readline()) == before
        own_server.restart()
        with admin.wire() as wire:
            ids = [wire.ask("notice.publish", title=str(n), content="after")["notice"]["id"] for n in range(60)]
            wire.ask("notice.withdraw", notice=ids[10])
            ids.append(wire.ask("notice.publish", title="Last", content="of all")["notice"]["id"])
        shown = [int(lines.readline()) for _ in range(60)]
    assert shown in ([*ids[:10], *ids[11:]], ids[:60])  # a quick client has seen it before it was withdrawn


def test_a_notice_that_was_withdrawn_meanwhile_is_seen_all_the_same(admin: Person, somebody: Person) -> None:
    older, notice = (admin.do("notice", "publish", "Short", "lived")["notice"]["id"] for _ in range(2))
    admin.do("notice", "withdraw", str(notice), "--yes")
    with somebody.wire() as wire:
        wire.ask("notice.seen", notice=notice)
        rows = wire.ask("notice.list")["notices"]
        assert (rows[0]["id"], rows[0]["new"]) == (older, False)
        assert wire.refused("notice.seen", notice=2**50)["error"] == "not_found"


# -- downloads


def test_records_say_what_was_taken(admin: Person, somebody: Person, publish: Publish) -> None:
    movie = publish("--title", "On record")
    with somebody.wire() as wire:
        reply = wire.ask("movie.read", movie=movie, length=100)
        wire.read(reply["body"])
    record = somebody.do("records")["records"][0]
    assert (record["movie"], record["name"], record["bytes_sent"], record["completed"]) == (
        movie,
        "On record",
        100,
        False,
    )
    somebody.do("download", str(movie), "-o", "copy.avi")
    assert somebody.do("records")["records"][0]["completed"] is True
    admin.do("delete", str(movie), "--yes")
    assert somebody.do("records")["records"][0]["deleted"] is True
    rows = admin.do("records", "--all", "--movie", str(movie))["records"]
    assert {row["user"] for row in rows} == {somebody.name}
    assert admin.do("records", "--all", "--user", somebody.name)["records"] == somebody.do("records")["records"]
    somebody.fail(ExitCode.FORBIDDEN, "records", "--all")


def test_who_is_no_vip_waits_for_a_free_download_and_the_server_keeps_the_time(
    slow_server: RunningServer, make_file: MakeFile, execute: Callable[..., Any]
) -> None:
    admin, waiter = slow_server.create_admin("anton"), slow_server.register("wanda")
    movie = admin.do("upload", make_file(SIZE))["uploaded"][0]["movie"]["id"]
    other = admin.do("upload", make_file(SIZE))["uploaded"][0]["movie"]["id"]
    with waiter.wire() as wire:
        for offset in (0, 100):  # nobody gets around it from the middle
            wait = wire.refused("movie.read", movie=movie, offset=offset)
            assert (wait["error"], 3590 < wait["wait"] <= 3600) == ("wait", True)
        past = "UPDATE `download_wait` SET `ready_time` = ?"
        execute(slow_server, past, [execute_time(-1)])
        wire.ask("movie.read", movie=movie, length=100)
        wire.read(100)
        resumed = wire.ask("movie.read", movie=movie, offset=100)  # no second wait
        wire.read(resumed["body"])
        assert wire.refused("movie.read", movie=movie)["error"] == "wait"  # another download waits anew
        assert wire.refused("movie.read", movie=other)["error"] == "wait"
        execute(slow_server, past, [execute_time(-7200)])
        assert wire.refused("movie.read", movie=other)["error"] == "wait"  # a wait does not keep for ever


def execute_time(seconds: int) -> str:
    """Now and so many seconds, as the database stores it."""
    from datetime import UTC, datetime, timedelta

    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(" ", "microseconds")


def test_vips_and_administrators_do_not_wait_and_vip_that_runs_out_breaks_nothing(
    slow_server: RunningServer, make_file: MakeFile
) -> None:
    admin, vip = slow_server.create_admin("agnes"), slow_server.register("viktor")
    size = 32 * 1024 * 1024
    video: Path = make_file(size)
    movie = admin.do("upload", video)["uploaded"][0]["movie"]["id"]
    admin.do("download", str(movie), "-o", "mine.avi")
    admin.do("users", "grant-vip", vip.name, "1")
    with vip.wire() as wire:
        wire.ask("movie.read", movie=movie)
        data = wire.read(1024 * 1024)
        admin.do("users", "end-vip", vip.name, "--yes")
        data += wire.read(1024 * 1024)
    with vip.wire() as wire:  # the link broke as well: it goes on all the same
        rest = wire.ask("movie.read", movie=movie, offset=len(data))
        data += wire.read(rest["body"])
        assert data == video.read_bytes()
        assert wire.refused("movie.read", movie=movie)["error"] == "wait"


@on_sqlite_alone
def test_the_command_waits_and_then_downloads(
    fresh_database: Callable[[], str], tmp_path: Path, make_file: MakeFile
) -> None:
    with RunningServer(tmp_path / "server", fresh_database(), options=["--rule", "free_wait=0.5"]) as running:
        admin, user = running.create_admin("anton"), running.register("wanda")
        movie = admin.do("upload", make_file(SIZE))["uploaded"][0]["movie"]["id"]
        outcome = finish(user.start("download", str(movie), "-o", "copy.avi"))
        assert outcome.code == 0, outcome
        assert "Waiting..." in outcome.stderr
        chinese = user.run("download", str(movie), "-o", "again.avi", LANG="zh_CN.UTF-8")
        assert "等待中" in chinese.stderr and "校验通过" in chinese.stdout


def test_a_movie_is_named_by_part_of_its_title(user: Person, admin: Person, publish: Publish) -> None:
    mark = f"m{uuid.uuid4().hex[:10]}"
    first, second = publish("--title", f"{mark} 第一集"), publish("--title", f"{mark} 第二集")
    assert user.do("show", f"{mark} 第一")["movie"]["id"] == first
    error = user.fail(ExitCode.CONFLICT, "show", mark)
    assert [movie["id"] for movie in error["candidates"]] == [second, first]
    near = user.fail(ExitCode.NOT_FOUND, "show", f"{mark[:7]}xy 第二集")
    assert second in [movie["id"] for movie in near["candidates"]]
    admin.do("delete", f"{mark} 第二集", "--yes")
    assert admin.do("restore", f"{mark} 第二")["movie"]["id"] == second
