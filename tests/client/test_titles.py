"""Movies by their titles: which one is meant, and what is said where that is not clear."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client_cli.titles import parse_wanted
from tests.client.command import Command
from tests.client.peer import Peer
from youku_evloop.errors import BadRequest, ExitCode

TITLES = (
    "Rome in Autumn",
    "Holiday in Rome",
    "A Holiday by the Sea",
    "Holiday",
    "西游记 第一集",
    "2012",
    "Ｗide Ocean",
)


@pytest.fixture(autouse=True)
def library(peer: Peer) -> None:
    """Movies 1, 2, ... of these titles."""
    for title in TITLES:
        peer.add_movie(title.encode(), title)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("1", 1), ("007", "007"), ("title:2012", "2012"), (" Rome ", "Rome"), ("title: 7", "7"), ("-3", "-3")],
)
def test_a_number_is_an_id_and_the_rest_a_title(typed: str, expected: int | str) -> None:
    assert parse_wanted(typed) == expected


@pytest.mark.parametrize("typed", ["", "  ", "title:", "0", "9" * 19])
def test_nothing_is_no_movie(typed: str) -> None:
    with pytest.raises(BadRequest):
        parse_wanted(typed)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("3", 3),
        ("autumn", 1),
        ("HOLIDAY", 4),  # a whole title goes before the parts of others
        ("rome holiday", 2),
        ("by the sea", 3),
        ("第一集", 5),
        ("title:2012", 6),
        ("ｗＩＤＥ ocean", 7),
    ],
)
def test_part_of_a_title_is_enough(command: Command, typed: str, found: int) -> None:
    assert command("show", typed, "--json").document["movie"]["id"] == found


def test_a_part_that_several_have_lists_them(command: Command) -> None:
    said = command("download", "rome")
    assert (said.code, said.out) == (ExitCode.CONFLICT, "")
    first, head, *rows = said.err.splitlines()
    assert first == "youku: 2 movies could be 'rome': name one by its id."
    assert head.split() == ["ID", "SIZE", "PUBLISHED", "TITLE"]
    assert [row.split()[0] for row in rows] == ["2", "1"]
    assert rows[0].endswith("Holiday in Rome")


def test_programs_get_the_candidates_as_facts(command: Command) -> None:
    said = command("download", "rome", "--json", "--no-input")
    assert (said.code, said.out) == (ExitCode.CONFLICT, "")
    error = json.loads(said.err)
    assert (error["error"], error["title"], error["more"]) == ("ambiguous", "rome", False)
    assert [(movie["id"], movie["name"]) for movie in error["candidates"]] == [(2, TITLES[1]), (1, TITLES[0])]


def test_several_of_one_title_are_not_guessed_between(command: Command, peer: Peer) -> None:
    peer.add_movie(b"another", "holiday")
    error = json.loads(command("show", "Holiday", "--json").err)
    assert [movie["id"] for movie in error["candidates"]] == [8, 4]


@pytest.mark.parametrize(
    ("typed", "meant"), [("holliday", "'Holiday' (4)"), ("Autum in Roma", "Rome in Autumn"), ("西游纪", "西游记")]
)
def test_a_slip_of_the_finger_gets_a_suggestion(command: Command, typed: str, meant: str) -> None:
    said = command("show", typed)
    assert said.code == ExitCode.NOT_FOUND
    assert "Did you mean" in said.err and meant in said.err


def test_what_is_like_nothing_gets_none(command: Command) -> None:
    said = command("show", "qwxyz")
    assert (said.code, said.err) == (
        ExitCode.NOT_FOUND,
        "youku: No movie has 'qwxyz' in its title. `youku search` and `youku list` show what there is.\n",
    )


def test_what_was_not_deleted_is_not_found_among_the_deleted(command: Command) -> None:
    for words in (("restore", "qwxyz"), ("delete", "qwxyz", "--purge", "--yes")):
        said = command(*words)
        assert said.code == ExitCode.NOT_FOUND
        assert "No deleted movie has 'qwxyz' in its title. `youku list --type deleted` shows them." in said.err


def test_an_id_that_nothing_has_may_have_been_a_title(command: Command) -> None:
    assert "For the title, write title:2012." in command("show", "2012").err
    assert "title:" not in command("show", "99").err


def test_of_several_downloads_each_may_be_named_otherwise(command: Command) -> None:
    done = command("download", "autumn", "2", "西游", "-q", "-o", ".")
    assert (done.code, done.out.split()) == (ExitCode.OK, ["1", "2", "5"])
    assert Path("Rome in Autumn").read_bytes() == b"Rome in Autumn"
    failed = command("download", "rome", "2", "-o", ".", "--json")
    assert json.loads(failed.out)["failed"][0]["movie"] == "rome"


def test_a_deletion_that_nobody_looks_at_wants_all_of_the_title(command: Command, peer: Peer) -> None:
    refused = command("delete", "autumn", "--yes")
    assert refused.code == ExitCode.CONFLICT
    assert "write the id 1, or all of 'Rome in Autumn'" in refused.err
    assert 1 in peer.movies
    assert command("delete", "rome in autumn", "--yes").code == ExitCode.OK
    assert list(peer.deleted) == [1]
    assert command("show", "autumn").code == ExitCode.NOT_FOUND
    assert command("restore", "autumn").code == ExitCode.OK
    assert 1 in peer.movies


def test_looking_a_title_up_is_no_search_of_the_person_s(command: Command, peer: Peer) -> None:
    command("show", "holliday")
    asked = [arguments for op, arguments in peer.requests if op == "movie.search"]
    assert asked and all(arguments["remember"] is False for arguments in asked)
