"""Profiles, `youku config`, `youku api` and the scripts for completion."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client_cli.profiles import set_value, use_profile
from client_cli.settings import load_config, resolve
from client_cli.trust import TlsMode
from tests.client.command import Command
from tests.client.peer import Peer
from youku_evloop.errors import BadRequest, ExitCode, NotFound

WRITTEN_BY_HAND = """\
# my servers
profile = "home"

[profiles.home]
server = "home.example"   # in the cellar
timeout = 20

[profiles."my work"]
server = "work.example:1234"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "youku" / "config.toml"
    path.parent.mkdir()
    path.write_text(WRITTEN_BY_HAND)
    return path


def test_options_win_over_the_profile_and_the_profile_over_defaults(tmp_path: Path, config: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    home = resolve({}, environment)
    assert (str(home.server), home.timeout, home.retries) == ("home.example:9685", 20.0, 5)
    assert str(resolve({"server": "a:1"}, environment).server) == "a:1"
    assert str(resolve({"profile": "my work"}, environment).server) == "work.example:1234"
    assert str(resolve({}, {"XDG_CONFIG_HOME": str(tmp_path / "elsewhere")}).server) == "127.0.0.1:9685"


def test_an_unknown_profile_is_said(tmp_path: Path, config: Path) -> None:
    with pytest.raises(NotFound, match="home, my work"):
        resolve({"profile": "play"}, {"XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "source",
    [
        "not toml at all",
        "profiles = 3",
        "[profiles]\nwork = 3",
        'profile = "a"\n[profiles.a]\nserver = 3',
        'profile = "a"\n[profiles.a]\nretry = true',
        'profile = "a"\n[profiles.a]\ncolour = "red"',
        'profile = "a"\n[profiles.a]\nserver = "::"',
        'profile = "a"\n[profiles.a]\nprogress = "fast"',
    ],
)
def test_a_config_that_makes_no_sense_is_a_usage_error(tmp_path: Path, config: Path, source: str) -> None:
    config.write_text(source)
    with pytest.raises(BadRequest):
        resolve({}, {"XDG_CONFIG_HOME": str(tmp_path)})


def test_a_setting_is_changed_and_the_rest_is_left_alone(config: Path) -> None:
    set_value(config, "home", "timeout", 5.5)
    set_value(config, "my work", "retry", 0)
    set_value(config, "new", "server", "new.example:1")
    set_value(config, "home", "server", None)
    text = config.read_text()
    assert text.startswith("# my servers\n")
    assert load_config(config) == {
        "profile": "home",
        "profiles": {
            "home": {"timeout": 5.5},
            "my work": {"server": "work.example:1234", "retry": 0},
            "new": {"server": "new.example:1"},
        },
    }
    use_profile(config, "new")
    assert load_config(config)["profile"] == "new"
    use_profile(config, None)
    assert "profile" not in load_config(config)
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


def test_changes_at_once_are_all_made_and_a_link_stays_one(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    names = [f"p{number}" for number in range(20)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda name: set_value(link, name, "retry", 3), names))
    assert {name: {"retry": 3} for name in names}.items() <= load_config(config)["profiles"].items()
    assert link.is_symlink()


def test_a_config_written_in_another_way_is_not_touched(config: Path) -> None:
    source = 'profiles.home.server = "home.example"\n'
    config.write_text(source)
    with pytest.raises(BadRequest, match="by hand"):
        set_value(config, "home", "timeout", 5)
    assert config.read_text() == source


def test_a_profile_is_made_used_and_shown(command: Command, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YOUKU_SERVER")
    assert command("--profile", "test", "config", "set", "server", peer.address).code == 0
    assert command("config", "use", "test").out == "Using test.\n"
    assert command("ping", "-q").out == f"{peer.address}\n"
    shown = command("config", "--json").document
    assert (shown["profile"], shown["profiles"], shown["server"]) == ("test", ["test"], peer.address)
    assert f"server:         {peer.address}" in command("config").out
    command("config", "unset", "server")
    command("config", "use", "--none")
    assert command("config", "--json").document["server"] == "127.0.0.1:9685"


@pytest.mark.parametrize(
    "arguments",
    [
        ("config", "set", "server", "a:1"),
        ("--profile", "p", "config", "set", "colour", "red"),
        ("--profile", "p", "config", "set", "retry", "many"),
        ("--profile", "p", "config", "set", "json", "perhaps"),
        ("config", "use"),
        ("config", "use", "nobody"),
        ("config", "use", "p", "--none"),
    ],
)
def test_a_wrong_change_is_a_usage_error(command: Command, arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert command(*arguments).code == ExitCode.USAGE
    assert not (tmp_path / "home" / ".config").exists()


def test_any_command_of_the_protocol_can_be_sent(command: Command, peer: Peer) -> None:
    peer.add_movie(b"x", "5am")
    said = command("api", "movie.list", "type=all", "limit=5", "cursor=null")
    assert json.loads(said.out)["movies"][0]["name"] == "5am"
    assert peer.requests[-1] == ("movie.list", {"type": "all", "limit": 5, "cursor": None})
    assert command("api", "ping", "--json").document == {}


def test_any_command_can_be_sent_without_a_login(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YOUKU_TOKEN")
    assert command("api", "ping").out == "{}\n"
    assert command("api", "movie.list").code != 0


@pytest.mark.parametrize("argument", ["movie", "id=7", "body=9", "op=x", "=3", "a b=3"])
def test_an_argument_that_is_none_is_a_usage_error(command: Command, peer: Peer, argument: str) -> None:
    assert command("api", "ping", argument).code == ExitCode.USAGE
    assert peer.requests == []


def test_an_answer_with_a_body_is_not_for_api(command: Command, peer: Peer) -> None:
    peer.add_movie(b"x" * 1000)
    said = command("api", "movie.read", "movie=1")
    assert (said.code, said.out) == (ExitCode.USAGE, "")


def test_an_unknown_command_of_the_protocol_is_said(command: Command) -> None:
    said = command("api", "movie.sing")
    assert said.code == ExitCode.USAGE
    assert "movie.sing" in said.err


@pytest.mark.parametrize(
    ("key", "value"),
    [("server", "::"), ("tls", "maybe"), ("fingerprint", "x"), ("progress", "x"), ("timeout", "0"), ("retry", "-1")],
)
def test_a_profile_that_could_not_be_used_is_not_written(command: Command, key: str, value: str) -> None:
    said = command("--profile", "work", "config", "set", "--", key, value)
    assert (said.code, len(said.err.splitlines())) == (ExitCode.USAGE, 1)
    assert command("config", "--json").document["profiles"] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(command: Command, shell: str) -> None:
    assert "_YOUKU_COMPLETE" in command("completion", shell).out
    assert command("completion", shell, "--json").document["shell"] == shell


def test_a_profile_says_how_its_server_is_believed(tmp_path: Path) -> None:
    (tmp_path / "youku").mkdir()
    (tmp_path / "youku" / "config.toml").write_text(
        f'[profiles.work]\ntls = "on"\nfingerprint = "SHA256:{"AB" * 32}"\n'
    )
    settings = resolve({"profile": "work"}, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert (settings.tls, settings.fingerprint) == (TlsMode.ON, "sha256:" + "ab" * 32)
    assert resolve({"profile": "work", "tls": "auto"}, {"XDG_CONFIG_HOME": str(tmp_path)}).tls is TlsMode.AUTO


def test_a_way_of_tls_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="auto, on, off"):
        resolve({"tls": "maybe"}, {"XDG_CONFIG_HOME": str(tmp_path)})
