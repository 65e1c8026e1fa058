"""IB's limits on requests for history, kept before anything is written."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from services.common.domain.errors import ReadFailed, Reason
from services.common.runtime.deadlines import deadline_scope
from services.ib_adapter.data_requests import HistoryAsk
from services.ib_adapter.history_pacing import HistoryPacing, HistoryTerms
from services.ib_adapter.library import Contract
from tests.unit.ib_adapter.hand_clock import HandClock

LONG_S = 10_000.0


def ask(number: int = 0, *, con_id: int = 1, bar_size: str = "1 min") -> HistoryAsk:
    """Requests of other numbers have other ends."""
    contract = Contract(conId=con_id, exchange="SMART")
    return HistoryAsk(contract, f"end {number}", "1 D", bar_size, "TRADES", regular_hours=False)


class Scene:
    def __init__(self, wait_max_s: float = LONG_S) -> None:
        self.clock = HandClock()
        self.pacing = HistoryPacing(self.clock, HistoryTerms(wait_max_s=wait_max_s))

    async def sent_at(self, *asks: HistoryAsk) -> list[float]:
        """When each went, in seconds since the first could."""
        begin, times = self.clock.monotonic(), []
        for one in asks:
            async with self.pacing.slot(one):
                times.append(round(self.clock.monotonic() - begin, 3))
        return times


async def test_fewer_than_six_of_a_contract_go_within_two_seconds() -> None:
    times = await Scene().sent_at(*map(ask, range(12)))
    for number, at in enumerate(times[5:]):
        assert at - times[number] >= 2.0
    assert times[4] == 0.0


async def test_other_contracts_and_kinds_are_counted_by_themselves() -> None:
    asks = [ask(n, con_id=1 + n // 5) for n in range(10)]
    asks += [replace(ask(n), what="BID") for n in range(5)]
    assert set(await Scene().sent_at(*asks)) == {0.0}


async def test_the_same_request_does_not_go_again_within_15_seconds() -> None:
    first, second = await Scene().sent_at(ask(), ask())
    assert second - first >= 15.0


async def test_at_most_60_small_bars_are_asked_for_in_ten_minutes() -> None:
    times = await Scene().sent_at(*(ask(n, con_id=n, bar_size="30 secs") for n in range(61)))
    assert times[59] == 0.0
    assert times[60] >= 600.0


async def test_longer_bars_are_not_counted_among_the_small() -> None:
    times = await Scene().sent_at(*(ask(n, con_id=n) for n in range(61)))
    assert set(times) == {0.0}


async def test_a_wait_that_is_too_long_is_refused_at_once_with_its_length() -> None:
    scene = Scene(wait_max_s=10.0)
    await scene.sent_at(ask())
    before = scene.clock.monotonic()
    with pytest.raises(ReadFailed) as error:
        await scene.sent_at(ask())
    assert error.value.reason is Reason.RATE_LIMITED
    assert error.value.retry_after_s is not None
    assert 15.0 <= error.value.retry_after_s < 16.0
    assert scene.clock.monotonic() == before


async def test_a_callers_deadline_bounds_the_wait() -> None:
    scene = Scene()
    await scene.sent_at(ask())
    with deadline_scope(scene.clock, 5.0), pytest.raises(ReadFailed) as error:
        await scene.sent_at(ask())
    assert error.value.reason is Reason.RATE_LIMITED


async def test_what_was_refused_is_not_counted() -> None:
    scene = Scene(wait_max_s=1.0)
    await scene.sent_at(*map(ask, range(5)))
    with pytest.raises(ReadFailed):
        await scene.sent_at(ask(6))
    scene.clock.pass_s(3.0)
    assert await scene.sent_at(ask(6)) == [0.0]


async def test_no_more_than_50_are_open_at_once() -> None:
    scene = Scene(wait_max_s=0.05)
    release = asyncio.Event()

    async def hold(number: int) -> None:
        async with scene.pacing.slot(ask(number, con_id=number)):
            await release.wait()

    holding = [asyncio.create_task(hold(number)) for number in range(50)]
    await asyncio.sleep(0)
    with pytest.raises(ReadFailed, match="50") as error:
        await scene.sent_at(ask(50, con_id=50))
    assert error.value.reason is Reason.RATE_LIMITED
    release.set()
    await asyncio.gather(*holding)
    assert await scene.sent_at(ask(50, con_id=50)) == [0.0]
