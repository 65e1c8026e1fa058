"""Cancels without faults: what they promise, and what they refuse."""

from __future__ import annotations

from typing import Any

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from tests.conformance.acts import listed, resting
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Sends
from tests.conformance.scene import BUY, LIMIT, instrument

DECK = Deck(Group.CANCELS, given="the market is open")
_CANCEL = ("type.limit", "rpc.CancelOrder")
_CANCEL_ALL = ("type.limit", "rpc.CancelAllOrders")


@DECK.card(
    "CNL-001",
    "Canceling an order that nobody knows is not found",
    needs=(*_CANCEL, "proves_absence"),
    marks=(Mark.PAPER,),
    expects=("cancel: refused ORDER_NOT_FOUND, effect NONE",),
)
async def unknown_order(b: Bench) -> None:
    """Cancel an id that was never sent."""
    await b.cancel(b.ticket(b.scene.share, BUY, LIMIT, limit_price="1"))


@DECK.card(
    "CNL-002",
    "Canceling an order that has filled says that it has ended",
    needs=("type.limit", "rpc.CancelOrder"),
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED|FILLED",
        "told: FILLED",
        "cancel: refused ORDER_ENDED, effect NONE",
    ),
)
async def filled_order(b: Bench) -> None:
    """Let an order fill, cancel it."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    await b.cancel(ticket)


@DECK.card(
    "CNL-003",
    "Canceling twice is the same as once",
    needs=_CANCEL,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "second cancel asks for nothing else",
        "told: CANCELED",
        "one end was told",
    ),
)
async def twice(b: Bench) -> None:
    """Cancel an order, and once more."""
    ticket = await resting(b)
    await b.cancel(ticket)
    again = await b.call(
        b.broker.CancelOrder,
        pb.CancelOrderRequest(
            account_id=b.account_id,
            client_order_id=ticket.client_id,
            **b.claim(with_session=False),
        ),
    )
    if again.has_failed:
        assert again.failure.reason == "ORDER_ENDED", again.failure
        assert again.failure.effect == "NONE", again.failure
    b.note("second cancel asks for nothing else")
    await b.told(ticket, "CANCELED")
    await b.quiet()
    ends = {order.status for order in b.hearing.orders(ticket)}
    assert 9 in ends
    b.note("one end was told")


@DECK.card(
    "CNL-004",
    "An order canceled by its owner's hand is told",
    needs=("type.limit",),
    control=(Can.CANCEL_BY_HAND,),
    expects=("submit limit: ACCEPTED", "told: CANCELED", "look-up: FOUND CANCELED"),
)
async def by_hand(b: Bench) -> None:
    """Cancel an order at the venue itself."""
    ticket = await resting(b)
    await b.venue.cancel_by_hand(b.at_venue(ticket))
    await b.told(ticket, "CANCELED")
    await b.look_up(ticket)


@DECK.card(
    "CNL-005",
    "A fill while the cancel is pending is booked",
    needs=_CANCEL,
    control=(Can.DELAY, Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: *",
        "fills: 1",
        "told: FILLED|CANCELED",
        "books agree",
    ),
)
async def fill_beats_cancel(b: Bench) -> None:
    """Cancel, and let a fill come before the venue carries it out."""
    ticket = await resting(b)
    await b.cancel(ticket)
    await b.venue.fill(b.at_venue(ticket), "1", "239", even_if_ended=True)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED", "CANCELED")
    await b.agrees(ticket)


@DECK.card(
    "CNL-006",
    "Cancel all: every open order is asked to end, and ends",
    needs=_CANCEL_ALL,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: ACCEPTED",
        "submit limit: ACCEPTED",
        "asked for 3, failed 0",
        "told: CANCELED",
        "told: CANCELED",
        "told: CANCELED",
    ),
)
async def cancel_all(b: Bench) -> None:
    """Place three orders, cancel all."""
    tickets = [await resting(b), await resting(b, share=b.scene.other_share), await resting(b)]
    reply = await _cancel_all(b)
    b.note(f"asked for {len(reply.orders)}, failed {len(reply.failures)}")
    for ticket in tickets:
        await b.told(ticket, "CANCELED")


@DECK.card(
    "CNL-007",
    "Cancel all of one instrument leaves the others",
    needs=_CANCEL_ALL,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: ACCEPTED",
        "asked for 1, failed 0",
        "told: CANCELED",
        "look-up: FOUND ACCEPTED",
    ),
)
async def cancel_all_of_one(b: Bench) -> None:
    """Place orders of two shares, cancel all of one."""
    kept = await resting(b)
    ticket = await resting(b, share=b.scene.other_share)
    reply = await _cancel_all(b, instrument=instrument(b.scene.other_share))
    b.note(f"asked for {len(reply.orders)}, failed {len(reply.failures)}")
    await b.told(ticket, "CANCELED")
    await b.look_up(kept)


@DECK.card(
    "CNL-008",
    "Cancel all without open orders is nothing, and no error",
    needs=_CANCEL_ALL,
    expects=("asked for 0, failed 0",),
)
async def cancel_none(b: Bench) -> None:
    """Cancel all while nothing is open."""
    reply = await _cancel_all(b)
    b.note(f"asked for {len(reply.orders)}, failed {len(reply.failures)}")


@DECK.card(
    "CNL-009",
    "Cancel all says which order it could not ask for",
    needs=_CANCEL_ALL,
    control=(Can.ERROR_BEFORE, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: ACCEPTED",
        "nothing is told as ended that lives",
    ),
)
async def cancel_all_partly_fails(b: Bench) -> None:
    """Let the cancels of one order fail at the venue, cancel all."""
    stuck = await resting(b)
    await resting(b, share=b.scene.other_share)
    await b.venue.error_before(Sends.CANCEL, stuck.base)
    await b.venue.error_before(Sends.CANCEL_ALL)
    answer = await b.call(
        b.broker.CancelAllOrders,
        pb.CancelAllOrdersRequest(account_id=b.account_id, **b.claim(with_session=False)),
    )
    if not answer.has_failed:
        failed = [f.order.spec.client_order_id for f in answer.reply.failures]
        asked = [order.spec.client_order_id for order in answer.reply.orders]
        own = [i for i in failed + asked if stuck.base in i or stuck.client_id in i]
        assert own, f"it is named nowhere: {answer.reply}"

    async def agree() -> bool:  # a cancel that stands is asked for again in the meantime
        found = await b.find(stuck)
        (truth,) = await b.venue.orders(stuck.base)
        return (found.order.status == types_pb2.ORDER_STATUS_CANCELED) == (
            truth.status == "canceled"
        )

    await b.eventually(agree, "the server and the venue agree on it")
    b.note("nothing is told as ended that lives")


async def _cancel_all(b: Bench, **given: Any) -> pb.CancelAllOrdersResponse:
    request = pb.CancelAllOrdersRequest(
        account_id=b.account_id, **b.claim(with_session=False), **given
    )
    reply: pb.CancelAllOrdersResponse = await b.broker.CancelAllOrders(request, timeout=CALL_S)
    return reply


@DECK.card(
    "CNL-010",
    "A suspended order is live: it is listed as open, and ends when it is canceled",
    needs=("type.limit", "rpc.CancelOrder", "rpc.ListOrders"),
    control=(Can.SUSPEND, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "told: SUSPENDED",
        "listed as open",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def suspended_is_live(b: Bench) -> None:
    """Suspend a working order, list the open ones, then cancel it."""
    ticket = await resting(b)
    await b.venue.suspend(b.at_venue(ticket))
    await b.told(ticket, "SUSPENDED")
    open_now = await listed(b, "ListOrders", "orders", filter=pb.ORDER_FILTER_OPEN)
    assert any(order.spec.client_order_id == ticket.client_id for order in open_now), open_now
    b.note("listed as open")
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "CNL-011",
    "A suspended order that works again fills like any other",
    needs=("type.limit",),
    control=(Can.SUSPEND, Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "told: SUSPENDED",
        "told: FILLED",
        "fills: 1",
        "books agree",
    ),
)
async def suspended_works_again(b: Bench) -> None:
    """Suspend a working order, let it work again, and fill it."""
    ticket = await resting(b)
    await b.venue.suspend(b.at_venue(ticket))
    await b.told(ticket, "SUSPENDED")
    await b.venue.resume(b.at_venue(ticket))
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.told(ticket, "FILLED")
    await b.fills(ticket, "1")
    await b.agrees(ticket)
