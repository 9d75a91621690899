"""Buying movies and VIP, and what was bought."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from client_cli import text
from client_cli.app import App
from client_cli.commands.pages import collect, limit_option, list_pages, say_more
from client_cli.commands.wanted import movie_argument
from client_cli.framework import YoukuCommand, YoukuGroup, command, pass_app, yes_option
from client_cli.output import Column
from youku_evloop.errors import AlreadyBought, BadRequest, PaymentRequired

if TYPE_CHECKING:
    from client_cli.client import Client
    from client_cli.titles import Wanted
    from client_cli.values import Purchase, Vip

ASK_EVERY: Final = 2.0
"""Seconds between two looks at a purchase that an administrator has to confirm."""

COLUMNS = (
    Column("ID", right=True),
    Column("WHEN"),
    Column("BY", optional=True),
    Column("YUAN", right=True),
    Column("STATE"),
    Column("WHAT", flexible=True),
)


@command(
    "buy",
    document='{"purchase": PURCHASE}',
    examples=(
        ("youku buy 12", "Buy movie 12, once and for ever."),
        ("youku buy 12 --wait", "Until an administrator has confirmed the payment."),
        ("youku buy 12 --json | jq -r .purchase.state", "`paid`, or `waiting` for an administrator."),
    ),
)
@movie_argument()
@click.option(
    "--wait", is_flag=True, help="Until an administrator has confirmed the payment; if it is declined, exit code 7."
)
@yes_option
@pass_app
def buy(app: App, wanted: Wanted, wait: bool, yes: bool) -> None:
    """Buy a movie at the price that is yours now, as a VIP or not.

    On a terminal you are told the price and asked first. Elsewhere it is bought at once; then, as with --yes, a part
    of a title is too little.
    """
    from client_cli.titles import find_id, find_movie

    with app.client() as youku:
        if yes or not app.has_person:
            number = find_id(youku, wanted, whole=True)
        else:
            movie = find_movie(youku, wanted)
            number = movie.id
            if not movie.is_free:
                price = text.price(movie.vip_price if _is_vip(youku.vip()) else movie.price)
                question = f"Buy movie {movie.id}, {text.visible(movie.name)!r}, for {price} yuan?"
                app.confirm(question, otherwise="Nothing was bought.")
        purchase = _settled_later(app, youku, number) if wait else youku.buy(number)
    app.output.item(purchase, purchase.id, f"{_what(purchase)}: {_words(purchase)}")
    app.output.document({"purchase": purchase})


def _settled_later(app: App, youku: Client, movie: int) -> Purchase:
    """The purchase once it is paid, the one that waits already if there is one; raises `PaymentRequired`: declined."""
    try:
        number = youku.buy(movie).id
    except AlreadyBought as error:
        if error.facts.get("state") != "waiting":
            raise
        number = int(error.facts["purchase"])
    purchase = _one(youku, number)
    if purchase.state == "waiting":
        app.message("An administrator has to confirm the payment. Ctrl-C ends the waiting, not the purchase.")
        with app.bars().asking("an administrator"):
            while purchase.state == "waiting":
                time.sleep(ASK_EVERY)
                purchase = _one(youku, number)
    if purchase.state != "paid":
        raise PaymentRequired(f"{_what(purchase)}: {_words(purchase)}", movie=movie, purchase=number)
    return purchase


def _one(youku: Client, number: int) -> Purchase:
    return next(purchase for purchase in collect(youku.purchases, 0)[0] if purchase.id == number)


@click.group(
    "vip",
    cls=YoukuGroup,
    invoke_without_command=True,
    document='{"vip_until": TIME | null, "month": FEN}',
    examples=(
        ("youku vip", "Until when you are a VIP, and what a month costs."),
        ("youku vip buy 3", "Three months more."),
    ),
)
@click.pass_context
def vip(context: click.Context) -> None:
    """Say until when you are a VIP; `vip buy MONTHS` makes it longer."""
    if context.invoked_subcommand is None:
        app = context.ensure_object(App)
        with app.client() as youku:
            found = youku.vip()
        app.output.item(found, text.utc(found.vip_until) if found.vip_until else "-", _vip_words(found))
        app.output.document({"vip_until": found.vip_until, "month": found.month})


@vip.command(
    "buy",
    cls=YoukuCommand,
    document='{"purchase": PURCHASE, "vip_until": TIME | null}',
    examples=(
        ("youku vip buy 1", "A month, on top of what is left."),
        ("youku vip buy 12 --key order-4711", "From a script: repeated with the same key, it is bought once."),
    ),
)
@click.argument("months", type=click.IntRange(1))
@click.option("--key", metavar="TEXT", help="Names this purchase: repeated with the same key it stays one.")
@yes_option
@pass_app
def buy_vip(app: App, months: int, key: str | None, yes: bool) -> None:
    """Buy months of VIP.

    On a terminal you are told the price and asked first; elsewhere they are bought at once.
    """
    with app.client() as youku:
        if not yes and app.has_person:
            price = text.price(months * youku.vip().month)
            app.confirm(f"Buy VIP, months: {months}, for {price} yuan?", otherwise="Nothing was bought.")
        purchase, found = youku.buy_vip(months, key)
    app.output.item(purchase, purchase.id, f"{_what(purchase)}: {_words(purchase)} {_vip_words(found)}")
    app.output.document({"purchase": purchase, "vip_until": found.vip_until})


@click.group(
    "purchases",
    cls=YoukuGroup,
    invoke_without_command=True,
    document='{"purchases": [PURCHASE, ...], "more": true | false}',
    examples=(
        ("youku purchases", "What you bought, newest first."),
        ("youku purchases --all --state waiting", "What waits for an administrator."),
    ),
)
@click.option("--all", "everybody", is_flag=True, help="Everybody's (administrators).")
@click.option("--state", type=click.Choice(["waiting", "paid", "declined"]), help="With --all: in one state.")
@limit_option
@click.pass_context
def purchases(context: click.Context, everybody: bool, state: str | None, limit: int) -> None:
    """List purchases; `purchases confirm` and `decline` settle those that wait (administrators)."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    if state is not None and not everybody:
        raise BadRequest("--state goes with --all.")
    with app.client() as youku:
        found, more = collect(list_pages(youku.all_purchases, state=state) if everybody else youku.purchases, limit)
    app.output.table(COLUMNS, [_row(app, purchase) for purchase in found], found, [row.id for row in found])
    app.output.document({"purchases": found, "more": more})
    say_more(app, more)


