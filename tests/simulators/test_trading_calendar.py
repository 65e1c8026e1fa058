"""Sessions of the New York exchanges."""

from datetime import date, timedelta

import pytest

from simulators.venue import trading_calendar as calendar
from tests.simulators.markets import new_york


def test_a_session_runs_from_half_past_nine_to_four_in_new_york() -> None:
    session = calendar.session_on(date(2024, 11, 4))
    assert session is not None
    assert session.opens == new_york("2024-11-04", "09:30:00")
    assert session.closes == new_york("2024-11-04", "16:00:00")
    assert calendar.session_at(session.opens) == session
    assert calendar.session_at(session.closes) is None


@pytest.mark.parametrize(
    "day",
    ["2024-11-28", "2024-12-25", "2024-03-29", "2024-06-19", "2024-11-09", "2024-11-10"],
)
def test_holidays_and_weekends_have_no_session(day: str) -> None:
    assert calendar.session_on(date.fromisoformat(day)) is None


@pytest.mark.parametrize("day", ["2024-07-03", "2024-11-29", "2024-12-24"])
def test_early_closes_end_at_one(day: str) -> None:
    session = calendar.session_on(date.fromisoformat(day))
    assert session is not None
    assert session.closes == new_york(day, "13:00:00")


def test_daylight_saving_moves_the_opening_in_utc() -> None:
    before, after = (calendar.session_on(date(2024, 11, day)) for day in (1, 4))
    assert before is not None
    assert after is not None
    assert after.opens - before.opens == timedelta(days=3, hours=1)


def test_the_next_opening_skips_thanksgiving() -> None:
    evening = new_york("2024-11-27", "18:00:00")
    assert calendar.next_open(evening) == new_york("2024-11-29", "09:30:00")
    assert calendar.next_close(evening) == new_york("2024-11-29", "13:00:00")
    assert calendar.last_close(evening) == new_york("2024-11-27", "16:00:00")


def test_at_the_opening_the_next_one_is_tomorrows() -> None:
    opening = new_york("2024-11-04", "09:30:00")
    assert calendar.next_open(opening) == new_york("2024-11-05", "09:30:00")
    assert calendar.next_open(opening - timedelta(seconds=1)) == opening


def test_2024_has_252_sessions() -> None:
    assert len(calendar.sessions_between(date(2024, 1, 1), date(2024, 12, 31))) == 252
