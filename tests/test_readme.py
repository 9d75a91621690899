"""The README is true: its tour is typed, line by line, and what comes back has the shape that the README shows."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parent.parent
README: Final = (CHECKOUT / "README.md").read_text()
SCRIPTS: Final = {
    "./scripts/quickstart": "tests/scripts/test_quickstart.py",
    "./scripts/test": "tests/scripts/test_checks.py",
}
"""Commands that have tests of their own: the tour leaves them out."""

SHAPES: Final = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
    (r"\b[0-9a-f]{32,}\b", "<hex>"),
    (r"\d+(\.\d+)? ([KMG]iB|B)\b", "<size>"),
    (r"127\.0\.0\.1:\d+", "<server>"),
    (r"\d[\d,.]*", "<number>"),
    (r" +", " "),
)
"""What differs from run to run, and what stands for it."""


def tour() -> list[tuple[str, list[str]]]:
    """The commands of the README's console blocks, in order, each with the lines that follow it there."""
    steps: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
    return [step for step in steps if step[0] not in SCRIPTS]


def shape(lines: list[str]) -> list[str]:
    """The lines without what differs from run to run."""
    for pattern, name in SHAPES:
        lines = [re.sub(pattern, name, line) for line in lines]
    return [line.strip() for line in lines]


class Typist:
    """A bash that gets one command after the other; what it prints is read as a person would see it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._keyboard, self._screen = process.stdin, process.stdout
        self._code = 0

    def type(self, command: str) -> list[str]:
        """What the command prints, once it is done, or, in the background (`&`), once it serves."""
        if command.endswith("&"):
            self._press(command)
            self._wait_for_server()
            return []
        self._press(f"(exit {self._code}); {command}\necho $? end of command")
        printed: list[str] = []
        for line in self._screen:
            if line.endswith(" end of command\n"):
                self._code = int(line.split()[0])
                return printed
            printed.append(line.rstrip("\n"))
        raise AssertionError(f"bash ended in `{command}`: {printed}")

    def _wait_for_server(self) -> None:
        """Ask the server until it answers or has ended."""
        self.type("until youku ping >/dev/null 2>&1; do kill -0 $! || break; done")

    def _press(self, text: str) -> None:
        self._keyboard.write(f"{text}\n")
        self._keyboard.flush()


@contextmanager
def a_typist(directory: Path) -> Iterator[Typist]:
    """Somebody in a directory with the scripts, Youku installed, a home of their own, and a port that is free."""
    (directory / "scripts").symlink_to(CHECKOUT / "scripts")
    address = f"127.0.0.1:{free_port()}"
    own = {f"XDG_{kind}_HOME": str(directory / kind.lower()) for kind in ("DATA", "STATE", "CONFIG", "CACHE")}
    others = {name: value for name, value in os.environ.items() if not name.startswith("YOUKU_")}
    youku = {"YOUKU_SERVER": address, "YOUKU_LISTEN": address, "YOUKU_PASSWORD": "correct horse battery staple"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    process = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        cwd=directory,
        env={**others, **own, **youku, "PATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield Typist(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # bash, and with it the server in its background


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def programs(program: str) -> set[str]:
    """The commands that `youku` or `youku-server` lists in its help."""
    help_text = subprocess.run(
        [Path(sys.executable).parent / program, "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    listed = re.search(r"^Commands:\n((?:  .*\n)+)", help_text, re.MULTILINE)
    assert listed, help_text
    return {f"{program} {name}" for name in re.findall(r"^  (\S+)", listed[1], re.MULTILINE)}


def test_the_tour_does_what_it_shows(tmp_path: Path) -> None:
    with a_typist(tmp_path) as typist:
        for command, expected in tour():
            assert shape(typist.type(command)) == shape(expected), command


def test_the_scripts_are_there_and_have_tests() -> None:
    for script, tests in SCRIPTS.items():
        assert f"$ {script}\n" in README
        assert os.access(CHECKOUT / script, os.X_OK)
        assert (CHECKOUT / tests).is_file()


def test_the_table_has_every_command_and_no_other() -> None:
    listed = set(re.findall(r"^\| `(youku(?:-server)? [a-z-]+)", README, re.MULTILINE))
    assert listed == programs("youku") | programs("youku-server")


def test_every_page_that_is_linked_is_there() -> None:
    pages = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *(f"docs/{page.name}" for page in CHECKOUT.glob("docs/*.md")),
    ]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (CHECKOUT / page).read_text()):
            assert (CHECKOUT / page).parent.joinpath(target).exists(), f"{page} links {target}"
