"""Decimals through floats: exact, or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.errors import InvalidRequest
from services.ib_adapter import figures

CENTS = st.integers(min_value=0, max_value=10**11).map(lambda n: Decimal(n).scaleb(-2))


@given(CENTS)
def test_a_price_comes_back_as_it_was_sent(price: Decimal) -> None:
    assert figures.decimal(float(str(figures.wire_price(price, "p")))) == price


@pytest.mark.parametrize(
    ("number", "text"),
    [(100.0, "100"), (0.1, "0.1"), (849.0, "849"), (1e5, "100000"), (0.0, "0"), (-0.0, "0")],
)
def test_a_number_keeps_its_digits(number: float, text: str) -> None:
    assert str(figures.decimal(number)) == text


@pytest.mark.parametrize("number", [figures.UNSET_FLOAT, float("inf"), float("nan")])
def test_what_is_not_set_is_none(number: float) -> None:
    assert figures.decimal(number) is None
    with pytest.raises(figures.Unreadable):
        figures.required_decimal(number, "it")


@pytest.mark.parametrize("price", ["0.1000000000000000001", "0.00001", "12345678901234567.89"])
def test_a_price_that_the_wire_would_change_is_refused(price: str) -> None:
    with pytest.raises(InvalidRequest) as invalid:
        figures.wire_price(Decimal(price), "order.limit_price")
    assert invalid.value.field == "order.limit_price"


def test_quantities_are_whole() -> None:
    assert figures.wire_qty(Decimal("2.0"), "q") == 2
    with pytest.raises(InvalidRequest):
        figures.wire_qty(Decimal("0.5"), "q")


def test_a_time_without_a_zone_is_new_yorks() -> None:
    at = datetime(2024, 11, 4, 9, 30)  # noqa: DTZ001 - that is the point
    assert figures.aware(at) == datetime(2024, 11, 4, 14, 30, tzinfo=UTC)


def test_the_trading_date_is_new_yorks() -> None:
    evening = datetime(2024, 11, 5, 1, 0, tzinfo=UTC)
    assert str(figures.trading_date(evening)) == "2024-11-04"
