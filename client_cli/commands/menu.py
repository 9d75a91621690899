"""`youku menu`: numbered choices for people who do not want to remember commands.

Every choice is a command of `youku` with its arguments asked for, run in this very process: there is one way to do a
thing, and the menu shows it before it takes it.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import click

from client_cli import text
from client_cli.app import App
from client_cli.framework import command, pass_app
from client_cli.output import Form
from youku_evloop.errors import BadRequest, NotLoggedIn, YoukuError


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the menu: the words of a command, and what is asked for and put behind them.

    A question that ends in `--option` is put behind that option; an empty answer leaves it out.
    """

    label: str
    words: tuple[str, ...]
    questions: tuple[str, ...] = ()
    flag: tuple[str, str] | None = None
    """A question to be answered with yes or no, and the option that yes adds."""


LONGEST_ANSWER: Final = 16_384
"""Characters; something that knows no end of a line may sit at the keyboard."""

NOBODY: Final = (
    Choice("Log in", ("login",), ("User name: ",)),
    Choice("Register", ("register",), ("User name: ",)),
)
MEMBER: Final = (
    Choice("All movies", ("list",)),
    Choice("Free movies", ("list", "--type", "free")),
    Choice("Paid movies", ("list", "--type", "charge")),
    Choice("Search", ("search",), ("Words: ",)),
    Choice("Show a movie", ("show",), ("Movie (id or title): ",)),
    Choice("Download a movie", ("download",), ("Movie (id or title): ",)),
    Choice("Buy a movie", ("buy",), ("Movie (id or title): ",)),
    Choice("My searches", ("searches",)),
    Choice("Forget my searches", ("searches", "--clear")),
    Choice("My VIP", ("vip",)),
    Choice("Buy VIP", ("vip", "buy"), ("Months: ",)),
    Choice("My purchases", ("purchases",)),
    Choice("My downloads", ("records",)),
    Choice("Notices", ("notices",)),
    Choice("Read a notice", ("notices", "show"), ("Notice id: ",)),
    Choice("Change my password", ("passwd",)),
    Choice("My sessions", ("sessions",)),
    Choice("Log out", ("logout",)),
)
ADMINISTRATOR: Final = (
    Choice("All movies", ("list",)),
    Choice("Search", ("search",), ("Words: ",)),
    Choice("Show a movie", ("show",), ("Movie (id or title): ",)),
    Choice("Upload a movie", ("upload",), ("File: ", "Title: --title"), ("Charge for it? [y/N] ", "--charge")),
    Choice(
        "Change a movie",
        ("edit",),
        (
            "Movie (id or title): ",
            "New title (empty: as it is): --title",
            "New description (empty: as it is): --description",
        ),
    ),
    Choice(
        "Charge for a movie",
        ("edit", "--charge"),
        (
            "Movie (id or title): ",
            "Price in yuan (empty: as it is): --price",
            "Price for VIPs in yuan (empty: as it is): --vip-price",
        ),
    ),
    Choice("Make a movie free", ("edit", "--free"), ("Movie (id or title): ",)),
    Choice("Unfinished uploads", ("uploads",)),
    Choice("Delete a movie", ("delete",), ("Movie (id or title): ",)),
    Choice("Deleted movies", ("list", "--type", "deleted")),
    Choice("Restore a movie", ("restore",), ("Movie (id or title): ",)),
    Choice("Remove a deleted movie for good", ("delete", "--purge"), ("Movie (id or title): ",)),
    Choice("Publish a notice", ("notice", "publish"), ("Title: ", "Text: ")),
    Choice("Notices", ("notices",)),
    Choice(
        "Change a notice",
        ("notice", "edit"),
        ("Notice id: ", "New title (empty: as it is): --title", "New text (empty: as it is): --content"),
    ),
    Choice("Withdraw a notice", ("notice", "withdraw"), ("Notice id: ",)),
    Choice("Users", ("users",)),
    Choice("Make an account", ("users", "create"), ("User name: ",)),
    Choice("Lock a user", ("users", "lock"), ("User name: ",)),
    Choice("Unlock a user", ("users", "unlock"), ("User name: ",)),
    Choice("Give a user VIP", ("users", "grant-vip"), ("User name: ", "Months: ")),
    Choice("End a user's VIP", ("users", "end-vip"), ("User name: ",)),
    Choice("Remove an account", ("users", "delete"), ("User name: ",)),
    Choice("Invite an administrator", ("invite",)),
    Choice("Invitations", ("invite", "list")),
    Choice("All downloads", ("records", "--all")),
    Choice("All purchases", ("purchases", "--all")),
    Choice("Waiting purchases", ("purchases", "--all", "--state", "waiting")),
    Choice("Confirm a purchase", ("purchases", "confirm"), ("Purchase id: ",)),
    Choice("Decline a purchase", ("purchases", "decline"), ("Purchase id: ",)),
    Choice("Searched and not found", ("searches", "--missed")),
    Choice("Change my password", ("passwd",)),
    Choice("My sessions", ("sessions",)),
    Choice("Log out", ("logout",)),
)


