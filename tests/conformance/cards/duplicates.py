"""Duplicates: what comes twice is booked once, and what looks alike stays two."""

from __future__ import annotations

from decimal import Decimal

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import ended, holds, over_a_gap, resting
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.hearing import once
from tests.conformance.scene import BUY, LIMIT, MARKET, Ticket

DECK = Deck(Group.DUPLICATES, given="the market is open")
_LIMIT = ("type.limit", "tif.day")


@DECK.card(
    "DUP-001",
    "A fill that the venue tells twice",
    needs=("type.market",),
    control=(Can.DUPLICATE_EVENT, Can.TRUTH),
    expects=("submit market: ACCEPTED|FILLED", "told: FILLED", "fills: 2", "books agree"),
)
async def fill_twice(b: Bench) -> None:
    """Let the event of a fill come twice."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2")
    await b.venue.duplicate_event(ticket.base, "fill")
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    await b.quiet()
    await b.fills(ticket, "2")
    await b.agrees(ticket)


@DECK.card(
    "DUP-002",
    "Parts that the venue tells twice",
    needs=_LIMIT,
    control=(Can.DUPLICATE_EVENT, Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "told: PARTIALLY_FILLED",
        "told: FILLED",
        "fills: 1 + 2",
        "books agree",
    ),
)
async def parts_twice(b: Bench) -> None:
    """Let both parts of an order come twice."""
    ticket = await resting(b, qty="3")
    await b.venue.duplicate_event(ticket.base, "partial_fill")
    await b.venue.duplicate_event(ticket.base, "fill")
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.told(ticket, "PARTIALLY_FILLED")
    await b.venue.fill(b.at_venue(ticket), "2", "239")
    await b.told(ticket, "FILLED")
    await b.quiet()
    await b.fills(ticket, "3")
    await b.agrees(ticket)


@DECK.card(
    "DUP-003",
    "An end that the venue tells twice",
    needs=(*_LIMIT, "rpc.CancelOrder"),
    control=(Can.DUPLICATE_EVENT, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "path: *ACCEPTED > *CANCELED",
        "filled: 0",
        "look-up: FOUND CANCELED",
    ),
)
async def end_twice(b: Bench) -> None:
    """Let the event of a cancel come twice."""
    ticket = await resting(b)
    await b.venue.duplicate_event(ticket.base, "canceled")
    await b.cancel(ticket)
    await b.path(ticket)
    await b.quiet()
    b.note(f"filled: {len(b.hearing.executions(ticket))}")
    await b.look_up(ticket)


@DECK.card(
    "DUP-004",
    "Every event of an order twice",
    needs=_LIMIT,
    control=(Can.DUPLICATE_EVENT, Can.FILL, Can.TRUTH),
    expects=("submit limit: ACCEPTED", "fills: 1 + 1 + 1", "told: FILLED", "books agree"),
)
async def all_twice(b: Bench) -> None:
    """Let everything that is told of an order come twice, while it fills in three parts."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="3", limit_price=price)
    await b.venue.duplicate_event(ticket.base, times=0)
    await b.works(ticket)
    for px in ("239.90", "239.80", "239.70"):
        await b.venue.fill(b.at_venue(ticket), "1", px)
    await b.fills(ticket, "3")
    await b.told(ticket, "FILLED")
    await b.quiet()
    await b.agrees(ticket)


