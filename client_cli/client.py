"""The library's face: one server, one user, the commands of docs/protocol.md as typed methods.

A `Client` connects when it is first used, keeps the connection, and replaces it when it breaks. What may be asked twice
is asked again after a pause (`retries` times in a row); what may not (registering, deleting) is not, and the error says
so. Until a server has answered for the first time nothing is retried: an address that is wrong should be known at once.

One thread at a time: a second one gets a `RuntimeError`, and should have a `clone` of its own. All sizes are bytes,
times seconds, prices fen.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from client_cli import __version__, values
from client_cli.address import DEFAULT_SERVER, Address, parse_address
from client_cli.administration import Administration
from client_cli.connection import DEFAULT_TIMEOUT, Connection, EventCallback, connect, ignore_event
from client_cli.member import QUESTIONS, Member
from client_cli.ownership import one_thread_at_a_time
from client_cli.pace import Rate
from client_cli.progress import ProgressCallback, no_progress
from client_cli.retry import DEFAULT_RETRIES, Retry, RetryCallback, WaitCallback, is_temporary, no_countdown, no_report
from client_cli.trust import Trust
from client_cli.values import Deletion, Movie, MoviePage, Notice, Session, Upload, User
from youku_evloop.errors import BadRequest, Interrupted, YoukuError

if TYPE_CHECKING:
    from client_cli.download import Download
    from client_cli.pipe import Stream

PROTOCOL: Final = 1

HELLO_TIMEOUT: Final = 10.0
"""Seconds for the first answer: whatever stays silent for longer is no Youku server."""

SLOWEST_DISK: Final = 50 * 1024 * 1024
"""Bytes per second at which a server may have to read a file again before it can answer."""

LARGEST_PAGE: Final = 50

TICK: Final = 1.0
"""Seconds between two words of a pause about how long it still is."""

MOST_EVENTS: Final = 100
"""Pushed events that nobody has asked for; older ones are forgotten."""

REPEATABLE: Final = frozenset(
    {
        "ping",
        "account.whoami",
        "account.logout",
        "movie.list",
        "movie.show",
        "movie.hash",
        *QUESTIONS,
        "upload.create",
        "upload.finish",
        "upload.list",
        "upload.status",
    }
)
"""Commands that may be sent again when the connection was lost before their answer came."""

MovieType = Literal["all", "free", "charge"]
MovieSort = Literal["newest", "oldest", "title", "size"]


class Client(Member, Administration):
    """`with Client("host:port", token=...) as youku: ...`; see the module.

    `waits`: whether a wait that the server asks for is waited; otherwise it is the error `WaitRequired`.
    `while_asking` makes a context that is entered while an answer is awaited.
    """

    def __init__(
        self,
        server: str | Address = DEFAULT_SERVER,
        *,
        token: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = DEFAULT_RETRIES,
        trust: Trust | None = None,
        waits: bool = True,
        on_retry: RetryCallback = no_report,
        on_wait: WaitCallback = no_countdown,
        on_event: EventCallback = ignore_event,
        while_asking: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.address = parse_address(server) if isinstance(server, str) else server
        self.token = token
        self.server_name = ""
        self.waits = waits
        self._timeout = timeout
        self._retries = retries
        self._trust = trust or Trust()
        self._on_retry = on_retry
        self._on_wait = on_wait
        self._on_event = on_event
        self._while_asking = while_asking
        self._aborted = threading.Event()
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._connection: Connection | None = None
        self._has_answered = False
        self._at_work = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next command connects again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def clone(self) -> Client:
        """Another client of the same server and user, for another thread."""
        return Client(
            self.address,
            token=self.token,
            timeout=self._timeout,
            retries=self._retries,
            trust=self._trust,
            waits=self.waits,
            on_retry=self._on_retry,
            on_wait=self._on_wait,
            on_event=self._on_event,
            while_asking=self._while_asking,
        )

    def abort(self) -> None:
        """From another thread: end what this client does, with `Interrupted`; it does nothing more afterwards."""
        self._aborted.set()
        if (connection := self._connection) is not None:
            connection.abort()

    @one_thread_at_a_time
    def ping(self) -> float:
        """Seconds that a question and its answer take."""
        self.connection()
        start = time.perf_counter()
        self.call("ping")
        return time.perf_counter() - start

    def register(self, name: str, password: str, *, invitation: str | None = None) -> User:
        """Make an account, with an invitation an administrator's; raises `NameTaken`. The password does not travel.

        Does not log in.
        """
        from client_cli.login import canonical_name, verifier

        code: dict[str, Any] = {} if invitation is None else {"invitation": invitation}
        reply = self.call("account.register", name=canonical_name(name), **verifier(password), **code)
        return values.read(User, reply.get("user"))

    @one_thread_at_a_time
    def login(self, name: str, password: str, on_rounds: Callable[[int], object] = lambda rounds: None) -> Session:
        """Become `name`, on this connection and those that replace it; raises `LoginFailed`.

        `on_rounds` is told how many PBKDF2 rounds the server asks for, before anything is proved to it.
        """
        from client_cli.login import prove

        connection = self.connection()
        try:
            session = values.read(Session, prove(connection, name, password, on_rounds))
        except YoukuError:
            self.close()
            raise
        self.token = session.token
        return session

    def logout(self) -> None:
        """End the session everywhere."""
        self.call("account.logout")
        self.token = None

    def whoami(self) -> User:
        """Who the server thinks we are."""
        return values.read(User, self.call("account.whoami").get("user"))

    def movie_page(
        self, kind: MovieType = "all", limit: int = 20, cursor: str | None = None, sort: MovieSort = "newest"
    ) -> MoviePage:
        """At most `limit` movies, newest first, from where `cursor` (`next` of the page before) points."""
        order: dict[str, Any] = {} if sort == "newest" else {"sort": sort}  # which older servers do not know
        reply = self.call("movie.list", type=kind, limit=min(limit, LARGEST_PAGE), cursor=cursor, **order)
        return values.read(MoviePage, reply)

    def movies(self, kind: MovieType = "all") -> Iterator[Movie]:
        """All movies, newest first, page by page as they are asked for."""
        page = self.movie_page(kind, LARGEST_PAGE)
        yield from page.movies
        while page.next is not None:
            page = self.movie_page(kind, LARGEST_PAGE, page.next)
            yield from page.movies

    def movie(self, movie: int) -> Movie:
        """One movie with its description; raises `NotFound`."""
        return values.read(Movie, self.call("movie.show", movie=movie).get("movie"))

    def delete(self, movie: int) -> datetime | None:
        """Take a movie out of the lists (administrators); until when `restore` can bring it back, if it can."""
        return values.read(Deletion, self.call("movie.delete", movie=movie)).restorable_until

    def restore(self, movie: int) -> Movie:
        """Bring a deleted movie back (administrators); raises `NotFound` when its bytes are gone."""
        return values.read(Movie, self.call("movie.restore", movie=movie).get("movie"))

    @one_thread_at_a_time
    def upload(
        self,
        path: str | Path,
        *,
        title: str | None = None,
        description: str = "",
        is_free: bool = True,
        price: int | None = None,
        vip_price: int | None = None,
        again: bool = False,
        progress: ProgressCallback = no_progress,
        limit_rate: Rate = None,
    ) -> Movie:
        """Send a file and publish it (administrators); continues an upload of the same file that was cut off.

        `title`: the file's name if None. Prices: the server's if None. `again`: even if these bytes have this title
        already. Raises `MovieExists`, `Superseded`, `IntegrityFailure` (the file changed), `NoSpace` and others.
        """
        from client_cli.upload import UploadOptions, upload

        options = UploadOptions(title, description, is_free, price, vip_price, again)
        return upload(self, Path(path), options, progress, limit_rate)

    @one_thread_at_a_time
    def upload_stream(
        self,
        stream: Stream,
        title: str,
        *,
        description: str = "",
        is_free: bool = True,
        price: int | None = None,
        vip_price: int | None = None,
        again: bool = False,
        progress: ProgressCallback = no_progress,
        limit_rate: Rate = None,
    ) -> Movie:
        """Send what a stream brings, to its end, and publish it: for a pipe, whose size nobody knows.

        A lost connection is made up for; a client that ends is not. The other arguments are those of `upload`.
        """
        from client_cli.pipe import upload_stream
        from client_cli.upload import UploadOptions

        options = UploadOptions(title, description, is_free, price, vip_price, again)
        return upload_stream(self, stream, options, progress, limit_rate)

    @one_thread_at_a_time
    def download(
        self,
        movie: int | Movie,
        target: str | Path | None = None,
        *,
        restart: bool = False,
        force: bool = False,
        parts: int = 1,
        progress: ProgressCallback = no_progress,
        limit_rate: Rate = None,
    ) -> Download:
        """Fetch a movie, or the one of this id; continues a partial download.

        `target`: a file or a directory; None: the current one, under a safe form of the title. `restart`: throw a
        partial download away. `force`: replace a different file. `parts`: fetch so many ranges at once, each over a
        connection of its own. Raises `Conflict` when there is a different file,
        `IntegrityFailure` when the partial download is of other bytes, and others.
        """
        from client_cli.download import download

        wanted = movie if isinstance(movie, Movie) else self.movie(movie)
        return download(
            self,
            wanted,
            target,
            restart=restart,
            force=force,
            progress=progress,
            limit_rate=limit_rate,
            parts=parts,
        )

    @one_thread_at_a_time
    def stream(
        self,
        movie: int | Movie,
        write: Callable[[memoryview], object],
        *,
        progress: ProgressCallback = no_progress,
        limit_rate: Rate = None,
    ) -> Movie:
        """Fetch a movie into `write`, which gets each byte once, in order, and takes all it is given.

        A lost connection is made up for. Raises `IntegrityFailure` at the end when what was written is not the movie.
        """
        from client_cli.download import stream

        wanted = movie if isinstance(movie, Movie) else self.movie(movie)
        stream(self, wanted, write, progress, limit_rate)
        return wanted

    def follow_notices(self) -> Iterator[Notice]:
        """Notices as they are published, for as long as somebody asks for the next one."""
        from client_cli.following import follow

        return follow(self)

    def take_events(self) -> list[dict[str, Any]]:
        """What the server has pushed since this was last asked."""
        events = list(self._events)
        self._events.clear()
        return events

    def uploads(self) -> list[Upload]:
        """The user's own unfinished uploads, newest first."""
        return values.read(list[Upload], self.call("upload.list").get("uploads"))

    def cancel_upload(self, upload: str) -> None:
        """Throw away what the server holds of an upload."""
        self.call("upload.cancel", upload=upload)

    @one_thread_at_a_time
    def call(self, op: str, /, *, reading: int = 0, **arguments: Any) -> dict[str, Any]:
        """Any command without a body: its reply as plain fields; raises the error that the server answers.

        `reading`: bytes that the server may have to read before it can answer; it gets the time for that.
        """
        retry = self.retry()
        while True:
            connection = None
            try:
                connection = self.connection()
                with self._while_asking():
                    reply = connection.request(op, timeout=self.patience(reading), **arguments)
            except YoukuError as error:
                was_sent = connection is not None and not connection.usable
                if was_sent and op not in REPEATABLE:
                    self.close()
                    raise
                self.recover(error, retry)
            else:
                if not connection.usable:
                    self.close()
                    raise BadRequest(f"The answer to {op} is a body: use the command that is made for it.")
                return reply

    def connection(self) -> Connection:
        """The connection, made anew if there is none that works, with the greetings exchanged."""
        self._check_not_aborted()
        if self._connection is not None and not self._connection.is_alive():
            self.close()
        if self._connection is None:
            with self._while_asking():
                self._connection = connect(self.address, self._timeout, self._take_event, self._trust)
                self._check_not_aborted()
                self._greet(self._connection)
        return self._connection

    def retry(self) -> Retry:
        """A fresh counter of failures, for one operation."""
        return Retry(self._retries, self._on_retry, self._pause, waits=self.waits)

    def recover(self, error: YoukuError, retry: Retry) -> None:
        """Make ready for another try and wait for it; raises `error` when another try is not worth it."""
        if self._connection is not None and not self._connection.usable:
            self.close()
        self._check_not_aborted()
        if not self._has_answered or not is_temporary(error):
            raise error
        retry.pause(error)

    def patience(self, reading: int) -> float:
        """Seconds to wait for an answer that makes the server read `reading` bytes."""
        return self._timeout + reading / SLOWEST_DISK

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0 and not self._aborted.is_set():
                self._on_wait(left)
                self._aborted.wait(left % TICK or TICK)
        finally:
            self._on_wait(0.0)
        self._check_not_aborted()

    def _check_not_aborted(self) -> None:
        if self._aborted.is_set():
            raise Interrupted("Stopped.")

    def _take_event(self, event: dict[str, Any]) -> None:
        self._has_answered = True  # even if it is a goodbye before the greeting: this is a Youku server
        self._events.append(event)
        self._on_event(event)

    def _greet(self, connection: Connection) -> None:
        try:
            reply = connection.request(
                "hello",
                timeout=min(self._timeout, HELLO_TIMEOUT),
                within=HELLO_TIMEOUT,
                protocol=PROTOCOL,
                client=f"youku/{__version__}",
                token=self.token,
            )
        except BaseException:
            self._has_answered = self._has_answered or connection.usable
            self.close()
            raise
        self._has_answered = True
        self.server_name = str(reply.get("server", ""))
