"""LEAN's scenarios with market orders."""

from __future__ import annotations

from decimal import Decimal

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import hold, holds, short
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BTC, BTO, BUY, MARKET, SELL, STC, STO

DECK = Deck(Group.SCENARIOS, given="the market is open")
_NEEDS = ("type.market", "tif.day")


@DECK.card(
    "MKT-001",
    "Long from zero",
    needs=_NEEDS,
    control=(Can.TRUTH,),
    expects=(
        "submit market: ACCEPTED|FILLED",
        "told: FILLED",
        "fills: 3",
        "position: 3",
        "books agree",
    ),
)
async def long_from_zero(b: Bench) -> None:
    """Buy three shares at the market."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="3")
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    await b.fills(ticket, "3")
    await holds(b, b.scene.share, "3")
    await b.agrees(ticket)


@DECK.card(
    "MKT-002",
    "Close from long",
    needs=_NEEDS,
    given="two shares are held",
    expects=("submit market: ACCEPTED|FILLED", "fills: 2", "position: 0"),
)
async def close_from_long(b: Bench) -> None:
    """Sell what is held at the market."""
    await hold(b, b.scene.share, "2")
    ticket = b.ticket(b.scene.share, SELL, MARKET, qty="2")
    await b.submit(ticket)
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "MKT-003",
    "Short from zero",
    needs=(*_NEEDS, "short_shares"),
    expects=("submit market: ACCEPTED|FILLED", "fills: 4", "position: -4"),
)
async def short_from_zero(b: Bench) -> None:
    """Sell four shares that are not held."""
    ticket = b.ticket(b.scene.share, SELL, MARKET, qty="4")
    await b.submit(ticket)
    await b.fills(ticket, "4")
    await holds(b, b.scene.share, "-4")


@DECK.card(
    "MKT-004",
    "Close from short",
    needs=(*_NEEDS, "short_shares"),
    given="two shares are short",
    expects=("submit market: ACCEPTED|FILLED", "fills: 2", "position: 0", "books agree"),
    control=(Can.TRUTH,),
)
async def close_from_short(b: Bench) -> None:
    """Buy back what is short."""
    await short(b, b.scene.share, "2")
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2")
    await b.submit(ticket)
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "0")
    await b.agrees(ticket)


@DECK.card(
    "MKT-005",
    "Short from long, in two orders",
    needs=(*_NEEDS, "short_shares"),
    given="one share is held",
    expects=(
        "submit market: ACCEPTED|FILLED",
        "fills: 1",
        "position: 0",
        "submit market: ACCEPTED|FILLED",
        "fills: 2",
        "position: -2",
    ),
)
async def short_from_long(b: Bench) -> None:
    """Sell what is held, then sell short."""
    await hold(b, b.scene.share, "1")
    for qty, left in (("1", "0"), ("2", "-2")):
        ticket = b.ticket(b.scene.share, SELL, MARKET, qty=qty)
        await b.submit(ticket)
        await b.fills(ticket, qty)
        await holds(b, b.scene.share, left)


@DECK.card(
    "MKT-006",
    "Long from short, in two orders",
    needs=(*_NEEDS, "short_shares"),
    given="one share is short",
    expects=(
        "submit market: ACCEPTED|FILLED",
        "fills: 1",
        "position: 0",
        "submit market: ACCEPTED|FILLED",
        "fills: 2",
        "position: 2",
    ),
)
async def long_from_short(b: Bench) -> None:
    """Buy back what is short, then buy."""
    await short(b, b.scene.share, "1")
    for qty, left in (("1", "0"), ("2", "2")):
        ticket = b.ticket(b.scene.share, BUY, MARKET, qty=qty)
        await b.submit(ticket)
        await b.fills(ticket, qty)
        await holds(b, b.scene.share, left)


@DECK.card(
    "MKT-007",
    "An order that would turn a position over is refused whole",
    needs=(*_NEEDS, "refuses_crossing_zero"),
    control=(Can.TRUTH,),
    given="one share is held",
    expects=("submit market: REJECTED *", "position: 1"),
)
async def crossing_zero_is_refused(b: Bench) -> None:
    """Sell two while one is held."""
    await hold(b, b.scene.share, "1")
    await b.submit(b.ticket(b.scene.share, SELL, MARKET, qty="2"))
    await holds(b, b.scene.share, "1")


@DECK.card(
    "MKT-008",
    "A put: sold to open, bought to close",
    needs=_NEEDS,
    expects=(
        "submit market: ACCEPTED|FILLED",
        "fills: 1",
        "position: -1",
        "submit market: ACCEPTED|FILLED",
        "fills: 1",
        "position: 0",
    ),
)
async def put_round_trip(b: Bench) -> None:
    """Sell a put at the market, then buy it back."""
    sale = b.ticket(b.scene.put, SELL, MARKET, intent=STO)
    await b.submit(sale)
    (execution,) = await b.fills(sale, "1")
    assert Decimal(execution.multiplier.value) == 100, execution
    await holds(b, b.scene.put, "-1")
    purchase = b.ticket(b.scene.put, BUY, MARKET, intent=BTC)
    await b.submit(purchase)
    await b.fills(purchase, "1")
    await holds(b, b.scene.put, "0")


@DECK.card(
    "MKT-009",
    "A call: bought to open, sold to close",
    needs=_NEEDS,
    expects=(
        "submit market: ACCEPTED|FILLED",
        "fills: 2",
        "submit market: ACCEPTED|FILLED",
        "fills: 2",
        "position: 0",
    ),
)
async def call_round_trip(b: Bench) -> None:
    """Buy two calls at the market, then sell them."""
    purchase = b.ticket(b.scene.call, BUY, MARKET, qty="2", intent=BTO)
    await b.submit(purchase)
    await b.fills(purchase, "2")
    sale = b.ticket(b.scene.call, SELL, MARKET, qty="2", intent=STC)
    await b.submit(sale)
    await b.fills(sale, "2")
    await holds(b, b.scene.call, "0")


@DECK.card(
    "MKT-010",
    "Cash and holdings after a fill are the venue's own",
    needs=(*_NEEDS, "rpc.GetAccount", "rpc.ListPositions", "entry_price_as_paid"),
    control=(Can.TRUTH,),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit market: ACCEPTED|FILLED",
        "fills: 2",
        "cash is the ledger's",
        "2 at the price paid",
    ),
)
async def cash_and_holdings_follow(b: Bench) -> None:
    """Buy two shares; read cash and positions."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2")
    await b.submit(ticket)
    (execution,) = await b.fills(ticket, "2")
    account = pb.GetAccountRequest(account_id=b.account_id)
    balance = (await b.broker.GetAccount(account, timeout=CALL_S)).balances[0]
    assert Decimal(balance.cash.amount.value) == await b.venue.cash(), balance
    b.note("cash is the ledger's")
    positions = pb.ListPositionsRequest(account_id=b.account_id)
    (position,) = (await b.broker.ListPositions(positions, timeout=CALL_S)).positions
    assert Decimal(position.avg_entry_price.value) == Decimal(execution.last_px.value)
    b.note(f"{position.qty.value} at the price paid")


