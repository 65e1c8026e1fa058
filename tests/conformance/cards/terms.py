"""Terms of orders beyond type: how long, how much, when, for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.conformance.acts import TUESDAY, clock, hold, holds, market
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BUY, FOK, GTC, IOC, LIMIT, MARKET, SELL

DECK = Deck(Group.TERMS, given="the market is open")


@DECK.card(
    "TRM-001",
    "Immediate or cancel: filled at once where it can be",
    needs=("type.limit", "tif.ioc"),
    expects=("submit limit ioc: ACCEPTED|FILLED", "fills: 2", "told: FILLED"),
)
async def ioc_fills(b: Bench) -> None:
    """Bid the ask, immediate or cancel."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="2", limit_price=price, tif=IOC)
    await b.submit(ticket)
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")


@DECK.card(
    "TRM-002",
    "Immediate or cancel: canceled at once where it can't",
    needs=("type.limit", "tif.ioc"),
    control=(Can.TRUTH,),
    expects=("submit limit ioc: ACCEPTED|CANCELED|EXPIRED", "told: CANCELED|EXPIRED", "filled: 0"),
)
async def ioc_ends(b: Bench) -> None:
    """Bid far below the market, immediate or cancel."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price, tif=IOC)
    await b.submit(ticket)
    await b.told(ticket, "CANCELED", "EXPIRED")
    b.note(f"filled: {len(await b.venue.fills(ticket.base))}")


@DECK.card(
    "TRM-003",
    "Fill or kill: all at once",
    needs=("type.limit", "tif.fok"),
    expects=("submit limit fok: ACCEPTED|FILLED", "fills: 5", "told: FILLED"),
)
async def fok_fills(b: Bench) -> None:
    """Bid the ask, fill or kill."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="5", limit_price=price, tif=FOK)
    await b.submit(ticket)
    await b.fills(ticket, "5")
    await b.told(ticket, "FILLED")


@DECK.card(
    "TRM-004",
    "Fill or kill: or nothing",
    needs=("type.limit", "tif.fok"),
    control=(Can.TRUTH,),
    expects=("submit limit fok: ACCEPTED|CANCELED|EXPIRED", "told: CANCELED|EXPIRED", "filled: 0"),
)
async def fok_ends(b: Bench) -> None:
    """Bid far below the market, fill or kill."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="5", limit_price=price, tif=FOK)
    await b.submit(ticket)
    await b.told(ticket, "CANCELED", "EXPIRED")
    b.note(f"filled: {len(await b.venue.fills(ticket.base))}")


@DECK.card(
    "TRM-005",
    "A fraction of a share, exact",
    needs=("type.market", "tif.day", "fractional"),
    control=(Can.TRUTH,),
    expects=("submit market: ACCEPTED|FILLED", "fills: 0.375", "position: 0.375", "books agree"),
)
async def fraction_of_a_share(b: Bench) -> None:
    """Buy 0.375 of a share."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="0.375")
    await b.submit(ticket)
    await b.fills(ticket, "0.375")
    await holds(b, b.scene.share, "0.375")
    await b.agrees(ticket)


@DECK.card(
    "TRM-006",
    "An amount of money instead of a quantity",
    needs=("type.market", "tif.day", "notional"),
    control=(Can.TRUTH,),
    expects=("submit market: ACCEPTED|FILLED", "told: FILLED", "spent within a cent of 1000"),
)
async def amount_of_money(b: Bench) -> None:
    """Buy for a thousand dollars."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty=None, notional="1000")
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    spent = sum(f.last_qty * f.last_px for f in await b.venue.fills(ticket.base))
    assert abs(Decimal(spent) - 1000) <= Decimal("0.01"), spent
    b.note("spent within a cent of 1000")


@DECK.card(
    "TRM-007",
    "Quantity and amount at once is refused by name",
    needs=("type.market", "notional"),
    control=(Can.TRUTH,),
    expects=("submit market: refused INVALID_FIELD, effect NONE", "placed: 0"),
)
async def not_both(b: Bench) -> None:
    """Ask for one share and for a thousand dollars."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, notional="1000")
    await b.submit(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "TRM-008",
    "Extended hours: filled before the open",
    needs=("type.limit", "tif.day", "extended_hours"),
    control=(Can.CLOCK, Can.TRUTH),
    marks=(Mark.SPOILS,),
    given="it is 8 in the morning",
    expects=("submit limit: ACCEPTED|FILLED", "fills: 1", "told: FILLED"),
)
async def before_the_open(b: Bench) -> None:
    """Bid above the ask at 8 in the morning, for extended hours."""
    await clock(b, TUESDAY, 8)
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="410", extended_hours=True)
    await b.submit(ticket)
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")


