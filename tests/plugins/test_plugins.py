"""Plugins, installed beside a real server as `pip` would: signals, commands, payment providers, failures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.support.server import CHECKOUT, PASSWORD, Outcome, RunningServer, eventually
from tests.support.wire import Wire, verifier_of
from youku_evloop.errors import ExitCode
from youku_evloop.signals import NAMES

FAILING = """
import click
from youku_evloop.signals import NAMES

def install(app):
    for name in NAMES:
        getattr(app.signals, name).connect(fail, weak=False)
    app.add_subcommand(click.Command("break", callback=lambda: fail("break")))
    raise RuntimeError("this plugin is broken")

def fail(sender, **facts):
    raise ValueError("so is its receiver")
"""
EXITING = """
import sys
from youku_evloop.commands.base import Access, Command
from youku_evloop.wire.messages import Request

class Exit(Request, tag="demo.exit"):
    pass

class Unreadable(Request, tag="demo.unreadable"):
    what: int | float | str | bytes | Exception | list[int] | set[int]

def leave(*_, **facts):
    sys.exit("the end")

def install(app):
    app.signals.request_started.connect(leave, weak=False)
    app.signals.server_started.connect(leave, weak=False)
    app.add_command(Command(Exit, Access.ANYONE, leave))
    app.add_payment_provider("leaving", lambda: 1 / 0)
    try:
        app.add_command(Command(Unreadable, Access.ANYONE, leave))
    finally:
        leave()
"""
COMMAND = """
import click
from youku_evloop.commands.base import Access, Command
from youku_evloop.services.payments import Outcome, Receipt
from youku_evloop.wire.messages import Request

class Double(Request, tag="demo.double"):
    number: int

class Broken(Request, tag="demo.broken"):
    pass

class Slow:
    name = "slow"
    def charge(self, charge):
        return Receipt(Outcome.DECLINED if charge.amount > 1000 else Outcome.APPROVED, charge.key)

def broken(call, arguments):
    raise ValueError("a broken command")

def install(app):
    app.add_command(Command(Double, Access.USER, lambda call, a: {"double": a.number * 2, "user": call.who.name}))
    app.add_command(Command(Broken, Access.ANYONE, broken))
    app.add_subcommand(click.Command("greet", callback=lambda: click.echo("hello")))
    app.add_payment_provider("slow", Slow)
"""
ODD_PROVIDER = """
from youku_evloop.services.payments import Outcome, Receipt

class Odd:
    name = "odd"
    def charge(self, charge):
        return None if charge.amount == 100 else Receipt(Outcome.APPROVED, "r" * 5000)

def install(app):
    app.add_payment_provider("odd", Odd)
"""
EVENTS = """
import json, os
from youku_evloop.signals import NAMES

def install(app):
    def note(sender, **facts):
        with open(os.environ["EVENTS"], "a") as file:
            file.write(json.dumps([sender, facts], default=str) + "\\n")
    for name in NAMES:
        getattr(app.signals, name).connect(note, weak=False)
