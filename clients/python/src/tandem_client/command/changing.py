"""The commands that change what is there: replace, cancel-all, close, exercise; and preview."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from tandem_client.changes import OrderChange, PositionClose
from tandem_client.client import TandemClient
from tandem_client.command import market_tables, outcomes, tables, words
from tandem_client.command.arguments import MOMENT, PRICE, QUANTITY, SYMBOL
from tandem_client.command.order_options import TIMES, id_for, order_terms, spec_of
from tandem_client.command.session import Session, command
from tandem_client.command.trading import told
from tandem_client.enums import OrderStatus, OrderType, TimeInForce
from tandem_client.errors import TandemError
from tandem_client.instruments import Instrument, Option


class _Failed(Exception):
    """A mutation that failed, and was told; with the exit code for it."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@asynccontextmanager
async def _mutation(session: Session, look_up: str) -> AsyncIterator[TandemClient]:
    """A client for one change, whose failure is told with what to do next."""
    try:
        async with session.client() as client:
            yield client
    except TandemError as error:
        raise _Failed(session.failed(error, mutation=True, look_up=look_up)) from error
    except asyncio.CancelledError:
        where = f"; look it up: tandem order {look_up}" if look_up else ""
        session.complain(f"interrupted: it may have been sent{where}")
        raise


@click.command("preview")
@order_terms
@command
async def preview(session: Session, /, **terms: Any) -> int:
    """Show what an order would cost; sends nothing. The options are those of submit."""
    spec = spec_of(terms, lambda: "preview")
    async with session.client() as client:
        answer = await client.preview(spec, venue=spec.venue_pin)
    session.show(answer, lambda: market_tables.preview(answer))
    for warning in answer.warnings:
        session.complain(f"warning: {words.plain(warning)}")
    return outcomes.DONE


@click.command("replace")
@click.argument("client_order_id", metavar="ID")
@click.option("--quantity", type=QUANTITY, help="New total, with what is filled already.")
@click.option("--limit", type=PRICE, metavar="PRICE", help="New limit price.")
@click.option("--stop", type=PRICE, metavar="PRICE", help="New stop price.")
@click.option("--trail", type=PRICE, metavar="AMOUNT", help="New trailing distance.")
@click.option("--trail-percent", type=PRICE, metavar="PERCENT", help="The same in percent.")
@click.option("--tif", type=click.Choice(TIMES), help="New time in force.")
@click.option("--replace-id", help="Your key of this change; one is made if missing.")
@click.option("--not-after", type=MOMENT, metavar="TIME", help="It must not leave after this.")
@command
async def replace(
    session: Session,
    /,
    *,
    client_order_id: str,
    quantity: Decimal | None,
    tif: str | None,
    replace_id: str | None,
    not_after: datetime | None,
    **prices: Decimal | None,
) -> int:
    """Ask for other terms of a working order; the old ones may fill until it is confirmed.

    \b
    tandem replace my-1 --limit 8.60
    tandem replace my-1 --quantity 2 --replace-id my-1-b

    The same change under the same --replace-id again is safe.
    """
    if quantity is None and tif is None and not any(p is not None for p in prices.values()):
        raise click.UsageError("say what is to change: --quantity, a price or --tif")
    change = OrderChange(
        replace_id=id_for(session, replace_id, "replace_id"),
        order_qty=quantity,
        limit_price=prices["limit"],
        stop_price=prices["stop"],
        trail_amount=prices["trail"],
        trail_percent=prices["trail_percent"],
        time_in_force=TimeInForce[tif.upper()] if tif else TimeInForce.UNSPECIFIED,
        not_after=not_after,
    )
    try:
        async with _mutation(session, client_order_id) as client:
            order = await client.replace(client_order_id, change)
    except _Failed as failed:
        return failed.code
    return told(session, order)


@click.command("cancel-all")
@click.option("--symbol", type=SYMBOL, help="Only orders of this instrument.")
@click.option("--venue", default="", help="Only orders at this venue.")
@command
async def cancel_all(session: Session, *, symbol: Instrument | None, venue: str) -> int:
    """Ask for the end of every open order; each is live until its status says otherwise."""
    try:
        async with _mutation(session, "") as client:
            answer = await client.cancel_all(instrument=symbol, venue=venue)
    except _Failed as failed:
        return failed.code
    session.show(answer, lambda: tables.orders(answer.orders))
    for failure in answer.failures:
        name = words.plain(failure.order.client_order_id)
        session.complain(f"not canceled: {name}: {words.cause(failure.cause)}")
    return outcomes.REFUSED if answer.failures else outcomes.DONE


@click.command("close")
@click.argument("symbol", type=SYMBOL)
@click.option("--quantity", type=QUANTITY, help="How much; all that is free if missing.")
@click.option("--limit", type=PRICE, metavar="PRICE", help="At this price or better.")
@click.option("--market", is_flag=True, help="At whatever price; must be said.")
@click.option("--tif", type=click.Choice(TIMES), default="day", show_default=True)
@click.option("--id", "client_order_id", help="Your id of the order; one is made if missing.")
@click.option("--not-after", type=MOMENT, metavar="TIME", help="It must not leave after this.")
@command
async def close(
    session: Session,
    *,
    symbol: Instrument,
    quantity: Decimal | None,
    limit: Decimal | None,
    market: bool,
    tif: str,
    client_order_id: str | None,
    not_after: datetime | None,
) -> int:
    """Close a position, or a part of it, by an ordinary order."""
    if market == (limit is not None):
        raise click.UsageError("say either --limit PRICE or --market")
    name = id_for(session, client_order_id)
    closing = PositionClose(
        client_order_id=name,
        instrument=symbol,
        qty=quantity,
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        limit_price=limit,
        time_in_force=TimeInForce[tif.upper()],
        not_after=not_after,
    )
    try:
        async with _mutation(session, name) as client:
            order = await client.close_position(closing)
    except _Failed as failed:
        return failed.code
    return told(session, order)


@click.command("exercise")
@click.argument("symbol", type=SYMBOL)
@click.option("--quantity", type=QUANTITY, help="How many contracts; all of them if missing.")
@click.option("--not", "refrain", is_flag=True, help="Do not exercise them at expiry.")
@click.option("--id", "client_order_id", help="Your key of this; one is made if missing.")
@click.option("--venue", default="", help="The venue that holds them, if several do.")
@command
async def exercise(
    session: Session,
    *,
    symbol: Instrument,
    quantity: Decimal | None,
    refrain: bool,
    client_order_id: str | None,
    venue: str,
) -> int:
    """Exercise long contracts, or with --not let them expire. It is never sent twice."""
    if not isinstance(symbol, Option):
        raise click.UsageError(f"{symbol.symbol} is not an option")
    if refrain and quantity is not None:
        raise click.UsageError("--not is for all of them: no --quantity")
    name = id_for(session, client_order_id)
    try:
        async with _mutation(session, "") as client:
            if refrain:
                answer = await client.do_not_exercise(name, symbol, venue=venue)
            else:
                answer = await client.exercise(name, symbol, quantity, venue=venue)
    except _Failed as failed:
        return failed.code
    why = words.cause(answer.cause)
    session.show(answer, f"{name}  {answer.status.name}  {why}".rstrip)
    if answer.status is OrderStatus.IN_DOUBT:
        session.complain("in doubt: it may have been taken; ask the broker before anything else")
        return outcomes.IN_DOUBT
    return outcomes.DONE if answer.status is OrderStatus.ACCEPTED else outcomes.REFUSED
