"""Market data and activities over the wire: checked, paged, named, and streamed to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.adapter.port import ActivityQuery, BarQuery, ContractQuery
from services.common.contract.convert import (
    activity_from_wire,
    bar_from_wire,
    date_to_wire,
    decimal_to_wire,
    duration_to_wire,
    instrument_to_wire,
    listed_option_from_wire,
    market_day_from_wire,
    snapshot_from_wire,
    streamed_quote_from_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import accounts_pb2, types_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.activities import Activity, ActivityType
from services.common.domain.amounts import Money
from services.common.domain.errors import ReadFailed, Reason
from services.common.domain.executions import RecordTimes
from services.common.domain.instruments import Equity, Instrument, OptionRight
from services.common.domain.market import (
    Bar,
    Bars,
    Greeks,
    ListedOption,
    MarketDay,
    OptionSnapshot,
    Quote,
    QuoteQuality,
    StreamedQuote,
)
from services.common.domain.occ import parse_occ
from services.common.runtime.blocking import BlockingPool
from tests.unit.adapter.market_gateway import MarketGateway
from tests.unit.adapter.served import Served, error_of, serve, settings

SPY = Equity("SPY")
PUT, CALL = parse_occ("SPY241115P00400000"), parse_occ("SPY241115C00400000")
START = datetime(2024, 11, 4, 14, 30, tzinfo=UTC)


@pytest.fixture
async def market(tmp_path: Path, pool: BlockingPool) -> AsyncIterator[Served]:
    async with serve(settings(tmp_path), pool, MarketGateway) as world:
        world.gateway.begin_session()
        yield world


def venue(market: Served) -> MarketGateway:
    assert isinstance(market.gateway, MarketGateway)
    return market.gateway


def quote(instrument: Instrument, bid: str = "8.5") -> Quote:
    return Quote(
        venue="fake",
        instrument=instrument,
        feed="opra",
        quality=QuoteQuality.REALTIME,
        bid_price=Decimal(bid),
        bid_qty=Decimal(1),
        ask_price=Decimal(9),
        ask_qty=Decimal(1),
        venue_time=START,
        age_s=1.5,
    )


def bars(count: int) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            start_time=START + timedelta(minutes=number),
            open=Decimal("400.1"),
            high=Decimal(401),
            low=Decimal("399.99"),
            close=Decimal(400),
            volume=Decimal(number),
            trade_count=7,
            vwap=Decimal("400.05"),
        )
        for number in range(count)
    )


def bars_request(**changes: Any) -> pb.GetBarsRequest:
    values: dict[str, Any] = {
        "account_id": "main",
        "instrument": instrument_to_wire(SPY),
        "bar_length": duration_to_wire(60),
        "start_time": timestamp_to_wire(START),
        "end_time": timestamp_to_wire(START + timedelta(hours=1)),
    }
    given = {name: value for name, value in (values | changes).items() if value is not None}
    return pb.GetBarsRequest(**given)


def contracts_request(**changes: Any) -> pb.ListOptionContractsRequest:
    values: dict[str, Any] = {"account_id": "main", "underlying_symbol": "SPY"}
    return pb.ListOptionContractsRequest(**(values | changes))


def calendar_request(first: date | None, last: date | None) -> pb.GetMarketCalendarRequest:
    return pb.GetMarketCalendarRequest(
        account_id="main",
        start_date=None if first is None else date_to_wire(first),
        end_date=None if last is None else date_to_wire(last),
    )


def snapshots_request(*instruments: Instrument) -> pb.GetOptionSnapshotsRequest:
    return pb.GetOptionSnapshotsRequest(
        account_id="main", instruments=map(instrument_to_wire, instruments)
    )


async def test_bars_come_page_by_page_with_their_feed(market: Served) -> None:
    venue(market).bars_found = Bars("iex", bars(3))
    page = types_pb2.PageRequest(page_size=2)
    first = await market.broker.GetBars(bars_request(page=page))
    page.page_token = first.next_page_token
    second = await market.broker.GetBars(bars_request(page=page))
    told = [bar_from_wire(bar) for reply in (first, second) for bar in reply.bars]
    assert told == list(bars(3))
    assert [(reply.venue, reply.feed) for reply in (first, second)] == [("fake", "iex")] * 2
    assert second.next_page_token == ""
    assert venue(market).asked == [BarQuery(SPY, 60.0, START, START + timedelta(hours=1))]


async def test_no_bars_still_name_the_feed(market: Served) -> None:
    venue(market).bars_found = Bars("sip", ())
    reply = await market.broker.GetBars(bars_request())
    assert (list(reply.bars), reply.feed, reply.venue) == ([], "sip", "fake")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instrument": None}, "instrument"),
        ({"bar_length": None}, "bar_length"),
        ({"bar_length": duration_to_wire(59)}, "bar_length"),
        ({"bar_length": duration_to_wire(90)}, "bar_length"),
        ({"bar_length": duration_to_wire(31 * 86400)}, "bar_length"),
        ({"start_time": None}, "start_time"),
        ({"end_time": timestamp_to_wire(START)}, "end_time"),
    ],
)
async def test_bars_that_make_no_sense_are_refused_by_field(
    market: Served, changes: dict[str, Any], field: str
) -> None:
    failed = await error_of(market.broker.GetBars(bars_request(**changes)), mutation=False)
    assert (failed.reason, failed.message.partition(":")[0]) == (Reason.INVALID_FIELD, field)
    assert venue(market).asked == []


async def test_contracts_are_listed_from_the_venues_today_on(market: Served) -> None:
    listed = ListedOption(
        PUT, tradable=True, open_interest=Decimal(120), close_price=Decimal("8.6")
    )
    venue(market).listed = [listed]
    reply = await market.broker.ListOptionContracts(
        contracts_request(right=types_pb2.OPTION_RIGHT_PUT, strike_to=decimal_to_wire(Decimal(400)))
    )
    assert [listed_option_from_wire(contract) for contract in reply.contracts] == [listed]
    assert reply.venue == "fake"
    (asked,) = venue(market).asked
    today = (await venue(market).market_clock()).trading_date
    assert asked == ContractQuery(
        "SPY", expiry_from=today, strike_to=Decimal(400), right=OptionRight.PUT
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"underlying_symbol": ""}, "underlying_symbol"),
        ({"underlying_symbol": "spy"}, "underlying_symbol"),
        ({"strike_from": decimal_to_wire(Decimal(-1))}, "strike_from"),
        (
            {"strike_from": decimal_to_wire(Decimal(2)), "strike_to": decimal_to_wire(Decimal(1))},
            "strike_to",
        ),
        (
            {
                "expiry_from": date_to_wire(date(2024, 11, 15)),
                "expiry_to": date_to_wire(date(2024, 11, 14)),
            },
            "expiry_to",
        ),
        ({"expiry_to": date_to_wire(date(2024, 1, 2))}, "expiry_from"),
    ],
)
async def test_contracts_that_make_no_sense_are_refused_by_field(
    market: Served, changes: dict[str, Any], field: str
) -> None:
    call = market.broker.ListOptionContracts(contracts_request(**changes))
    failed = await error_of(call, mutation=False)
    assert (failed.reason, failed.message.partition(":")[0]) == (Reason.INVALID_FIELD, field)


async def test_snapshots_name_what_is_missing(market: Served) -> None:
    snapshot = OptionSnapshot(
        quote(PUT), Greeks(delta=-0.4, theta=-0.1), Decimal("8.7"), Decimal(2), START
    )
    venue(market).snapshots = [snapshot]
    reply = await market.broker.GetOptionSnapshots(snapshots_request(PUT, CALL, PUT))
    assert [snapshot_from_wire(found) for found in reply.snapshots] == [snapshot]
    assert [missing.option.occ_symbol for missing in reply.missing] == [CALL.occ]
    assert reply.venue == "fake"


async def test_snapshots_are_of_options_only(market: Served) -> None:
    for request, field in (
        (snapshots_request(PUT, SPY), "instruments[1]"),
        (snapshots_request(), "instruments"),
        (snapshots_request(*[PUT] * 101), "instruments"),
    ):
        failed = await error_of(market.broker.GetOptionSnapshots(request), mutation=False)
        assert (failed.reason, failed.message.partition(":")[0]) == (Reason.INVALID_FIELD, field)


async def test_trading_days_come_with_their_hours(market: Served) -> None:
    day = MarketDay(date(2024, 11, 29), START, START + timedelta(hours=3.5))
    venue(market).days = [day]
    reply = await market.broker.GetMarketCalendar(
        calendar_request(date(2024, 11, 25), date(2024, 11, 30))
    )
    assert [market_day_from_wire(found) for found in reply.days] == [day]
    assert reply.venue == "fake"
    for first, last, field in (
        (None, date(2024, 11, 1), "start_date"),
        (date(2024, 11, 1), None, "end_date"),
        (date(2024, 11, 2), date(2024, 11, 1), "end_date"),
        (date(2000, 1, 1), date(2024, 11, 1), "end_date"),
    ):
        call = market.broker.GetMarketCalendar(calendar_request(first, last))
        failed = await error_of(call, mutation=False)
        assert (failed.reason, failed.message.partition(":")[0]) == (Reason.INVALID_FIELD, field)


async def test_activities_are_listed_by_type_and_time(market: Served) -> None:
    activity = Activity(
        venue="fake",
        account_id="main",
        activity_id="a-1",
        activity_type=ActivityType.ASSIGNMENT,
        raw_type="OPASN",
        times=RecordTimes(venue_time=START, trading_date=date(2024, 11, 4)),
        instrument=PUT,
        qty=Decimal(1),
        net_amount=Money(Decimal("-0.04"), "USD"),
        group_id="g-1",
    )
    venue(market).activity_list = [activity]
    request = pb.ListActivitiesRequest(
        account_id="main",
        activity_types=[accounts_pb2.ACTIVITY_TYPE_ASSIGNMENT] * 2,
        after=timestamp_to_wire(START),
    )
    reply = await market.broker.ListActivities(request)
    assert [activity_from_wire(found) for found in reply.activities] == [activity]
    assert (reply.watch_token, reply.next_page_token) == (market.feed.token, "")
    assert reply.HasField("as_of")
    assert venue(market).asked == [ActivityQuery((ActivityType.ASSIGNMENT,), START)]
    request.before.CopyFrom(request.after)
    failed = await error_of(market.broker.ListActivities(request), mutation=False)
    assert (failed.reason, failed.message.partition(":")[0]) == (Reason.INVALID_FIELD, "before")


READS: list[tuple[str, Callable[[], Any]]] = [
    ("ListActivities", lambda: pb.ListActivitiesRequest(account_id="main")),
    ("GetBars", bars_request),
    ("ListOptionContracts", contracts_request),
    ("GetOptionSnapshots", lambda: snapshots_request(PUT)),
    ("GetMarketCalendar", lambda: calendar_request(date(2024, 11, 1), date(2024, 11, 2))),
]


@pytest.mark.parametrize(("method", "make"), READS, ids=[name for name, _ in READS])
async def test_a_failed_read_of_the_market_is_an_error(
    market: Served, method: str, make: Callable[[], Any]
) -> None:
    await getattr(market.broker, method)(make())
    venue(market).read_failure = ReadFailed("the venue is down", retry_after_s=3.0)
    failed = await error_of(getattr(market.broker, method)(make()), mutation=False)
    assert (failed.reason, failed.retry_after_s) == (Reason.READ_FAILED, 3.0)
    other = make()
    other.venue = "elsewhere"
    failed = await error_of(getattr(market.broker, method)(other), mutation=False)
    assert failed.reason is Reason.VENUE_NOT_FOUND


@pytest.mark.parametrize(("method", "make"), READS, ids=[name for name, _ in READS])
async def test_what_a_gateway_leaves_out_is_unimplemented(
    served: Served, method: str, make: Callable[[], Any]
) -> None:
    failed = await error_of(getattr(served.broker, method)(make()), mutation=False)
    assert failed.reason is Reason.NOT_IMPLEMENTED


# -- streamed quotes -----------------------------------------------------------------------------


def stream_request(*instruments: Instrument) -> pb.StreamQuotesRequest:
    return pb.StreamQuotesRequest(
        account_id="main", instruments=map(instrument_to_wire, instruments)
    )


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30.0):
        while not check():
            await asyncio.sleep(0.005)


async def test_quotes_are_streamed_and_a_canceled_call_closes_their_source(
    market: Served,
) -> None:
    told = [StreamedQuote(quote(PUT)), StreamedQuote(quote(SPY, "401"), after_gap=True)]
    venue(market).streamed = told
    call = market.broker.StreamQuotes(stream_request(PUT, SPY, PUT))
    assert [streamed_quote_from_wire(await call.read()) for _ in told] == told
    assert venue(market).asked == [(PUT, SPY)]
    assert venue(market).streams_open == 1
    call.cancel()
    await until(lambda: venue(market).streams_open == 0)


async def test_streams_of_quotes_end_when_the_adapter_drains(market: Served) -> None:
    venue(market).streamed = [StreamedQuote(quote(PUT))]
    call = market.broker.StreamQuotes(stream_request(PUT))
    told = [await anext(aiter(call))]
    market.feed.drain()
    async with asyncio.timeout(30.0):
        told += [reply async for reply in call]
    assert len(told) == 1
    assert venue(market).streams_open == 0


async def first_of(world: Served, request: pb.StreamQuotesRequest) -> Any:
    return await anext(aiter(world.broker.StreamQuotes(request)))


async def test_a_stream_that_fails_says_why(market: Served) -> None:
    venue(market).read_failure = ReadFailed("no stream", retry_after_s=2.0)
    failed = await error_of(first_of(market, stream_request(PUT)), mutation=False)
    assert (failed.reason, failed.retry_after_s) == (Reason.READ_FAILED, 2.0)
    failed = await error_of(first_of(market, stream_request()), mutation=False)
    assert (failed.reason, failed.message.partition(":")[0]) == (
        Reason.INVALID_FIELD,
        "instruments",
    )


async def test_a_stream_that_a_gateway_leaves_out_is_unimplemented(served: Served) -> None:
    failed = await error_of(first_of(served, stream_request(PUT)), mutation=False)
    assert failed.reason is Reason.NOT_IMPLEMENTED
