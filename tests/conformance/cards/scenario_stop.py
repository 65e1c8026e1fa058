"""LEAN's scenarios with stop orders."""

from __future__ import annotations

from decimal import Decimal

from tests.conformance.acts import hold, holds, market, short
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BUY, SELL, STC, STO, STOP

DECK = Deck(Group.SCENARIOS, given="the market is open")
_NEEDS = ("type.stop", "tif.day")


@DECK.card(
    "STP-001",
    "Long from zero: a buy stop above the market",
    needs=_NEEDS,
    control=(Can.QUOTES,),
    expects=("submit stop: ACCEPTED", "fills: 1", "bought at or above the stop", "position: 1"),
)
async def long_from_zero(b: Bench) -> None:
    """Place a buy stop at 420, let the market rise to it."""
    ticket = b.ticket(b.scene.share, BUY, STOP, stop_price="420")
    await b.works(ticket)
    await market(b, b.scene.share, "421")
    (execution,) = await b.fills(ticket, "1")
    assert Decimal(execution.last_px.value) >= Decimal(420), execution
    b.note("bought at or above the stop")
    await holds(b, b.scene.share, "1")


@DECK.card(
    "STP-002",
    "Close from long: a protective sell stop",
    needs=_NEEDS,
    control=(Can.QUOTES, Can.TRUTH),
    given="two shares are held",
    expects=("submit stop: ACCEPTED", "fills: 2", "told: FILLED", "position: 0", "books agree"),
)
async def close_from_long(b: Bench) -> None:
    """Place a sell stop at 380, let the market fall to it."""
    await hold(b, b.scene.share, "2")
    ticket = b.ticket(b.scene.share, SELL, STOP, qty="2", stop_price="380")
    await b.works(ticket)
    await market(b, b.scene.share, "379")
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    await holds(b, b.scene.share, "0")
    await b.agrees(ticket)


@DECK.card(
    "STP-003",
    "Short from zero: a sell stop below the market",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES,),
    expects=("submit stop: ACCEPTED", "fills: 3", "position: -3"),
)
async def short_from_zero(b: Bench) -> None:
    """Place a sell stop at 385, let the market fall to it."""
    ticket = b.ticket(b.scene.share, SELL, STOP, qty="3", stop_price="385")
    await b.works(ticket)
    await market(b, b.scene.share, "384")
    await b.fills(ticket, "3")
    await holds(b, b.scene.share, "-3")


@DECK.card(
    "STP-004",
    "Close from short: a protective buy stop",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES,),
    given="one share is short",
    expects=("submit stop: ACCEPTED", "fills: 1", "position: 0"),
)
async def close_from_short(b: Bench) -> None:
    """Place a buy stop at 415, let the market rise to it."""
    await short(b, b.scene.share, "1")
    ticket = b.ticket(b.scene.share, BUY, STOP, stop_price="415")
    await b.works(ticket)
    await market(b, b.scene.share, "416")
    await b.fills(ticket, "1")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "STP-005",
    "A stop that isn't touched doesn't fill",
    needs=(*_NEEDS, "rpc.CancelOrder"),
    control=(Can.QUOTES, Can.TRUTH),
    expects=(
        "submit stop: ACCEPTED",
        "look-up: FOUND ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "path: *ACCEPTED > *CANCELED",
        "filled at the venue: 0",
    ),
)
async def untouched_stop_rests(b: Bench) -> None:
    """Let the market come close, then cancel."""
    ticket = b.ticket(b.scene.share, BUY, STOP, stop_price="420")
    await b.works(ticket)
    await market(b, b.scene.share, "419.80")
    await b.quiet()
    await b.look_up(ticket)
    await b.cancel(ticket)
    await b.path(ticket)
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")


@DECK.card(
    "STP-006",
    "Update, then cancel: the stop moves",
    needs=(*_NEEDS, "rpc.ReplaceOrder"),
    marks=(Mark.PAPER,),
    expects=(
        "submit stop: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def update_then_cancel(b: Bench) -> None:
    """Place a buy stop far above the market, move it higher, cancel."""
    prices = await b.prices(b.scene.share)
    ticket = b.ticket(b.scene.share, BUY, STOP, stop_price=prices.high)
    await b.works(ticket)
    await b.replace(ticket, stop_price=prices.higher)
    await b.revised(ticket, stop_price=prices.higher)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "STP-007",
    "A stop order that fills in parts",
    needs=_NEEDS,
    control=(Can.FILL, Can.TRUTH),
    expects=(
        "submit stop: ACCEPTED",
        "told: PARTIALLY_FILLED",
        "fills: 1 + 3",
        "told: FILLED",
        "books agree",
    ),
)
async def fills_in_parts(b: Bench) -> None:
    """Fill one of four, then three."""
    ticket = b.ticket(b.scene.share, BUY, STOP, qty="4", stop_price="420")
    await b.works(ticket)
    await b.venue.fill(b.at_venue(ticket), "1", "420.10")
    await b.told(ticket, "PARTIALLY_FILLED")
    await b.venue.fill(b.at_venue(ticket), "3", "420.20")
    await b.fills(ticket, "4")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "STP-008",
    "A stop on an option: a long call is protected",
    needs=_NEEDS,
    control=(Can.QUOTES,),
    given="one call is held",
    expects=("submit stop: ACCEPTED", "fills: 1", "position: 0"),
)
async def option_stop(b: Bench) -> None:
    """Place a sell stop at 5 under a call, let its price fall."""
    await hold(b, b.scene.call, "1")
    ticket = b.ticket(b.scene.call, SELL, STOP, stop_price="5", intent=STC)
    await b.works(ticket)
    await market(b, b.scene.call, "4.50", "4.60")
    await b.fills(ticket, "1")
    await holds(b, b.scene.call, "0")


@DECK.card(
    "STP-009",
    "A stop order without a stop price is refused by name",
    needs=_NEEDS,
    control=(Can.TRUTH,),
    expects=(
        "submit stop: refused INVALID_FIELD, effect NONE",
        "names order.stop_price",
        "placed: 0",
    ),
)
async def stop_needs_its_price(b: Bench) -> None:
    """Send a stop order that lacks its price."""
    ticket = b.ticket(b.scene.put, SELL, STOP, intent=STO)
    answer = await b.submit(ticket)
    b.note(f"names {answer.failure.field}")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")
