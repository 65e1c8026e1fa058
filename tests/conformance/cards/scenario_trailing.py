"""LEAN's scenarios with trailing stops."""

from __future__ import annotations

from decimal import Decimal

from tests.conformance.acts import hold, holds, market, short
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BUY, SELL, TRAILING

DECK = Deck(Group.SCENARIOS, given="the market is open")
_NEEDS = ("type.trailing_stop", "tif.day")


@DECK.card(
    "TRL-001",
    "Close from long: the stop follows the market up and holds there",
    needs=_NEEDS,
    control=(Can.QUOTES,),
    given="one share is held",
    expects=("submit trailing_stop: ACCEPTED", "fills: 1", "sold far above 400", "position: 0"),
)
async def close_from_long(b: Bench) -> None:
    """Trail by 5; let the market rise to 440, then fall by 6."""
    await hold(b, b.scene.share, "1")
    ticket = b.ticket(b.scene.share, SELL, TRAILING, trail_amount="5")
    await b.works(ticket)
    await market(b, b.scene.share, "440")
    await b.quiet()
    await market(b, b.scene.share, "434")
    (execution,) = await b.fills(ticket, "1")
    assert Decimal(execution.last_px.value) > Decimal(430), execution
    b.note("sold far above 400")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "TRL-002",
    "Close from short: the stop follows the market down",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES,),
    given="two shares are short",
    expects=("submit trailing_stop: ACCEPTED", "fills: 2", "bought far below 400", "position: 0"),
)
async def close_from_short(b: Bench) -> None:
    """Trail by 5; let the market fall to 360, then rise by 6."""
    await short(b, b.scene.share, "2")
    ticket = b.ticket(b.scene.share, BUY, TRAILING, qty="2", trail_amount="5")
    await b.works(ticket)
    await market(b, b.scene.share, "360")
    await b.quiet()
    await market(b, b.scene.share, "366")
    (execution,) = await b.fills(ticket, "2")
    assert Decimal(execution.last_px.value) < Decimal(370), execution
    b.note("bought far below 400")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "TRL-003",
    "Long from zero: by percent",
    needs=_NEEDS,
    control=(Can.QUOTES, Can.TRUTH),
    expects=("submit trailing_stop: ACCEPTED", "fills: 1", "position: 1", "books agree"),
)
async def long_from_zero(b: Bench) -> None:
    """Trail by 2 percent above a falling market, then let it rise by 3."""
    ticket = b.ticket(b.scene.share, BUY, TRAILING, trail_percent="2")
    await b.works(ticket)
    await market(b, b.scene.share, "350")
    await b.quiet()
    await market(b, b.scene.share, "360.50")
    await b.fills(ticket, "1")
    await holds(b, b.scene.share, "1")
    await b.agrees(ticket)


@DECK.card(
    "TRL-004",
    "Short from zero: by percent",
    needs=(*_NEEDS, "short_shares"),
    control=(Can.QUOTES,),
    expects=("submit trailing_stop: ACCEPTED", "fills: 3", "position: -3"),
)
async def short_from_zero(b: Bench) -> None:
    """Trail by 1 percent below a rising market, then let it fall by 2."""
    ticket = b.ticket(b.scene.share, SELL, TRAILING, qty="3", trail_percent="1")
    await b.works(ticket)
    await market(b, b.scene.share, "420")
    await b.quiet()
    await market(b, b.scene.share, "411")
    await b.fills(ticket, "3")
    await holds(b, b.scene.share, "-3")


@DECK.card(
    "TRL-005",
    "A smaller move against it than the trail touches nothing",
    needs=_NEEDS,
    control=(Can.QUOTES, Can.TRUTH),
    given="one share is held",
    expects=(
        "submit trailing_stop: ACCEPTED",
        "filled at the venue: 0",
        "look-up: FOUND ACCEPTED",
    ),
)
async def small_moves_are_nothing(b: Bench) -> None:
    """Trail by 10; let the market rise by 20 and fall by 9."""
    await hold(b, b.scene.share, "1")
    ticket = b.ticket(b.scene.share, SELL, TRAILING, trail_amount="10")
    await b.works(ticket)
    await market(b, b.scene.share, "420")
    await b.quiet()
    await market(b, b.scene.share, "411")
    await b.quiet()
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")
    await b.look_up(ticket)


@DECK.card(
    "TRL-006",
    "Cancel",
    needs=(*_NEEDS, "rpc.CancelOrder"),
    marks=(Mark.PAPER,),
    expects=(
        "submit trailing_stop: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "path: *ACCEPTED > *CANCELED",
    ),
)
async def cancel(b: Bench) -> None:
    """Trail by half of the price, cancel."""
    ticket = b.ticket(b.scene.share, BUY, TRAILING, trail_percent="50")
    await b.works(ticket)
    await b.cancel(ticket)
    await b.path(ticket)


@DECK.card(
    "TRL-007",
    "Update, then cancel: the distance changes",
    needs=(*_NEEDS, "rpc.ReplaceOrder"),
    expects=(
        "submit trailing_stop: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def update_then_cancel(b: Bench) -> None:
    """Trail by 50, then by 60, cancel."""
    ticket = b.ticket(b.scene.share, BUY, TRAILING, trail_amount="50")
    await b.works(ticket)
    await b.replace(ticket, trail_amount="60")
    await b.revised(ticket, trail_amount="60")
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")


@DECK.card(
    "TRL-008",
    "Amount and percent at once is refused by name",
    needs=_NEEDS,
    control=(Can.TRUTH,),
    expects=("submit trailing_stop: refused INVALID_FIELD, effect NONE", "placed: 0"),
)
async def one_distance_only(b: Bench) -> None:
    """Send both distances."""
    ticket = b.ticket(b.scene.share, BUY, TRAILING, trail_amount="5", trail_percent="1")
    await b.submit(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")
