"""Fields of Alpaca's JSON: exact decimals, times to the nanosecond, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")

Record: TypeAlias = Mapping[str, Any]

_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?([Zz]|[+-]\d\d:?\d\d)", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Unreadable(ValueError):
    """A payload lacks what it must have, or shows it in a form that can't be read."""


def record(value: Any, what: str) -> Record:
    """`value` if it is a JSON object; Unreadable otherwise."""
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is {type(value).__name__} and not an object")
    return value


def text(fields: Record, name: str) -> str:
    """A text, "" if it is missing, null or no text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def records(fields: Record, name: str) -> list[Record]:
    """A list of JSON objects, empty if it is missing or null; Unreadable otherwise."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{name} is not a list")
    return [record(item, name) for item in value]


def required_text(fields: Record, name: str) -> str:
    """A text that must be there."""
    value = text(fields, name)
    if not value:
        raise Unreadable(f"{name} is missing")
    return value


def flag(fields: Record, name: str) -> bool:
    """A truth value; anything but false, null or missing counts as set."""
    value = fields.get(name)
    return bool(value) and value != "false"


def decimal(fields: Record, name: str) -> Decimal | None:
    """An exact decimal, as JSON text or number; None if it is missing, null or empty.

    Raises Unreadable for what is none, or has more than 18 digits before or after the point.
    """
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, Decimal) and value.is_finite() and -40 < value.adjusted() < 40:
        value = format(value, "f")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        value = str(value)
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise Unreadable(f"{name} is not a decimal: {str(value)[:40]!r}")
    number = Decimal(value)
    return number if number else Decimal(0)  # no negative zero


def required_decimal(fields: Record, name: str) -> Decimal:
    """A decimal that must be there."""
    value = decimal(fields, name)
    if value is None:
        raise Unreadable(f"{name} is missing")
    return value


def lenient_decimal(fields: Record, name: str) -> Decimal | None:
    """Like `decimal`, and None for what can't be read."""
    try:
        return decimal(fields, name)
    except Unreadable:
        return None


def nanoseconds(value: Any) -> int | None:
    """Nanoseconds since 1970 of an RFC 3339 time with a zone; None if it is not one."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    zone = "+00:00" if match[4] in "Zz" else match[4]
    try:
        whole = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
    except ValueError:
        return None
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    return seconds * 10**9 + int((match[3] or "")[:9].ljust(9, "0"))


def time(fields: Record, name: str) -> datetime | None:
    """A time, aware UTC, cut to the microsecond; None if it is missing or can't be read."""
    at = nanoseconds(fields.get(name))
    return None if at is None else from_nanoseconds(at)


def required_time(fields: Record, name: str) -> datetime:
    """A time that must be there."""
    value = time(fields, name)
    if value is None:
        raise Unreadable(f"{name} is not a time: {str(fields.get(name))[:40]!r}")
    return value


def from_nanoseconds(at: int) -> datetime:
    """The moment, aware UTC, cut to the microsecond."""
    return _EPOCH + timedelta(microseconds=at // 1000)


def wire_time(at: datetime) -> str:
    """A moment as Alpaca reads it: RFC 3339 in UTC with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def trading_date(at: datetime | None) -> date | None:
    """The day at the exchanges in New York."""
    return None if at is None else at.astimezone(NEW_YORK).date()
