"""One test from its beginning to its end: make what it needs, connect, let the crowd loose, tidy up.

Whatever happens in between, what was made is removed again: after an error, and after Ctrl-C, which ends the test and
lets it be reported. A second Ctrl-C ends the tidying up, too.
"""

from __future__ import annotations

import gc
import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from client_cli.address import Address
from client_cli.loadtest.crowd import UNANSWERED, Crowd, Visitor
from client_cli.loadtest.line import Ended
from client_cli.loadtest.mix import Mix, mix_of, needs_of, roles_of
from client_cli.loadtest.pace import Closed, Open
from client_cli.loadtest.plan import Plan
from client_cli.loadtest.quantities import parse_distribution, parse_duration
from client_cli.loadtest.recorder import Recorder, Window
from client_cli.loadtest.scenarios import Need
from client_cli.loadtest.stage import HANDS, Removed, Stage, ask, remove
from client_cli.loadtest.target import Target
from client_cli.loadtest.watch import Watch
from youku_evloop.errors import BadRequest, Interrupted, YoukuError
from youku_evloop.kernel.loop import Loop

SHORTEST_WINDOW: Final = 0.25
LONGEST_WINDOW: Final = 1.0
WINDOWS: Final = 120
"""Of one test, about: as many points as a plot can show."""
OWN_DESCRIPTORS: Final = 64
ECHO: Final = 0.2
"""Seconds within which a second signal is the first one again: `timeout` sends it to the process and to its group."""
NO_TIME: Final = parse_distribution("0s", parse_duration)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Login:
    """How the server is reached: the administrator's session (None: nobody's), the certificate (None: in the clear)."""

    server: Address
    token: str | None
    fingerprint: str | None
    timeout: float


@dataclass(slots=True)
class Outcome:
    """What a test left."""

    plan: Plan
    recorder: Recorder
    watch: Watch
    pace: Closed | Open | None
    removed: Removed = field(default_factory=Removed)
    left_behind: str = ""
    """Why not everything could be removed; "" where it was."""
    interrupted: bool = False
    server_cpu: float | None = None
    """Seconds that the server's process used meanwhile, where it says so."""


