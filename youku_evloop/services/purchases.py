"""Purchases: of a movie, once and for ever, and of VIP, month by month. The price is that of the moment of buying.

A purchase is a row before any money moves. Its unique `claim` is what two clients at once, or one that lost an answer,
meet in: for a movie the user and the movie, for VIP the user and a key that the client makes up for each purchase. Then
the provider is asked, and its answer is settled in one transaction. Whatever dies in between leaves a waiting row, and
buying again goes on from there with the same price and the same key for the provider.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Final

from youku_evloop import orm
from youku_evloop.errors import AlreadyBought, BadRequest, Conflict, MovieDeleted, NotFound
from youku_evloop.models import REFERENCE_LENGTH, Movie, Purchase, PurchaseKind, PurchaseState
from youku_evloop.services import shown, vip
from youku_evloop.services.library import Caller, Library, page, timestamp
from youku_evloop.services.payments import Charge, Outcome, Receipt

log = logging.getLogger(__name__)

LONGEST_KEY: Final = 64


def as_json(purchase: Purchase) -> dict[str, Any]:
    """A purchase as the wire shows it; user and movie must be joined. A deleted movie still has its name."""
    movie = purchase.movie
    return {
        "id": purchase.id,
        "user": purchase.user.name,
        "kind": purchase.kind.value,
        "movie": purchase.movie_id,
        "name": movie.name if movie else None,
        "deleted": bool(movie and movie.is_delete),
        "months": purchase.months,
        "amount": purchase.amount,
        "state": purchase.state.value,
        "provider": purchase.provider,
        "create_time": timestamp(purchase.create_time),
        "settle_time": timestamp(purchase.settle_time),
    }


def buy_movie(library: Library, who: Caller, movie_id: int) -> Purchase:
    """Buy a movie at the price that is the caller's now.

    Raises `AlreadyBought` when it is paid, or waits for an administrator; `Conflict` for a free movie; `NotFound`.
    """
    movie = _for_sale(who, movie_id)
    amount = shown.vip_price(movie) if vip.is_vip(who.id) else shown.price(movie)
    claim = f"movie:{who.id}:{movie_id}"
    fields = {"kind": PurchaseKind.MOVIE, "movie_id": movie_id, "amount": amount}
    with library.hold(("purchase", claim)):  # from claim to end, or who comes second might settle it for the first
        purchase, is_new = _claimed(library, who, claim, fields)
        if purchase.state is PurchaseState.PAID:
            raise _already(purchase)
        bought, is_settled = _pay(library, who, purchase, movie.name)
    if not (is_new or is_settled):
        raise _already(bought)
    return bought


def buy_vip(library: Library, who: Caller, months: int, key: str) -> Purchase:
    """Buy months of VIP; the same `key` again is the same purchase, in whatever state it is by then.

    Raises `BadRequest`, `Conflict` when the key was used for something else.
    """
    vip.check_months(months)
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadRequest(f"`key` is 1 to {LONGEST_KEY} printable ASCII characters, new ones for each purchase.")
    fields = {"kind": PurchaseKind.VIP, "months": months, "amount": months * library.rules.vip_month}
    claim = f"vip:{who.id}:{key}"
    with library.hold(("purchase", claim)):
        purchase, is_new = _claimed(library, who, claim, fields)
        if purchase.months != months:
            raise Conflict("This key stands for another purchase: make up a new one.", purchase=purchase.id)
        if not is_new and purchase.state is not PurchaseState.WAITING:
            return purchase
        return _pay(library, who, purchase, f"VIP, {months} months")[0]


def settle(library: Library, purchase_id: int, outcome: Outcome, reference: str = "") -> tuple[Purchase, bool]:
    """Bring a waiting purchase to its end; also whether it was this call that did. The same end again changes nothing.

    Raises `Conflict` when it has come to the other end, `NotFound`.
    """
    state = PurchaseState.PAID if outcome is Outcome.APPROVED else PurchaseState.DECLINED
    is_first = orm.current_database().run(_settle, purchase_id, state, reference)
    purchase = _get(purchase_id)
    if purchase.state is not state:
        raise Conflict(f"Purchase {purchase_id} is {purchase.state.value} already.", purchase=purchase_id)
    if is_first and state is PurchaseState.PAID:
        facts = {"movie": purchase.movie_id, "amount": purchase.amount, "kind": purchase.kind.value}
        library.signals.send("purchase_made", purchase=purchase.id, user=purchase.user_id, **facts)
    return purchase, is_first


def of_caller(who: Caller, limit: int, cursor: str | None) -> tuple[list[Purchase], str | None]:
    """A page of the caller's purchases, newest first, and the cursor of the next page."""
    return page(Purchase.select(user_id=who.id), _whole(), Purchase.id, limit, cursor)


