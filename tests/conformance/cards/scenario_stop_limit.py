"""LEAN's scenarios with stop-limit orders."""

from __future__ import annotations

from decimal import Decimal

from tests.conformance.acts import hold, holds, market, short
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BUY, SELL, STOP_LIMIT

DECK = Deck(Group.SCENARIOS, given="the market is open")
_NEEDS = ("type.stop_limit", "tif.day")


@DECK.card(
    "SLM-001",
    "Long from zero: touched, and filled within the limit",
    needs=_NEEDS,
    control=(Can.QUOTES,),
    expects=("submit stop_limit: ACCEPTED", "fills: 1", "between stop and limit", "position: 1"),
)
async def long_from_zero(b: Bench) -> None:
    """Place a buy at stop 420, limit 425; let the market rise to 421."""
    ticket = b.ticket(b.scene.share, BUY, STOP_LIMIT, stop_price="420", limit_price="425")
    await b.works(ticket)
    await market(b, b.scene.share, "421")
    (execution,) = await b.fills(ticket, "1")
    assert 420 <= Decimal(execution.last_px.value) <= 425, execution
    b.note("between stop and limit")
    await holds(b, b.scene.share, "1")


@DECK.card(
    "SLM-002",
    "Close from long: touched and filled",
    needs=_NEEDS,
    control=(Can.QUOTES,),
    given="one share is held",
    expects=("submit stop_limit: ACCEPTED", "fills: 1", "told: FILLED", "position: 0"),
)
async def close_from_long(b: Bench) -> None:
    """Place a sale at stop 380, limit 375; let the market fall to 378."""
    await hold(b, b.scene.share, "1")
    ticket = b.ticket(b.scene.share, SELL, STOP_LIMIT, stop_price="380", limit_price="375")
    await b.works(ticket)
    await market(b, b.scene.share, "378")
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "SLM-003",
    "Short from zero: touched, and sold within the limit",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES,),
    expects=("submit stop_limit: ACCEPTED", "fills: 2", "position: -2"),
)
async def short_from_zero(b: Bench) -> None:
    """Place a sale of two at stop 380, limit 370; let the market fall to 375."""
    ticket = b.ticket(b.scene.share, SELL, STOP_LIMIT, qty="2", stop_price="380", limit_price="370")
    await b.works(ticket)
    await market(b, b.scene.share, "375")
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "-2")


@DECK.card(
    "SLM-004",
    "Close from short: touched, and bought back within the limit",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES, Can.TRUTH),
    given="two shares are short",
    expects=("submit stop_limit: ACCEPTED", "fills: 2", "position: 0", "books agree"),
)
async def close_from_short(b: Bench) -> None:
    """Place a buy of two at stop 410, limit 420; let the market rise to 412."""
    await short(b, b.scene.share, "2")
    ticket = b.ticket(b.scene.share, BUY, STOP_LIMIT, qty="2", stop_price="410", limit_price="420")
    await b.works(ticket)
    await market(b, b.scene.share, "412")
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "0")
    await b.agrees(ticket)


@DECK.card(
    "SLM-005",
    "Touched beyond its limit it rests, and fills when the market comes back",
    needs=_NEEDS,
    control=(Can.QUOTES, Can.TRUTH),
    expects=(
        "submit stop_limit: ACCEPTED",
        "filled at the venue: 0",
        "look-up: FOUND ACCEPTED",
        "fills: 1",
    ),
)
async def rests_beyond_its_limit(b: Bench) -> None:
    """Let the market jump over stop and limit, then come back."""
    ticket = b.ticket(b.scene.share, BUY, STOP_LIMIT, stop_price="420", limit_price="422")
    await b.works(ticket)
    await market(b, b.scene.share, "430")
    await b.quiet()
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")
    await b.look_up(ticket)
    await market(b, b.scene.share, "421")
    await b.fills(ticket, "1")


@DECK.card(
    "SLM-006",
    "Cancel before it is touched",
    needs=(*_NEEDS, "rpc.CancelOrder"),
    marks=(Mark.PAPER,),
    expects=(
        "submit stop_limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "path: *ACCEPTED > *CANCELED",
    ),
)
async def cancel(b: Bench) -> None:
    """Place one far above the market, cancel it."""
    prices = await b.prices(b.scene.share)
    ticket = b.ticket(
        b.scene.share, BUY, STOP_LIMIT, stop_price=prices.high, limit_price=prices.higher
    )
    await b.works(ticket)
    await b.cancel(ticket)
    await b.path(ticket)


@DECK.card(
    "SLM-007",
    "Update, then cancel: both prices move",
    needs=(*_NEEDS, "rpc.ReplaceOrder"),
    expects=(
        "submit stop_limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def update_then_cancel(b: Bench) -> None:
    """Move stop and limit at once, then cancel."""
    ticket = b.ticket(b.scene.share, BUY, STOP_LIMIT, stop_price="440", limit_price="445")
    await b.works(ticket)
    await b.replace(ticket, stop_price="450", limit_price="455")
    await b.revised(ticket, stop_price="450", limit_price="455")
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "SLM-008",
    "Touched, then canceled: a cancel reaches the limit order that it became",
    needs=(*_NEEDS, "rpc.CancelOrder"),
    control=(Can.QUOTES,),
    expects=(
        "submit stop_limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "look-up: FOUND CANCELED",
    ),
)
async def cancel_after_the_touch(b: Bench) -> None:
    """Let the market jump over stop and limit, then cancel what rests."""
    ticket = b.ticket(b.scene.share, BUY, STOP_LIMIT, stop_price="420", limit_price="422")
    await b.works(ticket)
    await market(b, b.scene.share, "430")
    await b.quiet()
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    await b.look_up(ticket)