class Conductor:
    """Conducts one test; `on_window` is told of each window, `say` what is being done besides."""

    def __init__(self, plan: Plan, login: Login, on_window: Callable[[Recorder, Window], object], say: Say) -> None:
        self._plan = plan
        self._login = login
        self._on_window = on_window
        self._say = say
        self._loop = Loop(threads=1)
        self._chance = random.Random(plan.seed)
        self._recorder = Recorder()
        self._watch = Watch(self._loop, self._recorder.clock)
        self._hands = _hands(self._loop, login, self._chance)
        self._stage = Stage(self._loop, self._hands, self._chance, lambda: self._interrupted)
        self._mix = mix_of(plan, self._stage)
        self._crowd = self._make_crowd(self._mix)
        self._pace = self._make_pace()
        self._interrupted = False
        self._interrupted_at = 0.0
        self._made = False
        self.outcome = Outcome(plan, self._recorder, self._watch, self._pace)

    def run(self) -> Outcome:
        """The whole test; raises what went wrong before it could begin."""
        self._require_descriptors()
        with running(self._loop, self._interrupt):
            self._loop.run_task(self._perform, self.outcome)
        return self.outcome

    def _perform(self, outcome: Outcome) -> None:
        try:
            self._prepare()
            before = self._server_cpu()
            self._test()
            after = None if UNANSWERED in self._recorder.errors else self._server_cpu()
            outcome.server_cpu = None if before is None or after is None else after - before
        except Ended:
            raise Interrupted("Stopped.") from None
        finally:
            outcome.interrupted = self._interrupted
            self._tidy_up(outcome)

    def _prepare(self) -> None:
        needs, plan = needs_of(self._mix), self._plan
        self._made = needs is not Need.NOTHING
        if self._made:
            self._stage.look_around()
        if Need.USERS in needs:
            self._say(f"Making {plan.users} users...")
            self._stage.make_users(plan.users)
        if Need.FILMS in needs:
            self._say(f"Making {plan.movies} movies...")
            self._stage.make_films(plan.movies, plan.size)
        users = self._stage.users
        self._say(f"Connecting {plan.clients} clients...")
        self._crowd.join(users[number % len(users)].token if users else None for number in range(plan.clients))

    def _test(self) -> None:
        plan, crowd = self._plan, self._crowd
        gc.collect()
        gc.freeze()  # what is here stays to the end: looking through it again and again would only take time
        self._recorder.start()
        self._watch.start()
        self._loop.call_later(self._window, self._close_window)
        if plan.longest is not None:
            self._loop.call_later(plan.longest, crowd.drain)
        crowd.begin(self._pace)
        crowd.wait()
        self._watch.stop()
        if isinstance(self._pace, Open) and not (self._interrupted or crowd.is_spent):
            for _ in range(self._pace.unserved):
                self._recorder.failed("(due)", "unserved")
        self._recorder.close_window(self._watch.take_worst())
        gc.unfreeze()

    def _tidy_up(self, outcome: Outcome) -> None:
        try:
            if self._made:
                self._say("Removing what the test has made...")
                outcome.removed = self._stage.clear()
        except (YoukuError, Ended) as problem:
            outcome.left_behind = str(problem) or "Stopped."
        finally:
            for hand in self._hands:
                hand.hang_up()

    def _interrupt(self) -> None:
        now = self._recorder.clock()
        if self._interrupted and now - self._interrupted_at < ECHO:
            return
        if self._interrupted:
            self._hands[0].crowd.end()
            self._crowd.end()
        self._interrupted = self._crowd.interrupted = True
        self._interrupted_at = now
        self._crowd.drain()

    @property
    def _window(self) -> float:
        return min(max((self._plan.longest or 0.0) / WINDOWS, SHORTEST_WINDOW), LONGEST_WINDOW)

    def _close_window(self) -> None:
        if self._crowd.is_present:
            self._on_window(self._recorder, self._recorder.close_window(self._watch.take_worst()))
            self._loop.call_later(self._window, self._close_window)

    def _server_cpu(self) -> float | None:
        if self._login.token is None:
            return None
        try:
            value = ask(self._hands[0], "server.stats").get("cpu")
        except (YoukuError, Ended):  # not an administrator's session, or nobody wants to wait for it
            return None
        return float(value) if isinstance(value, int | float) else None

    def _make_crowd(self, mix: Mix) -> Crowd:
        target = _target(self._loop, self._login, self._recorder)
        plan, token = self._plan, self._login.token
        return Crowd(self._loop, target, self._recorder, mix, plan.think, plan.requests, self._chance, token)

    def _make_pace(self) -> Closed | Open:
        plan = self._plan
        if plan.rate is None:
            return Closed(self._crowd, plan.clients, plan.ramp)
        return Open(self._crowd, plan.rate, plan.ramp)

    def _require_descriptors(self) -> None:
        """Allow as many as are needed; raises `BadRequest` where the system does not."""
        needed = self._plan.clients * len(roles_of(self._mix)) + 2 * HANDS + OWN_DESCRIPTORS
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < needed and hard != resource.RLIM_INFINITY and hard < needed:
            raise BadRequest(
                f"{self._plan.clients} clients need {needed} descriptors, and this process may have {hard}: take fewer"
                " clients, or raise the limit (ulimit -Hn)."
            )
        if soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextmanager
def running(loop: Loop, interrupt: Callable[[], None]) -> Iterator[None]:
    """A loop that may run inside, told of Ctrl-C and the like, and closed afterwards."""
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.on_signal(number, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as it is below nohup(1)
        loop.on_signal(signal.SIGHUP, interrupt)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        loop.close()


def clean_up(login: Login) -> Removed:
    """Remove what all tests of this server have left; raises what goes wrong."""
    loop = Loop(threads=1)
    hands = _hands(loop, login, random.Random())

    def work() -> Removed:
        try:
            return remove(loop, hands)
        except Ended:
            raise Interrupted("Stopped.") from None
        finally:
            for hand in hands:
                hand.hang_up()

    with running(loop, hands[0].crowd.end):
        return loop.run_task(work)


def _hands(loop: Loop, login: Login, chance: random.Random) -> list[Visitor]:
    """Clients that work for the administrator; what they do counts for nothing."""
    recorder = Recorder()
    crowd = Crowd(loop, _target(loop, login, recorder), recorder, [], NO_TIME, None, chance, login.token)
    return crowd.admit([None] * HANDS)


def _target(loop: Loop, login: Login, recorder: Recorder) -> Target:
    return Target(loop, login.server, recorder.traffic, login.timeout, login.fingerprint)
