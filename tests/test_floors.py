"""The house has floors (docs/architecture.md): every import runs downward. Read from the source, with `ast`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).parent.parent
SERVER: Final = "youku_evloop"
CLIENT: Final = "client_cli"

FLOORS: Final = (
    ("errors", "config", "machine", "grams", "signals"),
    ("kernel", "wire", "orm"),
    ("transport", "storage", "models", "schema"),
    ("services",),
    ("statistics", "logs", "commands"),
    ("session",),
    ("plugins", "certificates", "process", "inspector", "lifecycle", "server"),
    ("cli",),
    ("door",),
)
"""The rooms of the server, from the ground up. A room is a package or a file. A file may import the files listed
before it on its own floor; a package knows no neighbour."""

SELF_CONTAINED: Final = frozenset({"orm"})
"""Rooms that could be a library of their own: they import nothing of the rest, not even the ground floor."""

CLIENT_MAY_IMPORT: Final = frozenset({"wire", "errors"})

LOAD_TESTER: Final = "loadtest"
LOAD_TESTER_MAY_IMPORT: Final = CLIENT_MAY_IMPORT | {"kernel"}
"""Thousands of clients in one process need a loop; the kernel knows no protocol."""

OUTSIDE_WORLD: Final = frozenset(
    {"_thread", "asyncio", "concurrent", "datetime", "glob", "io", "mmap", "multiprocessing", "os", "pathlib", "random"}
    | {"secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver", "ssl", "subprocess", "tempfile"}
    | {"threading", "time"}
)
"""What sans-IO code may not touch: sockets, clocks, threads, files, chance."""


@dataclass(frozen=True)
class Source:
    """One file of the code, by its dotted name."""

    name: str
    is_package: bool
    tree: ast.Module

    @property
    def room(self) -> str:
        """`youku_evloop.wire.frames` is in `wire`; the top of a package is in no room."""
        return self.name.split(".")[1] if "." in self.name else ""


def sources_of(root: Path, package: str) -> dict[str, Source]:
    """All files of a package below `root`."""
    found = {}
    for file in sorted((root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Source(name, is_package, ast.parse(file.read_text(), str(file)))
    return found


def imports_of(source: Source, known: dict[str, Source]) -> Iterator[str]:
    """The dotted names that a file imports anywhere, as far down as they are files of ours."""
    yield from _imports_below(source.tree, source, known)


def _imports_below(tree: ast.AST, source: Source, known: dict[str, Source]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            for alias in node.names:
                below = f"{base}.{alias.name}"
                yield below if below in known else base


def _base(source: Source, node: ast.ImportFrom) -> str:
    """What stands between `from` and `import`, without leading dots."""
    if not node.level:
        return node.module or ""
    package = source.name.split(".") if source.is_package else source.name.split(".")[:-1]
    kept = package[: len(package) - (node.level - 1)]
    return ".".join([*kept, node.module] if node.module else kept)


def annotation_imports_of(source: Source, known: dict[str, Source]) -> set[str]:
    """Those of the imports that stand below `if TYPE_CHECKING:`."""
    tests = (
        node for node in ast.walk(source.tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    )
    return {name for test in tests for name in _imports_below(test, source, known)}


def arrows(sources: dict[str, Source]) -> list[tuple[Source, str]]:
    """Every import between two files of ours."""
    return [(source, name) for source in sources.values() for name in imports_of(source, sources)]


def floor_of(room: str) -> int:
    """The number of the room's floor, from 0; a room without one is a `ValueError`."""
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise ValueError(f"{room} has no floor: add it to FLOORS and to the page of the architecture.")


def may_import(sources: dict[str, Source], room: str, other: str) -> bool:
    """Whether files of one room may import files of another."""
    if room == other:
        return True
    if room in SELF_CONTAINED:
        return False
    here, there = floor_of(room), floor_of(other)
    if here != there:
        return there < here
    files = [name for name in FLOORS[here] if not _is_package(sources, name)]
    return room in files and other in files and files.index(other) < files.index(room)


def _is_package(sources: dict[str, Source], room: str) -> bool:
    source = sources.get(f"{SERVER}.{room}")
    return source is not None and source.is_package


def wrong_arrows(root: Path) -> list[str]:
    """The imports of the server that do not run downward, as `from -> to`."""
    sources = sources_of(root, SERVER)
    wrong = []
    for source, name in arrows(sources):
        package, _, rest = name.partition(".")
        if package == CLIENT or (
            package == SERVER and rest and not (source.room and may_import(sources, source.room, rest.split(".")[0]))
        ):
            wrong.append(f"{source.name} -> {name}")
    return wrong


def wrong_client_arrows(root: Path) -> list[str]:
    """What the client imports of the server beyond what both share, and the load tester beyond the kernel."""
    sources = sources_of(root, CLIENT) | sources_of(root, SERVER)
    return [
        f"{source.name} -> {name}"
        for source, name in arrows(sources)
        if source.name.split(".")[0] == CLIENT
        and name.startswith(f"{SERVER}.")
        and name.split(".")[1] not in (LOAD_TESTER_MAY_IMPORT if source.room == LOAD_TESTER else CLIENT_MAY_IMPORT)
    ]


def users_of_the_load_tester(root: Path) -> list[str]:
    """Files of the client that would bring the load tester's loop with them; its own command is the only one."""
    sources = sources_of(root, CLIENT)
    return sorted(
        {
            source.name
            for source, name in arrows(sources)
            if name.startswith(f"{CLIENT}.{LOAD_TESTER}") and source.room != LOAD_TESTER
        }
    )


