"""Two languages: which one, what is translated, and the menu, which speaks both."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from client_cli.chinese import MESSAGES
from client_cli.chinese_help import HELP
from client_cli.commands.menu import ADMINISTRATOR, MEMBER, NOBODY, Choice
from client_cli.main import cli
from client_cli.messages import CHINESE, ENGLISH, Catalogue, language, translator
from client_cli.reference import every_command
from client_cli.text import width
from tests.client.command import Command, environment_of, on_a_terminal
from tests.client.peer import Peer
from tests.support.messages import said_in
from youku_evloop.errors import ExitCode

CHECKOUT = Path(__file__).parent.parent.parent
OF_THE_SERVER = ("services/**/*.py", "commands/*.py", "session/*.py", "transport/*.py", "wire/*.py")
IN_ENGLISH = ("checking.py",)
"""For those who run servers, in English like the servers themselves."""
UNTOLD = {
    "There is no user {}.", "`iterations` is from {} to {}; {} is usual.", "`salt` has {} to {} bytes.",
    "`stored_key` and `server_key` have {} bytes each.", "`{}` is not base64.",
    "`key` is 1 to {} printable ASCII characters, new ones for each purchase.",
}  # fmt: skip
"""What only a faulty program is told."""
MADE_UP = {
    "{} ({}): {}, {}.", "{}: {}{}", "{} notice {}: {}", "{}: {}", "{}: {} {}", "Purchase {} of {} is {}.", "{}: {}.",
    "Logged in at {} as {} ({}).", "youku: {}", "youku: {}: {}", "{}: {} = {}", "{} For the title, write {}{}.",
    "{} ({}{}) at {}", "No {} has {} in its title. {}", "{}  {}  ({})", "ID", "P90", "P99",
}  # fmt: skip
"""What is put together from parts that are in the catalogue, or needs none."""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ENGLISH),
        ({"LANG": "zh_CN.UTF-8"}, CHINESE),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ENGLISH),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, CHINESE),
    ],
)
def test_the_language_is_the_locale_s(environment: dict[str, str], expected: str) -> None:
    assert language(environment) == expected


def test_what_is_filled_in_is_filled_in_again() -> None:
    say = translator({"LANG": "zh_CN.UTF-8"})
    assert say("The name bob is taken: choose another one.") == "用户名 bob 已被使用：请换一个。"
    assert say("Logged in at 127.0.0.1:9685 as alice (admin).") == "已以管理员 alice 的身份登录 127.0.0.1:9685。"
    assert say("Nobody has translated this.") == "Nobody has translated this."
    assert translator({})("Stopped.") == "Stopped."


@pytest.mark.parametrize("english", MESSAGES)
def test_a_translation_fills_in_what_the_message_does(english: str) -> None:
    values = [f"<{number}>" for number in range(english.count("{}"))]
    translated = Catalogue({english: MESSAGES[english]}).translate(english.format(*values))
    assert translated == MESSAGES[english].replace(":t}", "}").format(*values)
    assert all(value in translated for value in values)


def test_what_people_are_told_is_in_the_catalogue() -> None:
    files = [*(CHECKOUT / "client_cli").rglob("*.py")]
    files += [file for place in OF_THE_SERVER for file in (CHECKOUT / "youku_evloop").glob(place)]
    files = [file for file in files if not any(part in IN_ENGLISH for part in file.parts)]
    say = Catalogue(MESSAGES).translate
    assert [words for words in said_in(files) if say(words) == words and words not in UNTOLD | MADE_UP] == []


@pytest.mark.parametrize("choice", [*NOBODY, *MEMBER, *ADMINISTRATOR], ids=lambda choice: choice.label)
def test_every_choice_of_the_menu_is_a_command_and_in_the_catalogue(choice: Choice) -> None:
    asked = [question.partition("--")[0] for question in (*choice.questions, *(choice.flag or ())[:1])]
    assert {choice.label, *asked} <= set(MESSAGES)
    context = cli.make_context("youku", [*choice.words, "--help"], resilient_parsing=True)
    assert choice.words[0] in cli.list_commands(context)


def test_a_title_is_never_translated_and_a_message_within_a_message_is() -> None:
    say = translator({"LANG": "zh_CN.UTF-8"})
    assert say("VIP for 3 months: bought for 90.00 yuan. You are no VIP. A month costs 30.00 yuan.") == (
        "会员 3 个月：已购买，90.00 元。您不是会员。每月 30.00 元。"
    )
    assert say("bob (user, VIP until 2026-12-21T06:05:06Z) at host:1") == (
        "bob（用户，会员有效期至 2026-12-21T06:05:06Z），服务器 host:1"
    )
    assert say("Deleted movie 3: Search") == "已删除影片 3：Search"
    assert say("1 of 2 failed. The first: There is no movie 9; `youku list` shows what there is.") == (
        "2 个中有 1 个失败。第一个：没有影片 9；`youku list` 可列出影片。"
    )
    assert say("Invalid value for 'ID': 0 is not in the range x>=1. (`youku buy --help` says more)") == (
        "'ID' 的值无效：0 应不小于 1。（`youku buy --help` 有详细说明）"
    )


def test_a_long_text_is_looked_up_as_quickly_as_it_can_be_read() -> None:
    say = translator({"LANG": "zh_CN.UTF-8"})
    for text in ("(: " * 1300, "{} is a movie, " * 250, "a: b yuan; " * 360):
        assert say(text) == text  # going back and forth would not be done today


def test_an_error_is_said_in_chinese_and_its_code_is_the_same(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    said = command("vip", "buy", "--frobnicate")
    assert said.code == ExitCode.USAGE
    assert command("list").out.splitlines()[0].endswith("标题")
    assert '"error": "not_found"' in command("show", "9", "--json").err


@pytest.mark.parametrize(
    ("lang", "quit_words", "bye"), [("C.UTF-8", "Quit", "Goodbye."), ("zh_CN.UTF-8", "退出", "再见。")]
)
def test_the_menu_shows_what_it_types_and_ends(
    peer: Peer, tmp_path: Path, lang: str, quit_words: str, bye: str
) -> None:
    peer.add_movie(b"video", "A film.avi")
    environment = {**environment_of(tmp_path, peer), "LANG": lang}
    prompt = "Your choice: " if lang.startswith("C") else "请选择："
    screen = on_a_terminal(
        "menu", environment=environment, directory=tmp_path, typed=[(prompt, "99"), (prompt, "1"), (prompt, "0")]
    )
    assert screen.code == ExitCode.OK
    assert "$ youku list" in screen.text and "A film.avi" in screen.text
    assert f"0  {quit_words}" in screen.text and bye in screen.text


def test_the_menu_hands_its_own_options_on(peer: Peer, tmp_path: Path) -> None:
    show = str([choice.label for choice in ADMINISTRATOR].index("Show a movie") + 1)
    typed = [("Your choice: ", show), ("title): ", "9"), ("Your choice: ", "0")]
    screen = on_a_terminal(
        "--debug", "menu", environment=environment_of(tmp_path, peer), directory=tmp_path, typed=typed
    )
    assert (screen.code, "Traceback" in screen.text) == (ExitCode.OK, True)


def test_all_of_the_help_is_in_the_catalogue_and_nothing_else() -> None:
    context = click.Context(cli, info_name="youku")
    said = {
        "Usage: ",
        "Options",
        "Commands",
        "Examples",
        "Common options",
        "Environment",
        "Show this message and exit.",
    }
    for _, described in [("youku", cli), *every_command(context, cli)]:
        said |= {" ".join(paragraph.split()) for paragraph in (described.help or "").strip().split("\n\n")}
        said |= {described.get_short_help_str(1000)} - {cli.get_short_help_str(1000)}
        said |= {option.help or "" for option in described.params if isinstance(option, click.Option)}
        said |= {meaning for _, meaning in described.examples}
    assert sorted(said - HELP.keys()) == []
    assert {words for words in HELP if "{}" not in words} - said == set()


@pytest.mark.parametrize("english", [words for words in HELP if "`" in words or "-" in words or "(" in words])
def test_the_help_names_the_same_commands_and_options_in_both_languages(english: str) -> None:
    names = re.compile(r"`[^`]+`|--[a-z-]+|YOUKU_\w+|[a-z_]+\.(?:toml|md|bashrc)|(?<=code )\d+")
    assert set(names.findall(english)) <= set(re.findall(r"`[^`]+`|--[a-z-]+|YOUKU_\w+|[\w]+\.\w+|\d+", HELP[english]))


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_help_is_chinese_and_fits(monkeypatch: pytest.MonkeyPatch, command: Command, columns: int) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("COLUMNS", str(columns))
    for words in ([], ["upload"], ["users", "delete"], ["api"]):
        lines = command(*words, "--help").out.splitlines()
        assert lines[0].startswith("用法：youku") and "示例:" in lines
        prose = [line for line in lines if not re.match(r" +(youku|ffmpeg) ", line) and "[" not in line]
        assert [line for line in prose if width(line) > max(columns, 52)] == []
