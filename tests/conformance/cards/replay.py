"""Replay: what was missed is told afterwards, once, and tokens mean what they say."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2
from tests.conformance.acts import over_a_gap, resting
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.failures import read_failure
from tests.conformance.hearing import Hearing, eventually, once
from tests.conformance.scene import BUY, LIMIT, MARKET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DECK = Deck(Group.REPLAY, given="the market is open")
_LIMIT = ("type.limit", "tif.day", "rpc.WatchEvents")


@asynccontextmanager
async def _second_watcher(b: Bench, token: str = "") -> AsyncIterator[Hearing]:
    hearing = Hearing(b.broker, b.account_id)
    await hearing.open(token)
    try:
        yield hearing
    finally:
        await hearing.close()


@DECK.card(
    "RPY-001",
    "A watcher that resumes hears what it has missed, in order, and nothing before",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: ACCEPTED",
        "resumed: heard the second, not the first",
    ),
)
async def resume(b: Bench) -> None:
    """Leave after one order, send another, come back with the token."""
    first = await resting(b)
    token = b.hearing.token
    second = await resting(b, share=b.scene.other_share)
    async with _second_watcher(b, token) as later:
        await eventually(lambda: later.orders(second), "the second order")
        news = [order.status for order in later.orders(first) if order.status != 3]
        assert not news, f"heard of the first: {news}"
    b.note("resumed: heard the second, not the first")


@DECK.card(
    "RPY-002",
    "From a list's token on nothing is missed",
    needs=(*_LIMIT, "rpc.ListOrders"),
    marks=(Mark.PAPER,),
    expects=("submit limit: ACCEPTED", "not in the list, heard after it"),
)
async def list_then_watch(b: Bench) -> None:
    """List, send an order, then watch from the list's token."""
    reply = await b.broker.ListOrders(pb.ListOrdersRequest(account_id=b.account_id), timeout=CALL_S)
    ticket = await resting(b)
    assert not [o for o in reply.orders if o.spec.client_order_id == ticket.base]
    async with _second_watcher(b, reply.watch_token) as later:
        await eventually(lambda: later.orders(ticket), "the order")
    b.note("not in the list, heard after it")


@DECK.card(
    "RPY-003",
    "Two watchers hear the same, in the same order",
    needs=_LIMIT,
    control=(Can.FILL,),
    expects=("submit limit: ACCEPTED", "told: FILLED", "both heard the same"),
)
async def two_watchers(b: Bench) -> None:
    """Let two watch one order that fills in two parts."""
    async with _second_watcher(b) as other:
        ticket = await resting(b, qty="2")
        for _ in range(2):
            await b.venue.fill(b.at_venue(ticket), "1", "239")
        await b.told(ticket, "FILLED")
        await eventually(lambda: any(o.status == 8 for o in other.orders(ticket)), "its end there")
        mine = [event.sequence for event in b.hearing.heard if event.HasField("execution")]
        theirs = [event.sequence for event in other.heard if event.HasField("execution")]
        assert mine[-2:] == theirs[-2:], (mine, theirs)
    b.note("both heard the same")


@DECK.card(
    "RPY-004",
    "A token that isn't the server's is refused",
    needs=("rpc.WatchEvents",),
    marks=(Mark.PAPER,),
    expects=("watch: INVALID_TOKEN|TOKEN_EXPIRED",),
)
async def foreign_token(b: Bench) -> None:
    """Watch from a token that nobody gave."""
    request = pb.WatchEventsRequest(account_id=b.account_id, resume_token="not-a-token")
    try:
        async for _ in b.broker.WatchEvents(request, timeout=CALL_S):
            raise AssertionError("it was taken")
    except grpc.aio.AioRpcError as error:
        b.note(f"watch: {read_failure(error).reason}")


