"""Numbers and times of the Gateway: exact decimals out of floats and back, and what is not set.

The wire carries decimal text; the client library reads it into floats. The shortest text that
gives a float again is what was on the wire, for any number of up to 15 digits.
"""

from __future__ import annotations

import math
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from services.common.domain.errors import InvalidRequest

NEW_YORK: Final = ZoneInfo("America/New_York")
UNSET_INT: Final = 2**31 - 1
UNSET_FLOAT: Final = sys.float_info.max
_PLACES_MAX: Final = 18
_STEP: Final = Decimal(1).scaleb(-_PLACES_MAX)


class Unreadable(ValueError):
    """What the Gateway said lacks what it must have, or shows it in a form that can't be read."""


def decimal(number: float) -> Decimal | None:
    """The decimal that was on the wire; None if it is not set, or no number."""
    if not math.isfinite(number) or abs(number) == UNSET_FLOAT:
        return None
    value = Decimal(repr(float(number)))
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_PLACES_MAX:
        value = value.quantize(_STEP)
    if not value:
        return Decimal(0)  # no negative zero
    value = value.normalize()
    # 100.0 is 100, and not 1E+2.
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


def required_decimal(number: float, name: str) -> Decimal:
    """A decimal that must be set."""
    value = decimal(number)
    if value is None:
        raise Unreadable(f"{name} is not set")
    return value


def text_decimal(text: str) -> Decimal | None:
    """A decimal that came as text; None if it is none."""
    try:
        return decimal(float(text))
    except ValueError:
        return None


def wire_price(price: Decimal, field: str) -> float:
    """A price as the client library sends it. InvalidRequest if that would not be exactly it."""
    number = float(price)
    text = str(number)
    if "e" in text or "n" in text or Decimal(text) != price:
        raise InvalidRequest(field, f"{price} can't be sent to this venue exactly")
    return number


def wire_qty(qty: Decimal, field: str) -> int:
    """A quantity as it is sent. InvalidRequest unless it is whole."""
    if qty != qty.to_integral_value() or qty >= UNSET_INT:
        raise InvalidRequest(field, f"{qty}: this venue takes whole numbers through its API")
    return int(qty)


def wire_utc(at: datetime) -> str:
    """A time as requests carry it; the Gateway reads the zone with it."""
    return f"{at.astimezone(UTC):%Y%m%d %H:%M:%S} UTC"


def aware(at: datetime) -> datetime:
    """A time in UTC; one without a zone is taken for New York's, which is the Gateway's default."""
    return (at if at.tzinfo else at.replace(tzinfo=NEW_YORK)).astimezone(UTC)


def trading_date(at: datetime | None) -> date | None:
    """The day at the exchanges in New York."""
    return None if at is None else at.astimezone(NEW_YORK).date()
