"""Moments cross the wire to the microsecond, whatever their zone; odd ones are refused."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.common.contract.convert import (
    date_from_wire,
    date_to_wire,
    duration_from_wire,
    duration_to_wire,
    optional_date_from_wire,
    optional_date_to_wire,
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
    required_timestamp_from_wire,
    times_from_wire,
    times_to_wire,
    timestamp_from_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import RecordTimes
from tests.unit.contract.strategies import DATES, MOMENTS, TIMES, ZONES, unhurried


@unhurried
@given(MOMENTS, ZONES)
def test_a_moment_comes_back_as_utc(moment: datetime, zone: timezone) -> None:
    back = timestamp_from_wire(timestamp_to_wire(moment.astimezone(zone)))
    assert back == moment
    assert back.utcoffset() == timedelta(0)


@unhurried
@given(MOMENTS)
def test_a_moment_is_written_as_protobuf_writes_it(moment: datetime) -> None:
    expected = Timestamp()
    expected.FromDatetime(moment)
    assert timestamp_to_wire(moment) == expected


@unhurried
@given(DATES)
def test_a_date_comes_back(day: date) -> None:
    assert date_from_wire(date_to_wire(day), "expiry") == day


@unhurried
@given(TIMES)
def test_record_times_come_back(times: RecordTimes) -> None:
    assert times_from_wire(times_to_wire(times)) == times


@unhurried
@given(st.floats(-3e11, 3e11))
def test_a_duration_comes_back_to_the_nanosecond(seconds: float) -> None:
    msg = duration_to_wire(seconds)
    assert msg.seconds * msg.nanos >= 0
    assert duration_from_wire(msg) == pytest.approx(seconds, abs=1e-9, rel=1e-15)


def test_nanoseconds_are_cut_to_microseconds() -> None:
    moment = timestamp_from_wire(Timestamp(seconds=0, nanos=999_999_999))
    assert moment == datetime(1970, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)


def test_the_ends_of_the_range_can_be_read() -> None:
    first = timestamp_from_wire(Timestamp(seconds=-62_135_596_800))
    last = timestamp_from_wire(Timestamp(seconds=253_402_300_799, nanos=999_999_999))
    assert first == datetime.min.replace(tzinfo=UTC)
    assert last == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(-62_135_596_801, 0), (253_402_300_800, 0), (2**63 - 1, 0), (0, -1), (0, 10**9)],
)
def test_a_moment_out_of_range_is_refused_by_its_field(seconds: int, nanos: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        timestamp_from_wire(Timestamp(seconds=seconds, nanos=nanos), "order.not_after")
    assert caught.value.field == "order.not_after"


def test_a_moment_without_a_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="aware"):
        timestamp_to_wire(datetime(2024, 11, 4, 10, 0))  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [(0, 0, 0), (2024, 0, 1), (2024, 2, 30), (2023, 2, 29), (1969, 12, 31), (2100, 1, 1)],
)
def test_a_day_that_is_none_is_refused_by_its_field(year: int, month: int, day: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        date_from_wire(types_pb2.Date(year=year, month=month, day=day), "expiry")
    assert caught.value.field == "expiry"


def test_a_date_that_could_not_be_read_is_not_written() -> None:
    with pytest.raises(ValueError, match="1970 to 2099"):
        date_to_wire(date(1969, 12, 31))


@pytest.mark.parametrize(
    "msg",
    [
        Duration(seconds=1, nanos=-1),
        Duration(seconds=-1, nanos=1),
        Duration(nanos=10**9),
        Duration(seconds=2**62),
    ],
)
def test_a_malformed_duration_is_refused(msg: Duration) -> None:
    with pytest.raises(InvalidRequest, match="age"):
        duration_from_wire(msg, "age")


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -float("inf"), 1e12])
def test_a_time_span_that_is_none_is_not_written(seconds: float) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_to_wire(seconds)


def test_what_is_unset_is_none() -> None:
    times = types_pb2.RecordTimes()
    assert optional_timestamp_from_wire(times, "venue_time", "venue_time") is None
    assert optional_date_from_wire(times, "trading_date", "trading_date") is None
    assert optional_timestamp_to_wire(None) is None
    assert optional_date_to_wire(None) is None
    with pytest.raises(InvalidRequest, match="venue_time: required"):
        required_timestamp_from_wire(times, "venue_time", "venue_time")


def test_a_malformed_record_time_names_the_part() -> None:
    msg = types_pb2.RecordTimes(journal_time=Timestamp(nanos=-1))
    with pytest.raises(InvalidRequest) as caught:
        times_from_wire(msg, "created")
    assert caught.value.field == "created.journal_time"
