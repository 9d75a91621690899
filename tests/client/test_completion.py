"""Completion: what shells are answered, and a real bash in which somebody presses the tabulator."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from client_cli.shells import typed_word
from tests.client.command import YOUKU, environment_of
from tests.client.peer import Peer
from tests.client.talk import HangUp
from tests.support.server import LIMIT

TITLES = ("big.mkv", "Rome: the film, part 2", "A holiday in Rome.avi", "西游记 第一集", "2012", 'it\'s "5" $ *')

Ask = Callable[..., list[tuple[str, ...]]]


@pytest.fixture
def ask(peer: Peer, tmp_path: Path) -> Ask:
    """What a shell is answered for a line, with a library of movies 1, 2, ... of these titles."""
    for title in TITLES:
        peer.add_movie(b"x", title)

    def complete(line: str, shell: str = "fish", **environment: str) -> list[tuple[str, ...]]:
        done = subprocess.run(
            YOUKU,
            env={
                **environment_of(tmp_path, peer),
                "_YOUKU_COMPLETE": f"{shell}_complete",
                "_YOUKU_LINE": line,
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return [tuple(answer.split("\t")) for answer in done.stdout.splitlines() if answer]

    return complete


def values(answers: list[tuple[str, ...]]) -> list[str]:
    """Without kinds and descriptions."""
    return [answer[1] for answer in answers]


def test_ids_and_titles_describe_each_other(ask: Ask) -> None:
    answers = ask("youku download ")
    assert ("plain", "1", "big.mkv") in answers and ("plain", "big.mkv", "1") in answers
    assert ("plain", "title:2012", "5") in answers
    assert len(answers) == 2 * len(TITLES)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("youku download 3", ["3"]),
        ("youku download a\\ holi", ["A holiday in Rome.avi"]),
        ('youku show "A holiday in', ["A holiday in Rome.avi"]),
        ("youku show Rome:\\ th", ["Rome: the film, part 2"]),
        ("youku show holiday", ["A holiday in Rome.avi"]),  # the one that has it
        ("youku show 20", ["title:2012"]),
        ("youku download 1 西", ["西游记 第一集"]),
        ("youku show xyzzy", []),
        ("youku dow", ["download"]),
        ("youku list --type ch", ["charge"]),
        ("youku list --type=ch", ["--type=charge"]),
        ("youku uploads c", ["cancel"]),
        ("youku completion z", ["zsh"]),
        ("youku --no-i", ["--no-input"]),
    ],
)
def test_what_is_typed_is_completed(ask: Ask, line: str, expected: list[str]) -> None:
    assert values(ask(line)) == expected


def test_deleted_movies_are_offered_to_those_who_restore(ask: Ask, peer: Peer) -> None:
    peer.deleted[1] = peer.movies.pop(1)
    assert values(ask("youku restore ")) == ["1", "big.mkv"]
    assert values(ask("youku delete --purge ")) == ["1", "big.mkv"]


def test_files_are_the_shell_s_business(ask: Ask) -> None:
    assert ask("youku upload ho")[0][0] == "file"
    assert ask("youku download 1 -o ho")[0][0] == "file"
    assert ask("youku sync ho")[0][0] == "dir"


def test_profiles_are_offered(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "youku" / "config.toml"
    path.parent.mkdir()
    path.write_text('[profiles.work]\nserver = "a:1"\n[profiles.home]\n')
    assert values(ask("youku --profile ", XDG_CONFIG_HOME=str(tmp_path))) == ["home", "work"]
    assert values(ask("youku config use w", XDG_CONFIG_HOME=str(tmp_path))) == ["work"]


@pytest.mark.parametrize("changes", [{"YOUKU_SERVER": "127.0.0.1:1"}, {"YOUKU_TOKEN": ""}, {"YOUKU_SERVER": "::::"}])
def test_without_a_server_or_a_login_there_is_silence(ask: Ask, changes: dict[str, str]) -> None:
    assert ask("youku download ", **changes) == []


def test_a_server_that_hangs_is_not_waited_for(ask: Ask, peer: Peer) -> None:
    over = threading.Event()

    def hang(op: str, _arguments: dict[str, Any]) -> None:
        if op == "movie.list":
            over.wait(LIMIT)
            raise HangUp

    peer.before = hang
    try:
        assert ask("youku download ") == []
    finally:
        over.set()


@pytest.mark.parametrize(
    ("line", "word"),
    [("", ""), ("youku ", ""), ("a b\\ c", "b\\ c"), ("a 'b c", "'b c"), ("a \"b' c", "\"b' c"), ("a 'b' c", "c")],
)
def test_the_word_as_it_stands(line: str, word: str) -> None:
    assert typed_word(line) == word


class Bash:
    """A real bash on a terminal, with the completion that it is told to use."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal

    def type(self, keys: str, expected: str) -> str:
        """Press these keys and look until the screen shows what is expected."""
        os.write(self._terminal, keys.encode())
        shown = ""
        while expected not in shown:
            ready = select.select([self._terminal], [], [], LIMIT)[0]
            assert ready, f"{expected!r} was never shown: {shown!r}"
            shown += os.read(self._terminal, 65_536).decode(errors="replace")
        return shown


@pytest.fixture
def bash(ask: Ask, peer: Peer, tmp_path: Path) -> Iterator[Bash]:
    """As after `eval "$(youku completion bash)"` in ~/.bashrc; a wide one, so that no line wraps."""
    (tmp_path / "inputrc").write_text("set bell-style none\nset enable-bracketed-paste off\n")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        start_new_session=True,
        env={
            **environment_of(tmp_path, peer),
            "PS1": "> ",
            "TERM": "dumb",
            "COLUMNS": "300",
            "INPUTRC": str(tmp_path / "inputrc"),
        },
    ) as process:
        os.close(theirs)
        try:
            somebody = Bash(ours)
            somebody.type('eval "$(youku completion bash)"; echo rea""dy\n', "ready\r\n> ")
            yield somebody
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("big", "big.mkv"),
        ("Rome", "Rome: the film, part 2"),
        ("Rome:", "Rome: the film, part 2"),
        ("Rome:\\ the", "Rome: the film, part 2"),
        ('"A holi', "A holiday in Rome.avi"),
        ("it", 'it\'s "5" $ *'),
        ("西", "西游记 第一集"),
    ],
)
def test_in_bash_a_title_arrives_as_it_is(bash: Bash, typed: str, arguments: str) -> None:
    to_the_beginning = "\x01"
    shown = bash.type(f"youku show {typed}\t{to_the_beginning}printf '<%s>' \n", f"<{arguments}>")
    assert f"<youku><show><{arguments}>" in shown
