"""Replaces without faults: what they promise, and what they refuse."""

from __future__ import annotations

from tests.conformance.acts import hold, live_prices, resting
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Sends
from tests.conformance.scene import BUY, LIMIT, SELL

DECK = Deck(Group.REPLACES, given="an order rests")
_REPLACE = ("type.limit", "rpc.ReplaceOrder")


@DECK.card(
    "RPL-001",
    "A replace changes price and quantity at once",
    needs=_REPLACE,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "live at the venue: 3 at 241",
    ),
)
async def price_and_quantity(b: Bench) -> None:
    """Ask for three at 241 instead of one."""
    ticket = await resting(b)
    await b.replace(ticket, order_qty="3", limit_price="241")
    await b.revised(ticket, order_qty="3", limit_price="241")
    assert await live_prices(b, ticket) == "241"
    live = [o for o in await b.venue.orders(ticket.base) if o.status == "new"]
    b.note(f"live at the venue: {live[0].order_qty} at {live[0].limit_price}")


@DECK.card(
    "RPL-002",
    "The new order has a new venue id, and the chain is kept",
    needs=(*_REPLACE, "replace_new_venue_id"),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "told: REPLACED",
        "linked both ways",
    ),
)
async def chain_is_kept(b: Bench) -> None:
    """Replace an order; compare the venue's ids of both revisions."""
    ticket = await resting(b)
    first = await b.find(ticket)
    await b.replace(ticket, limit_price="241")
    await b.told(ticket, "REPLACED")
    old = (await b.find(ticket, ticket.client_id)).order
    new = (await b.find(ticket)).order
    assert old.venue_order_id == first.order.venue_order_id != new.venue_order_id
    assert old.replaced_by_venue_order_id == new.venue_order_id, old
    assert new.replaces_venue_order_id == old.venue_order_id, new
    b.note("linked both ways")


@DECK.card(
    "RPL-003",
    "The same change again is the same change",
    needs=_REPLACE,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "replaces at the venue: 1",
    ),
)
async def same_change_again(b: Bench) -> None:
    """Send one change twice under one key."""
    ticket = await resting(b)
    request = b.replace_request(ticket, limit_price="241")
    await b.replace(ticket, limit_price="241", replace_id=request.replace_id)
    await b.revised(ticket, limit_price="241")
    again = await b.call(b.broker.ReplaceOrder, request)
    assert again.has_failed is False or again.failure.effect == "NONE", again.failure
    b.note(f"replaces at the venue: {await b.venue.sends(ticket.base, Sends.REPLACE)}")


@DECK.card(
    "RPL-004",
    "An order that has ended can't be replaced",
    needs=(*_REPLACE, "rpc.CancelOrder"),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "replace: refused ORDER_ENDED, effect NONE",
    ),
)
async def ended_order(b: Bench) -> None:
    """Cancel an order, then ask for another price."""
    ticket = await resting(b)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    await b.replace(ticket, limit_price="241")


@DECK.card(
    "RPL-005",
    "An order that nobody knows can't be replaced",
    needs=(*_REPLACE, "proves_absence"),
    marks=(Mark.PAPER,),
    given="an account without orders",
    expects=("replace: refused ORDER_NOT_FOUND, effect NONE",),
)
async def unknown_order_to_replace(b: Bench) -> None:
    """Replace an id that was never sent."""
    await b.replace(b.ticket(b.scene.share, BUY, LIMIT, limit_price="1"), limit_price="2")


@DECK.card(
    "RPL-006",
    "A partly filled order is not patched: filled and asked never exceed the whole",
    needs=(*_REPLACE, "refuses_replace_when_partly_filled"),
    control=(Can.FILL, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit limit: ACCEPTED",
        "told: PARTIALLY_FILLED",
        "replace: refused CHANGE_IN_PROGRESS|UNSUPPORTED_BY_VENUE, effect NONE",
        "patches at the venue: 0",
    ),
)
async def partly_filled(b: Bench) -> None:
    """Let one of three be filled, then ask for another price."""
    ticket = await resting(b, qty="3")
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.told(ticket, "PARTIALLY_FILLED")
    await b.replace(ticket, limit_price="241")
    b.note(f"patches at the venue: {await b.venue.sends(ticket.base, Sends.REPLACE)}")


@DECK.card(
    "RPL-007",
    "A change that is none of its type's is refused, and the order works on",
    needs=_REPLACE,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "replace: *NONE|rejected",
        "look-up: FOUND ACCEPTED",
        "live: 239.95",
    ),
)
async def wrong_price(b: Bench) -> None:
    """Ask for a stop price of a limit order."""
    ticket = await resting(b)
    await b.replace(ticket, stop_price="200")
    await b.look_up(ticket)
    b.note(f"live: {await live_prices(b, ticket)}")


@DECK.card(
    "RPL-008",
    "Two changes, one after the other: the second stands",
    needs=_REPLACE,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "live at the venue: 242",
    ),
)
async def two_changes(b: Bench) -> None:
    """Ask for 241, then for 242."""
    ticket = await resting(b)
    for price in ("241", "242"):
        await b.replace(ticket, limit_price=price)
        await b.revised(ticket, limit_price=price)
    b.note(f"live at the venue: {await live_prices(b, ticket)}")


@DECK.card(
    "RPL-009",
    "What the new terms fill is booked under the order",
    needs=_REPLACE,
    control=(Can.TRUTH,),
    given="one share is held",
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE|FILLED",
        "fills: 1",
        "told: FILLED",
    ),
)
async def new_terms_fill(b: Bench) -> None:
    """Offer far above the market, then at the bid."""
    await hold(b, b.scene.share, "1")
    prices = await b.prices(b.scene.share)
    ticket = b.ticket(b.scene.share, SELL, LIMIT, limit_price=prices.high)
    await b.works(ticket)
    await b.replace(ticket, limit_price=prices.takes_bid)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")


@DECK.card(
    "RPL-010",
    "A change that the venue refuses leaves the order as it was, and live",
    needs=(*_REPLACE, "rpc.CancelOrder"),
    control=(Can.REFUSE_REPLACE, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "replace: *NONE|rejected",
        "look-up: FOUND ACCEPTED",
        "live: 239.95",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def refused_by_the_venue(b: Bench) -> None:
    """Let the venue refuse a change at once; then cancel the order."""
    ticket = await resting(b)
    await b.venue.refuse_replace(ticket.base)
    await b.replace(ticket, limit_price="241")
    await b.look_up(ticket)
    b.note(f"live: {await live_prices(b, ticket)}")
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
