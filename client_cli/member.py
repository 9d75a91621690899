"""What every user may ask besides movies: sessions, purchases, VIP, searches, notices, records. Part of `Client`."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from client_cli import values
from client_cli.conversation import LARGEST_PAGE, Conversation
from client_cli.progress import ProgressCallback, no_progress
from client_cli.values import Login, Movie, MoviePage, Notice, Page, Purchase, Record, Search, Vip


class Member(Conversation):
    """See the module."""

    def sessions(self) -> list[Login]:
        """Where the user is logged in, newest first."""
        return values.read(list[Login], self.call("session.list").get("sessions"))

    def end_session(self, session: int) -> None:
        """End one of the user's sessions."""
        self.call("session.end", session=session)

    def end_other_sessions(self) -> int:
        """End all of the user's sessions but this one; how many."""
        return int(self.call("session.end_others").get("ended", 0))

    def find(self, path: str | Path, progress: ProgressCallback = no_progress) -> list[Movie]:
        """The published movies that have the very bytes of this file, oldest first; [] if there is none.

        The file is read whole only where a few samples of it are those of a movie.
        """
        from client_cli.finding import find

        return find(self, Path(path), progress)

    def search(
        self, query: str, kind: str = "all", limit: int = 20, cursor: str | None = None, *, remember: bool = True
    ) -> MoviePage:
        """Movies whose title or description has every word, or part of a word, of the query; newest first.

        `remember`: put it among the user's searches.
        """
        silently: dict[str, Any] = {} if remember else {"remember": False}
        reply = self.call(
            "movie.search", query=query, type=kind, limit=min(limit, LARGEST_PAGE), cursor=cursor, **silently
        )
        return values.read(MoviePage, reply)

    def searches(self) -> list[Search]:
        """The user's last searches, newest first."""
        return values.read(list[Search], self.call("search.list").get("searches"))

    def clear_searches(self) -> int:
        """Forget the user's searches; how many."""
        return int(self.call("search.clear").get("cleared", 0))

    def buy(self, movie: int) -> Purchase:
        """Buy a movie, once and for ever; raises `AlreadyBought`."""
        return values.read(Purchase, self.call("movie.buy", movie=movie).get("purchase"))

    def vip(self) -> Vip:
        """Until when the user is a VIP, and what a month costs."""
        return values.read(Vip, self.call("vip.show"))

    def buy_vip(self, months: int, key: str | None = None) -> tuple[Purchase, Vip]:
        """Buy months of VIP. `key`: the same for the same purchase; None: a new one."""
        reply = self.call("vip.buy", months=months, key=key or uuid.uuid4().hex)
        return values.read(Purchase, reply.get("purchase")), self.vip()

    def purchases(self, limit: int = 20, cursor: str | None = None) -> Page[Purchase]:
        """What the user bought, newest first."""
        return self.page(Purchase, "purchase.list", "purchases", limit, cursor)

    def records(self, limit: int = 20, cursor: str | None = None) -> Page[Record]:
        """What the user downloaded, newest first."""
        return self.page(Record, "record.list", "records", limit, cursor)

    def notices(self, limit: int = 20, cursor: str | None = None) -> Page[Notice]:
        """The notices, newest first; `new` says which the user has not seen."""
        return self.page(Notice, "notice.list", "notices", limit, cursor)

    def notice(self, notice: int) -> Notice:
        """One notice with its content."""
        return values.read(Notice, self.call("notice.show", notice=notice).get("notice"))

    def see_notices(self, newest: int) -> None:
        """Remember that the user has seen all notices up to this one."""
        self.call("notice.seen", notice=newest)
