"""The log: one line an event, as text for people or as JSON for programs; never a token or a password.

Whoever logs may add facts: `log.info("command", extra={"facts": {"op": "movie.list", ...}})`.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec


class LogFormat(StrEnum):
    """How a line looks."""

    TEXT = "text"
    JSON = "json"


class TextFormatter(logging.Formatter):
    """`2026-11-21 08:15:30 INFO command op=movie.list user=alice ...`"""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and below it the traceback if there is one."""
        facts = getattr(record, "facts", {})
        when = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%S")
        words = [when, record.levelname, record.getMessage(), *(f"{key}={value}" for key, value in facts.items())]
        if record.exc_info:
            words.append("\n" + self.formatException(record.exc_info))
        return " ".join(words)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the facts, and `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()


class ReopeningHandler(logging.FileHandler):
    """A log file that `reopen` opens anew under its name, after somebody has moved the old one away."""

    def reopen(self) -> None:
        """Go on in a new file."""
        self.acquire()
        try:
            if self.stream is not None:
                self.stream.close()
            self.stream = self._open()
        finally:
            self.release()


def set_up(log_format: LogFormat, file: Path | None, level: str) -> None:
    """Send the log to `file`, or to standard error."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr) if file is None else ReopeningHandler(file)
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def reopen() -> None:
    """After the log was rotated."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, ReopeningHandler):
            handler.reopen()
