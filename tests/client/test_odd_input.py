"""Whatever is typed, set, stored or answered: one clear line on standard error, a documented exit code, no traceback.

Everywhere in the tree of commands, with values that people and scripts come up with by mistake or malice.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_cli.framework import Described, long_name, variable
from client_cli.main import cli
from client_cli.reference import every_command
from tests.client.command import Command, Said
from tests.client.peer import Peer
from youku_evloop.errors import BY_CODE, ExitCode

COMMANDS: Final = {
    path: described
    for path, described in every_command(click.Context(cli, info_name="youku"), cli)
    if path not in ("youku menu", "youku loadtest")  # which asks until somebody leaves it; which has tests of its own
}
ODD: Final = (
    "", " ", "-", "--", "0", "-1", "1.5", "1e400", "nan", "9" * 30, "x" * 5000, "電影", "é", "a\nb", "\x1b[31mred",
    "\udcff\udcfe", "\u202eiva.exe", "😀", "{}", "%s%n", "'; DROP TABLE movie; --", "missing/dir/file", "..", "=",
    "a=b", "[", "http://127.0.0.1:1/", "sha256:zz", "~nobody", "$(false)",
)  # fmt: skip
"""Nothing that names a place outside of the current directory: some of these commands write."""

CODES: Final = {int(code) for code in ExitCode}


@pytest.fixture(autouse=True)
def nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard input is empty, as for cron."""
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield


def require_one_clear_line(said: Said, typed: object) -> None:
    """What every run owes to whoever reads it."""
    assert said.code in CODES, (typed, said)
    assert "Traceback" not in said.err and "nobody foresaw" not in said.err, (typed, said)
    if said.code != ExitCode.OK:
        last = said.err.splitlines()[-1]
        assert last.startswith(("youku: ", "{")), (typed, said)
        assert len(last) > len("youku: ") + 10, (typed, said)
    assert "\x1b[31m" not in said.err, ("it commands the terminal", typed, said)


def needed_arguments(described: Described) -> list[str]:
    """Something for each argument that has to be there."""
    return ["1" for parameter in described.params if isinstance(parameter, click.Argument) and parameter.required]


