"""Buying, what was bought, and what was downloaded."""

from __future__ import annotations

from typing import Final

from youku_evloop.commands.base import Access, Call, Command, Id, Paged, Results
from youku_evloop.models import PurchaseState
from youku_evloop.services import accounts, purchases, records
from youku_evloop.services.library import timestamp
from youku_evloop.services.payments import Outcome
from youku_evloop.wire.messages import Request


class BuyMovie(Request, tag="movie.buy"):
    """The movie to be bought, at the asker's price of this moment."""

    movie: Id


class BuyVip(Request, tag="vip.buy"):
    """Months, and a key of the client's choice: the same key is the same purchase."""

    months: int
    key: str


class ShowVip(Request, tag="vip.show"):
    """Nothing: the asker's own VIP, and the price of a month."""


class ListPurchases(Paged, tag="purchase.list"):
    """A page of the asker's own purchases."""


class ListAllPurchases(Paged, tag="purchase.list_all"):
    """A page of everybody's purchases; null: in whatever state."""

    state: PurchaseState | None = None


class OnePurchase(Request):
    """A purchase by its id."""

    purchase: Id


class ConfirmPurchase(OnePurchase, tag="purchase.confirm"):
    """The waiting purchase whose money has come."""


class DeclinePurchase(OnePurchase, tag="purchase.decline"):
    """The waiting purchase whose money will not come."""


class ListRecords(Paged, tag="record.list"):
    """A page of the asker's own downloads."""


class ListAllRecords(Paged, tag="record.list_all"):
    """A page of everybody's downloads: of the user of this name, of this movie; null: of all."""

    user: str | None = None
    movie: Id | None = None


def buy_movie(call: Call, arguments: BuyMovie) -> Results:
    return {"purchase": purchases.as_json(purchases.buy_movie(call.library, call.who, arguments.movie))}


def buy_vip(call: Call, arguments: BuyVip) -> Results:
    purchase = purchases.buy_vip(call.library, call.who, arguments.months, arguments.key)
    return {"purchase": purchases.as_json(purchase), "vip_until": _vip_until(call)}


def show_vip(call: Call, arguments: ShowVip) -> Results:
    return {"vip_until": _vip_until(call), "month": call.library.rules.vip_month}


def list_purchases(call: Call, arguments: ListPurchases) -> Results:
    rows, following = purchases.of_caller(call.who, arguments.limit, arguments.cursor)
    return {"purchases": [purchases.as_json(row) for row in rows], "next": following}


def list_all_purchases(call: Call, arguments: ListAllPurchases) -> Results:
    rows, following = purchases.of_all(arguments.state, arguments.limit, arguments.cursor)
    return {"purchases": [purchases.as_json(row) for row in rows], "next": following}


def confirm_purchase(call: Call, arguments: ConfirmPurchase) -> Results:
    purchase, _ = purchases.settle(call.library, arguments.purchase, Outcome.APPROVED, f"by {call.who.name}")
    return {"purchase": purchases.as_json(purchase)}


def decline_purchase(call: Call, arguments: DeclinePurchase) -> Results:
    purchase, _ = purchases.settle(call.library, arguments.purchase, Outcome.DECLINED, f"by {call.who.name}")
    return {"purchase": purchases.as_json(purchase)}


def list_records(call: Call, arguments: ListRecords) -> Results:
    rows, following = records.of_caller(call.who, arguments.limit, arguments.cursor)
    return {"records": [records.as_json(row) for row in rows], "next": following}


def list_all_records(call: Call, arguments: ListAllRecords) -> Results:
    a = arguments
    rows, following = records.of_all(a.user, a.movie, a.limit, a.cursor)
    return {"records": [records.as_json(row) for row in rows], "next": following}


def _vip_until(call: Call) -> str | None:
    return timestamp(accounts.whoami(call.who).vip_until)


COMMANDS: Final = (
    Command(BuyMovie, Access.USER, buy_movie),
    Command(BuyVip, Access.USER, buy_vip),
    Command(ShowVip, Access.USER, show_vip),
    Command(ListPurchases, Access.USER, list_purchases),
    Command(ListAllPurchases, Access.ADMIN, list_all_purchases),
    Command(ConfirmPurchase, Access.ADMIN, confirm_purchase),
    Command(DeclinePurchase, Access.ADMIN, decline_purchase),
    Command(ListRecords, Access.USER, list_records),
    Command(ListAllRecords, Access.ADMIN, list_all_records),
)
