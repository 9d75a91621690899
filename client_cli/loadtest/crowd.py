"""The crowd: made-up clients, each a task that visits the server again and again; and what all of them share.

A *visit* is one run through a scenario. Which phase the test is in says what a client may do:

    JOINING     connect and say hello, nothing counts yet
    RUNNING     begin visits
    DRAINING    finish the visits that were begun or are due, as far as they go without a pause
    OVER        nothing: every line is closed, and whoever waits on one gets `Ended`
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, IntEnum
from typing import Final, Protocol

from client_cli.loadtest.line import Answer, Ended, Line, frame
from client_cli.loadtest.quantities import Distribution
from client_cli.loadtest.recorder import Recorder
from client_cli.loadtest.target import Target
from client_cli.loadtest.together import in_parallel
from youku_evloop.errors import TimedOut, Unreachable, UntrustedServer, YoukuError
from youku_evloop.kernel.loop import Loop
from youku_evloop.kernel.tasks import Waiter

AT_ONCE: Final = 64
"""Clients that connect at the same time: a listener's queue is not endless."""
PATIENCE: Final = 5.0
"""Seconds, at most, for what is under way at the end of a test; what is not answered then is an error."""
UNANSWERED: Final = "unanswered"
CLIENT: Final = "youku-loadtest"
"""As the server's log knows us."""
RECOVERY: Final = 0.5
"""Seconds, on average, before a client whose connection broke comes back: a server that is down is not hammered."""
NO_LINE: Final = (Unreachable, TimedOut, UntrustedServer)
"""What ends a visit for which there was no connection, or none any more."""


class Phase(IntEnum):
    """See the module. They follow each other in this order."""

    JOINING = 1
    RUNNING = 2
    DRAINING = 3
    OVER = 4


class Role(Enum):
    """As whom a client speaks: it has a line for each role that it has played."""

    USER = "user"
    """The made-up user of this client; nobody, where the test has no users."""
    UPLOADER = "uploader"
    """The administrator who started the test: only administrators upload."""
    STRANGER = "stranger"
    """Nobody yet."""


