"""Time-outs: nobody's patience ends an order, and no silence is taken for a word."""

from __future__ import annotations

import asyncio

import grpc

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import live_prices, resting
from tests.conformance.answers import words_of
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Reads, Sends
from tests.conformance.scene import BUY, LIMIT, Ticket, instrument

DECK = Deck(Group.TIME_OUTS, given="the market is open")
_LIMIT = ("type.limit", "tif.day")
_UNKNOWN = "refused OUTCOME_UNKNOWN, effect UNKNOWN"


async def _low(b: Bench) -> Ticket:
    price = (await b.prices(b.scene.share)).low
    return b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)


@DECK.card(
    "TMO-001",
    "A submit whose reply never comes is in doubt or found, and the order is there",
    needs=_LIMIT,
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=(Mark.IN_DOUBT,),
    expects=("submit limit: *ACCEPTED|UNKNOWN", "look-up: FOUND ACCEPTED", "sent: 1", "placed: 1"),
)
async def submit_reply_hangs(b: Bench) -> None:
    """Let the venue take an order and never answer."""
    ticket = await _low(b)
    await b.venue.lose_reply(Sends.SUBMIT, ticket.base, hang=True)
    await b.submit(ticket)
    await b.look_up(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "TMO-002",
    "A submit that is lost in silence is in doubt, and isn't sent again",
    needs=_LIMIT,
    control=(Can.LOSE_REQUEST, Can.TRUTH),
    marks=(Mark.IN_DOUBT,),
    expects=(
        f"submit limit: {_UNKNOWN}",
        "look-up: ABSENT|UNKNOWN",
        "sent: 1",
        "placed: 0",
    ),
)
async def submit_is_lost(b: Bench) -> None:
    """Let an order get lost on its way."""
    ticket = await _low(b)
    await b.venue.lose_request(Sends.SUBMIT, ticket.base, hang=True)
    await b.submit(ticket)
    await b.look_up(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "TMO-003",
    "A caller's deadline ends the waiting, not the order",
    needs=_LIMIT,
    control=(Can.DELAY, Can.TRUTH),
    expects=("caller: DEADLINE_EXCEEDED", "told: ACCEPTED", "look-up: FOUND ACCEPTED", "placed: 1"),
)
async def callers_deadline(b: Bench) -> None:
    """Wait 0.4 s for an answer that takes a second."""
    ticket = await _low(b)
    await b.venue.delay(Sends.SUBMIT, 1.0, ticket.base)
    try:
        await b.broker.SubmitOrder(b.submit_request(ticket), timeout=0.4)
    except grpc.aio.AioRpcError as error:
        b.note(f"caller: {error.code().name}")
    await b.told(ticket, "ACCEPTED")
    await b.look_up(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "TMO-004",
    "A caller that goes away doesn't take its order along",
    needs=_LIMIT,
    control=(Can.DELAY, Can.TRUTH),
    expects=("caller: gone", "told: ACCEPTED", "placed: 1"),
)
async def caller_goes_away(b: Bench) -> None:
    """Cancel the call once the venue has the order."""
    ticket = await _low(b)
    await b.venue.delay(Sends.SUBMIT, 1.0, ticket.base)
    call = b.broker.SubmitOrder(b.submit_request(ticket), timeout=CALL_S)
    waiting = asyncio.ensure_future(call)

    async def has_arrived() -> int:
        return await b.venue.sends(ticket.base)

    await b.eventually(has_arrived, "the order at the venue")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    b.note("caller: gone")
    await b.told(ticket, "ACCEPTED")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "TMO-005",
    "A slow venue is waited for",
    needs=_LIMIT,
    control=(Can.DELAY, Can.TRUTH),
    expects=("submit limit: ACCEPTED", "sent: 1", "look-up: FOUND ACCEPTED"),
)
async def slow_venue(b: Bench) -> None:
    """Let the venue take half a second."""
    ticket = await _low(b)
    await b.venue.delay(Sends.SUBMIT, 0.5, ticket.base)
    await b.submit(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")
    await b.look_up(ticket)


@DECK.card(
    "TMO-006",
    "A cancel whose reply never comes is told by its end",
    needs=(*_LIMIT, "rpc.CancelOrder"),
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=(Mark.IN_DOUBT,),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: *",
        "told: CANCELED",
        "at the venue: canceled",
    ),
)
async def cancel_reply_hangs(b: Bench) -> None:
    """Let the venue take a cancel and never answer."""
    ticket = await resting(b)
    await b.venue.lose_reply(Sends.CANCEL, ticket.base, hang=True)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    (order,) = await b.venue.orders(ticket.base)
    b.note(f"at the venue: {order.status}")


