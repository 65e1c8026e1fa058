"""Ambiguous cancel: a request is no end, and no answer is no word."""

from __future__ import annotations

import asyncio

from tests.conformance.acts import resting
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Sends
from tests.conformance.scene import BUY, LIMIT

DECK = Deck(Group.AMBIGUOUS_CANCEL, given="an order rests")
_CANCEL = ("type.limit", "rpc.CancelOrder")
_DOUBT = (Mark.IN_DOUBT,)
_ASKED = "cancel: PENDING_CANCEL|CANCELED"


@DECK.card(
    "ACN-001",
    "A 500 after the cancel was taken: the end is told by the venue",
    needs=_CANCEL,
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=("submit limit: ACCEPTED", "cancel: *", "told: CANCELED", "look-up: FOUND CANCELED"),
)
async def error_after(b: Bench) -> None:
    """Let the venue take a cancel and answer 500."""
    ticket = await resting(b)
    await b.venue.error_after(Sends.CANCEL, ticket.base)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    await b.look_up(ticket)


@DECK.card(
    "ACN-002",
    "A 500 without effect: the order lives, and no one calls it canceled",
    needs=_CANCEL,
    control=(Can.ERROR_BEFORE, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        "submit limit: ACCEPTED",
        "cancel: refused OUTCOME_UNKNOWN, effect UNKNOWN",
        "look-up: FOUND ACCEPTED",
        _ASKED,
        "told: CANCELED",
    ),
)
async def error_before(b: Bench) -> None:
    """Let the venue answer 500 to a cancel and do nothing; cancel again."""
    ticket = await resting(b)
    await b.venue.error_before(Sends.CANCEL, ticket.base)
    await b.cancel(ticket)
    await b.quiet()
    await b.look_up(ticket)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "ACN-003",
    "A connection that ends after the cancel was taken",
    needs=_CANCEL,
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=_DOUBT,
    expects=("submit limit: ACCEPTED", "cancel: *", "told: CANCELED", "at the venue: canceled"),
)
async def reply_is_lost(b: Bench) -> None:
    """Let the venue take a cancel and cut the connection."""
    ticket = await resting(b)
    await b.venue.lose_reply(Sends.CANCEL, ticket.base)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    (order,) = await b.venue.orders(ticket.base)
    b.note(f"at the venue: {order.status}")


@DECK.card(
    "ACN-004",
    "A cancel that never reached the venue: the order may fill, and does",
    needs=_CANCEL,
    control=(Can.LOSE_REQUEST, Can.FILL, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        "submit limit: ACCEPTED",
        "cancel: refused OUTCOME_UNKNOWN, effect UNKNOWN",
        "fills: 1",
        "told: FILLED",
        "books agree",
    ),
)
async def lost_cancel_then_fill(b: Bench) -> None:
    """Lose a cancel, then let the order fill."""
    ticket = await resting(b)
    await b.venue.lose_request(Sends.CANCEL, ticket.base)
    await b.cancel(ticket)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "ACN-005",
    "A cancel that was taken is not an end: the order lives, and fills",
    needs=_CANCEL,
    control=(Can.FORGET_CANCEL, Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|ACCEPTED",
        "look-up: FOUND PENDING_CANCEL|ACCEPTED",
        "fills: 2",
        "told: FILLED",
        "books agree",
    ),
)
async def request_is_no_end(b: Bench) -> None:
    """Let the venue confirm a cancel and forget it, then let the order fill."""
    ticket = await resting(b, qty="2")
    await b.venue.forget_cancel(ticket.base)
    await b.cancel(ticket)
    await b.quiet()
    await b.look_up(ticket)
    await b.venue.fill(b.at_venue(ticket), "2", "239")
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "ACN-006",
    "An end whose event is lost is found",
    needs=_CANCEL,
    control=(Can.DROP_EVENT, Can.TRUTH),
    expects=("submit limit: ACCEPTED", _ASKED, "told: CANCELED", "filled: 0"),
)
async def event_is_lost(b: Bench) -> None:
    """Lose what the stream tells of a cancel."""
    ticket = await resting(b)
    await b.venue.drop_event(ticket.base, times=0)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    b.note(f"filled: {len(await b.venue.fills(ticket.base))}")


@DECK.card(
    "ACN-007",
    "Canceling an order whose fill was lost tells how it ended",
    needs=_CANCEL,
    control=(Can.DROP_EVENT, Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: refused ORDER_ENDED, effect NONE",
        "fills: 1",
        "told: FILLED",
        "books agree",
    ),
)
async def fill_was_lost(b: Bench) -> None:
    """Lose the event of a fill, then cancel."""
    ticket = await resting(b)
    await b.venue.drop_event(ticket.base, times=0)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.cancel(ticket)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "ACN-008",
    "Too many requests: the cancel had no effect, the order lives",
    needs=_CANCEL,
    control=(Can.RATE_LIMIT, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: refused RATE_LIMITED, effect NONE",
        "at the venue: new",
    ),
)
async def rate_limited(b: Bench) -> None:
    """Let the venue say to a cancel that there were too many requests."""
    ticket = await resting(b)
    await b.venue.rate_limit(Sends.CANCEL, ticket.base)
    await b.cancel(ticket)
    (order,) = await b.venue.orders(ticket.base)
    b.note(f"at the venue: {order.status}")


@DECK.card(
    "ACN-009",
    "A cancel while the submit is on its way doesn't say that there is no such order",
    needs=_CANCEL,
    control=(Can.DELAY, Can.TRUTH),
    expects=("cancel: taken, or to be sent again", "told: CANCELED", "placed: 1"),
)
async def beside_the_submit(b: Bench) -> None:
    """Cancel while the venue takes its time with the submit; again until it is taken."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.delay_effect(Sends.SUBMIT, 0.7, ticket.base)
    submit = asyncio.create_task(b.call(b.broker.SubmitOrder, b.submit_request(ticket)))

    async def has_left() -> int:
        return await b.venue.sends(ticket.base)

    await b.eventually(has_left, "the order on its way")

    async def is_taken() -> bool:
        answer = await b.call(b.broker.CancelOrder, b.cancel_request(ticket))
        if not answer.has_failed:
            return True
        assert answer.failure.reason != "ORDER_NOT_FOUND", answer.failure
        return answer.failure.reason == "ORDER_ENDED"

    await b.eventually(is_taken, "the cancel")
    b.note("cancel: taken, or to be sent again")
    await submit
    await b.told(ticket, "CANCELED")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "ACN-010",
    "A 502 to a cancel is no word, whatever it did",
    needs=_CANCEL,
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=(*_DOUBT, Mark.ADAPTER_ONLY),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: *CANCELED|PENDING_CANCEL|UNKNOWN",
        "told: CANCELED",
    ),
)
async def bad_gateway(b: Bench) -> None:
    """Let the venue take a cancel, answer 502."""
    ticket = await resting(b)
    await b.venue.error_after(Sends.CANCEL, ticket.base, status=502)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "ACN-011",
    "A cancel that is refused after it was taken: the order is told as working again",
    needs=_CANCEL,
    control=(Can.REFUSE_LATER, Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|ACCEPTED",
        "works again",
        "fills: 1",
        "told: FILLED",
    ),
)
async def refused_later(b: Bench) -> None:
    """Let the venue confirm a cancel and refuse it a moment later, then fill."""
    ticket = await resting(b)
    await b.venue.refuse_later(Sends.CANCEL, ticket.base)
    await b.cancel(ticket)

    async def works() -> bool:
        return (await b.find(ticket)).order.status == 3

    await b.eventually(works, "the order to work again")
    b.note("works again")
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
