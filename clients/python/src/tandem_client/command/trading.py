"""The commands that send and look up orders: submit, cancel, order, orders, executions."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import click

from tandem_client.command import outcomes, tables, words
from tandem_client.command.arguments import MOMENT, SECONDS, SYMBOL
from tandem_client.command.documents import listing_document
from tandem_client.command.order_options import id_for, order_terms, spec_of
from tandem_client.command.session import Session, command
from tandem_client.enums import OrderFilter, OrderLookup, OrderStatus
from tandem_client.errors import TandemError, WaitTimeout
from tandem_client.instruments import Instrument
from tandem_client.orders import Order, OrderSpec


@click.command("submit")
@order_terms
@click.option("--id", "client_order_id", help="Your id of the order; one is made if missing.")
@click.option("--wait", "wait_s", type=SECONDS, metavar="SECONDS", help="Wait for the end of it.")
@command
async def submit(
    session: Session, /, *, client_order_id: str | None, wait_s: float | None, **terms: Any
) -> int:
    """Send an order, once.

    \b
    tandem submit sell 1 SPY241115P00400000 --limit 8.50 --intent open --id my-1
    tandem submit buy 10 SPY --market --wait 30
    tandem submit sell 10 SPY --trail-percent 2 --tif gtc
    tandem submit buy 10 SPY --limit 580 --take-profit 600 --stop-loss 570

    Sending the same order under the same id again is safe. After exit code 3 look it up first:
    tandem order ID.
    """
    spec = spec_of(terms, lambda: id_for(session, client_order_id))
    return await _send(session, spec, wait_s)


async def _send(session: Session, spec: OrderSpec, wait_s: float | None) -> int:
    name = spec.client_order_id
    try:
        async with session.client() as client:
            if wait_s is None:
                return told(session, await client.submit(spec))
            return told(session, await client.submit_and_wait(spec, wait_s))
    except WaitTimeout as error:
        last = error.order
        session.show(last, lambda: words.order_line(last))
        return session.failed(error)
    except TandemError as error:
        return session.failed(error, mutation=True, look_up=name)
    except asyncio.CancelledError:
        session.complain(f"interrupted: it may have been sent; look it up: tandem order {name}")
        raise


def told(session: Session, order: Order) -> int:
    """Show an order that was sent, and give the exit code for how it stands."""
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
