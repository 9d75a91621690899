"""What every command of `youku` shares: the common options, examples in its help, loading when it is called.

The common options may stand before or after the command's name. Each is stored in `App.overrides` when somebody (or the
environment, through click's `YOUKU_...` names) set it; `settings.py` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from client_cli.app import App

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

pass_app = click.make_pass_decorator(App)

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


UNCUT: Final = 1000
"""Characters of what a command does, in the list of a group: all of its first sentence."""


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    assert parameter.name is not None
    if context.get_parameter_source(parameter.name) not in (None, ParameterSource.DEFAULT):
        context.ensure_object(App).overrides[parameter.name] = value


def _profiles(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    from client_cli.candidates import profiles

    return profiles(context, parameter, typed)


def _common_options() -> list[click.Option]:
    flag: dict[str, Any] = {"is_flag": True, "expose_value": False, "callback": _remember}
    value: dict[str, Any] = {"expose_value": False, "callback": _remember}
    return [
        click.Option(["--server"], metavar="HOST:PORT", help="The server (127.0.0.1:9685).", **value),
        click.Option(
            ["--tls"],
            type=click.Choice(["auto", "on", "off"]),
            help="Encrypt: on, off, or for every host but this machine (auto).",
            **value,
        ),
        click.Option(
            ["--fingerprint"],
            metavar="sha256:HEX",
            help="The certificate that the server has to show; without it, the one seen first.",
            **value,
        ),
        click.Option(["--json"], help="Results as one JSON document.", **flag),
        click.Option(["--json-lines"], help="Results as JSON, one object a line.", **flag),
        click.Option(["-q", "--quiet"], help="Nothing but the ids of the results.", **flag),
        click.Option(
            ["--progress"],
            type=click.Choice(["auto", "json", "none"]),
            help="Progress on standard error: bars on a terminal (auto), JSON lines, none.",
            **value,
        ),
        click.Option(
            ["--retry"],
            type=click.IntRange(0),
            metavar="N",
            help="Failures in a row before giving up (5).",
            **value,
        ),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(0.1, 86_400),
            metavar="S",
            help="Seconds of silence before giving up (60).",
            **value,
        ),
        click.Option(
            ["--profile"], metavar="NAME", help="A profile of config.toml.", shell_complete=_profiles, **value
        ),
        click.Option(["--no-input"], help="Never ask; fail instead.", **flag),
        click.Option(["--debug"], help="Show where an error comes from.", **flag),
    ]


def long_name(option: click.Option) -> str:
    """As its page calls it: `--jobs`."""
    return max(option.opts, key=len)


def variable(path: str, option: click.Option) -> str:
    """What stands for an option in the environment: YOUKU_SERVER for `youku --server`, YOUKU_LIST_LIMIT for
    `youku list --limit`."""
    words = f"{path} {long_name(option).lstrip('-')}"
    return words.replace(" ", "_").replace("-", "_").upper()


class Described(click.Command):
    """Help in a fixed order: usage, what it does, arguments, options, examples, common options."""

    examples: Sequence[tuple[str, str]] = ()
    document: str = ""
    """The shape of what it prints with `--json`; "" for what has none."""

    def common_names(self) -> set[str]:
        """The names of the common options among the parameters."""
        return {option.name for option in _common_options() if option.name}

    def own_options(self) -> list[click.Option]:
        """Those that only this command has."""
        common = self.common_names() | {"version"}
        return [option for option in self.params if isinstance(option, click.Option) and option.name not in common]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.auto_envvar_prefix:
            for option in self.params:
                if isinstance(option, click.Option) and option.allow_from_autoenv:
                    option.envvar = variable(ctx.auto_envvar_prefix, option)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        from client_cli.help_pages import ChineseFormatter, HelpFormatter
        from client_cli.messages import help_translator

        say = help_translator(ctx.ensure_object(App).environment)
        kind = HelpFormatter if say is str else ChineseFormatter
        formatter = kind(ctx.make_formatter().width, say)
        self.format_help(ctx, formatter)
        return formatter.getvalue().rstrip("\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        common = self.common_names()
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                (shared if parameter.name in common else own).append(record)
        if own:
            with formatter.section("Options"):
                formatter.write_dl(own)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line, meaning in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
                    with formatter.indentation(), formatter.indentation():
                        formatter.write_text(meaning)
        if shared:
            with formatter.section("Common options"):
                formatter.write_dl(shared)
        self._format_variables(ctx, formatter)

    def _format_variables(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = self.own_options()
        example = f", {variable(ctx.command_path, options[0])} for {long_name(options[0])}" if options else ""
        with formatter.section("Environment"):
            formatter.write_text(f"Every option has a variable: YOUKU_SERVER for --server{example}.")


class YoukuCommand(Described):
    """A command with the common options and its examples."""

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), document: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.document = document
        self.params.extend(_common_options())
        self.context_settings = {**CONTEXT_SETTINGS, **self.context_settings}


class YoukuGroup(Described, click.Group):
    """A group whose commands are imported when they are called: `lazy` maps a name to `module:attribute`."""

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, str] | None = None,
        examples: Sequence[tuple[str, str]] = (),
        document: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})
        self.examples = examples
        self.document = document
        self.params.extend(_common_options())
        self.context_settings = {**CONTEXT_SETTINGS, **self.context_settings}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name].partition(":")
        found = getattr(import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.get_short_help_str(UNCUT)) for name, found in commands if found])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(self._unknown(ctx, name))
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, name: str) -> str:
        import difflib

        close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
        hint = f"did you mean {close[0]}?" if close else f"`{ctx.command_path} --help` lists them all."
        return f"There is no command {name!r}: {hint}"


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
"""Of what cannot be undone."""


def command(
    name: str, *, examples: Sequence[tuple[str, str]], document: str
) -> Callable[[Callable[..., Any]], YoukuCommand]:
    """A command: its docstring is its help, `examples` are (line, meaning), `document` the shape of its JSON."""
    return click.command(name, cls=YoukuCommand, examples=examples, document=document)
