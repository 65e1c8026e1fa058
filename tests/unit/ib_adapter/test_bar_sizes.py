"""Lengths, parts and ends of bars by IB's rules."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.common.domain.errors import InvalidRequest
from services.common.domain.market import Bar
from services.ib_adapter.bar_sizes import PARTS_MAX, Unit, aligned, bar_size, ended, parts_of
from services.ib_adapter.figures import NEW_YORK, Unreadable
from services.ib_adapter.library import BarData
from services.ib_adapter.translate_market import read_bar

DAY_S = 86_400.0


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bar(start: str) -> Bar:
    one = Decimal(1)
    return Bar(utc(start), one, one, one, one, one)


@pytest.mark.parametrize(
    ("length_s", "name"),
    [(60, "1 min"), (180, "3 mins"), (3600, "1 hour"), (28_800, "8 hours"), (DAY_S, "1 day")],
)
def test_a_length_has_ibs_name(length_s: float, name: str) -> None:
    assert bar_size(length_s).name == name


@pytest.mark.parametrize("length_s", [30.0, 420.0, 5 * 3600.0, 2 * DAY_S])
def test_a_length_that_ib_lacks_is_refused_by_name(length_s: float) -> None:
    with pytest.raises(InvalidRequest, match="bar_length"):
        bar_size(length_s)


def test_minutes_are_asked_for_day_by_day_from_midnight_to_midnight() -> None:
    # The clocks go back on November 3: that day has 25 hours.
    parts = parts_of(
        bar_size(60.0), utc("2024-11-01T15:00:00"), utc("2024-11-04T15:00:00"), NEW_YORK
    )
    assert [part.start for part in parts] == [
        utc(f"2024-11-{day}:00:00") for day in ("01T04", "02T04", "03T04", "04T05")
    ]
    assert parts[-1].end == utc("2024-11-05T05:00:00")
    joined = itertools.pairwise(parts)
    assert all(one.end == following.start for one, following in joined)


def test_an_end_at_midnight_asks_for_no_further_day() -> None:
    parts = parts_of(
        bar_size(60.0), utc("2024-11-04T05:00:00"), utc("2024-11-05T05:00:00"), NEW_YORK
    )
    assert len(parts) == 1


@pytest.mark.parametrize(("length_s", "days"), [(7 * DAY_S, [2, 2]), (30 * DAY_S, [1, 1])])
def test_parts_of_weeks_and_months_begin_with_one(length_s: float, days: list[int]) -> None:
    parts = parts_of(
        bar_size(length_s), utc("2023-10-05T15:00:00"), utc("2024-10-20T15:00:00"), NEW_YORK
    )
    assert [part.start.astimezone(NEW_YORK).day for part in parts] == days
    assert len(parts) == 2
    assert all(part.end - part.start <= timedelta(days=337) for part in parts)


def test_more_parts_than_may_be_asked_for_are_refused() -> None:
    start, size = utc("2024-01-01T15:00:00"), bar_size(60.0)
    assert len(parts_of(size, start, start + timedelta(days=PARTS_MAX - 1), NEW_YORK)) == PARTS_MAX
    with pytest.raises(InvalidRequest, match="start_time"):
        parts_of(size, start, start + timedelta(days=PARTS_MAX), NEW_YORK)


@pytest.mark.parametrize(
    ("length_s", "start", "ends_at"),
    [
        (60.0, "2024-11-04T15:00:00", "2024-11-04T15:01:00"),
        (3600.0, "2024-11-04T14:30:00", "2024-11-04T15:30:00"),
        (DAY_S, "2024-11-04T05:00:00", "2024-11-05T05:00:00"),
        (7 * DAY_S, "2024-10-28T04:00:00", "2024-11-04T05:00:00"),
        (30 * DAY_S, "2024-10-01T04:00:00", "2024-11-01T04:00:00"),
    ],
)
def test_the_last_bar_is_left_out_until_it_has_ended(
    length_s: float, start: str, ends_at: str
) -> None:
    size, bars = bar_size(length_s), [bar("2023-01-01T05:00:00"), bar(start)]
    before = utc(ends_at) - timedelta(seconds=1)
    assert ended(bars, size, NEW_YORK, None, before) == bars[:1]
    assert ended(bars, size, NEW_YORK, None, utc(ends_at)) == bars


def test_a_days_bar_has_ended_with_its_regular_session() -> None:
    today, closed_at = [bar("2024-11-04T05:00:00")], utc("2024-11-04T21:00:00")
    size = bar_size(DAY_S)
    assert ended(today, size, NEW_YORK, closed_at, utc("2024-11-04T20:59:59")) == []
    assert ended(today, size, NEW_YORK, closed_at, closed_at) == today
    another = utc("2024-11-05T21:00:00")
    assert ended(today, size, NEW_YORK, another, closed_at) == []


@pytest.mark.parametrize("told", ["2024-10-29T04:00:00", "2024-11-01T04:00:00"])
def test_a_week_begins_on_monday_whichever_of_its_days_it_is_told_under(told: str) -> None:
    assert aligned(utc(told), Unit.WEEK, NEW_YORK) == utc("2024-10-28T04:00:00")


def test_a_month_begins_on_its_first_day() -> None:
    told = utc("2024-11-29T05:00:00")
    assert aligned(told, Unit.MONTH, NEW_YORK) == utc("2024-11-01T04:00:00")


def row(date: str = "1730734200", **changed: float) -> BarData:
    values = {"open": 1.1, "high": 1.3, "low": 1.05, "close": 1.2, "volume": 500.0, "average": 1.15}
    return BarData(date=date, **{**values, "barCount": 7, **changed})  # type: ignore[arg-type]


def test_a_bar_is_read_exactly() -> None:
    assert read_bar(row(), NEW_YORK) == Bar(
        start_time=utc("2024-11-04T15:30:00"),
        open=Decimal("1.1"),
        high=Decimal("1.3"),
        low=Decimal("1.05"),
        close=Decimal("1.2"),
        volume=Decimal(500),
        trade_count=7,
        vwap=Decimal("1.15"),
    )


def test_a_days_bar_begins_at_midnight_at_the_exchange() -> None:
    assert read_bar(row("20241101"), NEW_YORK).start_time == utc("2024-11-01T04:00:00")
    assert read_bar(row("20241104"), NEW_YORK).start_time == utc("2024-11-04T05:00:00")


def test_what_a_bar_lacks_is_not_a_number() -> None:
    told = read_bar(row(volume=-1.0, average=-1.0, barCount=-1), NEW_YORK)
    assert (told.volume, told.vwap, told.trade_count) == (Decimal(0), None, None)


@pytest.mark.parametrize("date", ["", "20241399", "20241104 10:00:00 US/Eastern"])
def test_a_bar_without_a_time_is_unreadable(date: str) -> None:
    with pytest.raises(Unreadable):
        read_bar(row(date), NEW_YORK)
