"""The calendar out of what IB lists: joined, read to its beginning, refused beyond."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.common.domain.errors import InvalidRequest, ReadFailed, Reason
from services.ib_adapter.codes import Said
from services.ib_adapter.data_requests import HistoryAsk
from services.ib_adapter.library import Contract, ContractDetails
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.trading_days import TradingDays

# Friday November 1 to Tuesday November 5, 2024.
LISTED = (
    "20241101:0930-20241101:1600;20241102:CLOSED;20241103:CLOSED;"
    "20241104:0930-20241104:1600;20241105:0930-20241105:1300"
)


class Ib:
    """What IB lists ahead, and the weekdays that it tells of days gone by."""

    def __init__(self, listed: str = LISTED, *, reaches_back_to: date = date(2000, 1, 1)) -> None:
        self.listed = listed
        self.reaches_back_to = reaches_back_to
        self.error: RequestRefused | None = None
        self.asked: list[HistoryAsk] = []

    # As link, cache and pacing.
    def requests(self) -> Any:
        return self

    async def round_trip(self) -> None:
        """The time is known."""

    async def details(self, _share: Any, *, is_data: bool) -> ContractDetails:
        return ContractDetails(liquidHours=self.listed, timeZoneId="US/Eastern")

    async def contract(self, _share: Any, *, is_data: bool) -> Contract:
        return Contract(conId=1)

    @asynccontextmanager
    async def slot(self, ask: HistoryAsk) -> AsyncIterator[None]:
        self.asked.append(ask)
        yield

    async def schedule(self, ask: HistoryAsk, _within_s: float) -> tuple[str, list[Any]]:
        if self.error is not None:
            raise self.error
        end = datetime.strptime(ask.end, "%Y%m%d %H:%M:%S UTC").date()  # noqa: DTZ007
        count = int(ask.duration.split()[0])
        days = [end - timedelta(days=n) for n in range(1, count + 1)]
        sessions = [
            SimpleNamespace(
                startDateTime=f"{day:%Y%m%d}-09:30:00", endDateTime=f"{day:%Y%m%d}-16:00:00"
            )
            for day in sorted(days)
            if day.weekday() < 5 and day >= self.reaches_back_to
        ]
        return "US/Eastern", sessions

    def room(self) -> TradingDays:
        return TradingDays(
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            symbol="SPY",
            answer_s=5.0,
            all_s=10.0,
        )

    async def days(self, start: date, end: date) -> list[date]:
        room = self.room()
        return [found.day for found in await room.days(start, end)]


async def test_days_ahead_need_no_request() -> None:
    ib = Ib()
    assert await ib.days(date(2024, 11, 2), date(2024, 11, 5)) == [
        date(2024, 11, 4),
        date(2024, 11, 5),
    ]
    assert ib.asked == []


async def test_days_gone_by_are_joined_without_one_twice() -> None:
    found = await Ib().days(date(2024, 10, 30), date(2024, 11, 4))
    assert [day.day for day in found] == [30, 31, 1, 4]


async def test_days_gone_by_are_asked_for_once() -> None:
    ib = Ib()
    room, asked = ib.room(), (date(2024, 10, 1), date(2024, 10, 31))
    first, second = await asyncio.gather(room.days(*asked), room.days(*asked))
    assert first == second == await room.days(*asked)
    assert len(ib.asked) == 1


async def test_a_long_time_is_asked_for_in_parts_that_meet() -> None:
    ib = Ib()
    found = await ib.days(date(2022, 1, 3), date(2024, 10, 31))
    weekdays = [date(2022, 1, 3) + timedelta(days=n) for n in range(1033)]
    assert found == [day for day in weekdays if day.weekday() < 5]
    assert all(int(ask.duration.split()[0]) <= 365 for ask in ib.asked)


async def test_a_schedule_that_begins_later_than_was_asked_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="start_date") as error:
        await Ib(reaches_back_to=date(2024, 6, 3)).days(date(2024, 1, 2), date(2024, 10, 31))
    assert error.value.reason is Reason.UNSUPPORTED_BY_VENUE


async def test_a_schedule_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="start_date"):
        await Ib(reaches_back_to=date(2025, 1, 1)).days(date(2024, 10, 1), date(2024, 10, 4))


async def test_a_day_that_is_not_listed_between_others_is_an_error() -> None:
    hole = "20241104:0930-20241104:1600;20241106:0930-20241106:1600"
    assert await Ib(hole).days(date(2024, 11, 6), date(2024, 11, 6)) == [date(2024, 11, 6)]
    with pytest.raises(ReadFailed):
        await Ib(hole).days(date(2024, 11, 4), date(2024, 11, 6))


@pytest.mark.parametrize(
    ("code", "text", "kind", "reason"),
    [
        (321, "not known", InvalidRequest, Reason.UNSUPPORTED_BY_VENUE),
        (354, "not subscribed", ReadFailed, Reason.NOT_PERMITTED),
    ],
)
async def test_a_refusal_is_no_empty_calendar(
    code: int, text: str, kind: type[Exception], reason: Reason
) -> None:
    ib = Ib()
    ib.error = RequestRefused(Said(1, code, text))
    with pytest.raises(kind) as error:
        await ib.days(date(2024, 10, 1), date(2024, 10, 4))
    assert getattr(error.value, "reason", None) is reason
