"""What every command works with: settings, output, a client for its server, a password where one is needed."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from client_cli import text
from client_cli.messages import YES, Translate, translator
from client_cli.output import Form, Output
from client_cli.sessions import SessionFile
from client_cli.settings import Settings, resolve
from client_cli.trust import Trust
from youku_evloop.errors import BadRequest, Interrupted, NotLoggedIn, YoukuError

if TYPE_CHECKING:
    from client_cli.bars import Bars
    from client_cli.client import Client


class App:
    """One run of `youku`; made before the options are known, which fill `overrides`."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.overrides: dict[str, Any] = {}
        self.environment = environment
        self.sessions = SessionFile()
        self._bars: Bars | None = None
        self._pauses: dict[int, tuple[YoukuError, float]] = {}
        """By thread: why, and for how many seconds."""

    @cached_property
    def settings(self) -> Settings:
        """Options, environment, profile and defaults, resolved when they are first needed."""
        return resolve(self.overrides, self.environment)

    @cached_property
    def output(self) -> Output:
        """Where results and messages go."""
        return Output(self.settings.form, translate=self.translate)

    @cached_property
    def translate(self) -> Translate:
        """What turns a message into this person's language."""
        return translator(self.environment)

    def client(self, *, logged_in: bool = True) -> Client:
        """A client for the server; raises `NotLoggedIn` before connecting when it needs a session and there is none."""
        from client_cli.client import Client

        settings = self.settings
        return Client(
            settings.server,
            token=self.token() if logged_in else None,
            timeout=settings.timeout,
            retries=settings.retries,
            trust=Trust(settings.tls, settings.fingerprint, say=self.message),
            on_retry=self._report_retry,
            on_wait=self._report_wait,
            while_asking=self._while_asking,
        )

    def token(self) -> str:
        """`YOUKU_TOKEN`, or what the last login left; raises `NotLoggedIn`."""
        settings = self.settings
        if settings.token:
            return settings.token
        session = self.sessions.find(str(settings.server))
        if session is None:
            raise NotLoggedIn(f"You are not logged in at {settings.server}: run `youku login NAME`.")
        return str(session["token"])

    def password(self, prompt: str, *, confirm: bool = False) -> str:
        """`YOUKU_PASSWORD`, or what somebody types; raises `BadRequest` where nobody is there to type."""
        password = self.environment.get("YOUKU_PASSWORD")
        if password is None:
            self.require_person("A password is needed: set YOUKU_PASSWORD, or run this on a terminal.")
            password = self._typed_password(prompt, confirm)
        if not password:
            raise BadRequest("A password may not be empty.")
        return password

    def new_password(self, prompt: str) -> str:
        """`YOUKU_NEW_PASSWORD`, or what somebody types twice; raises `BadRequest` where nobody is there to type."""
        password = self.environment.get("YOUKU_NEW_PASSWORD")
        if password is None:
            self.require_person("A new password is needed: set YOUKU_NEW_PASSWORD, or run this on a terminal.")
            password = self._typed_password(prompt, confirm=True)
        if not password:
            raise BadRequest("A password may not be empty.")
        return password

    def require_yes(self, yes: bool) -> None:
        """Raises `BadRequest` where --yes was not said and nobody is there to be asked."""
        if not yes:
            self.require_person("This needs a yes, and nobody is here to ask: add --yes.")

    def confirm(self, question: str, otherwise: str) -> None:
        """Ask somebody on the terminal; raises `Interrupted`, saying `otherwise`, unless the answer is yes."""
        sys.stderr.write(text.visible_lines(f"{self.translate(question)} [y/N] "))
        sys.stderr.flush()
        with _a_line_of_its_own():
            answer = sys.stdin.readline()
        if not answer:  # the end of the input leaves the question's line open
            sys.stderr.write("\n")
        if answer.strip().lower() not in YES:
            raise Interrupted(otherwise)

    @property
    def has_person(self) -> bool:
        """Whether somebody can be asked."""
        return not self.settings.no_input and sys.stdin.isatty()

    def require_person(self, otherwise: str) -> None:
        """Raises `BadRequest` unless somebody can be asked."""
        if not self.has_person:
            raise BadRequest(otherwise)

    def bars(self) -> Bars:
        """What shows progress and waits; messages go around it."""
        if self._bars is None:
            from client_cli.bars import bars_for

            kind = self.settings.progress
            if kind == "auto" and self.output.form is Form.QUIET:
                kind = "none"
            self._bars = bars_for(kind, sys.stderr, self.output.error, self.translate)
            if sys.stdout.isatty():
                self.output.above = self._bars.above
        return self._bars

    def message(self, message: str) -> None:
        """A message that does not tear a progress bar apart; a line of JSON among lines of JSON."""
        if self.settings.progress == "json" and self.output.form is not Form.QUIET:
            line = {"event": "message", "message": self.translate(message)}
            self.output.error(json.dumps(line, ensure_ascii=False))
        elif self._bars is not None and self.output.form is not Form.QUIET:
            self._bars.message(text.visible_lines(self.translate(message)))
        else:
            self.output.message(message)

    def _typed_password(self, prompt: str, confirm: bool) -> str:
        from getpass import getpass

        with _a_line_of_its_own():
            password = getpass(f"{self.translate(prompt)}: ", sys.stderr)
            again = getpass(self.translate("The same again: "), sys.stderr) if confirm else password
        if again != password:
            raise BadRequest("The two passwords differ: nothing was done.")
        return password

    def _report_retry(self, error: YoukuError, delay: float, count: int, limit: int) -> None:
        self._pauses[threading.get_ident()] = (error, delay)
        if self.settings.progress == "json":
            return  # the lines about the pause say it
        what_next = "Waiting..." if not count else f"Trying again in {delay:.1f} s ({count} of {limit})."
        self.message(f"{self.translate(error.message)} {self.translate(what_next)}")

    def _report_wait(self, left: float) -> None:
        from client_cli.progress import Wait

        error, seconds = self._pauses[threading.get_ident()]
        self.bars().waiting(Wait(error, seconds, left))

    def _while_asking(self) -> AbstractContextManager[object]:
        return self.bars().asking(str(self.settings.server))


@contextmanager
def _a_line_of_its_own() -> Iterator[None]:
    """Whoever stops at a prompt reads what is said of it below the prompt, not behind it."""
    try:
        yield
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\n")
        raise
