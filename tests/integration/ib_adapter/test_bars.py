"""Bars over a real socket: the whole range, nothing unfinished, within IB's pacing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.common.adapter.port import BarQuery
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason
from services.common.domain.market import Bar
from services.common.runtime.clock import SystemClock
from services.common.runtime.deadlines import deadline_scope
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.conftest import Simulated
from tests.integration.ib_adapter.rig import PUT, SPY, Rig, fault, rig, settings_for
from tests.simulators.gateways import gateway_on_port

NO_DATA = "Historical Market Data Service error message:HMDS query returned no data: SPY@SMART"
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
PERMISSION = "Historical Market Data Service error message:No market data permissions for STK"
MINUTE_S, DAY_S = 60.0, 86_400.0


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
async def afternoon() -> AsyncIterator[Simulated]:
    """A Gateway on Monday, half past one in New York."""
    async with gateway_on_port(start=utc("2024-11-04T18:30:00")) as running:
        yield running


def requests(simulated: SimulatedIbGateway) -> int:
    entries = simulated.control.requests()
    return sum(entry.method == "reqHistoricalData" for entry in entries)


async def bars(built: Rig, length_s: float, start: str, end: str | None = None) -> tuple[Bar, ...]:
    query = BarQuery(SPY, length_s, utc(start), None if end is None else utc(end))
    return (await built.gateway.bars(query)).bars


def starts(found: tuple[Bar, ...]) -> list[datetime]:
    return [bar.start_time for bar in found]


async def test_minutes_over_several_days_have_no_hole_and_no_double(
    afternoon: Simulated, log: Path
) -> None:
    simulated, port = afternoon
    async with rig(settings_for(port), log) as built:
        found = starts(await bars(built, MINUTE_S, "2024-10-31T19:50:00", "2024-11-04T15:00:00"))
        assert found == sorted(set(found))
        assert found[0] == utc("2024-10-31T19:50:00")
        assert found[-1] == utc("2024-11-04T14:59:00")
        friday = [at for at in found if at.date().day == 1 and 13 <= at.hour < 20]
        regular = [at for at in friday if at >= utc("2024-11-01T13:30:00")]
        assert regular == [utc("2024-11-01T13:30:00") + timedelta(minutes=n) for n in range(390)]
        assert requests(simulated) == 5


async def test_the_bar_of_now_is_told_only_once_it_has_ended(
    afternoon: Simulated, log: Path
) -> None:
    simulated, port = afternoon
    async with rig(settings_for(port), log) as built:
        hours = await bars(built, 3600.0, "2024-11-04T16:00:00")
        assert starts(hours)[-1] == utc("2024-11-04T17:00:00")
        days = await bars(built, DAY_S, "2024-10-30T00:00:00")
        assert starts(days)[-1] == utc("2024-11-01T04:00:00")
        simulated.control.set_clock(utc("2024-11-04T21:00:01"))
        await built.gateway.status()  # reads the time
        days = await bars(built, DAY_S, "2024-10-30T00:00:00")
        assert starts(days)[-1] == utc("2024-11-04T05:00:00")


async def test_weeks_and_months_begin_with_their_first_day(afternoon: Simulated, log: Path) -> None:
    _, port = afternoon
    async with rig(settings_for(port), log) as built:
        weeks = starts(await bars(built, 7 * DAY_S, "2023-01-02T05:00:00"))
        assert all(at.weekday() == 0 for at in weeks)
        assert weeks == sorted(set(weeks))
        assert (weeks[0], weeks[-1]) == (utc("2023-01-02T05:00:00"), utc("2024-10-28T04:00:00"))
        months = starts(await bars(built, 30 * DAY_S, "2023-01-01T05:00:00"))
        assert [at.day for at in months] == [1] * 22  # to October 2024


async def test_start_is_included_and_end_is_not(afternoon: Simulated, log: Path) -> None:
    _, port = afternoon
    async with rig(settings_for(port), log) as built:
        found = await bars(built, 300.0, "2024-11-04T15:00:00", "2024-11-04T15:15:00")
        assert [at.minute for at in starts(found)] == [0, 5, 10]
        assert await bars(built, 300.0, "2024-11-05T15:00:00") == ()  # not begun yet


async def test_bars_of_an_option_are_its_own(afternoon: Simulated, log: Path) -> None:
    _, port = afternoon
    async with rig(settings_for(port), log) as built:
        query = BarQuery(PUT, 3600.0, utc("2024-11-01T13:00:00"))
        found = await built.gateway.bars(query)
        assert found.feed == "SMART"
        assert all(0 < bar.low <= bar.high < 100 for bar in found.bars)
        assert found.bars


async def test_what_was_just_asked_for_is_not_asked_again(afternoon: Simulated, log: Path) -> None:
    simulated, port = afternoon
    async with rig(settings_for(port), log) as built:
        asked = [bars(built, 300.0, "2024-11-01T15:00:00", "2024-11-01T16:00:00") for _ in range(3)]
        first, second, third = await asyncio.gather(*asked)
        assert first == second == third
        assert first
        again = await bars(built, 300.0, "2024-11-01T15:00:00", "2024-11-01T15:30:00")
        assert again == first[:6]
        assert requests(simulated) == 1


async def test_more_requests_than_ib_allows_wait_for_their_turn(
    afternoon: Simulated, log: Path
) -> None:
    simulated, port = afternoon
    async with rig(settings_for(port), log) as built:
        found = await bars(built, MINUTE_S, "2024-10-25T04:00:00", "2024-11-02T04:00:00")
        assert len({at.date() for at in starts(found)}) >= 6
        assert requests(simulated) == 8


async def test_who_can_not_wait_is_told_when_to_come_again(afternoon: Simulated, log: Path) -> None:
    _, port = afternoon
    async with rig(settings_for(port, data={"history_wait_s": 0.2}), log) as built:
        with pytest.raises(ReadFailed) as error:
            await bars(built, MINUTE_S, "2024-09-20T04:00:00", "2024-11-02T04:00:00")
        assert error.value.reason is Reason.RATE_LIMITED
        assert error.value.retry_after_s is not None
        assert 0 < error.value.retry_after_s < 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PACING, Reason.RATE_LIMITED),
        (PERMISSION, Reason.NOT_PERMITTED),
        ("Historical Market Data Service error message:something else", Reason.READ_FAILED),
    ],
)
async def test_a_refusal_is_an_error_by_its_text(
    text: str, reason: Reason, ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        fault(simulated, "error", method="reqHistoricalData", code=162, text=text)
        with pytest.raises(ReadFailed) as error:
            await bars(built, DAY_S, "2024-10-01T00:00:00")
        assert error.value.reason is reason


async def test_only_the_word_no_data_is_no_bars(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        fault(simulated, "error", method="reqHistoricalData", code=162, text=NO_DATA)
        assert await bars(built, DAY_S, "2024-10-01T00:00:00", "2024-10-09T00:00:00") == ()


async def test_a_late_answer_is_not_the_next_ones(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.quotes([SPY])
        fault(simulated, "delay", method="reqHistoricalData", delay_after_s=1.5)
        with deadline_scope(SystemClock(), 0.5), pytest.raises(ReadFailed):
            await bars(built, DAY_S, "2024-10-01T00:00:00", "2024-10-10T00:00:00")
        # What is sent in that time comes at its end, the late answer first.
        found = await bars(built, 7 * DAY_S, "2024-09-30T00:00:00", "2024-10-10T00:00:00")
        assert [at.day for at in starts(found)] == [30, 7]


async def test_one_part_that_fails_fails_all_bars(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    settings = settings_for(port, data={"history_timeout_s": 0.5})
    async with rig(settings, log) as built:
        fault(simulated, "drop_request", method="reqHistoricalData", ends="hang")
        with pytest.raises(ReadFailed):
            await bars(built, MINUTE_S, "2024-10-29T04:00:00", "2024-11-02T04:00:00")


async def test_too_many_bars_are_refused_by_name(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        with pytest.raises(InvalidRequest, match="start_time"):
            await bars(built, MINUTE_S, "2023-10-01T00:00:00")
