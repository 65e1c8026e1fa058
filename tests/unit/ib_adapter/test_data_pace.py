"""Requests for market data are spread out."""

from __future__ import annotations

import asyncio

import pytest

from services.common.domain.errors import ReadFailed, Reason
from services.ib_adapter.data_pace import DataPace
from tests.unit.ib_adapter.hand_clock import HandClock


async def test_a_few_go_at_once_and_the_others_evenly() -> None:
    clock = HandClock()
    pace, begin = DataPace(clock, 10.0), clock.monotonic()
    times = []
    for _ in range(25):
        await pace.take(within_s=5.0)
        times.append(round(clock.monotonic() - begin, 3))
    assert times[:5] == [0.0] * 5
    assert times[5:] == [round(0.1 * n, 3) for n in range(1, 21)]


async def test_after_a_rest_no_more_than_a_few_go_at_once() -> None:
    clock = HandClock()
    pace = DataPace(clock, 10.0)
    clock.pass_s(60.0)
    begin = clock.monotonic()
    for _ in range(6):
        await pace.take(within_s=5.0)
    assert clock.monotonic() - begin == pytest.approx(0.1)


async def test_a_turn_that_is_too_far_off_is_refused_at_once() -> None:
    clock = HandClock()
    pace, begin = DataPace(clock, 10.0), clock.monotonic()
    waiting = [asyncio.create_task(pace.take(within_s=5.0)) for _ in range(5)]
    await asyncio.gather(*waiting)
    with pytest.raises(ReadFailed) as error:
        await pace.take(within_s=0.05)
    assert error.value.reason is Reason.BUDGET_EXHAUSTED
    assert error.value.retry_after_s == pytest.approx(0.1)
    assert clock.monotonic() == begin
    await pace.take(within_s=0.2)  # who was refused has taken no turn
    assert clock.monotonic() - begin == pytest.approx(0.1)
