"""Plugins: packages that declare an entry point of the group `youku_evloop.plugins` (docs/plugins.md).

Each is a function that gets a `PluginApp` when `youku-server` starts, whichever of its commands was typed. There it may
connect to signals, add commands to the protocol and subcommands to `youku-server`. A plugin that raises is logged and
left out; what of it was added before it raised stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol

import click

from youku_evloop.commands import COMMANDS, Command
from youku_evloop.services.payments import PROVIDERS, Provider
from youku_evloop.signals import Signals
from youku_evloop.wire.messages import Request, RequestParser

log = logging.getLogger(__name__)

GROUP: Final = "youku_evloop.plugins"


class Kernel(Protocol):
    """What a running server lends its plugins of the loop."""

    def in_thread(self, fn: Callable[..., Any], *args: Any) -> Any:
        """What `fn(*args)` gives, run where it may block; only from a task."""

    def spawn(self, fn: Callable[..., object], *args: Any) -> None:
        """Run `fn(*args)` in a task of its own."""


class PluginApp:
    """What a plugin may change and use."""

    def __init__(self) -> None:
        self.signals = Signals()
        self.subcommands: dict[str, click.Command] = {}
        self.providers: dict[str, Callable[[], Provider]] = dict(PROVIDERS)
        self._commands: dict[type[Request], Command] = dict(COMMANDS)
        self._kernel: Kernel | None = None

    @property
    def commands(self) -> Mapping[type[Request], Command]:
        """The command table, with what plugins have added."""
        return self._commands

    def add_command(self, command: Command) -> None:
        """A command of the protocol; raises `ValueError` when its name is taken, `TypeError` for bad arguments."""
        if any(known.name == command.name for known in self._commands.values()):
            raise ValueError(f"there is a command {command.name} already")
        RequestParser([*self._commands, command.arguments])  # raises, or the server could not start with it
        self._commands[command.arguments] = command

    def add_subcommand(self, command: click.Command) -> None:
        """A subcommand of `youku-server`; raises `ValueError` when a plugin has taken its name."""
        if command.name is None or command.name in self.subcommands:
            raise ValueError(f"there is a subcommand {command.name} already")
        self.subcommands[command.name] = command

    def add_payment_provider(self, name: str, make: Callable[[], Provider]) -> None:
        """A provider for `youku-server run --payments NAME`; raises `ValueError` when the name is taken."""
        if name in self.providers:
            raise ValueError(f"there is a payment provider {name} already")
        self.providers[name] = make

    def in_thread(self, fn: Callable[..., Any], *args: Any) -> Any:
        """What `fn(*args)` gives, run in a worker thread while the task waits; without a server, simply run."""
        return fn(*args) if self._kernel is None else self._kernel.in_thread(fn, *args)

    def spawn(self, fn: Callable[..., object], *args: Any) -> None:
        """Run `fn(*args)` in a task of its own, soon; without a server, at once."""
        if self._kernel is None:
            fn(*args)
        else:
            self._kernel.spawn(fn, *args)

    def attach(self, kernel: Kernel) -> None:
        """From now on there is a server."""
        self._kernel = kernel


def load(app: PluginApp, found: Iterable[EntryPoint] | None = None) -> list[str]:
    """Hand the app to every plugin that is installed; the names of those that took it; one that exits has not."""
    loaded = []
    for point in entry_points(group=GROUP) if found is None else found:
        try:
            point.load()(app)
        except (Exception, SystemExit) as problem:
            words = ("the plugin %s failed and is left out: %s: %s", point.name, type(problem).__name__, problem)
            log.error(*words, exc_info=log.hasHandlers())  # to somebody at a terminal one line says it
        else:
            loaded.append(point.name)
    return loaded