@DECK.card(
    "RPY-005",
    "A fill during a gap of the venue's stream is told after it",
    needs=_LIMIT,
    control=(Can.DROP_EVENT, Can.FILL, Can.DROP_STREAM, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "gap over",
        "fills: 1",
        "told: FILLED",
        "books agree",
    ),
)
async def fill_in_a_gap(b: Bench) -> None:
    """Lose the events of a fill with the stream."""
    ticket = await resting(b)
    await b.venue.drop_event(ticket.base, times=0)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await over_a_gap(b)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "RPY-006",
    "A cancel during a gap is told after it",
    needs=_LIMIT,
    control=(Can.DROP_EVENT, Can.CANCEL_BY_HAND, Can.DROP_STREAM),
    expects=("submit limit: ACCEPTED", "gap over", "told: CANCELED"),
)
async def cancel_in_a_gap(b: Bench) -> None:
    """Lose the events of an order that its owner cancels, with the stream."""
    ticket = await resting(b)
    await b.venue.drop_event(ticket.base, times=0)
    await b.venue.cancel_by_hand(b.at_venue(ticket))
    await over_a_gap(b)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "RPY-007",
    "Two fills during a gap are told in their order",
    needs=_LIMIT,
    control=(Can.DROP_EVENT, Can.FILL, Can.DROP_STREAM, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "gap over",
        "fills: 1 + 2",
        "told: FILLED",
        "books agree",
    ),
)
async def two_fills_in_a_gap(b: Bench) -> None:
    """Lose the events of two fills with the stream."""
    ticket = await resting(b, qty="3")
    await b.venue.drop_event(ticket.base, times=0)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.venue.fill(b.at_venue(ticket), "2", "239")
    await over_a_gap(b)
    await b.fills(ticket, "3")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "RPY-008",
    "A lost fill is found although the stream never breaks",
    needs=("type.market", "rpc.WatchEvents"),
    control=(Can.DROP_EVENT, Can.TRUTH),
    expects=("submit market: ACCEPTED|FILLED", "fills: 2", "told: FILLED", "books agree"),
)
async def lost_fill_is_found(b: Bench) -> None:
    """Lose the event of a fill in silence."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2")
    await b.venue.drop_event(ticket.base, "fill")
    await b.submit(ticket)
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "RPY-009",
    "A fill whose event can't be read is not lost with it",
    needs=("type.market", "rpc.WatchEvents"),
    control=(Can.GARBLE_EVENT, Can.TRUTH),
    expects=("submit market: ACCEPTED|FILLED", "fills: 1", "books agree"),
)
async def garbled_fill(b: Bench) -> None:
    """Let half of a fill's event come."""
    ticket = b.ticket(b.scene.share, BUY, MARKET)
    await b.venue.garble_event(ticket.base, "fill")
    await b.submit(ticket)
    await b.fills(ticket, "1")
    await b.agrees(ticket)


@DECK.card(
    "RPY-010",
    "A gap ends the session: orders of the old one are refused",
    needs=_LIMIT,
    control=(Can.DROP_STREAM, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("gap over", "submit limit: refused STALE_SESSION, effect NONE", "sent: 0"),
)
async def gap_ends_the_session(b: Bench) -> None:
    """Send an order for the session before the gap."""
    old = b.session_id
    await over_a_gap(b)
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    await b.submit(ticket, expected_session_id=old)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "RPY-011",
    "Heartbeats tell the new session after a gap",
    needs=("rpc.WatchEvents",),
    control=(Can.DROP_STREAM,),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("gap over", "heartbeats: the new session"),
)
async def heartbeats_follow(b: Bench) -> None:
    """Cut the stream, listen to heartbeats."""
    await over_a_gap(b)
    after = b.mark()
    beats = await eventually(lambda: b.hearing.kinds("heartbeat", after), "a heartbeat")
    assert beats[-1].session_id == b.session_id, beats
    b.note("heartbeats: the new session")


@DECK.card(
    "RPY-012",
    "An order placed by hand is told as another's, with what it does",
    needs=("rpc.WatchEvents",),
    control=(Can.PLACE_BY_HAND, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("told as EXTERNAL|UNSPECIFIED, FILLED", "its fill is told"),
)
async def placed_by_hand(b: Bench) -> None:
    """Buy a share at the venue itself."""
    venue_order_id = await b.venue.place_by_hand(b.scene.share, "buy", "1")

    def told() -> list[orders_pb2.Order]:
        return [o for o in b.hearing.kinds("order") if o.venue_order_id == venue_order_id]

    await eventually(lambda: [o for o in told() if o.status == 8], "the order placed by hand")
    origin = orders_pb2.OrderOrigin.Name(told()[-1].origin).removeprefix("ORDER_ORIGIN_")
    b.note(f"told as {origin}, FILLED")

    def fills() -> list[orders_pb2.Execution]:
        told = b.hearing.kinds("execution")
        return once([e for e in told if e.venue_order_id == venue_order_id])

    assert len(await eventually(fills, "its fill")) == 1
    b.note("its fill is told")


@DECK.card(
    "RPY-013",
    "A stream that can't be opened for a while loses nothing",
    needs=_LIMIT,
    control=(Can.REFUSE_STREAM, Can.DROP_STREAM, Can.FILL, Can.TRUTH),
    expects=("submit limit: ACCEPTED", "gap over", "fills: 1", "told: FILLED", "books agree"),
)
async def refused_stream(b: Bench) -> None:
    """Cut the stream, refuse it three times, and fill meanwhile."""
    ticket = await resting(b)
    await b.venue.refuse_stream(times=3)
    gap = asyncio.create_task(over_a_gap(b))
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await gap
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)
