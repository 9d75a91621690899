"""The library's face: one server, one user, the commands of docs/protocol.md as typed methods.

`conversation.py` has the connection under them. All sizes are bytes, times seconds, prices fen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from client_cli import values
from client_cli.administration import Administration
from client_cli.conversation import LARGEST_PAGE
from client_cli.member import Member
from client_cli.ownership import one_thread_at_a_time
from client_cli.pace import Rate
from client_cli.progress import ProgressCallback, no_progress
from client_cli.values import Deletion, Movie, MoviePage, Notice, Session, Upload, User
from youku_evloop.errors import YoukuError

if TYPE_CHECKING:
    from client_cli.download import Download
    from client_cli.pipe import Stream

MovieType = Literal["all", "free", "charge"]
MovieSort = Literal["newest", "oldest", "title", "size"]


class Client(Member, Administration):
    """`with Client("host:port", token=...) as youku: ...`; the other arguments are those of `Conversation`.

    Here are accounts, movies and transfers; what else a user may ask is in `Member`, an administrator in
    `Administration`.
    """

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

    def change_password(self, name: str, old: str, new: str) -> tuple[Session, int]:
        """A new password; all other sessions end. The session that goes on, and how many ended."""
        from client_cli.login import verifier

        session = self.login(name, old)
        reply = self.call("account.password", **verifier(new))
        return session, int(reply.get("ended", 0))

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

    def uploads(self) -> list[Upload]:
        """The user's own unfinished uploads, newest first."""
        reply = self.call("upload.list")
        found = values.read(list[Upload], reply.get("uploads"))
        while cursor := reply.get("next"):
            reply = self.call("upload.list", cursor=cursor)
            found += values.read(list[Upload], reply.get("uploads"))
        return found

    def unfinished_upload(self, upload: str) -> Upload:
        """One of the user's uploads, by its whole id, in whatever state it is."""
        return values.read(Upload, self.call("upload.status", upload=upload).get("upload"))

    def cancel_upload(self, upload: str) -> None:
        """Throw away what the server holds of an upload."""
        self.call("upload.cancel", upload=upload)
