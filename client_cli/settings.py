"""What a command was told to do and where: options, then the environment, then the profile, then defaults.

Profiles stand in `$XDG_CONFIG_HOME/youku/config.toml` (by default under `~/.config`), one table each:

    profile = "work"                # used where --profile and YOUKU_PROFILE are absent

    [profiles.work]
    server = "library.example:9685"
    timeout = 20
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from client_cli.address import DEFAULT_SERVER, Address, parse_address
from client_cli.output import Form
from client_cli.state import read_small
from client_cli.trust import TlsMode, parse_fingerprint
from youku_evloop.errors import BadRequest, Forbidden, NotFound

DEFAULT_RETRIES: Final = 5
DEFAULT_TIMEOUT: Final = 60.0
SHORTEST_TIMEOUT: Final = 0.1
LONGEST_TIMEOUT: Final = 86_400

PROGRESS_KINDS: Final = ("auto", "json", "none")

KNOWN: Final[Mapping[str, type | tuple[type, ...]]] = {
    "server": str,
    "tls": str,
    "fingerprint": str,
    "retry": int,
    "timeout": (int, float),
    "progress": str,
    "json": bool,
    "no_input": bool,
}
"""What a profile may set, and the types."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The answer; `token` is the one of the environment."""

    server: Address
    tls: TlsMode
    fingerprint: str | None
    token: str | None
    form: Form
    progress: str
    retries: int
    timeout: float
    no_input: bool
    debug: bool
    profile: str | None


def resolve(overrides: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of one command; `overrides` are its options (those of the environment among them)."""
    name, profile = chosen_profile(overrides, environment)
    told = {**profile, **overrides}
    return Settings(
        server=parse_address(told.get("server", DEFAULT_SERVER)),
        tls=_tls_mode(told.get("tls", TlsMode.AUTO.value)),
        fingerprint=parse_fingerprint(told["fingerprint"]) if told.get("fingerprint") else None,
        token=environment.get("YOUKU_TOKEN") or None,
        form=_form(told),
        progress=_progress(told.get("progress", "auto")),
        retries=_retries(told.get("retry", DEFAULT_RETRIES)),
        timeout=_timeout(told.get("timeout", DEFAULT_TIMEOUT)),
        no_input=bool(told.get("no_input")),
        debug=bool(told.get("debug")),
        profile=name,
    )


def chosen_profile(overrides: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str | None, dict[str, Any]]:
    """The name of the profile in use and what it says; (None, {}) without one."""
    config = load_config(config_path(environment))
    name = overrides.get("profile") or config.get("profile")
    if name is None:
        return None, {}
    profiles = config.get("profiles", {})
    if name not in profiles:
        known = f"there are {', '.join(sorted(profiles))}" if profiles else "there is none yet"
        raise NotFound(f"There is no profile {name!r} in {config_path(environment)}: {known}.", profile=name)
    check_profile(name, profiles[name])
    return str(name), dict(profiles[name])


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the profiles stand (XDG base directories; a relative path there is ignored)."""
    base = environment.get("XDG_CONFIG_HOME", "")
    directory = Path(base) if base.startswith("/") else Path.home() / ".config"
    return directory / "youku" / "config.toml"


def load_config(path: Path) -> dict[str, Any]:
    """The file as it stands; {} without one. Raises `BadRequest` with the line that is wrong."""
    try:
        source = read_small(path).decode()
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise Forbidden(f"{path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError as problem:
        raise BadRequest(f"{path} is no UTF-8: {problem.reason} at byte {problem.start}.") from None
    return parse_config(path, source)


def parse_config(path: Path, source: str) -> dict[str, Any]:
    """What the text of the file at `path` says; raises `BadRequest`."""
    import tomllib

    try:
        config = tomllib.loads(source)
    except tomllib.TOMLDecodeError as problem:
        raise BadRequest(f"{path} is no TOML: {problem}.") from None
    profiles = config.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise BadRequest(f"{path}: a profile is a table such as [profiles.work].")
    return config


def check_profile(name: str, profile: Mapping[str, Any]) -> None:
    """Raises `BadRequest` when a profile sets something that it cannot."""
    for key, value in profile.items():
        if key not in KNOWN:
            raise BadRequest(f"Profile {name!r} sets {key!r}, which is not one of {', '.join(KNOWN)}.")
        if not isinstance(value, KNOWN[key]) or (isinstance(value, bool) and KNOWN[key] is not bool):
            raise BadRequest(f"Profile {name!r} sets {key!r} to {value!r}, which is of the wrong type.")


def check_value(key: str, value: Any) -> None:
    """Raises `BadRequest` when a profile that sets this could not be used."""
    checks: dict[str, Callable[[Any], object]] = {
        "server": parse_address,
        "tls": _tls_mode,
        "fingerprint": parse_fingerprint,
        "progress": _progress,
        "timeout": _timeout,
        "retry": _retries,
    }
    if key in checks:
        checks[key](value)


def _retries(count: int) -> int:
    if count < 0:
        raise BadRequest(f"{count} retries cannot be: 0 or more can.")
    return count


def _form(told: Mapping[str, Any]) -> Form:
    chosen = [form for form in (Form.JSON_LINES, Form.QUIET, Form.JSON) if told.get(form.value.replace("-", "_"))]
    return chosen[0] if chosen else Form.TEXT


def _progress(kind: str) -> str:
    if kind not in PROGRESS_KINDS:
        raise BadRequest(f"Progress {kind!r} is not one of {', '.join(PROGRESS_KINDS)}.")
    return kind


def _timeout(seconds: float) -> float:
    if not SHORTEST_TIMEOUT <= seconds <= LONGEST_TIMEOUT:  # nan, too, is not between them
        raise BadRequest(f"A timeout of {seconds} s cannot be: from {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} s it can.")
    return float(seconds)


def _tls_mode(mode: str) -> TlsMode:
    try:
        return TlsMode(mode)
    except ValueError:
        raise BadRequest(f"TLS {mode!r} is not one of {', '.join(mode.value for mode in TlsMode)}.") from None
