"""`youku loadtest` against a real server: small tests of every kind, and nothing of them is left."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.client.command import on_a_terminal
from tests.loadtest.runs import SMALL, left_in, load
from tests.support.server import PROGRAMS, Outcome, Person, RunningServer, eventually, finish, run
from youku_evloop.errors import ExitCode

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_a_number_of_requests_is_exactly_that(admin: Person) -> None:
    found = load(admin, "--requests", "100")
    assert (found["requests"], found["errors"]) == (100, 0)
    assert found["operations"]["ping"]["count"] == 100
    assert 0 < found["latency"]["p50"] <= found["latency"]["p99"] <= found["latency"]["max"]
    assert sum(count for _, _, count in found["distribution"]) == 100


def test_a_stranger_may_ping(server: RunningServer) -> None:
    stranger = server.somebody("stranger")
    assert load(stranger, "--requests", "10")["requests"] == 10
    assert stranger.fail(ExitCode.NOT_LOGGED_IN, "loadtest", "--scenario", "browse")["error"] == "not_logged_in"


def test_only_an_administrator_makes_users(server: RunningServer) -> None:
    bob = server.register("bob")
    assert bob.fail(ExitCode.FORBIDDEN, "loadtest", "--scenario", "browse")["error"] == "forbidden"


@pytest.mark.parametrize(
    ("scenario", "operations"),
    [
        ("browse", {"movie.list", "movie.search", "movie.show"}),
        ("login", {"account.login", "account.proof", "account.logout"}),
        ("download", {"movie.read"}),
        ("upload", {"upload.create", "upload.write", "upload.finish", "movie.delete", "movie.purge"}),
    ],
)
def test_each_scenario_asks_what_it_says(admin: Person, scenario: str, operations: set[str]) -> None:
    found = load(admin, "--scenario", scenario, "--requests", "60")
    assert found["errors"] == 0
    assert set(found["operations"]) == operations
    assert found["visits"][scenario]["count"] > 0
    assert found["server_cpu"]["cpu_per_request"] > 0


@pytest.mark.parametrize("scenario", ["download", "upload"])
def test_transfers_that_are_cut_go_on_and_have_the_right_hash(admin: Person, scenario: str) -> None:
    found = load(admin, "--scenario", scenario, "--kill-rate", "1", "--requests", "100")
    assert found["errors"] == 0
    transfers = found["transfers"]
    assert transfers["cut"] >= transfers["verified"] == found["visits"][scenario]["count"] > 5


def test_a_mix_has_a_bit_of_everything(admin: Person) -> None:
    weights = "ping=1,browse=1,login=1,download=1,upload=1"
    found = load(admin, "--weights", weights, "--requests", "300", "--kill-rate", "20%", "--think", "uniform:0s,2ms")
    assert found["errors"] == 0
    assert set(found["visits"]) == {"ping", "browse", "login", "download", "upload"}


def test_an_own_scenario_is_played_step_by_step(admin: Person, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(
        'scenario = "own"\nrequests = 40\n[scenarios.own]\nsteps = [\n'
        '{ask = "movie.search", query = "$word"}, {pause = "1ms"}, {ask = "movie.show", movie = "$movie"},\n'
        '{ask = "movie.read", movie = "$movie", offset = 7}, {ask = "movie.show", movie = 999}, {run = "download"}]\n'
    )
    found = load(admin, "--file", file)
    assert set(found["operations"]) == {"movie.search", "movie.show", "movie.read"}
    assert found["error_codes"] == {"not_found": found["visits"]["own"]["errors"]}
    assert found["visits"]["own"]["count"] == 0


def test_a_threshold_that_is_crossed_ends_with_a_code_of_its_own(admin: Person) -> None:
    held = admin.run("loadtest", *SMALL, "--requests", "50", "--fail-if", "errors>0", "--fail-if", "p99>1h")
    assert held.code == ExitCode.OK
    crossed = admin.run("loadtest", *SMALL, "--requests", "50", "--fail-if", "rate<1000000/s", "--json")
    assert crossed.code == ExitCode.THRESHOLD
    assert crossed.error["error"] == "threshold" and "rate<1000000/s" in crossed.error["message"]
    assert json.loads(crossed.stdout)["thresholds"][0]["crossed"] is True
    assert admin.fail(ExitCode.USAGE, "loadtest", "--fail-if", "p99")["error"] == "bad_request"


def test_another_machine_is_refused_before_anything_is_sent(server: RunningServer, admin: Person) -> None:
    port = server.port
    refused = admin.fail(ExitCode.FORBIDDEN, "loadtest", "--server", f"127.1:{port}", "--tls", "off")
    assert "--allow-host 127.1" in refused["message"]
    again = ("--server", f"127.1:{port}", "--tls", "off", "--allow-host", "127.1", "--requests", "5")
    assert admin.do("loadtest", *again)["requests"] == 5  # which is this machine after all


def test_a_server_that_is_not_there_is_said(server: RunningServer, admin: Person) -> None:
    nobody = admin.fail(ExitCode.TEMPORARY, "loadtest", "--server", "127.0.0.1:1")
    assert nobody["error"] == "unreachable"


def test_ctrl_c_ends_it_with_the_figures_so_far(server: RunningServer, admin: Person) -> None:
    before = len(server.log)
    running = admin.start("loadtest", *SMALL, "--scenario", "mixed", "--duration", "1h", "--json")
    eventually(lambda: "op=movie.show" in server.log[before:], "load")
    running.send_signal(signal.SIGINT)
    outcome = finish(running)
    assert outcome.code == ExitCode.INTERRUPTED
    found = json.loads(outcome.stdout)
    assert found["interrupted"] is True and found["requests"] > 0 and found["errors"] == 0
    assert outcome.error["error"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_it_nothing_is_left(server: RunningServer, admin: Person, number: signal.Signals) -> None:
    before = len(server.log)
    running = admin.start("loadtest", *SMALL, "--scenario", "browse", "--duration", "1h", "--json")
    eventually(lambda: "op=movie.show" in server.log[before:], "load")
    running.send_signal(number)
    outcome = finish(running)
    assert outcome.code == ExitCode.INTERRUPTED
    assert json.loads(outcome.stdout)["removed"]["users"] == 2


def test_a_server_with_tls_is_loaded_through_tls(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "server", options=["--tls", "auto"])
    server.start()
    try:
        alice = server.create_admin("alice", log_in=False)
        alice.do("login", "alice", "--tls", "on")
        options = ("--tls", "on", "--weights", "ping=1,download=1,upload=1", "--kill-rate", "50%", "--requests", "60")
        found = load(alice, *options)
        assert found["errors"] == 0 and found["transfers"]["verified"] > 0 and found["transfers"]["cut"] > 0
        assert left_in(server) == {}
        alice.fail(ExitCode.INTEGRITY, "loadtest", "--tls", "on", "--fingerprint", "sha256:" + "0" * 64)
    finally:
        server.kill()


def test_people_in_china_read_chinese(admin: Person) -> None:
    said = admin.run("loadtest", *SMALL, "--requests", "10", "--fail-if", "p99>0s", LANG="zh_CN.UTF-8")
    assert "操作" in said.stdout and "用时" in said.stdout and "测试未通过" in said.stderr


def test_on_a_terminal_a_line_shows_how_it_goes(server: RunningServer, admin: Person) -> None:
    environment = {**admin.environment, "YOUKU_TOKEN": admin.token}
    options = ("--scenario", "browse", "--duration", "0.6s", "--clients", "3")
    screen = on_a_terminal("loadtest", *options, environment=environment, directory=admin.home, columns=100)
    assert screen.code == ExitCode.OK
    assert "Making 3 users..." in screen.text and "Removing what the test has made..." in screen.text
    assert re.search(r"\d/s  p50 .* p99 .*  0 errors", screen.text)
    assert "visit: browse" in screen.text


def test_the_summary_is_a_table(admin: Person) -> None:
    said = admin.run("loadtest", *SMALL, "--scenario", "download", "--requests", "20")
    assert said.code == ExitCode.OK, said
    assert said.stdout.split()[:9] == ["OPERATION", "COUNT", "ERRORS", "RATE", "MEAN", "P50", "P90", "P99", "MAX"]
    assert "movie.read" in said.stdout and "visit: download" in said.stdout and "Tester:" in said.stdout


def test_the_report_is_one_page_that_needs_nothing_else(admin: Person, tmp_path: Path) -> None:
    page = tmp_path / "load.html"
    load(admin, "--scenario", "browse", "--duration", "0.6s", "--report", page, "--fail-if", "p99>1h")
    tree = ElementTree.fromstring(page.read_text().removeprefix("<!DOCTYPE html>"))
    names = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert {"svg", "table", "polyline", "style"} <= names
    assert not names & {"script", "link", "img", "iframe", "image", "use"}
    attributes = {name for element in tree.iter() for name in element.attrib}
    assert not attributes & {"href", "src", "srcset", "{http://www.w3.org/1999/xlink}href"}
    assert "url(" not in page.read_text() and "@import" not in page.read_text()
    assert len(tree.findall(".//{http://www.w3.org/1999/xhtml}figure")) == 6


def test_more_clients_than_the_system_allows_are_refused_in_one_line(admin: Person) -> None:
    command = ["prlimit", "--nofile=200:200", str(PROGRAMS / "youku"), "loadtest", "--clients", "1000"]
    refused = run(command, admin.environment)
    assert refused.code == ExitCode.USAGE
    assert "1000 clients need" in refused.stderr and len(refused.stderr.splitlines()) == 1


def test_a_soft_limit_is_raised(admin: Person) -> None:
    command = ["prlimit", "--nofile=100:1000", str(PROGRAMS / "youku"), "loadtest", "--clients", "300"]
    assert run([*command, "--requests", "600"], admin.environment).code == ExitCode.OK


def test_a_report_that_cannot_be_written_is_said_before_the_test(admin: Person) -> None:
    for report in ("/nowhere/load.html", "/", "/proc/load.html"):
        assert admin.fail(ExitCode.USAGE, "loadtest", "--report", report)["error"] == "bad_request"


def test_a_report_stays_as_it_was_where_the_test_does_not_begin(admin: Person, tmp_path: Path) -> None:
    old, new = tmp_path / "old.html", tmp_path / "new.html"
    old.write_text("yesterday's")
    for report in (old, new):
        admin.fail(ExitCode.TEMPORARY, "loadtest", "--server", "127.0.0.1:1", "--report", report)
    assert old.read_text() == "yesterday's" and not new.exists()


def test_a_disk_that_is_full_is_said_with_the_name_of_the_report(admin: Person) -> None:
    said = admin.fail(ExitCode.FAILURE, "loadtest", *SMALL, "--requests", "5", "--report", "/dev/full")
    assert said["message"].startswith("/dev/full: ")


def test_a_report_that_could_not_be_written_does_not_hide_what_came_of_the_test(admin: Person) -> None:
    options = ("--requests", "5", "--report", "/dev/full", "--fail-if", "p99>0s")
    said = admin.run("loadtest", *SMALL, *options)
    assert said.code == ExitCode.THRESHOLD
    assert "/dev/full: " in said.stderr and "p99>0s" in said.stderr.splitlines()[-1]


def test_what_it_does_is_said_as_json_while_it_does_it(admin: Person) -> None:
    said: Outcome = admin.run("loadtest", *SMALL, "--duration", "0.6s", "--progress", "json")
    events = [json.loads(line) for line in said.stderr.splitlines()]
    assert {event["event"] for event in events} <= {"progress", "message"}, "on a busy machine it says that it was late"
    rates = [event["rate"] for event in events if event["event"] == "progress"]
    assert rates and min(rates) > 0
