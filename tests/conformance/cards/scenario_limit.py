"""LEAN's scenarios with limit orders."""

from __future__ import annotations

from decimal import Decimal

from tests.conformance.acts import hold, holds, market, short
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BTC, BUY, LIMIT, SELL, STO

DECK = Deck(Group.SCENARIOS, given="the market is open")
_NEEDS = ("type.limit", "tif.day")


@DECK.card(
    "LMT-001",
    "Long from zero: it rests until the market comes to it",
    needs=_NEEDS,
    control=(Can.QUOTES,),
    expects=(
        "submit limit: ACCEPTED",
        "fills: 2",
        "paid no more than the limit",
        "position: 2",
    ),
)
async def long_from_zero(b: Bench) -> None:
    """Bid far below the market, then let the market fall through it."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="2", limit_price=price)
    await b.works(ticket)
    await market(b, b.scene.share, str(Decimal(price) - 1))
    (execution,) = await b.fills(ticket, "2")
    assert Decimal(execution.last_px.value) <= Decimal(price), execution
    b.note("paid no more than the limit")
    await holds(b, b.scene.share, "2")


@DECK.card(
    "LMT-002",
    "Close from long: it fills at once at the bid",
    needs=_NEEDS,
    given="one share is held",
    expects=("submit limit: ACCEPTED|FILLED", "fills: 1", "told: FILLED", "position: 0"),
)
async def close_from_long(b: Bench) -> None:
    """Offer what is held at the bid."""
    await hold(b, b.scene.share, "1")
    price = (await b.prices(b.scene.share)).takes_bid
    ticket = b.ticket(b.scene.share, SELL, LIMIT, limit_price=price)
    await b.submit(ticket)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "LMT-003",
    "Short from zero: it rests until the market rises to it",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES,),
    expects=(
        "submit limit: ACCEPTED",
        "fills: 2",
        "received no less than the limit",
        "position: -2",
    ),
)
async def short_from_zero(b: Bench) -> None:
    """Offer shares far above the market, then let it rise."""
    price = (await b.prices(b.scene.share)).high
    ticket = b.ticket(b.scene.share, SELL, LIMIT, qty="2", limit_price=price)
    await b.works(ticket)
    await market(b, b.scene.share, str(Decimal(price) + 1))
    (execution,) = await b.fills(ticket, "2")
    assert Decimal(execution.last_px.value) >= Decimal(price), execution
    b.note("received no less than the limit")
    await holds(b, b.scene.share, "-2")


@DECK.card(
    "LMT-004",
    "Close from short: a resting buy that is met",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES, Can.TRUTH),
    given="one share is short",
    expects=("submit limit: ACCEPTED", "fills: 1", "told: FILLED", "position: 0", "books agree"),
)
async def close_from_short(b: Bench) -> None:
    """Bid below the market for what is short, then let the market fall."""
    await short(b, b.scene.share, "1")
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.works(ticket)
    await market(b, b.scene.share, str(Decimal(price) - 1))
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await holds(b, b.scene.share, "0")
    await b.agrees(ticket)


@DECK.card(
    "LMT-005",
    "Cancel: the order ends, and only then is it called canceled",
    needs=(*_NEEDS, "rpc.CancelOrder"),
    marks=(Mark.PAPER,),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "path: *ACCEPTED > *CANCELED",
        "look-up: FOUND CANCELED",
    ),
)
async def cancel(b: Bench) -> None:
    """Bid far below the market, then cancel."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.works(ticket)
    await b.cancel(ticket)
    await b.path(ticket)
    await b.look_up(ticket)