def circles(root: Path, package: str) -> list[str]:
    """Files of a package that import each other in a circle; none, when they can be listed one after the other.

    What is imported for annotations only does not count here: two neighbours may speak of each other, as long as only
    one of them leans on the other. Between floors it does count.
    """
    sources = sources_of(root, package)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for source in sources.values():
        if not source.is_package:
            sorter.add(source.name, *(set(imports_of(source, sources)) - annotation_imports_of(source, sources)))
    try:
        sorter.prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def touches_the_world(root: Path) -> list[str]:
    """What the wire imports or opens that sans-IO code may not."""
    sources = {name: source for name, source in sources_of(root, SERVER).items() if source.room == "wire"}
    imported = [(source, name) for source, name in arrows(sources) if name.split(".")[0] in OUTSIDE_WORLD]
    opened = [
        (source, "open()")
        for source in sources.values()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    return [f"{source.name} -> {what}" for source, what in imported + opened]


def test_every_import_of_the_server_runs_downward() -> None:
    assert wrong_arrows(CHECKOUT) == []


def test_the_client_imports_only_what_both_ends_share() -> None:
    assert wrong_client_arrows(CHECKOUT) == []


def test_only_its_own_command_uses_the_load_tester() -> None:
    assert users_of_the_load_tester(CHECKOUT) == [f"{CLIENT}.commands.{LOAD_TESTER}"]


@pytest.mark.parametrize("package", [SERVER, CLIENT])
def test_the_files_of_a_package_can_be_listed_one_after_the_other(package: str) -> None:
    assert circles(CHECKOUT, package) == []


def test_the_wire_touches_no_socket_clock_thread_or_file() -> None:
    assert touches_the_world(CHECKOUT) == []


def test_every_room_has_a_floor() -> None:
    rooms = {source.room for source in sources_of(CHECKOUT, SERVER).values() if source.room}
    assert sorted(room for room in rooms if not any(room in floor for floor in FLOORS)) == []


ROW: Final = re.compile(r"^\|([^|]*)\|(.*)\|$", re.MULTILINE)
MAP: Final = CHECKOUT / "docs" / "architecture.md"


def test_the_map_shows_these_floors() -> None:
    floors: list[set[str]] = []
    for floor, rooms in ROW.findall(MAP.read_text().partition("`client_cli/`")[0]):
        if floor.strip() and re.match(" `", rooms):
            assert floor.strip() == f"F{len(floors)}"
            floors.append(set())
        if floors:
            floors[-1] |= set(re.findall(r"`(\w+)/?`", rooms.partition("|")[0]))
    assert floors == [set(rooms) for rooms in FLOORS]


def test_the_map_shows_every_file_of_the_client() -> None:
    table = MAP.read_text().partition("`client_cli/`")[2].partition("`tests/`")[0]
    shown = {name for _, files in ROW.findall(table) for name in re.findall(r"`(\w+)/?`", files)}
    assert shown == {source.room for source in sources_of(CHECKOUT, CLIENT).values()} - {"", "__main__"}


def test_every_file_that_the_map_names_is_there() -> None:
    named = re.findall(r"`(\w[\w/]*\.py)`", MAP.read_text())
    assert [name for name in named if not any((CHECKOUT / place / name).exists() for place in (SERVER, "."))] == []


def a_house(root: Path, **files: str) -> Path:
    """A house to be wrong in: `wire__frames="import time"` is the file youku_evloop/wire/frames.py."""
    for name, text in {"__init__": "", **files}.items():
        *packages, file = name.split("__") if name != "__init__" else [name]
        directory = root.joinpath(SERVER, *packages)
        directory.mkdir(parents=True, exist_ok=True)
        if packages:
            (directory / "__init__.py").touch()
        (directory / f"{file}.py").write_text(text)
    return root


@pytest.mark.parametrize(
    ("file", "text", "target"),
    [
        ("kernel__loop", "from youku_evloop.wire.frames import X", "wire.frames"),
        ("kernel__loop", "from youku_evloop.wire import frames", "wire.frames"),
        ("wire__frames", "import youku_evloop.services.uploads", "services.uploads"),
        ("services__uploads", "def late():\n    from ..server import Server", "server"),
        ("orm__fields", "from youku_evloop import errors", "errors"),
        ("commands", "from youku_evloop.session import Session", "session"),
    ],
)
def test_an_import_that_does_not_run_downward_is_found(tmp_path: Path, file: str, text: str, target: str) -> None:
    files = {"errors": "", "session": "", "server": "", "wire__frames": "", "services__uploads": "", file: text}
    house = a_house(tmp_path, **files)
    assert wrong_arrows(house) == [f"youku_evloop.{file.replace('__', '.')} -> youku_evloop.{target}"]


def test_what_runs_downward_or_back_along_its_own_floor_is_right(tmp_path: Path) -> None:
    house = a_house(
        tmp_path,
        errors="",
        wire__frames="from youku_evloop.errors import YoukuError",
        wire__messages="from .frames import Frame",
        commands="from youku_evloop.wire import messages",
        session="from youku_evloop.commands import TABLE",
    )
    assert wrong_arrows(house) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    house = a_house(tmp_path, wire__a="from .b import X", wire__b="from .a import Y")
    assert set(circles(house, SERVER)) == {"youku_evloop.wire.a", "youku_evloop.wire.b"}


def test_neighbours_that_only_speak_of_each_other_are_no_circle(tmp_path: Path) -> None:
    only_named = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import Y"
    house = a_house(tmp_path, wire__a="from .b import X", wire__b=only_named)
    assert circles(house, SERVER) == []


@pytest.mark.parametrize("text", ["import time", "from os.path import join", "text = open('name')"])
def test_a_wire_that_touches_the_world_is_found(tmp_path: Path, text: str) -> None:
    assert touches_the_world(a_house(tmp_path, wire__frames=text)) != []