@command(
    "menu",
    document="",
    examples=(
        ("youku menu", "Choose by numbers; what there is depends on who you are."),
        ("LANG=zh_CN.UTF-8 youku menu", "In Chinese."),
    ),
)
@click.pass_context
@pass_app
def menu(app: App, context: click.Context) -> None:
    """Choose what to do from a numbered menu, in English or Chinese.

    It is for people: there are no results to print with --json, --json-lines or --quiet.
    """
    if app.output.form is not Form.TEXT:
        raise BadRequest("The menu is for people: call the commands themselves with --json, --json-lines or --quiet.")
    Menu(app, lambda words: _run(context, words)).run()


def _run(context: click.Context, words: Sequence[str]) -> None:
    """A command with the common options of this one, whatever it ends with."""
    from client_cli.main import run

    common: list[str] = []
    for name, value in context.ensure_object(App).overrides.items():
        option = f"--{name.replace('_', '-')}"
        common += [option] if value is True else [option, str(value)] if value is not False else []
    run([*common, *words])


class Menu:
    """A conversation with somebody at the keyboard; `run_command` does what was chosen."""

    def __init__(self, app: App, run_command: Callable[[Sequence[str]], None]) -> None:
        self._app = app
        self._say = app.translate
        self._run_command = run_command

    def run(self) -> None:
        """Until somebody quits, or there is no more input."""
        try:
            while True:
                title, choices = self._view()
                chosen = self._choose(title, choices)
                if chosen is None:
                    break
                words = self._complete(chosen)
                self._print(f"\n$ youku {shlex.join(words)}")
                self._run_command(words)
        except EOFError:
            self._print("")
        self._print(self._say("Goodbye."))

    def _view(self) -> tuple[str, Sequence[Choice]]:
        """Who is there, and what they may choose."""
        try:
            with self._app.client() as youku:
                user = youku.whoami()
        except NotLoggedIn:
            return self._say("Not logged in"), NOBODY
        except YoukuError as error:
            self._print(f"youku: {self._say(error.message)}")
            return self._say("Not logged in"), NOBODY
        is_admin = user.user_type == "admin"
        kind = "administrator" if is_admin else "user"
        return self._say(f"Youku, {user.name} ({kind})"), ADMINISTRATOR if is_admin else MEMBER

    def _choose(self, title: str, choices: Sequence[Choice]) -> Choice | None:
        """The choice, or None to quit; asks until it is one."""
        lines = [f"{number:>3}  {self._say(choice.label)}" for number, choice in enumerate(choices, 1)]
        lines.append(f"{0:>3}  {self._say('Quit')}")
        screen = shutil.get_terminal_size()
        if len(lines) > screen.lines // 2:  # leave room for what the last choice has printed
            lines = text.in_columns(lines, screen.columns)
        self._print("\n".join(["", title, *lines]))
        while True:
            answer = self._ask("Your choice: ")
            if answer in ("0", "q"):
                return None
            if answer.isascii() and answer.isdecimal() and 1 <= int(answer) <= len(choices):
                return choices[int(answer) - 1]
            self._print(self._say("There is no such choice."))

    def _complete(self, choice: Choice) -> list[str]:
        words, options = list(choice.words), []
        for question in choice.questions:
            words_of_it, dashes, option = question.partition("--")
            answer = self._ask(words_of_it)
            if dashes and answer:
                options += [f"--{option}", answer]
            elif not dashes:
                words.append(answer)
        if choice.flag and self._ask(choice.flag[0]).lower() in ("y", "yes", "是"):
            options.append(choice.flag[1])
        dash = ["--"] if any(word.startswith("-") for word in words[len(choice.words) :]) else []
        return [*choice.words, *options, *dash, *words[len(choice.words) :]]

    def _ask(self, question: str) -> str:
        """A line of input; raises `EOFError` at its end."""
        sys.stdout.write(self._say(question))
        sys.stdout.flush()
        line = sys.stdin.readline(LONGEST_ANSWER)
        if not line:
            raise EOFError
        return line.strip()

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(f"{text}\n")