@pytest.mark.parametrize("path", COMMANDS)
def test_odd_values_of_options(command: Command, peer: Peer, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.add_movie(b"bytes")
    described, words = COMMANDS[path], path.split()[1:]
    for option in described.own_options():
        if option.is_flag or not isinstance(described, Described):
            continue
        for odd in ODD:
            typed = [*words, *needed_arguments(described), f"{long_name(option)}={odd}"]
            require_one_clear_line(command(*typed, "--retry", "0"), typed)
        monkeypatch.setenv(variable(path, option), "\udcff 9e999")
        require_one_clear_line(command(*words, *needed_arguments(described), "--retry", "0"), variable(path, option))
        monkeypatch.delenv(variable(path, option))


@pytest.mark.parametrize("path", COMMANDS)
def test_odd_values_of_arguments(command: Command, peer: Peer, path: str) -> None:
    peer.add_movie(b"bytes")
    described, words = COMMANDS[path], path.split()[1:]
    count = len([parameter for parameter in described.params if isinstance(parameter, click.Argument)])
    for odd in ODD if count else ():
        for typed in (
            [*words, "--retry", "0", "--", *[odd] * count],
            [*words, *[odd] * count],
            [*words, odd, "1", odd],
        ):
            require_one_clear_line(command(*typed), typed)


@pytest.mark.parametrize("name", ["server", "tls", "fingerprint", "progress", "retry", "timeout", "profile"])
def test_odd_values_of_common_options(command: Command, peer: Peer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for odd in ODD:
        if name == "server" and ":" not in odd:
            odd = f"{odd}:x"  # a resolver need not be asked
        require_one_clear_line(command("ping", f"--{name}={odd}"), odd)
        require_one_clear_line(command(f"--{name}={odd}", "list", *([] if "\udcff" in odd else ["--json"])), odd)
        monkeypatch.setenv(f"YOUKU_{name.upper()}", odd)
        require_one_clear_line(command("list"), odd)
        monkeypatch.setenv(f"YOUKU_{name.upper()}", peer.address if name == "server" else "")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(sorted(COMMANDS)),
    words=st.lists(
        st.one_of(
            st.sampled_from(["--json", "--json-lines", "-q", "--no-input", "--jobs", "--title", "--limit", "--", "-h"]),
            st.sampled_from(ODD),
            st.text(st.characters(exclude_characters="\0/"), max_size=20),
        ),
        max_size=5,
    ),
)
def test_odd_lines(command: Command, peer: Peer, path: str, words: list[str]) -> None:
    if "--follow" not in words:
        typed = [*path.split()[1:], *words, "--retry", "0"]
        require_one_clear_line(command(*typed), shlex.join(typed))


@pytest.mark.parametrize("token", ["\n", "a\nb", "é電", "\udcff", " ", "x" * 100_000, '"', "\x1b[31m"])
def test_odd_tokens(command: Command, peer: Peer, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUKU_TOKEN", token)
    for typed in (["whoami"], ["list", "--json"]):
        said = command(*typed)
        require_one_clear_line(said, token)
        assert said.code in (ExitCode.NOT_LOGGED_IN, ExitCode.USAGE), said


@pytest.mark.parametrize("name", ["YOUKU_PASSWORD", "YOUKU_NEW_PASSWORD"])
@pytest.mark.parametrize("password", ["", "\n", "\udcff", "\u200b", "x" * 100_000])
def test_odd_passwords(command: Command, peer: Peer, name: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUKU_PASSWORD", "password")
    monkeypatch.setenv(name, password)
    for typed in (["register", "somebody"], ["login", "somebody"], ["passwd"]):
        require_one_clear_line(command(*typed), (name, password, typed))


# -- what is stored


def in_the_way(kind: str, path: Path) -> None:
    """Put something at this path that should not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "huge":
        path.touch()
        os.truncate(path, 2**40)
    else:
        path.write_bytes(kind.encode("latin-1"))


@pytest.mark.parametrize("name", [".config/youku/config.toml", ".local/state/youku/sessions.json"])
@pytest.mark.parametrize(
    "kind",
    ["directory", "fifo", "loop", "huge", "{", "[", "\xff\xfe", "null", "3", '{"sessions": 3}', "profile = 3\n",
     'profile = "x"\nprofiles = 3\n', '[profiles.x]\nserver = []\n', "\0"],
)  # fmt: skip
def test_odd_files_of_its_own(
    command: Command, peer: Peer, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way(kind, Path(os.environ["HOME"]) / name)
    monkeypatch.delenv("YOUKU_TOKEN")
    for typed in (
        ["list"],
        ["config"],
        ["logout"],
        ["--profile", "p", "config", "set", "retry", "3"],
        ["config", "use", "p"],
    ):
        require_one_clear_line(command(*typed), (name, kind, typed))


ODD_FILES: Final = [
    (kind, typed)
    for kind in ("directory", "fifo", "loop", "huge", "", "path\n")
    for typed in ("upload odd", "upload --from odd", "sync odd", "download 1 -o odd", "upload ok odd")
    if (kind, typed)
    != ("fifo", "upload --from odd")  # which waits for whoever writes the list, as a pipe's reader does
    and not (kind == "huge" and typed in ("upload odd", "upload ok odd"))  # tests/system/test_bad_input.py does it
]


@pytest.mark.parametrize(("kind", "typed"), ODD_FILES)
def test_odd_files(command: Command, peer: Peer, kind: str, typed: str) -> None:
    peer.add_movie(b"bytes")
    Path("ok").write_bytes(b"bytes of a good file")
    in_the_way(kind, Path("odd"))
    require_one_clear_line(command(*typed.split()), (kind, typed))


# -- what answers


def talk(*chunks: bytes, then_wait: bool = False) -> Callable[[socket.socket], None]:
    """Says this to everybody, whatever they say."""

    def serve(link: socket.socket) -> None:
        for chunk in chunks:
            link.sendall(chunk)
        while then_wait and link.recv(65_536):
            pass

    return serve


HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SERVERS: Final[dict[str, Callable[[socket.socket], None]]] = {
    "http": talk(HTTP),
    "ssh": talk(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", then_wait=True),
    "garbage": talk(bytes(range(255, 0, -1)) * 100, then_wait=True),
    "zeros": talk(bytes(4096), then_wait=True),
    "a huge frame": talk(b"\x00\xff\xff\xff", then_wait=True),
    "no JSON": talk(b"\x00\x00\x00\x02{]", then_wait=True),
    "JSON of another kind": talk(b"\x00\x00\x00\x02[]", then_wait=True),
    "an answer to nobody": talk(b'\x00\x00\x00\x12{"id":99,"ok":true}'[:22], then_wait=True),
    "half a frame": talk(b"\x00\x00\x01\x00{"),
    "a closed door": talk(),
    "silence": talk(then_wait=True),
}


@pytest.fixture
def odd_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of something that is no Youku server."""
    links: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    link, _address = listener.accept()
                    links.append(link)
                    request.param(link)
                    link.close()
                except OSError:
                    if listener.fileno() < 0 or stopped.is_set():
                        return

        stopped = threading.Event()
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        stopped.set()
        for link in links:
            link.close()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("odd_server", SERVERS.values(), ids=list(SERVERS), indirect=True)
@pytest.mark.parametrize("tls", ["auto", "on"])
def test_odd_servers(command: Command, odd_server: str, tls: str) -> None:
    Path("file.avi").write_bytes(b"bytes")
    Path("list.csv").write_text("path\nfile.avi\n")
    common = ["--server", odd_server, "--tls", tls, "--timeout", "0.1", "--retry", "1"]
    for typed in ("list --json", "upload file.avi", "upload --from list.csv", "download 1"):
        said = command(*typed.split(), *common)
        require_one_clear_line(said, (typed, tls))
        assert said.code in (ExitCode.TEMPORARY, ExitCode.FAILURE, ExitCode.INTEGRITY), said
        if "--json" in typed:
            assert json.loads(said.err.splitlines()[-1])["error"] in BY_CODE


def trickle(link: socket.socket) -> None:
    """A frame that is always about to end: no silence is long enough to give up."""
    link.sendall(b"\x00\x00\xff\xff")
    while True:
        link.sendall(b"{")
        threading.Event().wait(0.02)


@pytest.mark.parametrize("odd_server", [trickle], ids=["trickle"], indirect=True)
def test_a_server_that_trickles_is_not_waited_for(
    command: Command, odd_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_cli.conversation.HELLO_TIMEOUT", 0.2)
    said = command("ping", "--server", odd_server)
    assert (said.code, "has not answered in 0.2 s" in said.err) == (ExitCode.TEMPORARY, True)


def test_a_closed_port(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    Path("file.avi").write_bytes(b"bytes")
    for path in COMMANDS:
        described = COMMANDS[path]
        said = command(*path.split()[1:], *needed_arguments(described), "--server", address, "--json")
        require_one_clear_line(said, path)
