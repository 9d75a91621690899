"""`youku loadtest`: the options, and how its outcome is said."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from client_cli.app import App
from client_cli.framework import command, pass_app
from client_cli.output import Form
from youku_evloop.errors import (
    BadRequest,
    Forbidden,
    Interrupted,
    NotLoggedIn,
    ThresholdCrossed,
    Unavailable,
    YoukuError,
)

if TYPE_CHECKING:
    from client_cli.loadtest.conductor import Login, Outcome
    from client_cli.loadtest.plan import Plan

LEFT_BEHIND: Final = "Some of what the test has made is left: run `youku loadtest --clean-up` later."


@command(
    "loadtest",
    document=(
        '{"server": TEXT, "time": TIME, "plan": {"clients": NUMBER, ...}, "seconds": SECONDS, "requests": NUMBER, '
        '"rate": NUMBER, "errors": NUMBER, "latency": {"p50": SECONDS | null, "p99": SECONDS | null, ...}, '
        '"bytes": {"sent": BYTES, "received": BYTES}, "tester": {"was_the_bottleneck": true | false | null, ...}, '
        '"thresholds": [{"fail_if": TEXT, "value": NUMBER | null, "crossed": true | false, ...}, ...], '
        '"windows": [{"begin": SECONDS, "rate": NUMBER, "p99": SECONDS | null, ...}, ...], ...}'
    ),
    examples=(
        ("youku loadtest", "How many pings the server answers, with ten clients, in ten seconds."),
        (
            "youku loadtest --scenario browse --clients 1000 --rate 500 --duration 1m --report load.html",
            "A thousand people of whom 500 a second look around, whether or not the server keeps up.",
        ),
        (
            "youku loadtest --scenario mixed --kill-rate 10% --fail-if 'p99>200ms' --fail-if 'errors>0'",
            "A bit of everything, a tenth of the transfers cut and resumed; exit code 11 if that is too slow.",
        ),
        ("youku loadtest --clean-up", "Remove what a test has left that was killed."),
    ),
)
@click.option("--scenario", metavar="NAME", help="ping, browse, login, download, upload, mixed, or one of the file's.")
@click.option("--weights", metavar="NAME=N,...", help="What `mixed` is a mix of.")
@click.option("--file", type=click.Path(path_type=Path), metavar="PATH", help="Settings and own scenarios, in TOML.")
@click.option("--clients", metavar="N", help="So many at the same time (10).")
@click.option("--duration", metavar="TIME", help="How long (10s, unless --requests is given).")
@click.option("--requests", metavar="N", help="So many altogether.")
@click.option("--rate", metavar="N", help="Visits that become due a second, whether or not the last ones are over.")
@click.option("--ramp", metavar="TIME", help="Rise to the full load within this time.")
@click.option("--think", metavar="TIME", help="A pause between requests: 2s, or exponential:2s and the like.")
@click.option("--size", metavar="SIZE", help="Of movies: 8MiB, or lognormal:8MiB,1.2 and the like (1MiB).")
@click.option("--kill-rate", metavar="SHARE", help="So many of the transfers are cut once, and resumed.")
@click.option("--users", metavar="N", help="Made-up users (as many as clients, at most 100).")
@click.option("--movies", metavar="N", help="Made-up movies to find and download (20).")
@click.option("--seed", metavar="N", help="The same chance again.")
@click.option("--fail-if", multiple=True, metavar="EXPRESSION", help="Such as 'p99>50ms': then the exit code is 11.")
@click.option("--report", type=click.Path(path_type=Path), metavar="PATH", help="Write a page with plots there.")
@click.option("--allow-host", metavar="HOST", help="Needed for a server that is not this machine: its name again.")
@click.option("--clean-up", is_flag=True, help="Only remove what earlier tests have left.")
@pass_app
def loadtest(
    app: App, /, file: Path | None, report: Path | None, allow_host: str | None, clean_up: bool, **options: Any
) -> None:
    """Put a server under load, and say how it did.

    Makes the users and movies that it needs, for which it wants an administrator's login, and removes them afterwards.
    """
    from client_cli.loadtest.plan import read_plan
    from client_cli.loadtest.target import require_permission

    logging.getLogger("youku_evloop.kernel.loop").setLevel(logging.ERROR)  # its slow turns are in the summary
    plan = read_plan(options, file)
    require_permission(app.settings.server, allow_host)
    if clean_up:
        _clean_up(app)
        return
    if report is not None:
        _require_writable(report)
    _say(app, _conduct(app, plan), report)


def _require_writable(report: Path) -> None:
    """Raise `BadRequest` before the test for what could only be an error after it."""
    if not report.absolute().parent.is_dir():
        raise BadRequest(f"{report} cannot be written: there is no such directory.")
    if report.is_dir():
        raise BadRequest(f"{report} cannot be written: it is a directory.")
    try:
        _try_to_write(report)
    except OSError as problem:
        raise BadRequest(f"{report} cannot be written: {problem.strerror}.") from None


def _try_to_write(report: Path) -> None:
    """Raise `OSError` where that does not go; afterwards there is what there was before."""
    if not report.exists():
        report.touch()
        report.unlink()
    elif report.is_file():  # opening a pipe would be the beginning of writing it
        report.open("ab").close()


def _conduct(app: App, plan: Plan) -> Outcome:
    from client_cli.loadtest.conductor import Conductor
    from client_cli.loadtest.live import Live

    kind = app.settings.progress
    live = Live("none" if kind == "auto" and app.output.form is Form.QUIET else kind, sys.stderr, app.translate)

    def say(message: str) -> None:
        live.clear()
        if sys.stderr.isatty():
            app.message(message)

    conductor = Conductor(plan, _login(app, needs_administrator=plan.makes_something), live.show, say)
    try:
        return conductor.run()
    except YoukuError:
        if conductor.outcome.left_behind:
            app.message(LEFT_BEHIND)
        raise
    finally:
        live.clear()


def _login(app: App, *, needs_administrator: bool) -> Login:
    """Ask the server for a sign of life, as anybody else would; raises what is wrong with it, or with the session."""
    from client_cli.loadtest.conductor import Login
    from client_cli.trust import Trust

    token = None
    try:
        token = app.token()
    except NotLoggedIn:
        if needs_administrator:
            raise
    with app.client(logged_in=needs_administrator) as youku:
        if needs_administrator:
            user = youku.whoami()
            if user.user_type != "admin":
                raise Forbidden(f"A load test makes users and movies: log in as an administrator; you are {user.name}.")
        else:
            youku.ping()
    settings = app.settings
    trust = Trust(settings.tls, settings.fingerprint)
    encrypted = trust.wants_tls(settings.server)
    fingerprint = settings.fingerprint or trust.known.find(settings.server) if encrypted else None
    return Login(settings.server, token, fingerprint, settings.timeout)


def _clean_up(app: App) -> None:
    from client_cli.loadtest.conductor import clean_up

    removed = clean_up(_login(app, needs_administrator=True))
    found = {"users": removed.users, "movies": removed.movies, "uploads": removed.uploads}
    words = f"Removed {removed.users} users, {removed.movies} movies and {removed.uploads} unfinished uploads."
    app.output.item(found, removed.users + removed.movies + removed.uploads, words)
    app.output.document(found)


def _say(app: App, outcome: Outcome, report: Path | None) -> None:
    """The report, the summary, and, as an error, what is wrong."""
    from client_cli.loadtest import summary

    found = summary.document(outcome, app.settings.server)
    unwritten = _write(report, found)  # first: whoever reads the summary may close it in the middle
    app.output.document(found)
    if app.output.form is Form.TEXT:
        table = summary.rows(found, app.translate)
        app.output.table(summary.COLUMNS, table, table, table)
        app.output.details([(name, app.translate(value)) for name, value in summary.lines(found)])
    elif app.output.form is not Form.JSON:
        app.output.item(found, found["rate"], "")
    for line in summary.verdict(found, app.translate):
        app.message(line)
    if report is not None and unwritten is None:
        app.message(f"The report is in {report}.")
    if outcome.left_behind:
        app.message(LEFT_BEHIND)
    _raise_first(app, _problems(outcome, summary.crossed(outcome), unwritten))


def _write(report: Path | None, found: Mapping[str, Any]) -> YoukuError | None:
    """Write the report; why that did not go."""
    from client_cli.loadtest.report import page

    if report is None:
        return None
    try:
        report.write_text(page(found), encoding="utf-8")
    except OSError as problem:  # a full disk does not say which file it was
        return YoukuError(f"{report}: {problem.strerror}.")
    return None


def _problems(outcome: Outcome, crossed: list[str], unwritten: YoukuError | None) -> Iterator[YoukuError]:
    """What is wrong, the worst first."""
    if outcome.interrupted:
        yield Interrupted("Stopped; the figures are those until then.")
    if crossed:
        yield ThresholdCrossed(f"The test has failed: {'; '.join(crossed)}.", crossed=crossed)
    if outcome.left_behind:
        yield Unavailable(f"Not everything could be removed: {outcome.left_behind}")
    if unwritten is not None:
        yield unwritten


def _raise_first(app: App, problems: Iterator[YoukuError]) -> None:
    """Raise the first, if there is one, after the others were said."""
    first = next(problems, None)
    for other in problems:
        app.message(other.message)
    if first is not None:
        raise first
