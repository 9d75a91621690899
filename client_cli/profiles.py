"""Changing `config.toml` without disturbing what people wrote around it.

The standard library reads TOML and does not write it. So one line is changed, in place, and the result is read again:
if it does not say exactly what was meant, nothing is written.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from client_cli.settings import check_profile, load_config, parse_config
from client_cli.state import locked
from youku_evloop.errors import BadRequest, Forbidden

Scalar = str | int | float | bool


def set_value(path: Path, profile: str, key: str, value: Scalar | None) -> None:
    """Let `profile` set `key` to `value`, or leave it out if None; raises `BadRequest` where it may not be set so."""
    if value is not None:
        check_profile(profile, {key: value})
    path = _place(path)
    with locked(path.parent, "profiles"):
        expected = load_config(path)
        entries = expected.setdefault("profiles", {}).setdefault(profile, {})
        _assign(entries, key, value)
        _rewrite(path, _with_line(_source(path), f"[profiles.{_toml_key(profile)}]", key, value), expected)


def use_profile(path: Path, profile: str | None) -> None:
    """Make a profile the one that is used where none is named; None: no profile."""
    path = _place(path)
    if profile is not None and profile not in load_config(path).get("profiles", {}):
        raise BadRequest(f"There is no profile {profile!r} yet: youku --profile {profile} config set server HOST:PORT")
    with locked(path.parent, "profiles"):
        expected = load_config(path)
        _assign(expected, "profile", profile)
        _rewrite(path, _with_line(_source(path), "", "profile", profile), expected)


def _place(path: Path) -> Path:
    """Where the file really is, so that a link to it stays one; raises `BadRequest` where it cannot be read."""
    load_config(path)
    return path.resolve()


def _assign(entries: dict[str, Any], key: str, value: Scalar | None) -> None:
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


def _source(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _with_line(source: str, header: str, key: str, value: Scalar | None) -> str:
    """The file with `key = value` in the table of that header ("": above all tables), wherever it stood before."""
    lines = source.splitlines()
    start, end = _table(lines, header)
    pattern = re.compile(rf"\s*{re.escape(key)}\s*=")
    lines[start:end] = [line for line in lines[start:end] if not pattern.match(line)]
    if value is not None:
        lines.insert(start, f"{key} = {_toml_value(value)}")
    return "\n".join(lines).strip("\n") + "\n"


def _table(lines: list[str], header: str) -> tuple[int, int]:
    """Where the lines of the table begin and end; it is added at the end where there is none."""
    headers = [place for place, line in enumerate(lines) if line.lstrip().startswith("[")]
    if not header:
        return 0, headers[0] if headers else len(lines)
    for place in headers:
        if lines[place].strip() == header:
            return place + 1, next((later for later in headers if later > place), len(lines))
    lines += ["", header]
    return len(lines), len(lines)


def _rewrite(path: Path, source: str, expected: dict[str, Any]) -> None:
    try:
        says = parse_config(path, source)
    except BadRequest:
        says = {}
    if says != expected:
        raise BadRequest(f"{path} is written in a way that this command does not understand: edit it by hand.")
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(source, "utf-8")
        fresh.replace(path)
    except OSError as problem:
        raise Forbidden(f"{path} cannot be written: {problem.strerror}.") from None


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml_value(name)


def _toml_value(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)
