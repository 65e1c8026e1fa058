"""Scalars: decimals, money, times, dates, enumerations.

Reading raises MalformedReply for what the contract does not allow; writing raises InvalidRequest
naming the field, or TypeError for a value of the wrong type.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from tandem_client.amounts import AmountError, Money, format_decimal, parse_decimal
from tandem_client.errors import InvalidRequest, MalformedReply
from tandem_client.pb import types_pb2

E = TypeVar("E", bound=Enum)


# A generated enumeration: its methods sit on a metaclass, where a Protocol doesn't see them.
WireEnum: TypeAlias = Any


def prefix_of(wire: WireEnum) -> str:
    """What the names of a generated enumeration begin with: "ORDER_STATUS_"."""
    return str(wire.Name(0)).removesuffix("UNSPECIFIED")


def read_enum(kind: type[E], wire: WireEnum, number: int) -> E:
    """Read a value; one that this client does not know is UNSPECIFIED."""
    try:
        return kind[wire.Name(number).removeprefix(prefix_of(wire))]
    except (KeyError, ValueError):
        return kind["UNSPECIFIED"]


def write_enum(wire: WireEnum, value: Enum) -> Any:
    """Write a value as the generated enumeration has it."""
    return wire.Value(prefix_of(wire) + value.name)


def read_decimal(message: types_pb2.Decimal) -> Decimal:
    """Read a decimal that must be there."""
    try:
        return parse_decimal(message.value)
    except AmountError as error:
        raise MalformedReply(f"a reply holds a bad amount: {error}") from error


def decimal_or_none(holder: Any, field: str) -> Decimal | None:
    """Read the decimal field of a message; None if unset."""
    return read_decimal(getattr(holder, field)) if holder.HasField(field) else None


def decimal_or_zero(holder: Any, field: str) -> Decimal:
    """Read the decimal field of a message; unset is 0."""
    return decimal_or_none(holder, field) or Decimal(0)


def money_or_none(holder: Any, field: str) -> Money | None:
    """Read the money field of a message; None if it or its amount is unset."""
    if not holder.HasField(field):
        return None
    message = getattr(holder, field)
    amount = decimal_or_none(message, "amount")
    return None if amount is None else Money(amount, message.currency_code)


def time_or_none(holder: Any, field: str) -> datetime | None:
    """Read the timestamp field of a message as aware UTC; None if unset."""
    if not holder.HasField(field):
        return None
    try:
        moment: datetime = getattr(holder, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedReply(f"a reply holds a bad time in {field}") from error
    return moment


def date_or_none(holder: Any, field: str) -> date | None:
    """Read the date field of a message; None if unset."""
    if not holder.HasField(field):
        return None
    message = getattr(holder, field)
    try:
        return date(message.year, message.month, message.day)
    except ValueError as error:
        raise MalformedReply(f"a reply holds a bad date in {field}") from error


def duration_or_none(holder: Any, field: str) -> timedelta | None:
    """Read the duration field of a message; None if unset."""
    span: timedelta | None = (
        getattr(holder, field).ToTimedelta() if holder.HasField(field) else None
    )
    return span


def write_decimal(value: Decimal, field: str) -> types_pb2.Decimal:
    """Write an amount; a float or an int is a TypeError."""
    try:
        return types_pb2.Decimal(value=format_decimal(value))
    except AmountError as error:
        raise InvalidRequest.unsent(field, str(error)) from error
    except TypeError as error:
        raise TypeError(f"{field}: {error}") from None


def write_decimals(holder: Any, amounts: Iterable[tuple[str, Decimal | None]], path: str) -> None:
    """Set those decimal fields of a message that are given; None leaves a field unset."""
    for name, value in amounts:
        if value is not None:
            getattr(holder, name).CopyFrom(write_decimal(value, f"{path}.{name}"))


def write_money(value: Money, field: str) -> types_pb2.Money:
    """Write an amount in a currency."""
    amount = write_decimal(value.amount, f"{field}.amount")
    return types_pb2.Money(amount=amount, currency_code=value.currency_code)


def write_time(value: datetime, field: str) -> Timestamp:
    """Write a moment; a naive datetime is refused, since nobody knows its zone."""
    if value.tzinfo is None:
        raise InvalidRequest.unsent(field, "a time needs a time zone")
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def write_duration(seconds: float) -> Duration:
    """Write a span of seconds."""
    span = Duration()
    span.FromTimedelta(timedelta(seconds=seconds))
    return span


def write_date(value: date) -> types_pb2.Date:
    """Write a date."""
    return types_pb2.Date(year=value.year, month=value.month, day=value.day)
