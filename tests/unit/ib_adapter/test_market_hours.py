"""IB's trading hours as a market clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.common.domain.errors import ReadFailed
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.trading_days import Hours, clock_at, listed_hours

WEEK = "20241101:0930-20241101:1600;20241102:CLOSED;20241103:CLOSED;20241104:0930-20241104:1600"


def read_hours(text: str, zone: str) -> Hours:
    return listed_hours(text, zone).sessions


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_hours_are_read_in_their_zone_over_a_change_of_the_clocks() -> None:
    friday, monday = read_hours(WEEK, "US/Eastern")
    assert friday[0] == utc("2024-11-01T13:30:00")  # summer time
    assert monday[1] == utc("2024-11-04T21:00:00")
    assert read_hours(WEEK, "EST (Eastern Standard Time)") == [friday, monday]


def test_during_a_session_the_market_is_open_and_opens_next_at_the_one_after() -> None:
    clock = clock_at(utc("2024-11-01T15:00:00"), read_hours(WEEK, "US/Eastern"))
    assert clock.is_open
    assert clock.next_close == utc("2024-11-01T20:00:00")
    assert clock.next_open == utc("2024-11-04T14:30:00")


def test_between_sessions_the_market_is_closed() -> None:
    clock = clock_at(utc("2024-11-02T15:00:00"), read_hours(WEEK, "US/Eastern"))
    assert not clock.is_open
    assert clock.next_open == utc("2024-11-04T14:30:00")
    assert clock.next_close == utc("2024-11-04T21:00:00")


def test_hours_that_have_passed_are_no_clock() -> None:
    with pytest.raises(ReadFailed):
        clock_at(utc("2024-11-05T15:00:00"), read_hours(WEEK, "US/Eastern"))


def test_days_without_a_session_are_listed_all_the_same() -> None:
    days = listed_hours(WEEK, "US/Eastern").days
    assert sorted(day.day for day in days) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("20241101:0930", "US/Eastern"),
        ("0930-1600", "US/Eastern"),
        ("", "US/Eastern"),
        (WEEK, "Nowhere/Land"),
    ],
)
def test_hours_of_another_form_are_unreadable(text: str, zone: str) -> None:
    with pytest.raises(Unreadable):
        read_hours(text, zone)
