"""The commands that send and look up orders: submit, cancel, order, orders, executions."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Final

import click

from tandem_client.command import outcomes, tables, words
from tandem_client.command.arguments import MOMENT, PRICE, QUANTITY, SECONDS, SYMBOL
from tandem_client.command.documents import listing_document
from tandem_client.command.session import Session, command
from tandem_client.enums import (
    OrderFilter,
    OrderLookup,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
    TimeInForce,
)
from tandem_client.errors import TandemError, WaitTimeout
from tandem_client.instruments import Instrument, Option
from tandem_client.orders import Order, OrderSpec, new_client_order_id

_INTENTS: Final = {
    ("buy", "open"): PositionIntent.BUY_TO_OPEN,
    ("buy", "close"): PositionIntent.BUY_TO_CLOSE,
    ("sell", "open"): PositionIntent.SELL_TO_OPEN,
    ("sell", "close"): PositionIntent.SELL_TO_CLOSE,
}
_TIMES: Final = [name.lower() for name in TimeInForce.__members__ if name != "UNSPECIFIED"]


@click.command("submit")
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("quantity", type=QUANTITY)
@click.argument("symbol", type=SYMBOL)
@click.option("--limit", type=PRICE, metavar="PRICE", help="At this price or better.")
@click.option("--stop", type=PRICE, metavar="PRICE", help="Only once this price is touched.")
@click.option("--market", is_flag=True, help="At whatever price; must be said.")
@click.option("--intent", type=click.Choice(["open", "close"]), help="Required for options.")
@click.option("--tif", type=click.Choice(_TIMES), default="day", show_default=True)
@click.option("--id", "client_order_id", help="Your id of the order; one is made if missing.")
@click.option("--wait", "wait_s", type=SECONDS, metavar="SECONDS", help="Wait for the end of it.")
@click.option("--venue", default="", help="Only this venue may get it.")
@click.option("--prefer", default="", help="Try this venue first.")
@click.option("--strategy", default="", help="A label of yours.")
@click.option("--not-after", type=MOMENT, metavar="TIME", help="It must not leave after this.")
@click.option("--extended-hours", is_flag=True, help="May work outside regular hours.")
@command
async def submit(
    session: Session,
    *,
    side: str,
    quantity: Decimal,
    symbol: Instrument,
    limit: Decimal | None,
    stop: Decimal | None,
    market: bool,
    intent: str | None,
    tif: str,
    client_order_id: str | None,
    wait_s: float | None,
    venue: str,
    prefer: str,
    strategy: str,
    not_after: datetime | None,
    extended_hours: bool,
) -> int:
    """Send an order, once.

    \b
    tandem submit sell 1 SPY241115P00400000 --limit 8.50 --intent open --id my-1
    tandem submit buy 10 SPY --market --wait 30

    Sending the same order under the same id again is safe. After exit code 3 look it up first:
    tandem order ID.
    """
    order_type = _order_type(limit, stop, market=market)
    if intent is None and isinstance(symbol, Option):
        raise click.UsageError("an option needs --intent open or --intent close")
    spec = OrderSpec(
        client_order_id=_id_for(session, client_order_id),
        instrument=symbol,
        side=Side[side.upper()],
        order_qty=quantity,
        order_type=order_type,
        time_in_force=TimeInForce[tif.upper()],
        position_intent=_INTENTS[side, intent] if intent else PositionIntent.UNSPECIFIED,
        limit_price=limit,
        stop_price=stop,
        venue_pin=venue,
        venue_preference=prefer,
        strategy_tag=strategy,
        not_after=not_after,
        extended_hours=extended_hours,
    )
    return await _send(session, spec, wait_s)


def _id_for(session: Session, given: str | None) -> str:
    """The given id, or a new one, told before anything is sent."""
    if given is not None:
        return given
    minted = new_client_order_id()
    session.complain(f"client_order_id {minted}")
    return minted


def _order_type(limit: Decimal | None, stop: Decimal | None, *, market: bool) -> OrderType:
    if market and (limit is not None or stop is not None):
        raise click.UsageError("--market goes with neither --limit nor --stop")
    if market:
        return OrderType.MARKET
    if limit is None and stop is None:
        raise click.UsageError("say --limit PRICE, --stop PRICE or --market")
    if stop is None:
        return OrderType.LIMIT
    return OrderType.STOP if limit is None else OrderType.STOP_LIMIT


async def _send(session: Session, spec: OrderSpec, wait_s: float | None) -> int:
    name = spec.client_order_id
    try:
        async with session.client() as client:
            if wait_s is None:
                return _told(session, await client.submit(spec))
            return _told(session, await client.submit_and_wait(spec, wait_s))
    except WaitTimeout as error:
        last = error.order
        session.show(last, lambda: words.order_line(last))
        return session.failed(error)
    except TandemError as error:
        return session.failed(error, mutation=True, look_up=name)
    except asyncio.CancelledError:
        session.complain(f"interrupted: it may have been sent; look it up: tandem order {name}")
        raise


def _told(session: Session, order: Order) -> int:
    session.show(order, lambda: words.order_line(order))
    name = order.client_order_id
    if order.status is OrderStatus.IN_DOUBT:
        session.complain(f"in doubt: it may be live; look it up: tandem order {name}")
        return outcomes.IN_DOUBT
    if order.status is OrderStatus.REJECTED:
        session.complain(f"refused: {words.cause(order.cause) or 'the venue rejected the order'}")
        return outcomes.REFUSED
    if order.status is OrderStatus.UNPLACED:
        session.complain(f"refused: {words.cause(order.cause) or 'no venue took the order'}")
        return outcomes.REFUSED
    return outcomes.DONE


@click.command("cancel")
@click.argument("client_order_id", metavar="ID")
@command
async def cancel(session: Session, *, client_order_id: str) -> int:
    """Ask for the end of an order; it is live until its status says otherwise."""
    try:
        async with session.client() as client:
            order = await client.cancel(client_order_id)
    except TandemError as error:
        return session.failed(error, mutation=True, look_up=client_order_id)
    session.show(order, lambda: words.order_line(order))
    if order.status is OrderStatus.IN_DOUBT:
        session.complain("in doubt: the cancel stands and is carried out once the order is found")
        return outcomes.IN_DOUBT
    return outcomes.DONE


@click.command("order")
@click.argument("client_order_id", metavar="ID")
@command
async def order(session: Session, *, client_order_id: str) -> int:
    """Look one order up, with every attempt at every venue."""
    async with session.client() as client:
        answer = await client.order(client_order_id)
    if answer.order is not None:
        found = answer.order
        session.show(answer, lambda: tables.order(found))
        return outcomes.DONE
    if session.as_json:
        session.show(answer, str)
    if answer.lookup is OrderLookup.ABSENT:
        session.complain(f"not found: {client_order_id}: no such order is known there")
        return outcomes.REFUSED
    session.complain(f"in doubt: {client_order_id}: {words.plain(answer.reason) or 'not known'}")
    return outcomes.IN_DOUBT


@click.command("orders")
@click.option("--open", "which", flag_value="OPEN", help="Those that are or may be live.")
@click.option("--closed", "which", flag_value="CLOSED", help="Those that have ended.")
@click.option("--in-doubt", "which", flag_value="IN_DOUBT", help="Those in doubt.")
@click.option("--symbol", type=SYMBOL, help="Only this instrument.")
@click.option("--after", type=MOMENT, metavar="TIME", help="Created at or after this.")
@click.option("--strategy", default="", help="Only this label.")
@click.option("--venue", default="", help="Only this venue.")
@command
async def orders(
    session: Session,
    *,
    which: str | None,
    symbol: Instrument | None,
    after: datetime | None,
    strategy: str,
    venue: str,
) -> int:
    """List orders, newest first; all of them unless told otherwise."""
    async with session.client() as client:
        listing = await client.orders(
            OrderFilter[which or "ALL"],
            instrument=symbol,
            after=after,
            strategy_tag=strategy,
            venue=venue,
        ).all()
    session.show(listing_document("orders", listing), lambda: tables.orders(listing.items))
    return outcomes.DONE


@click.command("executions")
@click.option("--id", "client_order_id", default="", help="Only of this order.")
@click.option("--after", type=MOMENT, metavar="TIME", help="At or after this.")
@command
async def executions(session: Session, *, client_order_id: str, after: datetime | None) -> int:
    """List executions, newest first."""
    async with session.client() as client:
        listing = await client.executions(client_order_id=client_order_id, after=after).all()
    session.show(listing_document("executions", listing), lambda: tables.executions(listing.items))
    return outcomes.DONE
