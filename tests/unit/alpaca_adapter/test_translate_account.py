"""Unit tests of figures, positions and the clock: exact, signed, honest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.translate_account import (
    blocked_because,
    read_balance,
    read_clock,
    read_positions,
)
from services.alpaca_adapter.wire_fields import Unreadable
from services.common.domain.amounts import Money
from services.common.domain.occ import parse_occ
from services.common.domain.reports import AccountMode
from tests.unit.alpaca_adapter.wire import VENUE_NOW

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
