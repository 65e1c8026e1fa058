"""Unit tests of what answers say besides their content: the venue's time, and its limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.alpaca_adapter.rest import Api
from services.alpaca_adapter.venue_watch import VenueWatch
from tests.unit.alpaca_adapter.wire import ManualClock, NoPace, Reply, answer

DATE = "Wed, 01 May 2024 12:00:10 GMT"
EPOCH = int(datetime(2024, 5, 1, 12, 0, 10, tzinfo=UTC).timestamp())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def watched(clock: ManualClock) -> tuple[VenueWatch, dict[Api, NoPace]]:
    paces = {api: NoPace() for api in Api}
    return VenueWatch(clock, paces), paces


def test_before_the_first_answer_the_venues_time_is_not_known(clock: ManualClock) -> None:
    assert watched(clock)[0].now() is None


def test_the_date_of_an_answer_sets_the_venues_clock(clock: ManualClock) -> None:
    watch, _ = watched(clock)
    watch(Api.TRADING, answer(Reply(500, headers={"Date": DATE})))
    now = watch.now()
    assert now is not None
    assert abs(now - datetime(2024, 5, 1, 12, 0, 10, tzinfo=UTC)) < timedelta(seconds=1.2)
    clock.at += 60.0
    later = watch.now()
    assert later is not None
    assert later - now == timedelta(seconds=60)


def test_the_limit_is_read_against_the_same_answers_date(clock: ManualClock) -> None:
    watch, paces = watched(clock)
    headers = {
        "Date": DATE,
        "X-RateLimit-Limit": "200",
        "X-RateLimit-Remaining": "150",
        "X-RateLimit-Reset": str(EPOCH + 42),
    }
    watch(Api.TRADING, answer(Reply(200, {}, headers=headers)))
    assert paces[Api.TRADING].seen == [(200, 150, 42.0)]
    left = watch.requests_left
    assert left is not None
    assert (left.limit, left.remaining) == (200, 150)
    assert left.reset == clock.now() + timedelta(seconds=42)
    watch(Api.STOCKS, answer(Reply(200, {}, headers=headers | {"X-RateLimit-Remaining": "1"})))
    assert watch.requests_left == left, "market data has a limit of its own"
    assert paces[Api.STOCKS].seen == [(200, 1, 42.0)]


@pytest.mark.parametrize(
    ("headers", "pause"), [({}, None), ({"Date": DATE, "X-RateLimit-Reset": "soon"}, None)]
)
def test_a_429_is_told_to_the_pacer(
    clock: ManualClock, headers: dict[str, str], pause: float | None
) -> None:
    watch, paces = watched(clock)
    watch(Api.TRADING, answer(Reply(429, raw=b"<html>", headers=headers)))
    assert paces[Api.TRADING].throttles == [pause]


def test_odd_headers_are_passed_over(clock: ManualClock) -> None:
    watch, paces = watched(clock)
    odd = {"Date": "yesterday", "X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "-1"}
    watch(Api.TRADING, answer(Reply(200, {}, headers=odd)))
    assert (watch.now(), watch.requests_left, paces[Api.TRADING].seen) == (None, None, [])
