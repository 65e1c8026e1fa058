"""Dates, moments, durations and record times on the wire.

Moments are aware UTC datetimes with microseconds; finer parts of a wire timestamp are cut off.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import RecordTimes

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
# The range of google.protobuf.Timestamp: years 1 to 9999.
_SECONDS_MIN: Final = -62_135_596_800
_SECONDS_MAX: Final = 253_402_300_799
_DURATION_S_MAX: Final = 315_576_000_000
_NANOS: Final = 1_000_000_000
_YEARS: Final = range(1970, 2100)


def date_to_wire(value: date) -> types_pb2.Date:
    """Write a date; ValueError outside 1970 to 2099."""
    if value.year not in _YEARS:
        raise ValueError(f"date {value} is outside 1970 to 2099")
    return types_pb2.Date(year=value.year, month=value.month, day=value.day)


def optional_date_to_wire(value: date | None) -> types_pb2.Date | None:
    """Write `value`; None stays None, which leaves the field unset."""
    return None if value is None else date_to_wire(value)


def date_from_wire(msg: types_pb2.Date, field: str = "date") -> date:
    """Read a date. InvalidRequest naming `field` if the calendar does not have it."""
    if msg.year not in _YEARS:
        raise InvalidRequest(field, f"year {msg.year} is outside 1970 to 2099")
    try:
        return date(msg.year, msg.month, msg.day)
    except ValueError as error:
        shown = f"{msg.year}-{msg.month}-{msg.day}"
        raise InvalidRequest(field, f"{shown} is not a day of the calendar") from error


def optional_date_from_wire(owner: Message, name: str, field: str) -> date | None:
    """Read the date field `name` of `owner`; None if it is not set."""
    return date_from_wire(getattr(owner, name), field) if owner.HasField(name) else None


def timestamp_to_wire(value: datetime) -> Timestamp:
    """Write a moment, to the microsecond. ValueError for a datetime without a zone."""
    if value.utcoffset() is None:
        raise ValueError("a moment on the wire needs an aware datetime")
    seconds, rest = divmod(value - _EPOCH, _SECOND)
    return Timestamp(seconds=seconds, nanos=rest.microseconds * 1000)


def optional_timestamp_to_wire(value: datetime | None) -> Timestamp | None:
    """Write `value`; None stays None, which leaves the field unset."""
    return None if value is None else timestamp_to_wire(value)


def timestamp_from_wire(msg: Timestamp, field: str = "timestamp") -> datetime:
    """Read a moment as aware UTC. InvalidRequest naming `field` if it is out of range."""
    if not _SECONDS_MIN <= msg.seconds <= _SECONDS_MAX:
        raise InvalidRequest(field, f"{msg.seconds} seconds are outside the years 1 to 9999")
    if not 0 <= msg.nanos < _NANOS:
        raise InvalidRequest(field, f"{msg.nanos} nanos are outside 0 to 999999999")
    return _EPOCH + timedelta(seconds=msg.seconds, microseconds=msg.nanos // 1000)


def optional_timestamp_from_wire(owner: Message, name: str, field: str) -> datetime | None:
    """Read the timestamp field `name` of `owner`; None if it is not set."""
    return timestamp_from_wire(getattr(owner, name), field) if owner.HasField(name) else None


def required_timestamp_from_wire(owner: Message, name: str, field: str) -> datetime:
    """Read the timestamp field `name` of `owner`; InvalidRequest if it is not set."""
    if not owner.HasField(name):
        raise InvalidRequest(field, "required")
    return timestamp_from_wire(getattr(owner, name), field)


def duration_to_wire(seconds: float) -> Duration:
    """Write seconds as a duration, to the nanosecond. ValueError if not finite or too long."""
    if not abs(seconds) <= _DURATION_S_MAX:
        raise ValueError(f"{seconds} s is not a duration that the wire can hold")
    nanos = round(seconds * _NANOS)
    sign = -1 if nanos < 0 else 1
    whole, rest = divmod(abs(nanos), _NANOS)
    return Duration(seconds=sign * whole, nanos=sign * rest)


def duration_from_wire(msg: Duration, field: str = "duration") -> float:
    """Read a duration as seconds. InvalidRequest naming `field` if it is malformed."""
    if abs(msg.seconds) > _DURATION_S_MAX or abs(msg.nanos) >= _NANOS:
        raise InvalidRequest(field, "a duration is out of range")
    if msg.seconds * msg.nanos < 0:
        raise InvalidRequest(field, "seconds and nanos of a duration differ in sign")
    # One division of whole numbers rounds once; adding a fraction to seconds would round twice.
    return (msg.seconds * _NANOS + msg.nanos) / _NANOS


def times_to_wire(times: RecordTimes) -> types_pb2.RecordTimes:
    """Write where a record stands in time; what is not known stays unset."""
    return types_pb2.RecordTimes(
        venue_time=optional_timestamp_to_wire(times.venue_time),
        received_time=optional_timestamp_to_wire(times.received_time),
        journal_time=optional_timestamp_to_wire(times.journal_time),
        trading_date=optional_date_to_wire(times.trading_date),
    )


def times_from_wire(msg: types_pb2.RecordTimes, field: str = "times") -> RecordTimes:
    """Read where a record stands in time. InvalidRequest naming the part."""
    return RecordTimes(
        venue_time=optional_timestamp_from_wire(msg, "venue_time", f"{field}.venue_time"),
        received_time=optional_timestamp_from_wire(msg, "received_time", f"{field}.received_time"),
        journal_time=optional_timestamp_from_wire(msg, "journal_time", f"{field}.journal_time"),
        trading_date=optional_date_from_wire(msg, "trading_date", f"{field}.trading_date"),
    )
