"""Decimals and money on the wire."""

from __future__ import annotations

from decimal import Decimal

from google.protobuf.message import Message

from services.common.contract.pb import types_pb2
from services.common.domain.amounts import (
    AmountError,
    Money,
    format_decimal,
    parse_decimal,
    require_currency,
)
from services.common.domain.errors import InvalidRequest


def decimal_to_wire(value: Decimal) -> types_pb2.Decimal:
    """Write `value` in canonical form. AmountError if the grammar can't hold it."""
    return types_pb2.Decimal(value=format_decimal(value))


def optional_decimal_to_wire(value: Decimal | None) -> types_pb2.Decimal | None:
    """Write `value`; None stays None, which leaves the field unset."""
    return None if value is None else decimal_to_wire(value)


def decimal_from_wire(msg: types_pb2.Decimal, field: str) -> Decimal:
    """Read a decimal by the published grammar. InvalidRequest naming `field`."""
    try:
        return parse_decimal(msg.value)
    except AmountError as error:
        raise InvalidRequest(field, str(error)) from error


def optional_decimal_from_wire(owner: Message, name: str, field: str) -> Decimal | None:
    """Read the decimal field `name` of `owner`; None if it is not set."""
    return decimal_from_wire(getattr(owner, name), field) if owner.HasField(name) else None


def required_decimal_from_wire(owner: Message, name: str, field: str) -> Decimal:
    """Read the decimal field `name` of `owner`; InvalidRequest if it is not set."""
    if not owner.HasField(name):
        raise InvalidRequest(field, "required")
    return decimal_from_wire(getattr(owner, name), field)


def money_to_wire(money: Money) -> types_pb2.Money:
    """Write an amount with its currency."""
    return types_pb2.Money(amount=decimal_to_wire(money.amount), currency_code=money.currency)


def optional_money_to_wire(money: Money | None) -> types_pb2.Money | None:
    """Write `money`; None stays None, which leaves the field unset."""
    return None if money is None else money_to_wire(money)


def money_from_wire(msg: types_pb2.Money, field: str) -> Money:
    """Read an amount with its currency. InvalidRequest naming the part."""
    amount = required_decimal_from_wire(msg, "amount", f"{field}.amount")
    return Money(amount, currency_from_wire(msg.currency_code, f"{field}.currency_code"))


def optional_money_from_wire(owner: Message, name: str, field: str) -> Money | None:
    """Read the money field `name` of `owner`; None if it is not set."""
    return money_from_wire(getattr(owner, name), field) if owner.HasField(name) else None


def currency_from_wire(code: str, field: str) -> str:
    """Read a currency code. InvalidRequest naming `field`."""
    try:
        return require_currency(code)
    except AmountError as error:
        raise InvalidRequest(field, str(error)) from error
