"""One id is one order, however often it is sent."""

from __future__ import annotations

import asyncio

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BUY, LIMIT, Ticket

DECK = Deck(Group.IDENTITY, given="the market is open")
_LIMIT = ("type.limit", "tif.day")


async def _resting(b: Bench, qty: str = "1") -> Ticket:
    price = (await b.prices(b.scene.share)).low
    return b.ticket(b.scene.share, BUY, LIMIT, qty=qty, limit_price=price)


@DECK.card(
    "IDN-001",
    "The same order again is the order that is there",
    needs=(*_LIMIT, "unique_ids"),
    marks=(Mark.PAPER,),
    expects=("submit limit: ACCEPTED", "submit limit: ACCEPTED", "one venue order"),
)
async def resend_is_the_same(b: Bench) -> None:
    """Send an order twice under one id."""
    ticket = await _resting(b)
    first = await b.submit(ticket)
    second = await b.submit(ticket)
    assert first.order.venue_order_id == second.order.venue_order_id
    b.note("one venue order")


@DECK.card(
    "IDN-002",
    "Five senders at once are one order",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("5 answers, 1 venue order", "placed: 1"),
)
async def senders_at_once(b: Bench) -> None:
    """Send one order five times at the same moment."""
    ticket = await _resting(b)
    calls = [b.call(b.broker.SubmitOrder, b.submit_request(ticket)) for _ in range(5)]
    answers = await asyncio.gather(*calls)
    ids = {answer.order.venue_order_id for answer in answers}
    b.note(f"{len(answers)} answers, {len(ids)} venue order")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "IDN-003",
    "The same id with another quantity is refused",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: refused CLIENT_ORDER_ID_REUSED, effect NONE",
        "the venue has 1",
    ),
)
async def other_quantity(b: Bench) -> None:
    """Send two of what one was sent of, under one id."""
    ticket = await _resting(b)
    await b.submit(ticket)
    ticket.spec.order_qty.value = "2"
    await b.submit(ticket)
    (order,) = await b.venue.orders(ticket.base)
    b.note(f"the venue has {order.order_qty}")


@DECK.card(
    "IDN-004",
    "Amounts are the same by value, instruments by what they are",
    needs=(*_LIMIT, "unique_ids"),
    control=(Can.TRUTH,),
    expects=("submit limit: ACCEPTED", "submit limit: ACCEPTED", "placed: 1"),
)
async def same_by_value(b: Bench) -> None:
    """Send it again with other zeros in its amounts."""
    ticket = await _resting(b)
    await b.works(ticket)
    ticket.spec.limit_price.value += "0" if "." in ticket.spec.limit_price.value else ".00"
    ticket.spec.order_qty.value = "1.000"
    await b.submit(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "IDN-005",
    "An id stays used after its order was canceled",
    needs=(*_LIMIT, "unique_ids", "rpc.CancelOrder"),
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "submit limit: CANCELED",
        "placed: 1",
    ),
)
async def used_for_ever(b: Bench) -> None:
    """Cancel an order, then send it again under its id."""
    ticket = await _resting(b)
    await b.works(ticket)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    await b.submit(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "IDN-006",
    "A filled order that is sent again is answered as filled",
    needs=("type.limit", "unique_ids"),
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED|FILLED",
        "told: FILLED",
        "submit limit: FILLED",
        "fills: 1",
        "placed: 1",
    ),
)
async def filled_once(b: Bench) -> None:
    """Let an order fill, then send it again."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    await b.submit(ticket)
    await b.fills(ticket, "1")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "IDN-007",
    "An id of another form is refused by name",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("3 ids refused by name, effect NONE", "submits at the venue: 0"),
)
async def form_of_ids(b: Bench) -> None:
    """Send orders under an empty id, a long one, and one with a blank."""
    refused = 0
    for text in ("", "x" * 129, "a b"):
        ticket = await _resting(b)
        ticket.spec.client_order_id = text
        answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
        assert answer.failure.reason == "INVALID_FIELD", answer.failure
        assert answer.failure.field == "order.client_order_id", answer.failure
        refused += answer.failure.effect == "NONE"
    b.note(f"{refused} ids refused by name, effect NONE")
    sent = [await b.venue.sends(ticket.base) for ticket in b.tickets]
    b.note(f"submits at the venue: {sum(sent)}")


@DECK.card(
    "IDN-008",
    "The order under an id is found by every name that it has",
    needs=(*_LIMIT, "rpc.GetOrder"),
    marks=(Mark.PAPER,),
    expects=("submit limit: ACCEPTED", "look-up: FOUND ACCEPTED", "found by the venue's id too"),
)
async def found_by_each_name(b: Bench) -> None:
    """Look an order up by our id and by the venue's."""
    ticket = await _resting(b)
    await b.works(ticket)
    first = (await b.look_up(ticket)).order
    request = pb.GetOrderRequest(
        account_id=b.account_id, venue_order_id=first.venue_order_id, venue=first.venue
    )
    reply = await b.broker.GetOrder(request, timeout=20)
    assert reply.order.spec.client_order_id == first.spec.client_order_id
    if b.server.fenced or b.is_router:
        assert first.origin == 1, "it isn't known as ours"
    assert first.spec.side == types_pb2.SIDE_BUY
    b.note("found by the venue's id too")
