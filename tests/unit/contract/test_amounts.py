"""Amounts cross the wire exactly, and a malformed one is refused by the name of its field."""

from decimal import Decimal

import pytest
from hypothesis import given

from services.common.contract.convert import (
    decimal_from_wire,
    decimal_to_wire,
    money_from_wire,
    money_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    optional_money_from_wire,
    optional_money_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.pb import accounts_pb2, orders_pb2, types_pb2
from services.common.domain.amounts import AmountError, Money
from services.common.domain.errors import InvalidRequest
from tests.unit.contract.strategies import MONEY, decimals, unhurried


@unhurried
@given(decimals())
def test_a_decimal_comes_back(value: Decimal) -> None:
    assert decimal_from_wire(decimal_to_wire(value), "qty") == value


@unhurried
@given(MONEY)
def test_money_comes_back(money: Money) -> None:
    assert money_from_wire(money_to_wire(money), "cash") == money


def test_the_wire_form_is_canonical() -> None:
    assert decimal_to_wire(Decimal("8.500")).value == "8.5"
    assert decimal_to_wire(Decimal("1E+2")).value == "100"


@pytest.mark.parametrize(
    "text",
    ["", "NaN", "Infinity", "1e400", "+1", "01", "-0", "1.", ".5", "1_0", "１", "1\n", "9" * 19],
)
def test_a_malformed_decimal_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decimal_from_wire(types_pb2.Decimal(value=text), "order.limit_price")
    assert caught.value.field == "order.limit_price"


def test_what_the_grammar_cannot_hold_is_not_written() -> None:
    with pytest.raises(AmountError):
        decimal_to_wire(Decimal(10) ** 18)


def test_an_unset_decimal_is_none_and_an_empty_one_is_refused() -> None:
    spec = orders_pb2.OrderSpec()
    assert optional_decimal_from_wire(spec, "limit_price", "order.limit_price") is None
    spec.limit_price.SetInParent()
    with pytest.raises(InvalidRequest, match=r"order\.limit_price: a decimal is empty"):
        optional_decimal_from_wire(spec, "limit_price", "order.limit_price")


def test_a_required_decimal_that_is_unset_is_named() -> None:
    with pytest.raises(InvalidRequest, match="order_qty: required"):
        required_decimal_from_wire(orders_pb2.OrderSpec(), "order_qty", "order_qty")


def test_a_price_of_zero_is_not_no_price() -> None:
    spec = orders_pb2.OrderSpec(limit_price=decimal_to_wire(Decimal(0)))
    assert optional_decimal_from_wire(spec, "limit_price", "order.limit_price") == 0
    assert optional_decimal_to_wire(Decimal(0)) is not None
    assert optional_decimal_to_wire(None) is None


def test_malformed_money_names_the_part() -> None:
    amount = types_pb2.Decimal(value="1")
    for msg, field in (
        (types_pb2.Money(currency_code="USD"), "cash.amount"),
        (types_pb2.Money(amount=types_pb2.Decimal(value="x")), "cash.amount"),
        (types_pb2.Money(amount=amount), "cash.currency_code"),
        (types_pb2.Money(amount=amount, currency_code="usd"), "cash.currency_code"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            money_from_wire(msg, "cash")
        assert caught.value.field == field


def test_unset_money_is_none() -> None:
    balance = accounts_pb2.VenueBalance()
    assert optional_money_from_wire(balance, "cash", "cash") is None
    assert optional_money_to_wire(None) is None
    balance.cash.CopyFrom(money_to_wire(Money(Decimal("1.5"), "EUR")))
    assert optional_money_from_wire(balance, "cash", "cash") == Money(Decimal("1.5"), "EUR")
