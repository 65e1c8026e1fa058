"""What ticks say: prices, sizes, kinds of data, greeks, and what "none" and "not set" are."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.common.domain.market import Greeks, QuoteQuality
from services.ib_adapter.figures import UNSET_FLOAT
from services.ib_adapter.ticks import DataType, Side, Ticks, computed_greeks
from services.ib_adapter.translate_market import read_quote, read_snapshot
from tests.unit.ib_adapter.scene import NOW, PUT


def ticks_of(data_type: int = 1, *, bid: float = 8.5, ask: float = 9.0) -> Ticks:
    first = 66 if data_type in (3, 4) else 1
    ticks = Ticks()
    ticks.take_type(data_type)
    ticks.take_price(first, bid, 10.0)
    ticks.take_price(first + 1, ask, 7.0)
    return ticks


def test_a_quote_has_exact_prices_and_sizes() -> None:
    quote = read_quote(ticks_of(bid=0.1, ask=0.15), PUT, "ib", NOW)
    assert (quote.bid_price, quote.ask_price) == (Decimal("0.1"), Decimal("0.15"))
    assert (quote.bid_qty, quote.ask_qty) == (Decimal(10), Decimal(7))
    assert (quote.quality, quote.venue_time, quote.age_s) == (QuoteQuality.REALTIME, NOW, 0.0)


@pytest.mark.parametrize("price", [-1.0, 0.0])
def test_a_side_without_a_price_is_none_and_has_no_size(price: float) -> None:
    ticks = ticks_of(bid=price)
    ticks.take_size(0, 0.0)
    quote = read_quote(ticks, PUT, "ib", NOW)
    assert ticks.are_both_sides_told
    assert (quote.bid_price, quote.bid_qty) == (None, None)
    assert quote.ask_price == Decimal(9)


def test_a_side_that_was_not_told_is_not_one_without_a_price() -> None:
    ticks = Ticks()
    ticks.take_type(1)
    ticks.take_price(2, 9.0, 7.0)
    assert not ticks.are_both_sides_told
    assert not ticks.is_quote_whole


def test_a_quote_is_whole_with_both_sizes_and_its_kind() -> None:
    ticks = Ticks()
    ticks.take_price(1, 8.5, UNSET_FLOAT)
    ticks.take_price(2, -1.0, 0.0)
    assert not ticks.is_quote_whole
    ticks.take_size(0, 10.0)
    assert not ticks.is_quote_whole  # nobody has said what kind of data it is
    ticks.take_type(1)
    assert ticks.is_quote_whole


@pytest.mark.parametrize(
    ("data_type", "quality"),
    [
        (1, QuoteQuality.REALTIME),
        (2, QuoteQuality.FROZEN),
        (3, QuoteQuality.DELAYED),
        (4, QuoteQuality.DELAYED),
        (0, QuoteQuality.INDICATIVE),
        (77, QuoteQuality.INDICATIVE),
    ],
)
def test_a_quote_says_which_kind_of_data_it_is(data_type: int, quality: QuoteQuality) -> None:
    quote = read_quote(ticks_of(data_type), PUT, "ib", NOW)
    assert quote.quality is quality
    # Only of live data is it known when they were made.
    is_dated = quality is QuoteQuality.REALTIME
    assert (quote.venue_time is not None, quote.age_s is not None) == (is_dated, is_dated)


def test_a_delayed_tick_is_not_live_whatever_the_kind_was_said_to_be() -> None:
    ticks = ticks_of(1)
    ticks.take_price(66, 8.4, 1.0)
    assert ticks.data_type is DataType.DELAYED


@pytest.mark.parametrize(("tick", "value"), [(49, 1.0), (49, 2.0), (90, 1.0)])
def test_a_quote_of_what_is_halted_is_frozen(tick: int, value: float) -> None:
    ticks = ticks_of(1)
    ticks.take_generic(tick, value)
    quote = read_quote(ticks, PUT, "ib", NOW)
    assert (quote.quality, quote.venue_time) == (QuoteQuality.FROZEN, None)
    ticks.take_generic(tick, 0.0)
    assert read_quote(ticks, PUT, "ib", NOW).quality is QuoteQuality.REALTIME


def test_greeks_that_are_not_set_are_none() -> None:
    told = computed_greeks(-1.0, -2.0, 0.02, -2.0, UNSET_FLOAT)
    assert told == Greeks(gamma=0.02)
    assert computed_greeks(-1.0, -2.0, -2.0, -2.0, -2.0) is None
    assert computed_greeks(*[UNSET_FLOAT] * 5) is None
    assert computed_greeks(float("nan"), float("inf"), -2.0, -2.0, -2.0) is None


def test_a_greek_below_minus_one_is_a_number() -> None:
    told = computed_greeks(0.3, -1.0, 0.01, 0.3, -2.5)
    assert told == Greeks(delta=-1.0, gamma=0.01, vega=0.3, theta=-2.5, implied_volatility=0.3)


def test_the_models_greeks_go_before_the_others() -> None:
    ticks = Ticks()
    for number, delta in ((11, -0.1), (10, -0.2), (12, -0.3)):
        ticks.take_greeks(number, computed_greeks(0.3, delta, 0.1, 0.1, 0.1))
    assert ticks.greeks is not None
    assert ticks.greeks.delta == -0.3
    assert not ticks.has_model_greeks
    ticks.take_greeks(83, computed_greeks(0.3, -0.4, 0.1, 0.1, 0.1))
    assert (ticks.greeks.delta, ticks.has_model_greeks) == (-0.4, True)


def test_greeks_that_are_taken_back_are_gone() -> None:
    ticks = Ticks()
    ticks.take_greeks(13, computed_greeks(0.3, -0.4, 0.1, 0.1, 0.1))
    ticks.take_greeks(13, None)
    assert ticks.greeks is None


def test_a_snapshot_has_the_last_trade_and_its_time() -> None:
    ticks = ticks_of(1)
    ticks.take_price(4, 8.75, 2.0)
    ticks.take_text(45, "1730734200")
    snapshot = read_snapshot(ticks, PUT, "ib", NOW)
    assert (snapshot.last_price, snapshot.last_qty) == (Decimal("8.75"), Decimal(2))
    assert snapshot.last_trade_time == datetime(2024, 11, 4, 15, 30, tzinfo=UTC)
    assert snapshot.greeks is None


def test_ticks_of_other_numbers_change_nothing() -> None:
    ticks = ticks_of(1)
    ticks.take_price(9, 1.0, 1.0)  # the close
    ticks.take_size(8, 1.0)  # the volume
    ticks.take_text(45, "soon")
    assert ticks.price(Side.BID) == Decimal("8.5")
    assert ticks.last_trade_time is None
