"""Unit tests of figures, positions, the clock and quotes: exact, signed, honest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.market_data import MarketData, read_quote
from services.alpaca_adapter.translate_account import (
    blocked_because,
    read_balance,
    read_clock,
    read_positions,
)
from services.alpaca_adapter.wire_fields import Unreadable
from services.common.domain.amounts import Money
from services.common.domain.errors import ReadFailed
from services.common.domain.instruments import Equity
from services.common.domain.market import QuoteQuality
from services.common.domain.occ import parse_occ
from services.common.domain.reports import AccountMode
from tests.unit.alpaca_adapter.wire import VENUE_NOW, Asked, Desk, Reply

PUT = parse_occ("SPY241115P00400000")

ACCOUNT = {
    "account_number": "PA1",
    "status": "ACTIVE",
    "cash": "100000.01",
    "equity": "99999.99",
    "buying_power": "400000",
    "options_approved_level": 2,
    "options_trading_level": 1,
    "trading_blocked": False,
    "account_blocked": False,
    "trade_suspended_by_user": False,
}


def balance_of(**changed: Any) -> Any:
    return read_balance(ACCOUNT | changed, "alpaca", AccountMode.PAPER, VENUE_NOW)


def test_figures_are_exact_and_missing_ones_are_none() -> None:
    balance = balance_of()
    assert balance.cash == Money(Decimal("100000.01"), "USD")
    assert balance.equity == Money(Decimal("99999.99"), "USD")
    assert balance.initial_margin is None
    assert balance.options_level == 1
    assert blocked_because(balance) == ""


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"trading_blocked": True}, "trading is blocked"),
        ({"account_blocked": True}, "the account is blocked"),
        ({"trade_suspended_by_user": True}, "suspended by the user"),
        ({"status": "INACTIVE"}, "INACTIVE"),
        ({"status": None}, "without a status"),
        ({"trading_blocked": "yes"}, "trading is blocked"),
    ],
)
def test_an_account_that_cant_trade_says_why(changed: dict[str, Any], why: str) -> None:
    assert why in blocked_because(balance_of(**changed))


def test_an_account_without_a_number_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        balance_of(account_number=None)


def position(**changed: Any) -> dict[str, Any]:
    return {
        "symbol": PUT.occ,
        "asset_class": "us_option",
        "qty": "-2",
        "side": "short",
        "avg_entry_price": "6.05",
        "market_value": "-1750",
        "unrealized_pl": "-540",
        "current_price": "8.75",
        "qty_available": "-2",
        **changed,
    }


@pytest.mark.parametrize("qty", ["-2", "2"])
def test_a_short_position_is_negative_whatever_sign_it_is_shown_with(qty: str) -> None:
    (found,) = read_positions([position(qty=qty)], "alpaca", "main")
    assert (found.instrument, found.qty) == (PUT, Decimal(-2))
    assert found.market_value == Money(Decimal(-1750), "USD")


def test_crypto_is_left_out_and_the_rest_is_whole() -> None:
    found = read_positions(
        [position(), position(symbol="BTCUSD", asset_class="crypto", qty="0.1", side="long")],
        "alpaca",
        "main",
    )
    assert [p.instrument for p in found] == [PUT]


@pytest.mark.parametrize(
    "content",
    [
        {"positions": []},
        None,
        [None],
        [position(symbol="???")],
        [position(qty=None)],
        [position(qty="some")],
    ],
)
def test_positions_that_cant_be_read_are_an_error_and_never_fewer(content: Any) -> None:
    with pytest.raises(Unreadable):
        read_positions(content, "alpaca", "main")


CLOCK = {
    "timestamp": "2024-11-04T22:30:00.5-05:00",
    "is_open": False,
    "next_open": "2024-11-05T09:30:00-05:00",
    "next_close": "2024-11-05T16:00:00-05:00",
}


def test_the_clock_is_utc_and_its_trading_date_new_yorks() -> None:
    clock = read_clock(CLOCK)
    assert clock.venue_time == datetime(2024, 11, 5, 3, 30, 0, 500000, tzinfo=UTC)
    assert clock.trading_date == date(2024, 11, 4)
    assert clock.next_open == datetime(2024, 11, 5, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize("changed", [{"is_open": "false"}, {"timestamp": None}, {"next_open": "x"}])
def test_a_clock_that_cant_be_read_is_an_error(changed: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_clock(CLOCK | changed)


QUOTE = {"t": "2024-11-04T15:00:00Z", "bp": Decimal("8.50"), "bs": 10, "ap": 9, "as": 7}


def test_a_quote_says_its_feed_and_its_age_by_the_venues_clock() -> None:
    now = datetime(2024, 11, 4, 15, 0, 3, tzinfo=UTC)
    quote = read_quote(QUOTE, PUT, "alpaca", "indicative", now)
    assert (quote.feed, quote.quality) == ("indicative", QuoteQuality.INDICATIVE)
    assert (str(quote.bid_price), quote.ask_price) == ("8.50", Decimal(9))
    assert (quote.bid_qty, quote.ask_qty) == (Decimal(10), Decimal(7))
    assert quote.age_s == 3.0
    assert read_quote(QUOTE, PUT, "alpaca", "opra", None).age_s is None


@pytest.mark.parametrize(
    ("feed", "quality"),
    [
        ("iex", QuoteQuality.REALTIME),
        ("sip", QuoteQuality.REALTIME),
        ("delayed_sip", QuoteQuality.DELAYED),
    ],
)
def test_a_stock_feed_is_worth_what_it_is(feed: str, quality: QuoteQuality) -> None:
    assert read_quote(QUOTE, Equity("SPY"), "alpaca", feed, None).quality is quality


def test_a_side_at_price_zero_is_no_side() -> None:
    quote = read_quote(QUOTE | {"ap": 0, "as": 0}, PUT, "alpaca", "opra", None)
    assert (quote.ask_price, quote.ask_qty) == (None, None)
    assert quote.bid_price is not None


def market_data(desk: Desk) -> MarketData:
    return MarketData(desk.reader, desk.watch, "alpaca", stock_feed="iex", option_feed="indicative")


async def test_quotes_are_asked_for_a_hundred_at_a_time_and_missing_ones_left_out() -> None:
    options = [parse_occ(f"SPY241115P{strike:08d}") for strike in range(100_000, 250_000, 1000)]

    def answers(asked: Asked) -> Reply:
        symbols = asked.query["symbols"].split(",")
        assert len(symbols) <= 100
        quote = {"t": "2024-11-04T15:00:00Z", "bp": 1, "bs": 1, "ap": 2, "as": 1}
        return Reply(200, {"quotes": {s: None if s.endswith("5000") else quote for s in symbols}})

    desk = Desk(answers)
    found = await market_data(desk).quotes([Equity("SPY"), *options, options[0]])
    assert [asked.path for asked in desk.venue.asked] == [
        "/v2/stocks/quotes/latest",
        "/v1beta1/options/quotes/latest",
        "/v1beta1/options/quotes/latest",
    ]
    assert desk.venue.asked[1].query["feed"] == "indicative"
    wanted = [o for o in options if not o.occ.endswith("5000")]
    assert [quote.instrument for quote in found] == [Equity("SPY"), *wanted]


@pytest.mark.parametrize(
    "content", [[], {}, {"quotes": []}, {"quotes": {"SPY": []}}, {"quotes": {"SPY": {"bp": "x"}}}]
)
async def test_quotes_that_cant_be_read_are_an_error(content: Any) -> None:
    with pytest.raises(ReadFailed):
        await market_data(Desk(lambda _: Reply(200, content))).quotes([Equity("SPY")])


async def test_the_age_of_a_quote_follows_the_venues_clock_and_not_ours() -> None:
    quote = {"t": "2024-05-01T12:00:00Z", "bp": 1, "bs": 1, "ap": 2, "as": 1}
    headers = {"Date": "Wed, 01 May 2024 12:00:30 GMT"}
    desk = Desk(lambda _: Reply(200, {"quotes": {"SPY": quote}}, headers=headers))
    (found,) = await market_data(desk).quotes([Equity("SPY")])
    assert found.age_s is not None
    assert abs(found.age_s - 30) < 1.2
    assert desk.clock.now() - timedelta(days=1) > datetime(2024, 5, 1, tzinfo=UTC)
