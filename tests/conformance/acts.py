"""What cards do again and again: get a position, move the market, see what is held."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.control import VenueOrder
from tests.conformance.hearing import eventually, has_ended
from tests.conformance.scene import (
    BTC,
    BTO,
    BUY,
    LIMIT,
    MARKET,
    SELL,
    STC,
    STO,
    Ticket,
    instrument,
    symbol_of,
)

NEW_YORK: Final = ZoneInfo("America/New_York")
MONDAY: Final = 4
TUESDAY: Final = 5
EXPIRY: Final = 15
_OCC_LEN: Final = 15


async def hold(b: Bench, symbol: str, qty: str, side: int = BUY) -> Ticket:
    """Get a position by a market order, before the story begins."""
    intent = None
    if len(symbol) > _OCC_LEN:
        intent = BTO if side == BUY else STO
    ticket = b.ticket(symbol, side, MARKET, qty=qty, intent=intent)
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
    assert not answer.has_failed, f"no position was had: {answer.failure}"
    await ended(b, ticket)
    return ticket


async def short(b: Bench, symbol: str, qty: str) -> Ticket:
    """The same below zero."""
    return await hold(b, symbol, qty, SELL)


async def resting(b: Bench, *, qty: str = "1", share: str = "") -> Ticket:
    """An order far below the market, working."""
    share = share or b.scene.share
    price = (await b.prices(share)).low
    ticket = b.ticket(share, BUY, LIMIT, qty=qty, limit_price=price)
    await b.works(ticket)
    return ticket


async def ended(b: Bench, ticket: Ticket) -> None:
    """Wait until an order has ended, without a step."""
    await eventually(lambda: any(map(has_ended, b.hearing.orders(ticket))), "its end")


async def held(b: Bench, symbol: str) -> Decimal:
    """What the server says is held, 0 for nothing."""
    request = pb.GetPositionRequest(account_id=b.account_id, instrument=instrument(symbol))
    reply = await b.broker.GetPosition(request, timeout=CALL_S)
    return sum((Decimal(p.qty.value) for p in reply.positions), Decimal(0))


async def holds(b: Bench, symbol: str, qty: str) -> None:
    """Wait until so much is held, by the server's word, and by the venue's if it can be asked."""

    async def is_held() -> bool:
        return await held(b, symbol) == Decimal(qty)

    await b.eventually(is_held, f"a position of {qty}")
    if b.stand.control is not None:
        truth = (await b.venue.positions()).get(symbol, Decimal(0))
        assert truth == Decimal(qty), f"the venue holds {truth}"
    b.note(f"position: {qty}")


async def market(b: Bench, symbol: str, bid: str, ask: str = "") -> None:
    """Move the market; the spread is five cents unless it is given."""
    await b.venue.quote(symbol, bid, ask or str(Decimal(bid) + Decimal("0.05")))


async def clock(b: Bench, day: int, hour: int, minute: int = 0) -> None:
    """Move market time to a moment in New York in November 2024, and be ready there."""
    await b.venue.set_clock(datetime(2024, 11, day, hour, minute, 1, tzinfo=NEW_YORK))
    await b.ready()


async def listed(b: Bench, name: str, field: str, **given: Any) -> list[Any]:
    """All items of a list, page by page."""
    kind = getattr(pb, f"{name}Request")
    items: list[Any] = []
    token = ""
    while True:
        request = kind(account_id=b.account_id, **given)
        request.page.page_token = token
        reply = await getattr(b.broker, name)(request, timeout=CALL_S)
        items += getattr(reply, field)
        token = reply.next_page_token
        if not token:
            return items


async def leave_flat(b: Bench) -> None:
    """End what the card began through the server itself: its orders, then its positions."""
    if b.stand.control is not None:
        await b.venue.restore()
    await b.ready()
    for ticket in b.tickets:
        found = await b.find(ticket)
        is_known = not found.has_failed and found.reply.HasField("order")
        if is_known and not has_ended(found.reply.order):
            await _end(b, ticket)
    touched = {symbol_of(ticket.spec.instrument) for ticket in b.tickets}
    for symbol in sorted(touched - {""}):
        await _close(b, symbol)


async def _end(b: Bench, ticket: Ticket) -> None:
    request = pb.CancelOrderRequest(
        account_id=b.account_id, client_order_id=ticket.client_id, **b.claim(with_session=False)
    )
    await b.call(b.broker.CancelOrder, request)

    async def over() -> bool:
        found = await b.find(ticket)
        return not found.has_failed and has_ended(found.reply.order)

    await b.eventually(over, f"the end of {ticket.client_id}")


async def _close(b: Bench, symbol: str) -> None:
    qty = await held(b, symbol)
    if not qty:
        return

    side = SELL if qty > 0 else BUY
    intent = None
    if len(symbol) > _OCC_LEN:
        intent = STC if qty > 0 else BTC
    ticket = b.ticket(symbol, side, MARKET, qty=format(abs(qty), "f"), intent=intent)
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
    assert not answer.has_failed, f"the position in {symbol} stays: {answer.failure}"
    await ended(b, ticket)


async def over_a_gap(b: Bench) -> None:
    """Cut the venue's stream and wait until the server has made up for it."""
    before = b.session_id
    await b.venue.drop_stream()

    async def is_new() -> bool:
        await b.ready()
        return b.session_id != before

    await b.eventually(is_new, "another session")
    b.note("gap over")


async def live_prices(b: Bench, ticket: Ticket) -> str:
    """The limit prices of what is live of an order at the venue, once it has made up its mind."""

    async def settled() -> list[VenueOrder]:
        orders = list(await b.venue.orders(ticket.base))
        return orders if not any(o.status.startswith("pending") for o in orders) else []

    live = ("new", "accepted", "partially_filled")
    orders = await b.eventually(settled, "the venue's mind")
    return ", ".join(str(order.limit_price) for order in orders if order.status in live)
