"""LEAN's scenarios at the open and at the close."""

from __future__ import annotations

from tests.conformance.acts import TUESDAY, clock, hold, holds
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BUY, CLS, GTC, LIMIT, MARKET, OPG, SELL

DECK = Deck(Group.SCENARIOS)
_OPEN = ("type.market", "tif.opg")
_CLOSE = ("type.market", "tif.cls")
_CLOCK = (Can.CLOCK, Can.TRUTH)


@DECK.card(
    "OPG-001",
    "Long from zero at the open",
    needs=_OPEN,
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="it is 9 in the morning",
    expects=(
        "submit market opg: ACCEPTED",
        "filled at the venue: 0",
        "fills: 2",
        "position: 2",
    ),
)
async def long_at_the_open(b: Bench) -> None:
    """Buy for the opening auction, then let the market open."""
    await clock(b, TUESDAY, 9)
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2", tif=OPG)
    await b.submit(ticket)
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")
    await clock(b, TUESDAY, 9, 31)
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "2")


@DECK.card(
    "OPG-002",
    "Close from long at the open, with a limit",
    needs=("type.limit", "tif.opg"),
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="one share is held overnight",
    expects=("submit limit opg: ACCEPTED", "fills: 1", "told: FILLED", "position: 0"),
)
async def close_at_the_open(b: Bench) -> None:
    """Offer what is held below the market for the opening auction."""
    await hold(b, b.scene.share, "1")
    await clock(b, TUESDAY, 9)
    ticket = b.ticket(b.scene.share, SELL, LIMIT, limit_price="390", tif=OPG)
    await b.submit(ticket)
    await clock(b, TUESDAY, 9, 31)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "OPG-003",
    "What the opening auction doesn't fill ends with it",
    needs=("type.limit", "tif.opg"),
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="it is 9 in the morning",
    expects=("submit limit opg: ACCEPTED", "told: CANCELED|EXPIRED", "filled at the venue: 0"),
)
async def unfilled_at_the_open(b: Bench) -> None:
    """Bid far below the market for the opening auction."""
    await clock(b, TUESDAY, 9)
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="200", tif=OPG)
    await b.submit(ticket)
    await clock(b, TUESDAY, 9, 31)
    await b.told(ticket, "CANCELED", "EXPIRED")
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")


@DECK.card(
    "OPG-004",
    "Cancel before the open",
    needs=(*_OPEN, "rpc.CancelOrder"),
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="it is 9 in the morning",
    expects=(
        "submit market opg: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "filled at the venue: 0",
    ),
)
async def cancel_before_the_open(b: Bench) -> None:
    """Buy for the opening auction, cancel, let the market open."""
    await clock(b, TUESDAY, 9)
    ticket = b.ticket(b.scene.share, BUY, MARKET, tif=OPG)
    await b.submit(ticket)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    await clock(b, TUESDAY, 9, 31)
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")


@DECK.card(
    "CLS-001",
    "Long from zero at the close",
    needs=_CLOSE,
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="it is noon",
    expects=(
        "submit market cls: ACCEPTED",
        "filled at the venue: 0",
        "fills: 1",
        "told: FILLED",
        "position: 1",
    ),
)
async def long_at_the_close(b: Bench) -> None:
    """Buy for the closing auction, then let the market close."""
    await clock(b, TUESDAY, 12)
    ticket = b.ticket(b.scene.share, BUY, MARKET, tif=CLS)
    await b.submit(ticket)
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")
    await clock(b, TUESDAY, 16, 1)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
    await holds(b, b.scene.share, "1")


@DECK.card(
    "CLS-002",
    "Close from long at the close, with a limit",
    needs=("type.limit", "tif.cls"),
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="two shares are held",
    expects=("submit limit cls: ACCEPTED", "fills: 2", "position: 0"),
)
async def close_at_the_close(b: Bench) -> None:
    """Offer what is held below the market for the closing auction."""
    await hold(b, b.scene.share, "2")
    ticket = b.ticket(b.scene.share, SELL, LIMIT, qty="2", limit_price="390", tif=CLS)
    await b.submit(ticket)
    await clock(b, 4, 16, 1)
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "CLS-003",
    "Cancel before the close",
    needs=(*_CLOSE, "rpc.CancelOrder"),
    control=(Can.TRUTH,),
    expects=(
        "submit market cls: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "path: *ACCEPTED > *CANCELED",
        "filled at the venue: 0",
    ),
)
async def cancel_before_the_close(b: Bench) -> None:
    """Buy for the closing auction, cancel."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, tif=CLS)
    await b.submit(ticket)
    await b.cancel(ticket)
    await b.path(ticket)
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")


@DECK.card(
    "CLS-004",
    "What the closing auction doesn't fill ends with it",
    needs=("type.limit", "tif.cls"),
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="it is noon",
    expects=("submit limit cls: ACCEPTED", "told: CANCELED|EXPIRED", "position: 0"),
)
async def unfilled_at_the_close(b: Bench) -> None:
    """Bid far below the market for the closing auction."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="200", tif=CLS)
    await b.submit(ticket)
    await clock(b, 4, 16, 1)
    await b.told(ticket, "CANCELED", "EXPIRED")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "DAY-001",
    "A day order ends at the close",
    needs=("type.limit", "tif.day"),
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    expects=("submit limit: ACCEPTED", "told: EXPIRED|CANCELED", "look-up: FOUND EXPIRED|CANCELED"),
)
async def day_order_ends(b: Bench) -> None:
    """Bid far below the market and let the market close."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="200")
    await b.works(ticket)
    await clock(b, 4, 16, 1)
    await b.told(ticket, "EXPIRED", "CANCELED")
    await b.look_up(ticket)


@DECK.card(
    "DAY-002",
    "A good-till-canceled order works on the next day",
    needs=("type.limit", "tif.gtc"),
    control=(*_CLOCK, Can.QUOTES),
    marks=(Mark.SPOILS,),
    expects=(
        "submit limit gtc: ACCEPTED",
        "look-up: FOUND ACCEPTED",
        "fills: 1",
        "told: FILLED",
    ),
)
async def gtc_order_goes_on(b: Bench) -> None:
    """Bid far below the market; a day later let the market fall to it."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="200", tif=GTC)
    await b.works(ticket)
    await clock(b, TUESDAY, 10)
    await b.look_up(ticket)
    await b.venue.quote(b.scene.share, "199", "199.50")
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")


@DECK.card(
    "DAY-003",
    "An order at night waits for the open",
    needs=("type.market", "tif.day"),
    control=_CLOCK,
    marks=(Mark.SPOILS,),
    given="it is night",
    expects=("submit market: ACCEPTED", "filled at the venue: 0", "fills: 1", "told: FILLED"),
)
async def night_order_waits(b: Bench) -> None:
    """Buy at the market at 5 in the morning, then let the market open."""
    await clock(b, TUESDAY, 5)
    ticket = b.ticket(b.scene.share, BUY, MARKET)
    await b.submit(ticket)
    b.note(f"filled at the venue: {len(await b.venue.fills(ticket.base))}")
    await clock(b, TUESDAY, 9, 31)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")