"""


class PluggedServer(RunningServer):
    """A server that finds plugins in `site`."""

    def __init__(self, directory: Path, options: tuple[str, ...] = (), **variables: str) -> None:
        super().__init__(directory, options=options)
        self.site = directory / "site"
        self.site.mkdir()
        self.variables = variables

    @property
    def environment(self) -> dict[str, str]:
        """With the plugins in the way in which installed packages are."""
        examples = [str(path) for path in sorted((CHECKOUT / "examples").iterdir())]
        path = ":".join([str(CHECKOUT), str(self.site), *examples])
        return {**super().environment, "PYTHONPATH": path, **self.variables}

    def install(self, name: str, entry: str, source: str = "") -> None:
        """A package with one entry point."""
        info = self.site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[youku_evloop.plugins]\n{name} = {entry}\n")
        if source:
            (self.site / f"{name}.py").write_text(source)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., PluggedServer]]:
    """Makes servers that are ended afterwards."""
    made: list[PluggedServer] = []

    def make(*options: str, **variables: str) -> PluggedServer:
        made.append(PluggedServer(tmp_path / f"server{len(made)}", options, **variables))
        return made[-1]

    yield make
    for server in made:
        server.kill()


def test_a_plugin_that_fails_is_logged_and_harms_nobody(
    make_server: Callable[..., PluggedServer], tmp_path: Path
) -> None:
    server = make_server()
    server.install("failing", "failing:install", FAILING)
    server.install("missing", "no_such_module:install")
    server.install("working", "working:install", COMMAND)
    server.start()
    admin = server.create_admin("alice")
    (tmp_path / "video.avi").write_bytes(b"video")
    assert admin.do("upload", tmp_path / "video.avi")["failed"] == []
    assert admin.do("api", "demo.double", "number=21") == {"double": 42, "user": "alice"}
    assert admin.do("download", "1", "-o", "copy.avi")["failed"] == []
    assert admin.do("notice", "publish", "Title", "Content")["notice"]["id"] == 1
    broken = server.command("break")
    assert (broken.code, broken.stdout) == (ExitCode.FAILURE, "")
    *left_out, line = broken.stderr.splitlines()
    assert "ValueError: so is its receiver" in line and line.startswith("youku-server: ")
    assert len(left_out) == 2 and all(" failed and is left out: " in words for words in left_out)
    shown = server.command("--debug", "break")
    assert (shown.code, shown.stderr.count("Traceback")) == (ExitCode.FAILURE, 3)
    assert server.command("schema").code == ExitCode.OK
    server.stop()
    assert "the plugin failing failed and is left out" in server.log
    assert "the plugin missing failed and is left out" in server.log
    failed = {name for name in NAMES if f"a receiver of the signal {name} failed" in server.log}
    assert failed == NAMES.keys() - {"user_registered", "movie_deleted", "purchase_made"}  # which have not happened


@pytest.mark.parametrize(
    ("raised", "code"),
    [("NotFound('no such thing')", ExitCode.NOT_FOUND), ("OSError(28, 'full', 'x')", ExitCode.TEMPORARY),
     ("KeyboardInterrupt()", ExitCode.INTERRUPTED), ("SystemExit(3)", 3),
     ("RecursionError('a\\nb')", ExitCode.FAILURE)],
)  # fmt: skip
def test_a_plugins_subcommand_ends_with_a_line_and_a_code(
    make_server: Callable[..., PluggedServer], raised: str, code: int
) -> None:
    server = make_server()
    source = f"import click\nfrom youku_evloop.errors import NotFound\ndef end():\n    raise {raised}\n"
    server.install(
        "ending", "ending:install", f"{source}def install(app): app.add_subcommand(click.Command('end', callback=end))"
    )
    said = server.command("end")
    assert (said.code, len(said.stderr.splitlines())) == (code, 0 if "SystemExit" in raised else 1)


def test_a_plugin_that_exits_ends_neither_the_server_nor_a_conversation(
    make_server: Callable[..., PluggedServer],
) -> None:
    server = make_server()
    server.install("exiting", "exiting:install", EXITING)
    server.start()
    user = server.register("bob")
    with user.wire() as wire:
        assert wire.refused("demo.exit")["error"] == "internal"
        assert wire.refused("demo.unreadable", what=1)["error"] == "unknown_command"
        assert wire.ask("account.whoami")["user"]["name"] == "bob"
    server.stop()
    assert "the plugin exiting failed and is left out" in server.log
    refused = server.command("run", "--listen", "127.0.0.1:0", "--payments", "leaving")
    assert refused.code == ExitCode.USAGE
    assert "The payment provider 'leaving' does not start" in refused.stderr


def test_what_a_payment_provider_answers_wrongly_leaves_the_purchase_waiting(
    make_server: Callable[..., PluggedServer], tmp_path: Path
) -> None:
    server = make_server("--payments", "odd")
    server.install("odd", "odd:install", ODD_PROVIDER)
    server.start()
    admin, user = server.create_admin("alice"), server.register("bob")
    (tmp_path / "film").write_bytes(b"film")
    admin.do("upload", tmp_path / "film", "--charge", "--price", "1")
    admin.do("upload", tmp_path / "film", "--charge", "--price", "2", "--again")
    assert user.do("buy", "1")["purchase"]["state"] == "waiting"
    assert user.do("buy", "2")["purchase"]["state"] == "paid"  # its reference is longer than the table has room for
    server.stop()
    assert "the payment provider odd failed for purchase 1" in server.log


def test_a_plugin_adds_commands_subcommands_and_payment_providers(
    make_server: Callable[..., PluggedServer], tmp_path: Path
) -> None:
    server = make_server("--payments", "slow")
    server.install("demo", "demo:install", COMMAND)
    server.start()
    admin, user = server.create_admin("alice"), server.register("bob")
    assert server.command("greet").stdout == "hello\n"
    assert "greet" in server.command("--help").stdout
    somebody = server.somebody("nobody")
    assert somebody.fail(ExitCode.NOT_LOGGED_IN, "api", "demo.double", "number=1")["error"] == "not_logged_in"
    assert user.fail(ExitCode.FAILURE, "api", "demo.broken")["error"] == "internal"
    for name, price in (("dear", "99"), ("cheap", "5")):
        (tmp_path / name).write_bytes(name.encode())
        admin.do("upload", tmp_path / name, "--charge", "--price", price)
    assert user.do("buy", "1")["purchase"]["state"] == "declined"
    assert user.do("buy", "1")["purchase"]["id"] == 2  # and may be tried again
    paid = user.do("buy", "2")["purchase"]
    assert (paid["state"], paid["provider"]) == ("paid", "slow")


def test_every_signal_is_sent_once_for_what_happens_once(
    make_server: Callable[..., PluggedServer], tmp_path: Path
) -> None:
    events = tmp_path / "events"
    server = make_server(EVENTS=str(events))
    server.install("events", "events:install", EVENTS)
    server.start()
    admin, user = server.create_admin("alice"), server.somebody("bob")
    with Wire(server.address) as wire:  # the answer was lost, and the request is repeated
        bob = {"name": "bob", **verifier_of(PASSWORD)}
        assert wire.ask("account.register", **bob)["user"] == wire.ask("account.register", **bob)["user"]
    user.log_in()
    (tmp_path / "video.avi").write_bytes(b"video")
    admin.do("upload", tmp_path / "video.avi", "--charge", "--title", "Film")
    user.do("buy", "1")
    user.fail(ExitCode.CONFLICT, "buy", "1")
    user.do("vip", "buy", "1", "--key", "k")
    user.do("vip", "buy", "1", "--key", "k")
    user.do("download", "1", "-o", "copy.avi")
    admin.do("notice", "publish", "Title", "Content")
    admin.do("delete", "1", "--yes")
    admin.fail(ExitCode.NOT_FOUND, "delete", "1", "--yes")
    server.stop()
    sent = [json.loads(line) for line in events.read_text().splitlines()]
    seen: dict[str, dict[str, Any]] = {}
    for sender, facts in sent:
        seen.setdefault(sender, facts)
    times = Counter(sender for sender, _ in sent)
    assert times["request_started"] == times["request_finished"]
    assert {name: times[name] for name in times if not name.startswith("request")} == {
        **dict.fromkeys(NAMES.keys() - {"request_started", "request_finished"}, 1),
        "user_logged_in": 2,
        "purchase_made": 2,
    }
    assert set(seen) == set(NAMES)
    assert seen["movie_published"] == {"movie": 1, "name": "Film", "user": 1}
    assert seen["user_registered"] == {"user": 2, "name": "bob", "user_type": "user"}
    assert seen["purchase_made"] == {"purchase": 1, "user": 2, "kind": "movie", "movie": 1, "amount": 2000}
    assert (seen["download_finished"]["sent"], seen["download_finished"]["completed"]) == (5, True)


def test_the_audit_log_has_a_line_for_what_changes_something(
    make_server: Callable[..., PluggedServer], tmp_path: Path
) -> None:
    path = tmp_path / "audit.log"
    server = make_server(YOUKU_AUDIT_LOG=str(path))
    server.install("audit_log", "youku_audit_log:install")
    server.start()
    admin = server.create_admin("alice")
    (tmp_path / "video.avi").write_bytes(b"video")
    admin.do("upload", tmp_path / "video.avi", "--title", "电影")
    eventually(lambda: "movie_published" in path.read_text(), "the line of the movie")
    server.stop()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "server_started",
        "user_logged_in",
        "movie_published",
        "server_stopping",
    ]
    assert lines[2]["name"] == "电影"
    assert path.stat().st_mode & 0o077 == 0


def a_sheet(path: Path, rows: list[list[Any]]) -> Path:
    """A CSV or Excel sheet with these rows."""
    if path.suffix == ".csv":
        path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8-sig")
        return path
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_sheet_of_movies_is_imported_once(
    make_server: Callable[..., PluggedServer], tmp_path: Path, kind: str
) -> None:
    server = make_server()
    server.install("import_sheet", "youku_import_sheet:install")
    server.start()
    admin = server.create_admin("alice")
    (tmp_path / "a.avi").write_bytes(b"a" * 3_000_000)
    (tmp_path / "b.avi").write_bytes(b"b" * 5000)
    header = ["path", "title", "description", "charge", "price"]
    sheet = a_sheet(tmp_path / f"movies.{kind}", [
        header, ["a.avi", "甲", "first", "yes", 9.9], ["b.avi", "", "", "no", ""], ["gone.avi", "x", "", "", ""],
    ])  # fmt: skip

    def run() -> Outcome:
        return server.command("import-sheet", str(sheet), "--as", "alice")

    first, second = run(), run()
    assert first.code == second.code == ExitCode.NOT_FOUND  # of the third line
    assert first.stdout == "line 2: movie 1, 甲\nline 3: movie 2, b.avi\n"
    assert second.stdout.count("is there already") == 2
    assert "gone.avi" in first.stderr and "Traceback" not in first.stderr
    movies = admin.do("list")["movies"]
    assert [(row["name"], row["is_free"], row["price"]) for row in movies] == [("b.avi", True, 0), ("甲", False, 990)]
    admin.do("download", "1", "-o", "copy.avi")
    assert (admin.home / "copy.avi").read_bytes() == (tmp_path / "a.avi").read_bytes()
    assert [row["id"] for row in admin.do("search", "first")["movies"]] == [1]


def test_a_sheet_that_cannot_be_read_is_refused(make_server: Callable[..., PluggedServer], tmp_path: Path) -> None:
    server = make_server()
    server.install("import_sheet", "youku_import_sheet:install")
    server.start()
    server.create_admin("alice", log_in=False)
    for rows, code in (
        ([["file", "title"]], ExitCode.USAGE),
        ([["path", "price"], ["a.avi", "cheap"]], ExitCode.USAGE),
    ):
        sheet = a_sheet(tmp_path / "bad.csv", rows)
        assert server.command("import-sheet", str(sheet), "--as", "alice").code == code
    assert server.command("import-sheet", str(sheet), "--as", "nobody").code == ExitCode.NOT_FOUND
    for name, content in (("gbk.csv", "path,title\na.avi,西游记\n".encode("gbk")), ("no.xlsx", b"path,title\n")):
        (tmp_path / name).write_bytes(content)
        refused = server.command("import-sheet", str(tmp_path / name), "--as", "alice")
        assert (refused.code, refused.stderr.count("\n")) == (ExitCode.USAGE, 1), refused