@DECK.card(
    "LMT-006",
    "Update, then cancel",
    needs=(*_NEEDS, "rpc.ReplaceOrder"),
    marks=(Mark.PAPER,),
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def update_then_cancel(b: Bench) -> None:
    """Bid far below the market, lower the bid, cancel."""
    prices = await b.prices(b.scene.share)
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=prices.low)
    await b.works(ticket)
    await b.replace(ticket, limit_price=prices.lower)
    await b.revised(ticket, limit_price=prices.lower)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "LMT-007",
    "A part fills, the rest is canceled",
    needs=_NEEDS,
    control=(Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "told: PARTIALLY_FILLED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "fills: 1",
        "canceled with 1 filled",
        "books agree",
    ),
)
async def cancel_after_a_part(b: Bench) -> None:
    """Let one of three be filled, then cancel."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="3", limit_price=price)
    await b.works(ticket)
    await b.venue.fill(b.at_venue(ticket), "1", price)
    await b.told(ticket, "PARTIALLY_FILLED")
    await b.cancel(ticket)
    order = await b.told(ticket, "CANCELED")
    await b.fills(ticket, "1")
    b.note(f"canceled with {order.cum_qty.value} filled")
    await b.agrees(ticket)


@DECK.card(
    "LMT-008",
    "A limit that is better than needed pays the market's price",
    needs=_NEEDS,
    control=(Can.TRUTH,),
    expects=("submit limit: ACCEPTED|FILLED", "fills: 1", "paid the ask"),
)
async def price_is_the_markets(b: Bench) -> None:
    """Bid above the ask."""
    prices = await b.prices(b.scene.share)
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=str(prices.ask + 5))
    await b.submit(ticket)
    (execution,) = await b.fills(ticket, "1")
    assert Decimal(execution.last_px.value) == prices.ask, execution
    b.note("paid the ask")


@DECK.card(
    "LMT-009",
    "A put: sold to open and bought to close at limits",
    needs=_NEEDS,
    expects=(
        "submit limit: ACCEPTED|FILLED",
        "fills: 1",
        "position: -1",
        "submit limit: ACCEPTED|FILLED",
        "fills: 1",
        "position: 0",
    ),
)
async def put_round_trip(b: Bench) -> None:
    """Sell a put at the bid, then buy it back at the ask."""
    prices = await b.prices(b.scene.put)
    sale = b.ticket(b.scene.put, SELL, LIMIT, limit_price=prices.takes_bid, intent=STO)
    await b.submit(sale)
    await b.fills(sale, "1")
    await holds(b, b.scene.put, "-1")
    purchase = b.ticket(b.scene.put, BUY, LIMIT, limit_price=prices.takes_ask, intent=BTC)
    await b.submit(purchase)
    await b.fills(purchase, "1")
    await holds(b, b.scene.put, "0")


@DECK.card(
    "LMT-010",
    "Prices are exact to the last digit, there and back",
    needs=_NEEDS,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "the venue has 240.15",
        "look-up: FOUND ACCEPTED",
        "told as 240.15",
    ),
)
async def prices_are_exact(b: Bench) -> None:
    """Bid a price that no binary fraction is."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240.15")
    await b.works(ticket)
    (order,) = await b.venue.orders(ticket.base)
    b.note(f"the venue has {order.limit_price}")
    found = await b.look_up(ticket)
    b.note(f"told as {found.order.spec.limit_price.value}")


@DECK.card(
    "LMT-011",
    "The side at the venue is the side that was asked for",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.TRUTH,),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: ACCEPTED",
        "the venue has buy of 1 and sell of 2",
    ),
)
async def sides_are_kept(b: Bench) -> None:
    """Bid for one far below, offer two far above, of another share."""
    low = (await b.prices(b.scene.share)).low
    high = (await b.prices(b.scene.other_share)).high
    bid = b.ticket(b.scene.share, BUY, LIMIT, limit_price=low)
    offer = b.ticket(b.scene.other_share, SELL, LIMIT, qty="2", limit_price=high)
    await b.works(bid)
    await b.works(offer)
    (first,) = await b.venue.orders(bid.base)
    (second,) = await b.venue.orders(offer.base)
    b.note(
        f"the venue has {first.side} of {first.order_qty} and {second.side} of {second.order_qty}"
    )