class Scenario(Protocol):
    """What a client does in one visit."""

    @property
    def name(self) -> str:
        """As people know it."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """As whom; the first one above all."""

    def play(self, visitor: Visitor) -> None:
        """One visit; raises the error that ended it early."""


class Pace(Protocol):
    """When visits begin."""

    def start(self) -> None:
        """The test has begun."""

    def next_visit(self, visitor: Visitor) -> float:
        """Wait for the next visit of this client: since when it is due; raises `Ended` when there is none."""

    def drain(self) -> None:
        """Nothing new becomes due from here on."""


class Crowd:
    """What all clients share; `requests` is how many there may be."""

    def __init__(
        self,
        loop: Loop,
        target: Target,
        recorder: Recorder,
        mix: Sequence[tuple[Scenario, float]],
        think: Distribution,
        requests: int | None,
        chance: random.Random,
        uploader: str | None = None,
    ) -> None:
        self.loop = loop
        self.target = target
        self.recorder = recorder
        self.think = think
        self.chance = chance
        self.phase = Phase.JOINING
        self.interrupted = False
        self.clock = recorder.clock
        self.uploader = uploader
        """The session of the administrator."""
        self._scenarios = [scenario for scenario, _ in mix]
        self._weights = [weight for _, weight in mix]
        self._left = requests
        self._visitors: list[Visitor] = []
        self._present = 0
        self._empty = Waiter(loop)
        self._pace: Pace | None = None

    def admit(self, tokens: Iterable[str | None]) -> list[Visitor]:
        """A client for each of these sessions, not connected."""
        self._visitors = [Visitor(self, token) for token in tokens]
        return self._visitors

    def join(self, tokens: Iterable[str | None]) -> None:
        """A client for each of these sessions, connected; raises what goes wrong with the first that fails."""
        self.admit(tokens)
        in_parallel(self.loop, lambda _, v: v.join(), range(AT_ONCE), self._visitors, lambda: self.interrupted)

    def begin(self, pace: Pace) -> None:
        """Let them loose."""
        self._pace = pace
        self.phase = Phase.RUNNING
        for number, visitor in enumerate(self._visitors):
            self._present += 1
            self.loop.spawn(self._live, visitor, pace)
            if number % AT_ONCE == AT_ONCE - 1:
                self.loop.sleep(0)
        pace.start()

    def wait(self) -> None:
        """Return when nobody is left."""
        while self._present:
            self._empty.wait()

    def drain(self) -> None:
        """See the module."""
        if self.phase < Phase.DRAINING:
            self.phase = Phase.DRAINING
            if self._pace is not None:
                self._pace.drain()
            self.loop.call_later(min(PATIENCE, self.target.patience), self.end)
            for visitor in self._visitors:
                visitor.bell.wake()

    def end(self) -> None:
        """See the module."""
        self.phase = Phase.OVER
        for visitor in self._visitors:
            visitor.hang_up()
            visitor.bell.wake()

    @property
    def main_role(self) -> Role:
        """That of the scenario with the most weight."""
        return self._scenarios[self._weights.index(max(self._weights))].roles[0]

    def choose(self) -> Scenario:
        """The scenario of the next visit."""
        if len(self._scenarios) == 1:
            return self._scenarios[0]
        return self.chance.choices(self._scenarios, self._weights)[0]

    @property
    def is_present(self) -> bool:
        """Whether somebody is left."""
        return self._present > 0

    @property
    def is_spent(self) -> bool:
        """Whether there have been all the requests that there may be."""
        return self._left == 0

    def spend_request(self) -> None:
        """Account for one; raises `Ended` when there are none left, or no time."""
        if self.phase is Phase.OVER:
            raise Ended
        if self._left is not None:
            if not self._left:
                self.drain()
                raise Ended
            self._left -= 1

    def _live(self, visitor: Visitor, pace: Pace) -> None:
        try:
            while True:
                visitor.due = pace.next_visit(visitor)
                visitor.visit()
        except Ended:
            pass
        finally:
            visitor.hang_up()
            self._present -= 1
            if not self._present:
                self._empty.wake()


class Visitor:
    """One made-up client."""

    __slots__ = ("_began", "_lines", "_scenario", "bell", "crowd", "due", "is_new", "token")

    def __init__(self, crowd: Crowd, token: str | None) -> None:
        self.crowd = crowd
        self.token = token
        self.due = 0.0
        """Since when its next request should have been sent; 0: since it is sent."""
        self.bell = Waiter(crowd.loop)
        """Rung when a pause is over before its time."""
        self.is_new = True
        """It has not begun a visit yet."""
        self._began = 0.0
        self._scenario = ""
        self._lines: dict[Role, Line] = {}

    def join(self) -> None:
        """Connect, as it will be needed most."""
        self.line(self.crowd.main_role)

    def visit(self) -> None:
        """One run through a scenario; what goes wrong is on record."""
        scenario = self.crowd.choose()
        self._scenario = scenario.name
        self._began = self.due or self.crowd.clock()
        try:
            scenario.play(self)
        except YoukuError as error:
            self.crowd.recorder.visit_failed(scenario.name, error.code)
            self._recover(error)
        else:
            self.arrive()

    def arrive(self) -> None:
        """The visit has done what it was made for; called by a scenario that tidies up afterwards."""
        if self._scenario:
            self.crowd.recorder.visited(self._scenario, self.crowd.clock() - self._began)
            self._scenario = ""

    def ask(self, operation: str, request: bytes, role: Role = Role.USER, body: Iterable[memoryview] = ()) -> Answer:
        """Ask, and wait for the answer; how long it took, or why there was none, is on record."""
        crowd = self.crowd
        crowd.spend_request()
        began = self.due or crowd.clock()
        self.due = 0.0
        try:
            line = self.line(role)
            line.send(request)
            for piece in body:
                line.send(piece)
            answer = line.receive()
        except YoukuError as error:
            crowd.recorder.failed(operation, error.code)
            raise
        except Ended:
            self._unanswered(operation)
            raise
        crowd.recorder.took(operation, crowd.clock() - began)
        return answer

    def begin(self, operation: str, request: bytes, role: Role, body: Iterable[memoryview]) -> None:
        """Send a request and a part of its body; nobody will wait for an answer."""
        self.crowd.spend_request()
        try:
            line = self.line(role)
            line.send(request)
            for piece in body:
                line.send(piece)
        except YoukuError as error:
            self.crowd.recorder.failed(operation, error.code)
            raise

    def receive_body(self, operation: str, take: Callable[[memoryview], object], most: int) -> None:
        """At least `most` bytes of the body of the reply taken last; what goes wrong is on record."""
        try:
            self._lines[Role.USER].receive_body(take, most)
        except YoukuError as error:
            self.crowd.recorder.failed(operation, error.code)
            raise
        except Ended:
            self._unanswered(operation)
            raise

    def line(self, role: Role) -> Line:
        """The line of a role, made anew where it does not work."""
        line = self._lines.get(role)
        if line is not None:
            if line.at_rest and line.is_alive():
                return line
            line.close()
        if self.crowd.phase is Phase.OVER:
            raise Ended
        line = self._lines[role] = self.crowd.target.connect()
        token = self.crowd.uploader if role is Role.UPLOADER else self.token
        if role is not Role.STRANGER and token is not None:
            self._greet(line, token)
        return line

    def _greet(self, line: Line, token: str) -> None:
        try:
            line.ask(frame("hello", token=token, client=CLIENT))
        except YoukuError:
            line.close()  # or it would be taken for a line of that session
            raise

    def _unanswered(self, operation: str) -> None:
        """The test has ended before the whole answer came: the server's fault, unless somebody stopped the test."""
        if not self.crowd.interrupted:
            self.crowd.recorder.failed(operation, UNANSWERED)

    def cut(self, role: Role) -> None:
        """Hang up in the middle of whatever it is, on purpose."""
        self._lines[role].close()
        self.crowd.recorder.cuts += 1

    def think(self) -> None:
        """Pause as people do."""
        self.pause(self.crowd.think.draw(self.crowd.chance))

    def pause(self, seconds: float) -> None:
        """Wait so long; raises `Ended` where the test ends before: thousands who all stop thinking would be a storm."""
        if seconds:
            if self.crowd.phase is Phase.RUNNING:
                self.bell.wait(seconds)
            if self.crowd.phase is not Phase.RUNNING:
                raise Ended

    def hang_up(self) -> None:
        """Close every line."""
        for line in self._lines.values():
            line.close()

    def _recover(self, error: YoukuError) -> None:
        if isinstance(error, NO_LINE) or not all(line.at_rest for line in self._lines.values()):
            self.hang_up()
            self.pause(RECOVERY * self.crowd.chance.uniform(0.5, 1.5))
