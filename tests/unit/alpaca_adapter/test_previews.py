"""Unit tests of previews: what an order would cost and bind, and what Alpaca would object to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from services.alpaca_adapter.previews import Previews
from services.common.domain.amounts import Money
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, Instrument, OptionContract
from services.common.domain.market import MarketClock, Quote, QuoteQuality
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderLeg,
    OrderType,
    PositionIntent,
    TimeInForce,
)
from services.common.domain.reports import AccountMode, Balance, Preview, VenuePosition
from tests.unit.alpaca_adapter.order_scene import PUT, by_amount, spread, stock
from tests.unit.alpaca_adapter.wire import CLIENT_ID

NOW = datetime(2024, 11, 4, 15, tzinfo=UTC)
CALL = "SPY241115C00420000"
NO_FEES = 1  # a warning that is always there


def dollars(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


class Account:
    """An account and a market."""

    def __init__(self, power: str = "100000", level: int = 3, is_open: bool = True) -> None:
        self.power, self.level, self.is_open = power, level, is_open
        self.held: dict[Instrument, str] = {}
        self.quoted: dict[Instrument, tuple[str, str]] = {}

    async def balance(self) -> Balance:
        return Balance(
            venue="alpaca",
            venue_account_id="PA1",
            mode=AccountMode.PAPER,
            as_of=NOW,
            raw_status="ACTIVE",
            trading_blocked=False,
            account_blocked=False,
            suspended_by_user=False,
            buying_power=dollars("400000"),
            options_buying_power=dollars(self.power),
            options_level=self.level,
        )

    async def positions(self) -> Sequence[VenuePosition]:
        return [
            VenuePosition("alpaca", "main", instrument, Decimal(qty))
            for instrument, qty in self.held.items()
        ]

    async def market_clock(self) -> MarketClock:
        return MarketClock(NOW, self.is_open, NOW, NOW, date(2024, 11, 4))

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        return [
            Quote(
                "alpaca", i, "f", QuoteQuality.REALTIME, Decimal(bid), None, Decimal(ask), None, NOW
            )
            for i, (bid, ask) in self.quoted.items()
            if i in instruments
        ]


async def preview(spec: OrderSpec, account: Account | None = None) -> Preview:
    account = account or Account()
    return await Previews("alpaca", account, account).preview(spec)


def option(
    symbol: str, intent: PositionIntent, price: str | None = "3", qty: str = "2"
) -> OrderSpec:
    return OrderSpec(
        CLIENT_ID,
        parse_occ(symbol),
        intent.side,
        Decimal(qty),
        OrderType.MARKET if price is None else OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=None if price is None else Decimal(price),
        position_intent=intent,
    )


async def test_a_buy_pays_its_limit() -> None:
    shown = await preview(stock())
    assert (shown.venue, shown.estimated, shown.fees) == ("alpaca", True, ())
    assert shown.cash_effect == dollars("-799.0")
    assert shown.buying_power_after == dollars("399201.0")
    assert len(shown.warnings) == NO_FEES


async def test_a_market_order_is_priced_at_the_side_that_it_takes() -> None:
    account = Account()
    account.quoted[Equity("SPY")] = ("399", "400")
    assert (await preview(stock(OrderType.MARKET), account)).cash_effect == dollars("-800")
    sale = stock(OrderType.MARKET, side=Side.SELL)
    assert (await preview(sale, account)).cash_effect == dollars("798")


async def test_without_a_quote_nothing_is_made_up() -> None:
    shown = await preview(stock(OrderType.MARKET))
    assert (shown.cash_effect, shown.buying_power_after) == (None, None)
    assert "no quote to price the order by" in shown.warnings


async def test_an_amount_is_what_it_costs() -> None:
    assert (await preview(by_amount())).cash_effect == dollars("-100.5")


async def test_a_put_that_is_sold_binds_its_strike() -> None:
    shown = await preview(option(PUT, PositionIntent.SELL_TO_OPEN))
    assert shown.cash_effect == dollars("600")
    assert shown.initial_margin_change == dollars("80000")
    assert shown.buying_power_after == dollars("20000")


async def test_an_option_that_is_bought_binds_its_price() -> None:
    shown = await preview(option(PUT, PositionIntent.BUY_TO_OPEN))
    assert (shown.cash_effect, shown.initial_margin_change) == (dollars("-600"), dollars("0"))
    assert shown.buying_power_after == dollars("99400")


async def test_too_little_buying_power_is_said() -> None:
    shown = await preview(option(PUT, PositionIntent.SELL_TO_OPEN), Account(power="1000"))
    assert any("insufficient buying power" in warning for warning in shown.warnings)


async def test_a_spread_binds_its_worst_end_less_the_credit() -> None:
    shown = await preview(spread("-1.5"))
    assert shown.cash_effect == dollars("300")
    assert shown.initial_margin_change == dollars("2000")
    assert shown.buying_power_after == dollars("98300")
    debit = await preview(spread("1.5"))
    assert debit.cash_effect == dollars("-300")


async def test_a_spread_without_a_limit_is_priced_leg_by_leg() -> None:
    account = Account()
    combo = spread().instrument
    assert isinstance(combo, OptionCombo)
    account.quoted = {combo.legs[0].contract: ("3", "3.1"), combo.legs[1].contract: ("1", "1.1")}
    market = replace(spread(), order_type=OrderType.MARKET, limit_price=None)
    assert (await preview(market, account)).cash_effect == dollars("380")


async def test_a_loss_without_a_bound_has_no_figure() -> None:
    legs = (
        OrderLeg(parse_occ(CALL), Side.SELL, PositionIntent.SELL_TO_OPEN, 2),
        OrderLeg(parse_occ("SPY241115C00430000"), Side.BUY, PositionIntent.BUY_TO_OPEN, 1),
    )
    shown = await preview(replace(spread(), instrument=OptionCombo(legs)))
    assert (shown.initial_margin_change, shown.buying_power_after) == (None, None)
    assert any("no bound" in warning for warning in shown.warnings)


@pytest.mark.parametrize(
    ("spec", "account", "words"),
    [
        (option(PUT, PositionIntent.SELL_TO_OPEN), Account(level=0), "options level 1"),
        (option(PUT, PositionIntent.BUY_TO_OPEN), Account(level=1), "options level 2"),
        (spread(), Account(level=2), "options level 3"),
        (option(PUT, PositionIntent.BUY_TO_OPEN, None), Account(is_open=False), "no market orders"),
        (stock(), Account(is_open=False), "waits for its opening"),
        (option(PUT, PositionIntent.SELL_TO_CLOSE), Account(), "0 are held"),
        (option(CALL, PositionIntent.SELL_TO_OPEN), Account(), "needs 200 shares"),
        (
            replace(option(PUT, PositionIntent.BUY_TO_OPEN), time_in_force=TimeInForce.IOC),
            Account(),
            "for the day",
        ),
    ],
)
async def test_what_alpaca_would_object_to_is_said(
    spec: OrderSpec, account: Account, words: str
) -> None:
    shown = await preview(spec, account)
    assert any(words in warning for warning in shown.warnings), shown.warnings


async def test_closing_what_is_held_raises_no_objection() -> None:
    account = Account(level=0)
    contract = parse_occ(PUT)
    assert isinstance(contract, OptionContract)
    account.held[contract] = "-2"
    shown = await preview(option(PUT, PositionIntent.BUY_TO_CLOSE), account)
    assert len(shown.warnings) == NO_FEES
    account.held[Equity("SPY")] = "200"
    covered = await preview(option(CALL, PositionIntent.SELL_TO_OPEN), Account())
    assert any("shares" in warning for warning in covered.warnings)
    account.level = 1
    covered = await preview(option(CALL, PositionIntent.SELL_TO_OPEN), account)
    assert len(covered.warnings) == NO_FEES