@DECK.card(
    "DUP-005",
    "A fill told by the stream and read again after a gap, under two ids",
    needs=("type.market",),
    control=(Can.DROP_STREAM, Can.TRUTH),
    expects=(
        "submit market: ACCEPTED|FILLED",
        "fills: 2",
        "gap over",
        "told once",
        "books agree",
    ),
)
async def told_then_read(b: Bench) -> None:
    """Fill an order, then cut the stream so that fills are read again."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2")
    await b.submit(ticket)
    await b.fills(ticket, "2")
    await over_a_gap(b)
    await _told_once(b, ticket, 1)
    await b.agrees(ticket)


@DECK.card(
    "DUP-006",
    "The same where stream and lists share their ids",
    needs=("type.market",),
    control=(Can.DROP_STREAM, Can.SHARED_EXEC_IDS, Can.TRUTH),
    expects=("submit market: ACCEPTED|FILLED", "fills: 3", "gap over", "told once"),
)
async def told_then_read_under_one_id(b: Bench) -> None:
    """Let the venue give one id everywhere; fill an order, cut the stream."""
    await b.venue.share_exec_ids(shared=True)
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="3")
    await b.submit(ticket)
    await b.fills(ticket, "3")
    await over_a_gap(b)
    await _told_once(b, ticket, 1)
    await b.venue.share_exec_ids(shared=False)


@DECK.card(
    "DUP-007",
    "Two equal fills are two",
    needs=_LIMIT,
    control=(Can.FILL, Can.TRUTH),
    expects=("submit limit: ACCEPTED", "fills: 1 + 1", "told: FILLED", "position: 2"),
)
async def equal_fills_are_two(b: Bench) -> None:
    """Fill one at 240, and one more at 240."""
    ticket = await resting(b, qty="2")
    for _ in range(2):
        await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    await holds(b, b.scene.share, "2")


@DECK.card(
    "DUP-008",
    "Two equal fills, one told and one lost in a gap, are two",
    needs=_LIMIT,
    control=(Can.FILL, Can.DROP_EVENT, Can.DROP_STREAM, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "told: PARTIALLY_FILLED",
        "gap over",
        "fills: 1 + 1",
        "books agree",
    ),
)
async def equal_fills_over_a_gap(b: Bench) -> None:
    """Lose the second of two equal fills, then cut the stream."""
    ticket = await resting(b, qty="2")
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.told(ticket, "PARTIALLY_FILLED")
    await b.venue.drop_event(ticket.base, times=0)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await over_a_gap(b)
    await b.fills(ticket, "2")
    await b.agrees(ticket)


@DECK.card(
    "DUP-009",
    "Events in reverse order",
    needs=_LIMIT,
    control=(Can.REORDER_EVENTS, Can.FILL, Can.TRUTH),
    expects=("submit limit: ACCEPTED", "fills of 2 in all", "look-up: FOUND FILLED", "books agree"),
)
async def reverse_order(b: Bench) -> None:
    """Let both parts of an order come in reverse."""
    ticket = await resting(b, qty="2")
    await b.venue.reorder_events(ticket.base, times=2)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await ended(b, ticket)

    async def all_told() -> bool:
        told = once(b.hearing.executions(ticket))
        return sum(Decimal(e.last_qty.value) for e in told) == 2

    await b.eventually(all_told, "both fills")
    b.note("fills of 2 in all")
    await b.look_up(ticket)
    await b.agrees(ticket)


@DECK.card(
    "DUP-010",
    "A list that is read twice gives the same executions under the same ids",
    needs=("type.market", "rpc.ListExecutions"),
    control=(Can.TRUTH,),
    expects=("submit market: ACCEPTED|FILLED", "fills: 1", "same ids", "as told"),
)
async def lists_are_stable(b: Bench) -> None:
    """Fill an order, list its executions twice."""
    ticket = b.ticket(b.scene.share, BUY, MARKET)
    await b.submit(ticket)
    (told,) = await b.fills(ticket, "1")
    request = pb.ListExecutionsRequest(account_id=b.account_id, client_order_id=ticket.client_id)
    first = await b.broker.ListExecutions(request, timeout=CALL_S)
    second = await b.broker.ListExecutions(request, timeout=CALL_S)
    assert [e.exec_id for e in first.executions] == [e.exec_id for e in second.executions]
    b.note("same ids")
    assert [e.last_px.value for e in first.executions] == [told.last_px.value]
    assert [e.side for e in first.executions] == [told.side]
    b.note("as told")


@DECK.card(
    "DUP-011",
    "A fill that is held back past a gap is told once",
    needs=("type.limit",),
    control=(Can.HOLD_EVENTS, Can.FILL, Can.DROP_STREAM, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("submit limit: ACCEPTED", "gap over", "fills: 1", "told once", "books agree"),
)
async def held_past_a_gap(b: Bench) -> None:
    """Hold a fill's event back, cut the stream, release it."""
    ticket = await resting(b)
    await b.venue.hold_events(ticket.base, times=1)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await over_a_gap(b)
    await b.fills(ticket, "1")
    await b.venue.release_events()
    await _told_once(b, ticket, 1)
    await b.agrees(ticket)


@DECK.card(
    "DUP-012",
    "An acknowledgement that comes after the end changes nothing",
    needs=("type.limit",),
    control=(Can.HOLD_EVENTS, Can.DROP_STREAM, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED|FILLED",
        "gap over",
        "told: FILLED",
        "nothing is told as live after the end",
        "look-up: FOUND FILLED",
    ),
)
async def late_acknowledgement(b: Bench) -> None:
    """Hold the acknowledgement of an order that fills back, cut the stream, release it."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.hold_events(ticket.base, times=3)
    await b.submit(ticket)
    await over_a_gap(b)
    await b.told(ticket, "FILLED")
    await b.venue.release_events()
    await b.quiet()
    b.note("nothing is told as live after the end")
    await b.look_up(ticket)


async def _told_once(b: Bench, ticket: Ticket, count: int) -> None:
    await b.quiet()
    told = once(b.hearing.executions(ticket))
    assert len(told) == count, f"told {len(told)} times: {told}"
    b.note("told once")
