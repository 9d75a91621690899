"""What docs/operations.md and the examples for systemd say is so."""

from __future__ import annotations

import configparser
import re
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Final

from youku_evloop.cli.options import main
from youku_evloop.config import Limits, Rules

CHECKOUT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = (CHECKOUT / "docs" / "operations.md").read_text()


def unit(name: str) -> configparser.ConfigParser:
    """An example for systemd."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(CHECKOUT / "examples" / name)
    return parser


def test_every_limit_and_rule_is_on_the_page_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)
    known = {**asdict(Limits()), **asdict(Rules())}
    assert {name: float(default) for name, default in rows} == known
    assert [name for name, _ in rows] == list(known), "in this order"


def test_the_commands_on_the_page_are_there() -> None:
    named = set(re.findall(r"youku-server ([a-z][a-z-]+)", PAGE))
    assert named and named <= set(main.commands)


def test_the_service_is_started_with_options_that_are_there() -> None:
    program, command, *options = shlex.split(unit("youku.service")["Service"]["ExecStart"])
    assert Path(program).name == "youku-server"
    known = {name for option in main.commands[command].params for name in option.opts}
    assert {option for option in options if option.startswith("--")} <= known


def test_the_service_has_time_to_finish_and_is_told_of_its_successor() -> None:
    service = unit("youku.service")["Service"]
    assert int(service["TimeoutStopSec"]) > Limits().drain
    assert (service["Type"], service["NotifyAccess"], service["KillMode"]) == ("notify", "all", "mixed")


def test_the_socket_is_the_one_port_of_the_service() -> None:
    options = shlex.split(unit("youku.service")["Service"]["ExecStart"])
    assert unit("youku.socket")["Socket"]["ListenStream"] == options[options.index("--listen") + 1]
