"""What administrators may ask: users, invitations, notices, everybody's purchases and records. Part of `Client`."""

from __future__ import annotations

from typing import Any

from client_cli import values
from client_cli.conversation import Conversation
from client_cli.values import Account, Invitation, MissedSearch, Movie, Notice, Page, Purchase, Record


class Administration(Conversation):
    """See the module."""

    def edit(self, movie: int, **changes: Any) -> Movie:
        """Change `name`, `description`, `is_free`, `price`, `vip_price`: what is named. None: the server's price."""
        return values.read(Movie, self.call("movie.edit", movie=movie, **changes).get("movie"))

    def deleted_movies(self, limit: int = 20, cursor: str | None = None) -> Page[Movie]:
        """Movies that were deleted, newest first."""
        return self.page(Movie, "movie.deleted", "movies", limit, cursor)

    def purge(self, movie: int) -> None:
        """Remove a deleted movie and its bytes for good; raises `Conflict` when it has to stay on record."""
        self.call("movie.purge", movie=movie)

    def users(
        self,
        limit: int = 20,
        cursor: str | None = None,
        *,
        name: str = "",
        kind: str | None = None,
        locked: bool | None = None,
    ) -> Page[Account]:
        """Users, newest first; those whose name begins with `name`, of one kind, locked or not."""
        return self.page(Account, "user.list", "users", limit, cursor, name=name, type=kind, locked=locked)

    def user(self, name: str) -> Account:
        """One user."""
        return self._account("user.show", name)

    def create_user(self, name: str, password: str) -> Account:
        """Make an account for somebody else; raises `NameTaken`. The password does not travel."""
        from client_cli.login import canonical_name, verifier

        reply = self.call("user.create", name=canonical_name(name), **verifier(password))
        return values.read(Account, reply.get("user"))

    def delete_user(self, name: str) -> Account:
        """Remove an account for good, with its sessions, searches and download records; who it was.

        Raises `Conflict` for an administrator, and for one who has bought something.
        """
        return self._account("user.delete", name)

    def lock(self, name: str) -> Account:
        """Shut a user out at once, transfers under way included."""
        return self._account("user.lock", name)

    def unlock(self, name: str) -> Account:
        """Let a user log in again."""
        return self._account("user.unlock", name)

    def grant_vip(self, name: str, months: int) -> Account:
        """Months of VIP as a present."""
        return self._account("user.grant_vip", name, months=months)

    def end_vip(self, name: str) -> Account:
        """End a user's VIP at once."""
        return self._account("user.end_vip", name)

    def invite(self) -> tuple[str, Invitation]:
        """A code with which somebody may register as an administrator; it is shown this once."""
        reply = self.call("invitation.create")
        return str(reply.get("code")), values.read(Invitation, reply.get("invitation"))

    def invitations(self, limit: int = 20, cursor: str | None = None) -> Page[Invitation]:
        """Invitations, newest first."""
        return self.page(Invitation, "invitation.list", "invitations", limit, cursor)

    def cancel_invitation(self, invitation: int) -> None:
        """Take an unused invitation back."""
        self.call("invitation.cancel", invitation=invitation)

    def missed_searches(self, limit: int = 20) -> list[MissedSearch]:
        """What was searched lately and not found, the most frequent first."""
        return values.read(list[MissedSearch], self.call("search.missed", limit=limit).get("searches"))

    def all_purchases(self, limit: int = 20, cursor: str | None = None, *, state: str | None = None) -> Page[Purchase]:
        """Everybody's purchases, newest first; in one state."""
        return self.page(Purchase, "purchase.list_all", "purchases", limit, cursor, state=state)

    def confirm(self, purchase: int) -> Purchase:
        """The money for a waiting purchase has come."""
        return values.read(Purchase, self.call("purchase.confirm", purchase=purchase).get("purchase"))

    def decline(self, purchase: int) -> Purchase:
        """It has not, and will not."""
        return values.read(Purchase, self.call("purchase.decline", purchase=purchase).get("purchase"))

    def all_records(
        self, limit: int = 20, cursor: str | None = None, *, user: str | None = None, movie: int | None = None
    ) -> Page[Record]:
        """Everybody's downloads, newest first; of one user, of one movie."""
        return self.page(Record, "record.list_all", "records", limit, cursor, user=user, movie=movie)

    def publish_notice(self, title: str, content: str) -> Notice:
        """Announce something."""
        return values.read(Notice, self.call("notice.publish", title=title, content=content).get("notice"))

    def edit_notice(self, notice: int, title: str | None = None, content: str | None = None) -> Notice:
        """Change what is named."""
        reply = self.call("notice.edit", notice=notice, title=title, content=content)
        return values.read(Notice, reply.get("notice"))

    def withdraw_notice(self, notice: int) -> Notice:
        """Take a notice back."""
        return values.read(Notice, self.call("notice.withdraw", notice=notice).get("notice"))

    def _account(self, op: str, name: str, **arguments: Any) -> Account:
        return values.read(Account, self.call(op, user=name, **arguments).get("user"))
