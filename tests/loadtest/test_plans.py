"""Plans: what options and a file say together, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from client_cli import chinese_load
from client_cli.loadtest.plan import DEFAULT_WEIGHTS, SETTINGS, read_plan
from client_cli.messages import translator
from tests.support.server import CHECKOUT
from youku_evloop.errors import BadRequest


def test_without_a_word_it_is_ten_clients_that_ping_for_ten_seconds() -> None:
    plan = read_plan({}, None)
    assert (plan.clients, plan.longest, plan.rate, dict(plan.weights)) == (10, 10.0, None, {"ping": 1.0})


def test_a_number_of_requests_is_an_end_of_its_own() -> None:
    assert read_plan({"requests": "5"}, None).longest is None
    assert read_plan({"requests": "5", "duration": "1s"}, None).longest == 1.0


def test_options_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(
        'clients = 7\nrate = 3\nkill-rate = "10%"\nfail-if = "p99>1s"\n[weights]\nown = 2\nping = 1\nbrowse = 0\n'
        '[scenarios.own]\nsteps = [{ask = "movie.show", movie = "$movie"}, {pause = "1s"}, {run = "download"}]\n'
    )
    plan = read_plan({"clients": "9", "rate": None, "fail_if": ()}, file)
    assert (plan.clients, plan.rate, plan.kill_rate, plan.users) == (9, 3.0, 0.1, 9)
    assert dict(plan.weights) == {"own": 2.0, "ping": 1.0}
    assert [step.kind for step in plan.own["own"]] == ["ask", "pause", "run"]
    assert len(plan.fail_if) == 1
    assert dict(read_plan({"scenario": "own"}, file).weights) == {"own": 1.0}
    assert dict(read_plan({"weights": "own=3"}, file).weights) == {"own": 3.0}


def test_the_file_that_the_page_shows_is_right(tmp_path: Path) -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```$", (CHECKOUT / "docs" / "loadtest.md").read_text(), re.M | re.S)
    file = tmp_path / "evening.toml"
    file.write_text(shown)
    assert dict(read_plan({}, file).weights) == {"browse": 6.0, "collector": 1.0}


def test_mixed_is_a_bit_of_everything() -> None:
    assert read_plan({"scenario": "mixed"}, None).weights == DEFAULT_WEIGHTS
    assert read_plan({"weights": "ping=1,login=2"}, None).weights == {"ping": 1.0, "login": 2.0}


@pytest.mark.parametrize(
    "options",
    [
        {"clients": "0"},
        {"clients": "many"},
        {"duration": "0s"},
        {"rate": "-1"},
        {"rate": "1000000000"},
        {"rate": "0.0000000000000000000001"},
        {"scenario": "nap"},
        {"scenario": "ping", "weights": "ping=1"},
        {"weights": "ping"},
        {"weights": "ping=1,ping=2"},
        {"weights": "ping=0"},
        {"weights": "nap=1"},
        {"ramp": "20s"},
        {"kill_rate": "2"},
        {"size": "big"},
        {"size": "65GiB"},
        {"seed": "x"},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(BadRequest) as refused:
        read_plan(options, None)
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "clients = ",
        "clients = 'x'",
        "clouds = 3",
        "weights = 3",
        "scenarios = 3",
        "[scenarios.own]\n",
        "[scenarios.own]\nsteps = []",
        "[scenarios.own]\nsteps = [3]",
        "[scenarios.own]\nsteps = [{}]",
        "[scenarios.own]\nsteps = [{ask = 'ping', pause = '1s'}]",
        "[scenarios.own]\nsteps = [{ask = 3}]",
        "[scenarios.own]\nsteps = [{ask = 'ping', id = 3}]",
        "[scenarios.own]\nsteps = [{ask = 'movie.show', movie = '$film'}]",
        "[scenarios.own]\nsteps = [{pause = 'long'}]",
        "[scenarios.own]\nsteps = [{pause = '1s', or = '2s'}]",
        "[scenarios.own]\nsteps = [{run = 'nap'}]",
        "[scenarios.own]\nsteps = [{ask = 'ping'}]\nweight = 3",
        "[scenarios.ping]\nsteps = [{ask = 'ping'}]",
        "[scenarios.own]\nsteps = [{pause = '0s'}]",
        f"[scenarios.own]\nsteps = [{{ask = 'ping', text = '{'x' * 70_000}'}}]",
        "fail-if = ['p99']",
        "fail-if = 5",
        "fail-if = true",
        "\x00",
    ],
)
def test_a_file_that_is_wrong_is_one_clear_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(BadRequest) as refused:
        read_plan({}, file)
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - {"fail_if"}))
def test_what_is_wrong_with_a_setting_is_said_in_chinese(name: str) -> None:
    assert name.replace("_", "-") in chinese_load.SETTINGS


def test_a_mistake_within_a_mistake_is_said_in_chinese(tmp_path: Path) -> None:
    say = translator({"LANG": "zh_CN.UTF-8"})
    file = tmp_path / "plan.toml"
    for step in ("{run = 'nap'}", "{pause = 'long'}", "{ask = 3}", "{ask = 'x', y = '$film'}", "{pause = '1s', y = 1}"):
        file.write_text(f"[scenarios.own]\nsteps = [{step}]")
        with pytest.raises(BadRequest) as refused:
            read_plan({}, file)
        assert re.fullmatch(r"场景 'own' 的第 1 步.*。", say(refused.value.message))
        assert not re.search("there is|names|write", say(refused.value.message))
    with pytest.raises(BadRequest) as refused:
        read_plan({"fail_if": ("p99>fast",)}, None)
    assert say(refused.value.message).endswith("不是时长：请写成 250ms、5s 或 2m 这样。")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"none\.toml cannot be read"):
        read_plan({}, tmp_path / "none.toml")
