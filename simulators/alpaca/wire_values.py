"""Numbers and times as Alpaca writes and reads them."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from simulators.venue.trading_calendar import NEW_YORK

_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,30})?", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(value: Decimal) -> str:
    """The shortest plain form: no exponent, no zeros at the end."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def rounded(value: Fraction, places: int = 6) -> Decimal:
    """A fraction to that many places, half to even: the only rounding that Alpaca's JSON shows."""
    scaled = value * 10**places
    whole = Decimal(round(scaled))
    return whole.scaleb(-places)


def ratio(part: Decimal, whole: Decimal, places: int = 6) -> Decimal:
    """A quotient to that many places, 0 if the whole is 0."""
    return rounded(Fraction(part) / Fraction(whole), places) if whole else Decimal(0)


def cents(value: Decimal) -> Decimal:
    """Money to the cent, half to even."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def read_number(value: Any) -> Decimal | None:
    """A decimal from a JSON string or number of ordinary size; None if it isn't one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        value = format(Decimal(value), "f")
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        return None
    return Decimal(value)


def nanoseconds(at: datetime) -> int:
    """Nanoseconds since 1970.

    The model counts microseconds; the wire has nine digits, so three more are made from the six:
    the same instant always has the same, and clients meet what they meet at Alpaca.
    """
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return micros * 1000 + (micros * 389 + 523) % 1000


@lru_cache(maxsize=4096)  # the same few instants are written again and again in each order
def wire_time(at: datetime | None) -> str | None:
    """RFC 3339 with nanoseconds in UTC, zeros at the end left out, as Go writes it."""
    if at is None:
        return None
    fraction = f"{nanoseconds(at) % 10**9:09d}".rstrip("0")
    whole = at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def local_time(at: datetime) -> str:
    """RFC 3339 in New York time with its offset, as the market clock writes it."""
    return at.astimezone(NEW_YORK).isoformat()


def read_time(text: str) -> int | None:
    """Nanoseconds since 1970 of a date (New York midnight) or a time; None if it is neither."""
    try:
        day = date.fromisoformat(text)
        return nanoseconds_exact(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK), "")
    except ValueError:
        pass  # not a bare date: read as a time
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    zone = "+00:00" if match[4] in (None, "Z") else match[4]
    try:
        whole = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
    except ValueError:
        return None
    return nanoseconds_exact(whole, match[3] or "")


def nanoseconds_exact(whole: datetime, fraction: str) -> int:
    """Nanoseconds since 1970 of a whole second and the digits after its point."""
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    return seconds * 10**9 + int(fraction.ljust(9, "0") or "0")
