"""Ticks and history over one connection: who gets them, what ends them, what is given back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from services.common.adapter.pacer import BudgetTerms, Pacer
from services.common.domain.errors import ReadFailed, Reason
from services.common.runtime.clock import SystemClock
from services.ib_adapter.asking import RequestTerms
from services.ib_adapter.codes import Said
from services.ib_adapter.data_requests import HistoryAsk, Need
from services.ib_adapter.hearing import Hearing
from services.ib_adapter.library import BarData, Contract
from services.ib_adapter.pending import Pending, RequestRefused
from services.ib_adapter.requests import Requests
from services.ib_adapter.ticks import Side, TickLine, Ticks

LONG_S = 20.0
PLENTY = BudgetTerms(1_000, 1.0)
NEVER = Need(lambda _: False, lambda _: False)
WHOLE = Need(lambda ticks: ticks.is_quote_whole, lambda _: False)


class Wire:
    """Notes what is asked; `client` is what the library's client is there."""

    def __init__(self) -> None:
        self.is_open = True
        self.asked: list[tuple[Any, ...]] = []
        self._number = 0
        self.client: Any = SimpleNamespace(
            reqMktData=lambda number, *_a, **k: self.asked.append(("data", number, k["snapshot"])),
            cancelMktData=lambda number: self.asked.append(("cancel data", number)),
            reqHistoricalData=lambda number, *_a, **_k: self.asked.append(("history", number)),
            cancelHistoricalData=lambda number: self.asked.append(("cancel history", number)),
        )

    def next_id(self) -> int:
        self._number += 1
        return self._number