@DECK.card(
    "MKT-011",
    "A market order that fills in parts is booked in parts",
    needs=_NEEDS,
    control=(Can.FILL, Can.STALL, Can.TRUTH),
    given="the order is not brought to market",
    expects=(
        "submit market: ACCEPTED",
        "told: PARTIALLY_FILLED",
        "fills: 1 + 2",
        "told: FILLED",
        "books agree",
    ),
)
async def fills_in_parts(b: Bench) -> None:
    """Send an order that is not matched, fill one, then two."""
    await b.venue.stall()
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="3")
    await b.submit(ticket)
    await b.venue.fill(b.at_venue(ticket), "1", "400.00")
    await b.told(ticket, "PARTIALLY_FILLED")
    await b.venue.fill(b.at_venue(ticket), "2", "400.05")
    await b.fills(ticket, "3")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "MKT-012",
    "The average price is that of the fills",
    needs=(*_NEEDS, "rpc.GetOrder"),
    control=(Can.FILL, Can.STALL),
    given="the order is not brought to market",
    expects=("submit market: ACCEPTED", "fills: 1 + 1", "told: FILLED", "average: 400.005"),
)
async def average_price_is_exact(b: Bench) -> None:
    """Fill one at 400 and one at 400.01, then look the order up."""
    await b.venue.stall()
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2")
    await b.submit(ticket)
    for price in ("400.00", "400.01"):
        await b.venue.fill(b.at_venue(ticket), "1", price)
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    found = await b.find(ticket)
    b.note(f"average: {found.reply.order.avg_px.value}")
