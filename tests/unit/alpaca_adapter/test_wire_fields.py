"""Unit tests of reading single fields: exact decimals, times to the nanosecond, gaps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.exchange import parse_exact
from services.alpaca_adapter.wire_fields import Unreadable


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("10", "10"),
        ("105.890", "105.890"),
        ("-2", "-2"),
        ("-0", "0"),
        ("0.000000001", "0.000000001"),
        ("123456789012345678.123456789012345678", "123456789012345678.123456789012345678"),
        (3, "3"),
        (-3, "-3"),
        ("007", "7"),
    ],
)
def test_decimals_are_read_exactly(value: Any, read: str) -> None:
    found = wire_fields.decimal({"qty": value}, "qty")
    assert found is not None
    assert str(found) == read or found == Decimal(read)
    assert not (found == 0 and found.is_signed())


def test_numbers_of_json_keep_their_digits() -> None:
    fields = parse_exact(b'{"bp": 8.50, "ap": 1e-7, "big": 12345678901234567.89}')
    assert str(wire_fields.decimal(fields, "bp")) == "8.50"
    assert wire_fields.decimal(fields, "ap") == Decimal("0.0000001")
    assert str(wire_fields.decimal(fields, "big")) == "12345678901234567.89"


@pytest.mark.parametrize("missing", [None, ""])
def test_a_decimal_that_is_not_there_is_none(missing: Any) -> None:
    assert wire_fields.decimal({"qty": missing}, "qty") is None
    assert wire_fields.decimal({}, "qty") is None


@pytest.mark.parametrize(
    "value",
    ["1e400", "NaN", "Infinity", "1,5", "abc", True, [], {}, Decimal("1e400"), 10**30, " 1", "١"],
)
def test_what_is_no_decimal_is_unreadable_and_never_zero(value: Any) -> None:
    with pytest.raises(Unreadable):
        wire_fields.decimal({"qty": value}, "qty")
    assert wire_fields.lenient_decimal({"qty": value}, "qty") is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (
            "2023-12-12T21:35:49.102449524Z",
            datetime(2023, 12, 12, 21, 35, 49, 102449, tzinfo=UTC),
        ),
        ("2024-11-04T10:00:00-05:00", datetime(2024, 11, 4, 15, tzinfo=UTC)),
        ("2024-11-04T10:00:00.5-0500", datetime(2024, 11, 4, 15, 0, 0, 500000, tzinfo=UTC)),
        ("2024-11-04 15:00:00Z", datetime(2024, 11, 4, 15, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_utc_to_the_microsecond(value: str, read: datetime) -> None:
    found = wire_fields.time({"t": value}, "t")
    assert found == read
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", "2024-11-04", "2024-13-04T10:00:00Z", 5, "2024-11-04T10:00:00"]
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert wire_fields.time({"t": value}, "t") is None


def test_nanoseconds_are_kept_for_paging() -> None:
    assert wire_fields.nanoseconds("1970-01-01T00:00:01.000000001Z") == 1_000_000_001


def test_a_moment_is_written_in_utc() -> None:
    eastern = timezone(timedelta(hours=-5))
    at = datetime(2024, 11, 4, 10, 0, 0, 5, tzinfo=eastern)
    assert wire_fields.wire_time(at) == "2024-11-04T15:00:00.000005Z"


def test_the_trading_date_is_the_day_in_new_york() -> None:
    assert wire_fields.trading_date(datetime(2024, 11, 5, 4, 30, tzinfo=UTC)) == date(2024, 11, 4)
    assert wire_fields.trading_date(None) is None


@pytest.mark.parametrize("value", ["x", 5, {"a": 1}, [1]])
def test_what_is_no_list_of_objects_is_unreadable(value: Any) -> None:
    with pytest.raises(Unreadable):
        wire_fields.records({"legs": value}, "legs")
    assert wire_fields.records({"legs": None}, "legs") == []