@DECK.card(
    "TRM-009",
    "Without extended hours the same order waits for the open",
    needs=("type.limit", "tif.day", "extended_hours"),
    control=(Can.CLOCK, Can.TRUTH),
    marks=(Mark.SPOILS,),
    given="it is 8 in the morning",
    expects=("submit limit: ACCEPTED", "filled: 0", "fills: 1"),
)
async def waits_for_the_open(b: Bench) -> None:
    """Bid above the ask at 8 in the morning, then let the market open."""
    await clock(b, TUESDAY, 8)
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="410")
    await b.submit(ticket)
    b.note(f"filled: {len(await b.venue.fills(ticket.base))}")
    await clock(b, TUESDAY, 9, 31)
    await b.fills(ticket, "1")


@DECK.card(
    "TRM-010",
    "Extended hours are for limit orders: a market order is refused by name",
    needs=("type.market", "extended_hours"),
    control=(Can.TRUTH,),
    expects=("submit market: refused INVALID_FIELD, effect NONE", "names order.extended_hours"),
)
async def extended_hours_need_a_limit(b: Bench) -> None:
    """Send a market order for extended hours."""
    answer = await b.submit(b.ticket(b.scene.share, BUY, MARKET, extended_hours=True))
    b.note(f"names {answer.failure.field}")


@DECK.card(
    "TRM-011",
    "After not_after an order doesn't leave",
    needs=("type.limit",),
    control=(Can.TRUTH,),
    expects=("submit limit: refused NOT_AFTER_PASSED, effect NONE", "sent: 0"),
)
async def not_after_is_kept(b: Bench) -> None:
    """Send an order whose time has passed."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    ticket.spec.not_after.FromDatetime(datetime.now(UTC) - timedelta(seconds=5))
    await b.submit(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "TRM-012",
    "Before not_after it does",
    needs=("type.limit",),
    marks=(Mark.PAPER,),
    expects=(
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "path: *ACCEPTED > *CANCELED",
    ),
)
async def not_after_lets_pass(b: Bench) -> None:
    """Send an order that has two minutes left, cancel it."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price, tif=GTC)
    ticket.label = "limit"
    ticket.spec.not_after.FromDatetime(datetime.now(UTC) + timedelta(minutes=2))
    await b.works(ticket)
    await b.cancel(ticket)
    await b.path(ticket)


@DECK.card(
    "TRM-013",
    "Good till canceled reaches the venue as such",
    needs=("type.limit", "tif.gtc", "rpc.GetOrder"),
    marks=(Mark.PAPER,),
    expects=("submit limit gtc: ACCEPTED", "look-up: FOUND ACCEPTED", "good till canceled"),
)
async def gtc_is_kept(b: Bench) -> None:
    """Bid far below the market, good till canceled; look it up."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price, tif=GTC)
    await b.works(ticket)
    found = await b.look_up(ticket)
    assert found.order.spec.time_in_force == GTC, found.order
    b.note("good till canceled")


@DECK.card(
    "TRM-014",
    "Two exits can't sell the same shares",
    needs=("type.limit", "tif.day", "refuses_crossing_zero"),
    control=(Can.QUOTES, Can.TRUTH),
    given="one share is held",
    expects=("submit limit: ACCEPTED", "second exit: refused", "position: 1"),
)
async def shares_are_held_once(b: Bench) -> None:
    """Offer the one share that is held, twice."""
    await hold(b, b.scene.share, "1")
    await market(b, b.scene.share, "399.98", "400.02")
    first = b.ticket(b.scene.share, SELL, LIMIT, limit_price="640")
    await b.works(first)
    second = b.ticket(b.scene.share, SELL, LIMIT, limit_price="641")
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(second))
    is_refused = answer.has_failed or answer.order.cause.reason
    b.note(f"second exit: {'refused' if is_refused else 'taken'}")
    await holds(b, b.scene.share, "1")