def of_all(state: PurchaseState | None, limit: int, cursor: str | None) -> tuple[list[Purchase], str | None]:
    """A page of everybody's purchases."""
    chosen = Purchase.select() if state is None else Purchase.select(state=state)
    return page(chosen, _whole(), Purchase.id, limit, cursor)


def has_bought(user_id: int, movie_id: int) -> bool:
    """Whether the user may have the movie for ever."""
    return Purchase.select(
        user_id=user_id, movie_id=movie_id, kind=PurchaseKind.MOVIE, state=PurchaseState.PAID
    ).exists()


def _for_sale(who: Caller, movie_id: int) -> Movie:
    movie = Movie.select(id=movie_id).first()
    if movie is None:
        raise NotFound(f"There is no movie {movie_id}; `youku list` shows what there is.", movie=movie_id)
    if movie.is_delete:
        raise MovieDeleted(f"Movie {movie_id} was taken out of the library and is not sold any more.", movie=movie_id)
    if movie.is_free:
        raise Conflict(f"Movie {movie_id} is free: just download it.", movie=movie_id)
    return movie


def _claimed(library: Library, who: Caller, claim: str, fields: dict[str, Any]) -> tuple[Purchase, bool]:
    """The purchase of that claim, and whether it was made just now."""
    while True:
        try:
            made = Purchase.create(user_id=who.id, claim=claim, provider=library.payments.name, **fields)
        except orm.UniqueViolation:
            known = _whole().where(claim=claim).first()
            if known is not None:  # otherwise it was declined in between, and the claim is free again
                return known, False
        else:
            return _get(made.id), True


def _pay(library: Library, who: Caller, purchase: Purchase, title: str) -> tuple[Purchase, bool]:
    """Ask the provider, and settle what it answers; also whether that settled it. Whoever calls holds the purchase."""
    charge = Charge(f"youku-purchase-{purchase.id}", purchase.amount, who.name, title)
    try:
        receipt = _checked(library.payments.charge(charge))
    except Exception:
        log.exception("the payment provider %s failed for purchase %d", library.payments.name, purchase.id)
        receipt = Receipt(Outcome.WAITING)
    if receipt.outcome is not Outcome.WAITING:
        return settle(library, purchase.id, receipt.outcome, receipt.reference)
    if receipt.reference:
        Purchase.select(id=purchase.id).update(reference=receipt.reference)
    return _get(purchase.id), False


def _checked(receipt: Receipt) -> Receipt:
    """What a provider answered, as a database can hold it; raises `TypeError` for what is no receipt."""
    if not isinstance(receipt, Receipt):
        raise TypeError(f"the answer is no Receipt but {receipt!r:.80}")
    return replace(receipt, reference=receipt.reference[:REFERENCE_LENGTH])


def _settle(purchase_id: int, state: PurchaseState, reference: str) -> bool:
    """Whether this was the one that settled it."""
    changes: dict[str, Any] = {"state": state, "settle_time": orm.utcnow()}
    if reference:
        changes["reference"] = reference
    row = Purchase.select(id=purchase_id, state=PurchaseState.WAITING).for_update().first()
    if row is None:
        return False
    if state is PurchaseState.DECLINED and row.kind is PurchaseKind.MOVIE:
        changes["claim"] = None  # it may be bought again
    row.update(**changes)
    if state is PurchaseState.PAID and row.kind is PurchaseKind.VIP:
        vip.extend(row.user_id, row.months or 0)
    return True


def _already(purchase: Purchase) -> AlreadyBought:
    paid = purchase.state is PurchaseState.PAID
    words = "You have bought this movie already." if paid else "This purchase waits for an administrator already."
    facts = {"purchase": purchase.id, "state": purchase.state.value, "movie": purchase.movie_id}
    return AlreadyBought(words, **facts)


def _get(purchase_id: int) -> Purchase:
    purchase = _whole().where(id=purchase_id).first()
    if purchase is None:
        raise NotFound(f"There is no purchase {purchase_id}.", purchase=purchase_id)
    return purchase


def _whole() -> orm.Query[Purchase]:
    return Purchase.select().join(Purchase.user, Purchase.movie)
