"""Market data and activities between the real gateway and the simulated Alpaca."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.common.adapter.port import ActivityQuery, BarQuery, ContractQuery
from services.common.domain.activities import Activity, ActivityType
from services.common.domain.errors import ReadFailed, Unavailable
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, ExerciseStyle, Instrument, OptionRight
from services.common.domain.market import QuoteQuality, StreamedQuote
from services.common.domain.occ import parse_occ
from simulators.alpaca.settings import AlpacaSettings
from tests.integration.alpaca_adapter.rig import (
    PUT,
    SPY,
    Rig,
    eventually,
    limit,
    rig,
    settings_for,
)
from tests.integration.alpaca_adapter.simulated import A, fault
from tests.simulators.process import RunningAlpaca, alpaca_in_thread

QQQ = Equity("QQQ")
OPENED = datetime(2024, 11, 4, 14, 30, tzinfo=UTC)
FAST_STREAMS = {"quotes": {"idle_s": 0.2, "answer_s": 2.0, "lost_s": 5.0}}


async def test_bars_are_read_over_all_their_pages(alpaca: RunningAlpaca) -> None:
    day = timedelta(days=1)
    # The first bars take the simulator a moment.
    patience = {"read_timeout_s": 20.0, "total_timeout_s": 40.0, "read_deadline_s": 60.0}
    async with rig(settings_for(alpaca.url, rest=patience), in_sync=False) as it:
        minutes = await it.gateway.bars(BarQuery(SPY, 60.0, OPENED - 40 * day, OPENED))
        assert minutes.feed == "iex"
        pages = [e for e in alpaca.control("GET", "/requests") if e["path"] == "/v2/stocks/bars"]
        assert len(pages) == 2
        times = [bar.start_time for bar in minutes.bars]
        assert times == sorted(set(times))
        assert len(times) == 27 * 390 + 330  # the first day from 10:30 on
        assert all(bar.low <= bar.open <= bar.high for bar in minutes.bars)
        days = await it.gateway.bars(BarQuery(SPY, 86_400.0, OPENED - 60 * day))
        assert 40 <= len(days.bars) <= 43
        options = await it.gateway.bars(BarQuery(PUT, 3600.0, OPENED - 3 * day))
        assert options.feed == "opra"
        assert options.bars


async def test_contracts_are_listed_beyond_the_default_window(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url), in_sync=False) as it:
        query = ContractQuery(
            "SPY", date(2024, 11, 4), strike_from=Decimal(390), strike_to=Decimal(410)
        )
        listed = await it.gateway.option_contracts(query)
        terms = [(o.contract.expiry, o.contract.strike) for o in listed]
        assert len(listed) > 100
        assert terms == sorted(terms)
        assert terms[-1][0] > date(2024, 12, 31)
        narrow = ContractQuery(
            "SPY",
            date(2024, 11, 15),
            date(2024, 11, 15),
            Decimal(400),
            Decimal(400),
            OptionRight.PUT,
        )
        (found,) = await it.gateway.option_contracts(narrow)
        assert found.contract == PUT
        assert (found.contract.underlying, found.contract.multiplier) == ("SPY", 100)
        assert found.contract.style is ExerciseStyle.AMERICAN
        assert found.tradable
        assert found.venue_contract_id


async def test_snapshots_have_greeks_and_their_feed(alpaca: RunningAlpaca) -> None:
    unknown = parse_occ("ZZZ241115P00400000")
    async with rig(settings_for(alpaca.url, option_feed="opra"), in_sync=False) as it:
        (found,) = await it.gateway.option_snapshots([PUT, unknown])
        assert (found.quote.instrument, found.quote.bid_price) == (PUT, Decimal("8.5"))
        # The account has no agreement for opra: what is given is said to be worth less.
        assert (found.quote.feed, found.quote.quality) == ("indicative", QuoteQuality.INDICATIVE)
        assert found.greeks is not None
        assert found.greeks.delta is not None
        assert -1 < found.greeks.delta < 0
        assert found.greeks.implied_volatility


async def test_a_better_feed_is_used_where_the_account_has_it() -> None:
    paid = AlpacaSettings(stock_feed="sip", option_feed="opra")
    wanted = {"stock_feed": "sip", "option_feed": "opra"}
    with alpaca_in_thread(paid) as rich:
        async with rig(settings_for(rich.url, **wanted), in_sync=False) as it:
            quotes = await it.gateway.quotes([SPY, PUT])
            assert [quote.feed for quote in quotes] == ["sip", "opra"]
            assert (await it.gateway.bars(BarQuery(SPY, 86_400.0, OPENED))).feed == "sip"
    with alpaca_in_thread() as poor:
        async with rig(settings_for(poor.url, **wanted), in_sync=False) as it:
            quotes = await it.gateway.quotes([SPY, PUT])
            assert [quote.feed for quote in quotes] == ["iex", "indicative"]


async def test_a_page_that_fails_is_read_again_and_one_that_stays_away_is_an_error(
    alpaca: RunningAlpaca,
) -> None:
    query = BarQuery(SPY, 86_400.0, OPENED - timedelta(days=10))
    async with rig(settings_for(alpaca.url), in_sync=False) as it:
        fault(alpaca, "GET", "/v2/stocks/bars", kind="status", status=503, when="before")
        assert (await it.gateway.bars(query)).bars
        fault(alpaca, "GET", "/v2/stocks/bars", kind="status", status=503, when="before", times=0)
        with pytest.raises(ReadFailed):
            await it.gateway.bars(query)


async def test_the_calendar_knows_short_days(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url), in_sync=False) as it:
        days = await it.gateway.market_calendar(date(2024, 11, 25), date(2024, 11, 30))
    assert [(day.day.day, day.close_time.hour) for day in days] == [
        (25, 21),
        (26, 21),
        (27, 21),
        (29, 18),  # the day after Thanksgiving
    ]


async def test_an_assignment_is_told_once_it_is_listed(alpaca: RunningAlpaca) -> None:
    quick = {"activities": {"interval_s": 0.1}}
    async with rig(settings_for(alpaca.url, **quick)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        await eventually(lambda: it.sink.executions())
        alpaca.control("POST", "/quotes", {"symbol": "SPY", "bid": "380", "ask": "380.1"})
        alpaca.control("POST", "/clock", {"set": "2024-11-18T10:00:00-05:00"})

        def told() -> list[Activity]:
            return [event for event in it.sink.events if isinstance(event, Activity)]

        def is_told() -> bool:
            return {"OPASN", "OPTRD"} <= {activity.raw_type for activity in told()}

        await eventually(is_told, running=it.running)
        by_type = {activity.activity_type: activity for activity in told()}
        assigned = by_type[ActivityType.ASSIGNMENT]
        delivered = by_type[ActivityType.OPTION_DELIVERY]
        assert (assigned.instrument, assigned.qty) == (PUT, Decimal(1))
        assert (delivered.instrument, delivered.qty, delivered.price) == (SPY, 100, 400)
        assert assigned.group_id == delivered.group_id != ""
        listed = await it.gateway.activities(ActivityQuery((ActivityType.ASSIGNMENT,)))
        assert [activity.activity_id for activity in listed] == [assigned.activity_id]
        await asyncio.sleep(0.3)  # more readings
        ids = [activity.activity_id for activity in told()]
        assert len(ids) == len(set(ids))


# -- streamed quotes -----------------------------------------------------------------------------


@asynccontextmanager
async def reading(it: Rig, *instruments: Instrument) -> AsyncIterator[list[StreamedQuote]]:
    """What a stream tells, as it comes."""
    told: list[StreamedQuote] = []

    async def read() -> None:
        async for streamed in it.gateway.stream_quotes(instruments):
            told.append(streamed)

    task = asyncio.create_task(read())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def quote(alpaca: RunningAlpaca, symbol: str, bid: str, ask: str) -> None:
    alpaca.control("POST", "/quotes", {"symbol": symbol, "bid": bid, "ask": ask})


def bids(told: list[StreamedQuote]) -> list[Any]:
    return [(t.quote.instrument.key, t.quote.bid_price) for t in told]


async def test_quotes_of_shares_and_options_come_in_one_stream(alpaca: RunningAlpaca) -> None:
    async with (
        rig(settings_for(alpaca.url, **FAST_STREAMS)) as it,
        reading(it, SPY, PUT) as told,
    ):
        await eventually(lambda: len({key for key, _ in bids(told)}) == 2)
        moved = 0

        def is_heard(key: str, bid: str) -> bool:
            nonlocal moved
            moved += 1
            quote(alpaca, "SPY", "400.12", f"{401 + moved}")
            quote(alpaca, PUT.occ, "8.55", f"{9 + moved}")
            return (key, Decimal(bid)) in bids(told)

        await eventually(lambda: is_heard("SPY", "400.12"))
        await eventually(lambda: is_heard(PUT.occ, "8.55"))
        by_feed = {t.quote.instrument.key: (t.quote.feed, t.quote.quality) for t in told}
        assert by_feed == {
            "SPY": ("iex", QuoteQuality.REALTIME),
            PUT.occ: ("indicative", QuoteQuality.INDICATIVE),
        }
        assert not any(t.after_gap for t in told)
        last = told[-1].quote
        assert last.venue_time is not None
        assert last.age_s is not None
        assert last.age_s < 5


async def test_a_cut_connection_is_told_as_a_gap_and_mended(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url, **FAST_STREAMS)) as it, reading(it, SPY) as told:
        moved = 0

        def moves() -> int:
            nonlocal moved
            moved += 1
            quote(alpaca, "SPY", "400", f"{401 + moved}")
            return len(told)

        await eventually(lambda: moves() >= 3)
        assert not any(t.after_gap for t in told)
        alpaca.control("POST", "/do/data_streams_disconnect", {})
        await eventually(lambda: moves() and any(t.after_gap for t in told))


async def test_a_stream_that_has_gone_mute_is_found_out(alpaca: RunningAlpaca) -> None:
    quick = {"quotes": {**FAST_STREAMS["quotes"], "silence_s": 0.2}}
    async with rig(settings_for(alpaca.url, **quick)) as it, reading(it, SPY) as told:
        moved = 0

        def moves() -> int:
            nonlocal moved
            moved += 1
            quote(alpaca, "SPY", "400", f"{401 + moved}")
            return len(told)

        await eventually(lambda: moves() >= 3)
        alpaca.control("POST", "/do/data_streams_mute", {"muted": True})
        await eventually(lambda: moves() and any(t.after_gap for t in told))
        told.clear()
        alpaca.control("POST", "/do/data_streams_mute", {"muted": False})
        await eventually(lambda: moves() >= 3)


async def test_a_stream_that_the_account_may_not_have_gives_way(alpaca: RunningAlpaca) -> None:
    wanted = settings_for(alpaca.url, stock_feed="sip", **FAST_STREAMS)
    async with rig(wanted) as it, reading(it, SPY) as told:
        moved = 0

        def moves() -> int:
            nonlocal moved
            moved += 1
            quote(alpaca, "SPY", "400", f"{401 + moved}")
            return len(told)

        await eventually(lambda: moves() >= 3)
        assert {t.quote.feed for t in told} == {"iex"}


async def test_more_symbols_than_the_plan_has_are_refused(alpaca: RunningAlpaca) -> None:
    few = {"quotes": {**FAST_STREAMS["quotes"], "stock_symbols_max": 1}}
    async with rig(settings_for(alpaca.url, **few)) as it, reading(it, SPY):
        stream = it.gateway.stream_quotes([SPY, QQQ])
        with pytest.raises(Unavailable, match="1 symbols at once"):
            await anext(stream)
