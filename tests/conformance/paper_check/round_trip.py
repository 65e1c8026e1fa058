"""The specification's round trip: sell a put that is listed about 14 days out, buy it back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import market_pb2, orders_pb2, types_pb2
from tests.conformance.acts import listed
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Card, Group, Mark
from tests.conformance.scene import BTC, BUY, LIMIT, SELL, STO, symbol_of

DAYS_OUT: Final = 14


async def round_trip(b: Bench) -> None:
    """Sell one put at the bid, wait for the fill, buy it back at the ask."""
    put = await put_two_weeks_out(b)
    b.note("a put about 14 days out is listed")
    prices = await b.prices(put)
    sale = b.ticket(put, SELL, LIMIT, limit_price=prices.takes_bid, intent=STO)
    await b.submit(sale)
    sold = await b.fills(sale, "1")
    await b.told(sale, "FILLED")
    b.forget_prices()
    prices = await b.prices(put)
    purchase = b.ticket(put, BUY, LIMIT, limit_price=prices.takes_ask, intent=BTC)
    await b.submit(purchase)
    bought = await b.fills(purchase, "1")
    await b.told(purchase, "FILLED")
    profit = profit_of(sold, bought)
    b.remarks.append(f"{put}: sold and bought back, profit {profit.normalize():f} USD before fees")
    b.note("P&L told")


ROUND_TRIP: Final = Card(
    card_id="PAP-001",
    title="Sell a put about 14 days out, buy it back, tell the P&L",
    group=Group.SCENARIOS,
    prerequisite="the market is open",
    expects=(
        "a put about 14 days out is listed",
        "submit limit: ACCEPTED|FILLED|PARTIALLY_FILLED",
        "fills: 1",
        "told: FILLED",
        "submit limit: ACCEPTED|FILLED|PARTIALLY_FILLED",
        "fills: 1",
        "told: FILLED",
        "P&L told",
    ),
    act=round_trip,
    needs=("type.limit", "rpc.ListOptionContracts"),
    control=(),
    marks=frozenset({Mark.PAPER}),
)


async def put_two_weeks_out(b: Bench) -> str:
    """The put nearest to the money of the expiry nearest to 14 days from now, tradable."""
    clock = pb.GetMarketClockRequest(account_id=b.account_id)
    told = await b.broker.GetMarketClock(clock, timeout=CALL_S)
    now = told.venue_time.ToDatetime(UTC)
    share = await b.prices(b.scene.share)
    middle = (share.bid + share.ask) / 2
    contracts = await listed(
        b,
        "ListOptionContracts",
        "contracts",
        underlying_symbol=b.scene.share,
        expiry_from=_day(now + timedelta(days=DAYS_OUT // 2)),
        expiry_to=_day(now + timedelta(days=2 * DAYS_OUT)),
        strike_from=types_pb2.Decimal(value=str(round(middle * Decimal("0.95")))),
        strike_to=types_pb2.Decimal(value=str(round(middle * Decimal("1.02")))),
        right=types_pb2.OPTION_RIGHT_PUT,
    )
    tradable = [contract for contract in contracts if contract.tradable]
    assert tradable, "no put is listed about 14 days out"
    aim = (now + timedelta(days=DAYS_OUT)).date()
    best = min(tradable, key=lambda c: (abs((_expiry(c) - aim).days), abs(_strike(c) - middle)))
    return symbol_of(best.instrument)


def profit_of(sold: list[orders_pb2.Execution], bought: list[orders_pb2.Execution]) -> Decimal:
    """What was received less what was paid, for the contracts' multiplier."""
    return sum((_worth(e) for e in sold), Decimal(0)) - sum((_worth(e) for e in bought), Decimal(0))


def _worth(execution: orders_pb2.Execution) -> Decimal:
    multiplier = Decimal(execution.multiplier.value or "100")
    return Decimal(execution.last_px.value) * Decimal(execution.last_qty.value) * multiplier


def _day(at: datetime) -> types_pb2.Date:
    return types_pb2.Date(year=at.year, month=at.month, day=at.day)


def _expiry(contract: market_pb2.OptionContract) -> date:
    day = contract.instrument.option.expiry
    return date(day.year, day.month, day.day)


def _strike(contract: market_pb2.OptionContract) -> Decimal:
    return Decimal(contract.instrument.option.strike.value)
