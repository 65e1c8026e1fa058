"""The time of the Gateway's nightly restart, by IB's clock and in the zone that it is set in."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from services.ib_adapter.session_restart import Restart, RestartTerms

NEW_YORK = ZoneInfo("America/New_York")


def restart(now: str, at: str | None = "23:55", *, window_s: float = 900.0) -> Restart:
    terms = RestartTerms(None if at is None else time.fromisoformat(at), NEW_YORK, window_s, 5.0)
    return Restart(terms, lambda: datetime.fromisoformat(now).astimezone(UTC))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-11-14T23:53:59-05:00", False),
        ("2024-11-14T23:54:00-05:00", True),
        ("2024-11-15T00:08:59-05:00", True),  # over midnight
        ("2024-11-15T00:09:00-05:00", False),
        ("2024-11-15T12:00:00-05:00", False),
        ("2024-07-15T03:56:00+00:00", True),  # summer time
        ("2024-07-15T04:56:00+00:00", False),
    ],
)
def test_the_restart_is_expected_in_its_window_only(now: str, expected: bool) -> None:
    assert restart(now).is_expected is expected


def test_a_restart_early_in_the_day_is_expected_from_the_day_before() -> None:
    assert restart("2024-11-14T23:59:30-05:00", "00:00").is_expected


def test_without_a_time_no_restart_is_expected() -> None:
    assert not restart("2024-11-14T23:55:00-05:00", None).is_expected


def test_while_the_gateway_restarts_it_is_tried_more_often() -> None:
    assert restart("2024-11-14T23:56:00-05:00").backoff_max_s(30.0) == 5.0
    assert restart("2024-11-14T23:56:00-05:00").backoff_max_s(2.0) == 2.0
    assert restart("2024-11-14T12:00:00-05:00").backoff_max_s(30.0) == 30.0
