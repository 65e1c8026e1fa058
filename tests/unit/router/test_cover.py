"""Cover: what stands behind a short option at its venue, and what is spoken for already."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.amounts import Money
from services.common.domain.errors import Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionContract, OptionRight
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import Signal
from services.common.domain.order_terms import OrderType, PositionIntent
from services.common.domain.reports import AccountMode, Balance, VenuePosition
from services.router.routing.cover import (
    VenueFacts,
    missing_cover,
    needs_cover,
    promised_shares,
    sells_cover,
)
from tests.unit.domain.orders import NOW, instrument, spec
from tests.unit.router.folded import Folded

CALL = "SPY241115C00600000"
PUT = "SPY241115P00400000"  # 40,000 in cash for each


def put(qty: int = 1, name: str = "p-1", **changes: Any) -> OrderSpec:
    return spec(client_order_id=name, order_qty=Decimal(qty), **changes)


def call(qty: int = 1, name: str = "c-1", symbol: str = CALL) -> OrderSpec:
    return put(qty, name, instrument=instrument(symbol), limit_price=Decimal(1))


def shares(side: Side, qty: str, name: str = "s-1", **changes: Any) -> OrderSpec:
    return replace(
        spec(client_order_id=name),
        instrument=instrument("SPY"),
        side=side,
        order_qty=Decimal(qty),
        limit_price=Decimal(580),
        position_intent=None,
        **changes,
    )


def facts(
    cash: str | None = "0", buying_power: str | None = None, currency: str = "USD", **held: str
) -> VenueFacts:
    balance = Balance(
        "alpaca",
        "PA1",
        AccountMode.PAPER,
        NOW,
        "ACTIVE",
        trading_blocked=False,
        account_blocked=False,
        suspended_by_user=False,
        cash=None if cash is None else Money(Decimal(cash), currency),
        options_buying_power=None if buying_power is None else Money(Decimal(buying_power), "USD"),
    )
    positions = tuple(
        VenuePosition("alpaca", "main", instrument(symbol), Decimal(qty))
        for symbol, qty in held.items()
    )
    return VenueFacts(balance, positions)


def missing(order: OrderSpec, known: VenueFacts, fold: Folded | None = None) -> str | None:
    return missing_cover(order, (fold or Folded()).books, "main", "alpaca", known)


@pytest.mark.parametrize(
    ("intent", "symbol", "needed"),
    [
        (PositionIntent.SELL_TO_OPEN, PUT, True),
        (PositionIntent.SELL_TO_OPEN, CALL, True),
        (PositionIntent.SELL_TO_CLOSE, PUT, False),
        (PositionIntent.BUY_TO_OPEN, PUT, False),
        (PositionIntent.BUY_TO_CLOSE, CALL, False),
        (PositionIntent.SELL_TO_OPEN, "SPY", False),
        (None, "SPY", False),
    ],
)
def test_only_what_opens_a_short_option_needs_cover(
    intent: PositionIntent | None, symbol: str, needed: bool
) -> None:
    assert needs_cover(spec(position_intent=intent, instrument=instrument(symbol))) is needed


@pytest.mark.parametrize(
    ("cash", "buying_power", "qty", "enough"),
    [
        ("40000", None, 1, True),
        ("39999.99", None, 1, False),
        ("80000", None, 2, True),
        ("79999", None, 2, False),
        ("100000", "40000", 1, True),
        ("100000", "39999", 1, False),  # the venue knows of holds that we can't see
        ("0", "100000", 1, False),  # buying power on margin is no cash
        (None, "100000", 1, False),
        ("-5", None, 1, False),
    ],
)
def test_a_short_put_needs_its_strike_in_cash(
    cash: str | None, buying_power: str | None, qty: int, enough: bool
) -> None:
    assert (missing(put(qty), facts(cash, buying_power)) is None) is enough


def test_cash_in_another_currency_secures_nothing() -> None:
    assert missing(put(), facts("1000000", currency="JPY")) is not None


@pytest.mark.parametrize(
    ("held", "qty", "enough"),
    [("100", 1, True), ("99", 1, False), ("200", 2, True), ("199", 2, False), ("-100", 1, False)],
)
def test_a_short_call_needs_its_shares(held: str, qty: int, enough: bool) -> None:
    assert (missing(call(qty), facts("1000000", SPY=held)) is None) is enough


def test_shares_of_another_stock_cover_nothing() -> None:
    assert missing(call(), facts("1000000", QQQ="1000")) is not None


def test_a_share_of_the_same_ticker_in_another_currency_covers_nothing() -> None:
    """ALV is Autoliv in dollars and Allianz in euros."""
    told = facts(SPY="100")
    (held,) = told.positions
    elsewhere = replace(held, instrument=Equity("SPY", "EUR"))
    assert missing_cover(call(), Folded().books, "main", "alpaca", told) is None
    assert missing_cover(
        call(), Folded().books, "main", "alpaca", replace(told, positions=(elsewhere,))
    )


def test_a_weekly_class_is_covered_by_its_underlying() -> None:
    brk = call(symbol="BRKB241115C00600000")
    assert missing(brk, replace(facts(), positions=(_position("BRK.B", "100"),))) is None


def _position(symbol: str, qty: str) -> VenuePosition:
    return VenuePosition("alpaca", "main", instrument(symbol), Decimal(qty))


def test_what_open_orders_may_still_take_is_not_free() -> None:
    cases: tuple[tuple[OrderSpec, Signal | None, str], ...] = (
        (put(1, "a"), Signal.ACKNOWLEDGED, "40000"),
        (put(1, "a"), None, "40000"),  # on its way
        (put(1, "a"), Signal.DOUBTED, "40000"),
        (put(1, "a"), Signal.PENDING_CANCEL, "40000"),
        (put(1, "a"), Signal.CANCELED, "0"),
        (put(1, "a"), Signal.REJECTED, "0"),
        (put(1, "a"), Signal.NOT_SENT, "0"),
        (shares(Side.BUY, "10", "a"), Signal.ACKNOWLEDGED, "5800"),
        (shares(Side.BUY, "10", "a"), Signal.DOUBTED, "5800"),
        (shares(Side.SELL, "10", "a"), Signal.ACKNOWLEDGED, "0"),
        (
            put(2, "a", side=Side.BUY, position_intent=PositionIntent.BUY_TO_OPEN),
            Signal.ACKNOWLEDGED,
            "1700",
        ),
    )
    for order, signal, taken in cases:
        fold = Folded()
        fold.order(order, signal=signal)
        assert missing(put(), facts(str(40000 + Decimal(taken))), fold) is None, (order, signal)
        short = str(40000 + Decimal(taken) - 1)
        assert missing(put(), facts(short), fold) is not None, (order, signal)


def test_a_partly_filled_order_takes_its_fill_and_its_leaves_once() -> None:
    fold = Folded()
    placed = fold.order(put(3, "a"))
    fold.fill(placed, "1")
    enough = {PUT: "-1"}
    assert missing(put(), facts("160000", **enough), fold) is None
    assert missing(put(), facts("159999", **enough), fold) is not None
    # The statement may not have heard of the fill yet: the same, by the books.
    assert missing(put(), facts("159999"), fold) is not None


def test_an_order_at_another_venue_or_account_takes_nothing_here() -> None:
    fold = Folded()
    fold.order(put(1, "a"), "second")
    fold.order(put(1, "b"), account_id="other")
    assert missing(put(), facts("40000"), fold) is None


def test_cash_behind_short_puts_that_only_the_venue_knows_is_not_free() -> None:
    assert missing(put(), facts("79999", **{PUT: "-1"})) is not None
    assert missing(put(), facts("80000", **{PUT: "-1"})) is None


def test_a_long_put_secures_nothing_and_takes_nothing() -> None:
    assert missing(put(), facts("40000", **{PUT: "5"})) is None
    assert missing(put(), facts("39999", **{PUT: "5"})) is not None


def test_an_open_market_purchase_leaves_no_cash_that_is_known_to_be_free() -> None:
    """What it will cost nobody knows; unknown is not zero."""
    fold = Folded()
    fold.order(_market())
    assert missing(put(), facts("100000000"), fold) is not None
    fold = Folded()
    fold.order(_market(), signal=Signal.CANCELED)
    assert missing(put(), facts("40000"), fold) is None


def _market() -> OrderSpec:
    return replace(shares(Side.BUY, "10", "m"), order_type=OrderType.MARKET, limit_price=None)


def test_shares_behind_short_calls_and_in_open_sales_are_not_free() -> None:
    fold = Folded()
    fold.order(call(1, "a"))
    assert missing(call(), facts(SPY="199"), fold) is not None
    assert missing(call(), facts(SPY="200"), fold) is None
    fold = Folded()
    fold.held(call(1, "a"))
    assert missing(call(), facts(SPY="199"), fold) is not None
    assert missing(call(), facts(SPY="200"), fold) is None
    assert missing(call(), facts(SPY="199", **{CALL: "-1"})) is not None
    fold = Folded()
    fold.order(shares(Side.SELL, "50", "a"))
    assert missing(call(), facts(SPY="149"), fold) is not None
    assert missing(call(), facts(SPY="150"), fold) is None


def test_shares_that_were_sold_in_our_books_are_gone_whatever_the_statement_says() -> None:
    fold = Folded()
    fold.held(shares(Side.SELL, "50", "a"))
    assert missing(call(), facts(SPY="100"), fold) is not None


@pytest.mark.parametrize(
    "terms",
    [
        {"multiplier": Decimal(1)},
        {"multiplier": Decimal(10)},
        {"underlying": "F"},
        {"root": "SPY1", "underlying": "SPY"},
    ],
)
@pytest.mark.parametrize("right", list(OptionRight))
def test_a_clients_own_terms_make_no_cover(right: OptionRight, terms: dict[str, Any]) -> None:
    """A venue is sent the symbol alone: whatever else the client says of it changes nothing."""
    given: dict[str, Any] = {"root": "SPY", **terms}
    contract = OptionContract(expiry=date(2024, 11, 15), right=right, strike=Decimal(400), **given)
    order = put(1, instrument=contract)
    with pytest.raises(Refused) as refused:
        missing(order, facts("40000", SPY="100", F="1000"))
    assert refused.value.reason is Reason.NO_COVER


def test_right_terms_said_aloud_are_fine() -> None:
    contract = OptionContract(
        "SPY", date(2024, 11, 15), OptionRight.PUT, Decimal(400), "SPY", Decimal(100)
    )
    assert missing(put(1, instrument=contract), facts("40000")) is None


def test_promised_shares_are_counted_per_venue_and_underlying() -> None:
    fold = Folded()
    fold.held(call(2, "a"))
    fold.order(call(1, "b"), "second")
    assert promised_shares(fold.books, "main", "alpaca", "SPY") == 200
    assert promised_shares(fold.books, "main", "second", "SPY") == 100
    assert promised_shares(fold.books, "main", "alpaca", "QQQ") == 0
    assert promised_shares(fold.books, "other", "alpaca", "SPY") == 0


def test_shares_behind_a_short_call_are_not_for_sale() -> None:
    """They may be older than our books: then the sale looks like an entry."""
    fold = Folded()
    assert not sells_cover(shares(Side.SELL, "1"), fold.books, "main", "alpaca")
    fold.held(call(1, "a"))
    sale = shares(Side.SELL, "100")
    assert sells_cover(sale, fold.books, "main", "alpaca")
    assert not sells_cover(sale, fold.books, "main", "second")
    assert not sells_cover(shares(Side.BUY, "100"), fold.books, "main", "alpaca")
    assert missing(sale, facts(SPY="199"), fold) is not None
    assert missing(sale, facts(SPY="200"), fold) is None
