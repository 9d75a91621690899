"""Settings: what is in force, and the profiles of config.toml."""

from __future__ import annotations

import click

from client_cli import candidates
from client_cli.app import App
from client_cli.framework import YoukuCommand, YoukuGroup, pass_app
from client_cli.profiles import Scalar, set_value, use_profile
from client_cli.settings import KNOWN, check_value, config_path, load_config
from client_cli.trust import KnownServers
from youku_evloop.errors import BadRequest


@click.group(
    "config",
    cls=YoukuGroup,
    invoke_without_command=True,
    document=(
        '{"server": TEXT, "tls": "auto" | "on" | "off", "fingerprint": TEXT | null, '
        '"retry": NUMBER, "timeout": SECONDS, "progress": TEXT, "logged_in_as": NAME | '
        'null, "profile": NAME | null, "profiles": [NAME, ...], "file": PATH, "sessions": PATH, "known_servers": PATH}'
    ),
    examples=(
        ("youku config", "The settings in force, and the profiles there are."),
        ("youku --profile work config set server library.example:9685", "Make or change a profile."),
        ("youku config use work", "Use it from now on."),
    ),
)
@click.pass_context
def config(context: click.Context) -> None:
    """Show the settings in force; subcommands change profiles.

    A profile is a table of config.toml in ~/.config/youku (or under XDG_CONFIG_HOME). It may set server, tls,
    fingerprint, retry, timeout, progress, json and no_input. Options and variables of the environment win over it.
    """
    if context.invoked_subcommand is None:
        _show(context.ensure_object(App))


@config.command(
    "set",
    cls=YoukuCommand,
    document='{"profile": NAME, "key": TEXT, "value": TEXT}',
    examples=(
        ("youku --profile work config set server library.example:9685", "Where `work` is."),
        ("youku --profile work config set timeout 20", "How long to wait there."),
    ),
)
@click.argument("key", type=click.Choice(list(KNOWN)))
@click.argument("value")
@pass_app
def set_setting(app: App, key: str, value: str) -> None:
    """Set KEY to VALUE in the profile that --profile names."""
    path, profile = config_path(app.environment), _profile(app)
    typed = _typed(key, value)
    check_value(key, typed)
    set_value(path, profile, key, typed)
    app.output.item({"profile": profile, "key": key, "value": value}, profile, f"{profile}: {key} = {value}")
    app.output.document({"profile": profile, "key": key, "value": value})


@config.command(
    "unset",
    cls=YoukuCommand,
    document='{"profile": NAME, "key": TEXT}',
    examples=(
        ("youku --profile work config unset timeout", "Back to the default."),
        ("youku --profile work config unset json", "Words again."),
    ),
)
@click.argument("key", type=click.Choice(list(KNOWN)))
@pass_app
def unset_setting(app: App, key: str) -> None:
    """Leave KEY out of the profile that --profile names."""
    path, profile = config_path(app.environment), _profile(app)
    set_value(path, profile, key, None)
    app.output.item({"profile": profile, "key": key}, profile, f"{profile}: {key} is the default")
    app.output.document({"profile": profile, "key": key})


@config.command(
    "use",
    cls=YoukuCommand,
    document='{"profile": NAME | null}',
    examples=(
        ("youku config use work", "Use `work` where no --profile is given."),
        ("youku config use --none", "Use none."),
    ),
)
@click.argument("name", required=False, shell_complete=candidates.profiles)
@click.option("--none", "nothing", is_flag=True, help="No profile.")
@pass_app
def use(app: App, name: str | None, nothing: bool) -> None:
    """Make a profile the one that is used."""
    if (name is None) != nothing:
        raise BadRequest("Name a profile, or say --none.")
    use_profile(config_path(app.environment), name)
    app.output.item({"profile": name}, name or "", f"Using {name or 'no profile'}.")
    app.output.document({"profile": name})


def _show(app: App) -> None:
    settings, path = app.settings, config_path(app.environment)
    session = app.sessions.find(str(settings.server))
    values = {
        "server": str(settings.server),
        "tls": settings.tls.value,
        "fingerprint": settings.fingerprint,
        "retry": settings.retries,
        "timeout": settings.timeout,
        "progress": settings.progress,
        "logged_in_as": "whoever YOUKU_TOKEN is" if settings.token else session and session.get("name"),
        "profile": settings.profile,
        "profiles": sorted(load_config(path).get("profiles", {})),
        "file": str(path),
        "sessions": str(app.sessions.path),
        "known_servers": str(KnownServers().path),
    }
    app.output.details([(name, _words(value)) for name, value in values.items()])
    if app.output.form not in (app.output.form.TEXT, app.output.form.JSON):
        app.output.item(values, str(path), "")
    app.output.document(values)


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return "-" if value is None else str(value)


def _profile(app: App) -> str:
    """The profile to change, which need not be there yet."""
    name = app.overrides.get("profile") or load_config(config_path(app.environment)).get("profile")
    if not name:
        raise BadRequest("Say which profile: youku --profile NAME config ...")
    return str(name)


def _typed(key: str, value: str) -> Scalar:
    kind = KNOWN[key]
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if kind is str:
            return value
        return int(value) if kind is int else float(value)
    except (KeyError, ValueError):
        raise BadRequest(f"{value!r} is no value for {key}.") from None