class News:
    """What nobody waits for."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.lost: list[str] = []

    def on_said(self, said: Said) -> None:
        self.said.append(said)

    def on_lost_message(self, reason: str, *, is_framing: bool) -> None:
        self.lost.append(reason)


class Scene:
    def __init__(self, budget: BudgetTerms = PLENTY) -> None:
        clock = SystemClock()
        self.wire, self.news, pending = Wire(), News(), Pending()
        self.hears = Hearing(pending, self.news)  # type: ignore[arg-type]
        self.requests = Requests(
            self.wire,  # type: ignore[arg-type]
            pending,
            Pacer(clock, budget),
            clock,
            RequestTerms(LONG_S, LONG_S, LONG_S),
        )

    async def asked(self, count: int = 1) -> None:
        """Wait until so much was asked."""
        async with asyncio.timeout(LONG_S):
            while len(self.wire.asked) < count:
                await asyncio.sleep(0)

    async def written(self) -> list[tuple[Any, ...]]:
        """What was asked once all that is given back is written."""
        for _ in range(50):
            await asyncio.sleep(0)
        return self.wire.asked

    def snapshot(
        self, need: Need = WHOLE, within_s: float = LONG_S
    ) -> asyncio.Task[tuple[Ticks, bool]]:
        return asyncio.create_task(self.requests.snapshot(Contract(), need, within_s))

    def quote(self, number: int = 1) -> None:
        self.hears.marketDataType(number, 1)
        self.hears.priceSizeTick(number, 1, 8.5, 10.0)
        self.hears.priceSizeTick(number, 2, 9.0, 7.0)


async def test_a_snapshot_that_is_whole_is_given_back() -> None:
    scene = Scene()
    reading = scene.snapshot()
    await scene.asked()
    scene.quote()
    ticks, is_all = await reading
    assert is_all
    assert ticks.is_quote_whole
    assert await scene.written() == [("data", 1, True), ("cancel data", 1)]


async def test_a_snapshot_that_the_gateway_ends_is_not_there_to_be_canceled() -> None:
    scene = Scene()
    reading = scene.snapshot()
    await scene.asked()
    scene.hears.priceSizeTick(1, 1, 8.5, 10.0)
    scene.hears.tickSnapshotEnd(1)
    ticks, is_all = await reading
    assert (is_all, ticks.are_both_sides_told) == (True, False)
    assert await scene.written() == [("data", 1, True)]


async def test_what_will_do_is_waited_for_a_while_longer_and_no_more() -> None:
    scene = Scene()
    reading = scene.snapshot(Need(lambda _: False, lambda t: t.is_quote_whole, 0.01))
    await scene.asked()
    scene.quote()
    ticks, is_all = await reading
    assert (is_all, ticks.greeks) == (True, None)


async def test_a_snapshot_out_of_time_has_what_came() -> None:
    scene = Scene()
    reading = scene.snapshot(NEVER, 0.05)
    await scene.asked()
    scene.quote()
    ticks, is_all = await reading
    assert (is_all, ticks.are_both_sides_told) == (False, True)
    assert (await scene.written())[-1] == ("cancel data", 1)


async def test_late_ticks_of_one_request_are_not_those_of_the_next() -> None:
    scene = Scene()
    await scene.snapshot(NEVER, 0.0)
    reading = scene.snapshot()
    await scene.asked(3)
    scene.hears.priceSizeTick(1, 1, 1.0, 1.0)
    scene.hears.tickSnapshotEnd(1)
    scene.quote(2)
    ticks, _ = await reading
    assert str(ticks.price(Side.BID)) == "8.5"


async def test_a_refused_snapshot_raises_the_gateways_word() -> None:
    scene = Scene()
    reading = scene.snapshot()
    await scene.asked()
    scene.hears.error(1, 10167, "displaying delayed market data")  # a notice ends nothing
    scene.hears.error(1, 354, "not subscribed")
    with pytest.raises(RequestRefused) as error:
        await reading
    assert error.value.reason is Reason.NOT_PERMITTED
    assert await scene.written() == [("data", 1, True)]
    assert scene.news.said == []


STOPS, GOES_ON = [1100, 1101, 2103, 2110], [1102, 2104, 2105]


@pytest.mark.parametrize(
    ("code", "stops"), [*((code, True) for code in STOPS), *((code, False) for code in GOES_ON)]
)
async def test_ticks_end_where_some_may_be_missing(code: int, stops: bool) -> None:
    scene = Scene()
    async with scene.requests.stream(Contract(), lambda _: None) as line:
        scene.hears.error(-1, code, "said")
        assert line.done.done() is stops
        if stops:
            assert isinstance(line.done.exception(), ReadFailed)
    # The Gateway may have kept it all the same.
    assert (await scene.written())[-1] == ("cancel data", 1)
    assert [said.code for said in scene.news.said] == [code]


async def test_another_session_that_has_the_data_ends_the_line() -> None:
    scene = Scene()
    async with scene.requests.stream(Contract(), lambda _: None) as line:
        scene.hears.error(1, 10197, "No market data during competing live session")
        error = line.done.exception()
    assert isinstance(error, RequestRefused)
    assert error.reason is Reason.VENUE_UNAVAILABLE


async def test_a_tick_that_can_not_be_read_spoils_quotes_and_nothing_else() -> None:
    scene = Scene()
    history = asyncio.create_task(scene.requests.history(ask(), LONG_S))
    await scene.asked()
    async with scene.requests.stream(Contract(), lambda _: None) as line:
        scene.hears.unread("21", ValueError("no number"))
        assert isinstance(line.done.exception(), ReadFailed)
    scene.hears.historicalDataEnd(1, "", "")
    assert await history == []
    assert scene.news.lost == []


async def test_a_reader_that_leaves_gives_its_line_back() -> None:
    scene = Scene()

    async def read() -> None:
        async with scene.requests.stream(Contract(), lambda _: None) as line:
            await line.done

    reading = asyncio.create_task(read())
    await scene.asked()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert await scene.written() == [("data", 1, False), ("cancel data", 1)]


async def test_each_tick_is_told_to_its_line() -> None:
    scene, told = Scene(), list[TickLine]()
    async with scene.requests.stream(Contract(), told.append) as line:
        scene.quote()
        scene.hears.tickString(1, 45, "1730734200")
        scene.hears.tickGeneric(1, 49, 0.0)
        scene.hears.tickOptionComputation(1, 13, 0, 0.3, -0.5, 8.7, 0.0, 0.01, 0.3, -0.1, 400.0)
    assert told == [line] * 6
    assert line.ticks.greeks is not None
    assert line.ticks.greeks.delta == -0.5


def ask() -> HistoryAsk:
    return HistoryAsk(Contract(), "end", "1 D", "1 min", "TRADES", regular_hours=False)


async def test_history_out_of_time_is_canceled_and_an_error() -> None:
    scene = Scene()
    with pytest.raises(ReadFailed, match="reqHistoricalData"):
        await scene.requests.history(ask(), 0.01)
    assert await scene.written() == [("history", 1), ("cancel history", 1)]
    scene.hears.error(1, 162, "API historical data query cancelled: 1")
    assert [said.code for said in scene.news.said] == [162]


async def test_a_late_answer_of_history_finds_nobody() -> None:
    scene = Scene()
    with pytest.raises(ReadFailed):
        await scene.requests.history(ask(), 0.01)
    second = asyncio.create_task(scene.requests.history(ask(), LONG_S))
    await scene.asked(3)
    scene.hears.historicalData(1, BarData(close=1.0))
    scene.hears.historicalDataEnd(1, "", "")
    scene.hears.historicalData(2, BarData(close=2.0))
    scene.hears.historicalDataEnd(2, "", "")
    assert [bar.close for bar in await second] == [2.0]


async def test_a_refused_request_for_history_is_not_canceled() -> None:
    scene = Scene()
    reading = asyncio.create_task(scene.requests.history(ask(), LONG_S))
    await scene.asked()
    scene.hears.error(1, 162, "HMDS query returned no data")
    with pytest.raises(RequestRefused):
        await reading
    assert await scene.written() == [("history", 1)]


async def test_too_many_messages_are_told_though_a_request_ends_by_it() -> None:
    scene = Scene()
    reading = asyncio.create_task(scene.requests.history(ask(), LONG_S))
    await scene.asked()
    scene.hears.error(1, 100, "Max rate of messages per second has been exceeded")
    with pytest.raises(RequestRefused) as error:
        await reading
    assert error.value.reason is Reason.RATE_LIMITED
    assert [said.code for said in scene.news.said] == [100]


async def test_lines_are_given_back_no_quicker_than_messages_may_go() -> None:
    scene = Scene(BudgetTerms(10, 0.2, share=1.0, cancel_reserve=0))
    began = asyncio.get_running_loop().time()
    for _ in range(12):
        async with scene.requests.stream(Contract(), lambda _: None):
            pass
    await scene.asked(24)
    assert asyncio.get_running_loop().time() - began >= 0.4


async def test_a_line_waits_until_those_before_it_are_back() -> None:
    scene = Scene(BudgetTerms(4, 0.1, share=1.0, cancel_reserve=0))
    readings = [scene.snapshot(NEVER, 0.0) for _ in range(4)]
    await asyncio.gather(*readings)
    reading = scene.snapshot()
    await scene.asked(9)
    assert [entry[0] for entry in scene.wire.asked] == ["data"] * 4 + ["cancel data"] * 4 + ["data"]
    scene.quote(5)
    await reading


async def test_a_connection_that_is_gone_is_given_nothing_back() -> None:
    scene = Scene()
    async with scene.requests.stream(Contract(), lambda _: None):
        scene.wire.is_open = False
    assert await scene.written() == [("data", 1, False)]