@DECK.card(
    "TMO-007",
    "A cancel that is lost in silence leaves the order live, and says so",
    needs=(*_LIMIT, "rpc.CancelOrder"),
    control=(Can.LOSE_REQUEST, Can.TRUTH),
    marks=(Mark.IN_DOUBT,),
    expects=(
        "submit limit: ACCEPTED",
        f"cancel: {_UNKNOWN}",
        "look-up: FOUND ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def cancel_is_lost(b: Bench) -> None:
    """Let a cancel get lost, look, cancel again."""
    ticket = await resting(b)
    await b.venue.lose_request(Sends.CANCEL, ticket.base, hang=True)
    await b.cancel(ticket)
    await b.look_up(ticket)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "TMO-008",
    "A replace whose reply never comes is in doubt, or found",
    needs=("type.limit", "rpc.ReplaceOrder"),
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=(Mark.IN_DOUBT,),
    expects=("submit limit: ACCEPTED", "replace: *ACCEPTED|UNKNOWN", "live at the venue: 241"),
)
async def replace_reply_hangs(b: Bench) -> None:
    """Let the venue take a replace and never answer."""
    ticket = await resting(b)
    await b.venue.lose_reply(Sends.REPLACE, ticket.base, hang=True)
    await b.replace(ticket, limit_price="241")
    b.note(f"live at the venue: {await live_prices(b, ticket)}")


@DECK.card(
    "TMO-009",
    "A look-up that is never answered is an error, never absence",
    needs=("rpc.GetOrder",),
    control=(Can.HANG_READS,),
    marks=(Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=("submit limit: ACCEPTED", "GetOrder: refused *"),
)
async def look_up_hangs(b: Bench) -> None:
    """Let look-ups hang, look an order up."""
    ticket = await resting(b)
    await b.venue.hang_reads(Reads.LOOK_UP)
    request = pb.GetOrderRequest(account_id=b.account_id, client_order_id=ticket.client_id)
    await b.refused("GetOrder", request)


@DECK.card(
    "TMO-010",
    "Positions that are never answered are an error, never none",
    needs=("rpc.ListPositions",),
    control=(Can.HANG_READS,),
    marks=(Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=("ListPositions: refused *", "GetPosition: refused *"),
)
async def positions_hang(b: Bench) -> None:
    """Let reads of positions hang."""
    await b.venue.hang_reads(Reads.POSITIONS)
    request = pb.ListPositionsRequest(account_id=b.account_id)
    await b.refused("ListPositions", request)
    one = pb.GetPositionRequest(account_id=b.account_id, instrument=instrument(b.scene.share))
    await b.refused("GetPosition", one)


@DECK.card(
    "TMO-011",
    "A venue that hangs on one order lets the others through",
    needs=_LIMIT,
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY, Mark.IN_DOUBT),
    expects=("submit limit: ACCEPTED", "hanging one: *ACCEPTED|UNKNOWN", "placed: 2"),
)
async def others_go_through(b: Bench) -> None:
    """Let one order hang, send another one meanwhile."""
    hanging = await _low(b)
    await b.venue.lose_reply(Sends.SUBMIT, hanging.base, hang=True)
    call = asyncio.create_task(b.call(b.broker.SubmitOrder, b.submit_request(hanging)))
    await b.submit(await _low(b))
    b.note(f"hanging one: {words_of(await call)}")
    placed = [o for t in b.tickets for o in await b.venue.orders(t.base)]
    b.note(f"placed: {len(placed)}")