@purchases.command(
    "confirm",
    cls=YoukuCommand,
    document='{"purchase": PURCHASE}',
    examples=(
        ("youku purchases confirm 7", "The money has come."),
        ("youku purchases --all --state waiting -q | xargs -n 1 youku purchases confirm", "For all that wait."),
    ),
)
@click.argument("purchase_id", metavar="ID", type=click.IntRange(1))
@yes_option
@pass_app
def confirm(app: App, purchase_id: int, yes: bool) -> None:
    """Settle a waiting purchase as paid (administrators). On a terminal you are asked first."""
    if not yes and app.has_person:
        app.confirm(f"Settle purchase {purchase_id} as paid, for good?", otherwise="Nothing was settled.")
    with app.client() as youku:
        _settled(app, youku.confirm(purchase_id))


@purchases.command(
    "decline",
    cls=YoukuCommand,
    document='{"purchase": PURCHASE}',
    examples=(
        ("youku purchases decline 7", "The money will not come; the movie may be bought anew."),
        ("youku purchases decline 7 --yes", "Without asking, for scripts."),
    ),
)
@click.argument("purchase_id", metavar="ID", type=click.IntRange(1))
@yes_option
@pass_app
def decline(app: App, purchase_id: int, yes: bool) -> None:
    """Settle a waiting purchase as declined (administrators)."""
    app.require_yes(yes)
    if not yes:
        app.confirm(f"Settle purchase {purchase_id} as declined, for good?", otherwise="Nothing was settled.")
    with app.client() as youku:
        _settled(app, youku.decline(purchase_id))


def _settled(app: App, purchase: Purchase) -> None:
    app.output.item(purchase, purchase.id, f"Purchase {purchase.id} of {purchase.user} is {purchase.state}.")
    app.output.document({"purchase": purchase})


def _row(app: App, purchase: Purchase) -> tuple[str, ...]:
    moment = app.output.moment(purchase.create_time)
    return (
        str(purchase.id),
        moment,
        purchase.user,
        text.price(purchase.amount),
        app.translate(purchase.state),
        app.translate(_what(purchase)),
    )


def _what(purchase: Purchase) -> str:
    if purchase.kind == "vip":
        return "VIP for 1 month" if purchase.months == 1 else f"VIP for {purchase.months} months"
    deleted = " (deleted)" if purchase.deleted else ""
    return f"movie {purchase.movie}, {text.visible(purchase.name or '')}{deleted}"


def _words(purchase: Purchase) -> str:
    price = text.price(purchase.amount)
    if purchase.state == "paid":
        return f"bought for {price} yuan."
    if purchase.state == "waiting":
        return f"{price} yuan; an administrator has to confirm the payment."
    return f"the payment of {price} yuan was declined."


def _is_vip(found: Vip) -> bool:
    return found.vip_until is not None and found.vip_until > datetime.now(UTC)


def _vip_words(found: Vip) -> str:
    price = f"A month costs {text.price(found.month)} yuan."
    if found.vip_until is None or not _is_vip(found):
        return f"You are no VIP. {price}"
    return f"You are a VIP until {text.utc(found.vip_until)}. {price}"
