"""Market data and activities through the client: what is asked, and what comes back typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from tandem_client import (
    Activity,
    ActivityType,
    Bar,
    Equity,
    Greeks,
    InvalidRequest,
    MalformedReply,
    MarketDay,
    Option,
    OptionRight,
    QuoteQuality,
    TandemClient,
    Unavailable,
    parse_occ,
)
from tandem_client.pb import accounts_pb2, market_pb2, types_pb2
from tandem_client.pb import broker_service_pb2 as pb

from tests.unit.client.scripted_server import ScriptedBroker
from tests.unit.client.small_server import ACCOUNT, SYMBOL, SmallServer, decimal, failure, option

SPY, PUT = Equity("SPY"), parse_occ(SYMBOL)
START = datetime(2024, 11, 4, 14, 30, tzinfo=UTC)


def stamp(moment: datetime = START) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def share() -> types_pb2.Instrument:
    return types_pb2.Instrument(equity=types_pb2.Equity(symbol="SPY"))


def quote(bid: str = "1.25") -> market_pb2.Quote:
    return market_pb2.Quote(
        instrument=share(),
        venue="alpaca",
        feed="iex",
        quality=market_pb2.QUOTE_QUALITY_REALTIME,
        bid_price=decimal(bid),
    )


def wire_bar(number: int) -> market_pb2.Bar:
    px = decimal(str(400 + number))
    at = stamp(START + timedelta(minutes=number))
    return market_pb2.Bar(start_time=at, open=px, high=px, low=px, close=px, volume=decimal("7"))


@pytest.fixture
def scripted() -> ScriptedBroker:
    return ScriptedBroker()  # type: ignore[abstract]  # the rest is UNIMPLEMENTED


@pytest.fixture
async def server(scripted: ScriptedBroker) -> AsyncIterator[SmallServer]:
    running = SmallServer()
    running.broker = scripted
    await running.start()
    yield running
    await running.stop()


async def test_bars_are_read_page_by_page_and_say_where_they_are_from(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    scripted.replies["GetBars"] = [
        pb.GetBarsResponse(
            bars=[wire_bar(0)], next_page_token="alpaca:1", venue="alpaca", feed="iex"
        ),
        pb.GetBarsResponse(bars=[wire_bar(1)], venue="alpaca", feed="iex"),
    ]
    end = START + timedelta(hours=1)
    listed = (await client.bars(SPY, timedelta(minutes=15), START, end, venue="alpaca").all()).items
    px = Decimal(400)
    first = Bar(
        start_time=START,
        open=px,
        high=px,
        low=px,
        close=px,
        volume=Decimal(7),
        trade_count=None,
        vwap=None,
        venue="alpaca",
        feed="iex",
    )
    assert listed[0] == first
    assert [bar.close for bar in listed] == [Decimal(400), Decimal(401)]
    asked, again = scripted.requests
    assert (asked.account_id, asked.venue, asked.instrument) == (ACCOUNT, "alpaca", share_asked())
    assert asked.bar_length.ToTimedelta() == timedelta(minutes=15)
    assert (asked.start_time, asked.end_time) == (stamp(), stamp(end))
    assert again.page.page_token == "alpaca:1"


def share_asked() -> types_pb2.Instrument:
    return types_pb2.Instrument(equity=types_pb2.Equity(symbol="SPY", currency_code="USD"))


async def test_an_option_chain_is_asked_for_by_its_bounds(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    listed = market_pb2.OptionContract(
        instrument=option(), tradable=True, open_interest=decimal("12"), venue_contract_id="c-1"
    )
    scripted.replies["ListOptionContracts"] = [
        pb.ListOptionContractsResponse(contracts=[listed], venue="alpaca"),
        pb.ListOptionContractsResponse(
            contracts=[market_pb2.OptionContract(instrument=share())], venue="alpaca"
        ),
    ]
    chain = client.option_contracts(
        "SPY",
        expiry_from=date(2024, 11, 8),
        expiry_to=date(2024, 11, 20),
        strike_from=Decimal(390),
        strike_to=Decimal("410.5"),
        right=OptionRight.PUT,
    )
    (found,) = (await chain.all()).items
    assert (found.option, found.tradable, found.venue) == (PUT, True, "alpaca")
    assert (found.open_interest, found.close_price) == (Decimal(12), None)
    asked = scripted.requests[0]
    assert (asked.underlying_symbol, asked.right) == ("SPY", types_pb2.OPTION_RIGHT_PUT)
    assert (asked.expiry_from.day, asked.expiry_to.day) == (8, 20)
    assert (asked.strike_from.value, asked.strike_to.value) == ("390", "410.5")
    with pytest.raises(MalformedReply):
        await client.option_contracts("SPY").all()
    bare = scripted.requests[1]
    assert not any(bare.HasField(name) for name in ("expiry_from", "expiry_to", "strike_from"))


async def test_snapshots_have_quotes_and_the_greeks_that_the_venue_told(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    told = market_pb2.OptionSnapshot(
        quote=market_pb2.Quote(instrument=option(), venue="alpaca"),
        greeks=market_pb2.Greeks(delta=-0.25, implied_volatility=0.2),
        last_price=decimal("8.5"),
    )
    bare = market_pb2.OptionSnapshot(quote=market_pb2.Quote(instrument=option(), venue="alpaca"))
    scripted.replies["GetOptionSnapshots"] = [
        pb.GetOptionSnapshotsResponse(snapshots=[told, bare], missing=[option()], venue="alpaca")
    ]
    answer = await client.option_snapshots([PUT])
    first, second = answer.snapshots
    assert first.greeks == Greeks(
        delta=-0.25, gamma=None, theta=None, vega=None, rho=None, implied_volatility=0.2
    )
    assert (first.last_price, second.greeks, second.last_price) == (Decimal("8.5"), None, None)
    assert (answer.missing, answer.venue) == ((PUT,), "alpaca")


async def test_clock_and_calendar_are_in_utc(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    day = types_pb2.Date(year=2024, month=11, day=4)
    scripted.replies["GetMarketClock"] = [
        pb.GetMarketClockResponse(
            venue_time=stamp(),
            is_open=True,
            next_open=stamp(),
            next_close=stamp(),
            trading_date=day,
            venue="alpaca",
        ),
        pb.GetMarketClockResponse(venue="alpaca"),
    ]
    clock = await client.market_clock()
    assert (clock.venue_time, clock.is_open, clock.trading_date) == (START, True, date(2024, 11, 4))
    with pytest.raises(MalformedReply, match="venue_time"):
        await client.market_clock()
    scripted.replies["GetMarketCalendar"] = [
        pb.GetMarketCalendarResponse(
            days=[market_pb2.MarketDay(date=day, open_time=stamp(), close_time=stamp())],
            venue="alpaca",
        )
    ]
    calendar = await client.market_calendar(date(2024, 11, 4), date(2024, 11, 8))
    assert calendar.days == (MarketDay(date(2024, 11, 4), START, START),)
    assert scripted.requests[-1].end_date.day == 8


async def test_streamed_quotes_come_one_by_one_until_the_stream_ends(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    scripted.streamed = [
        pb.StreamQuotesResponse(quote=quote()),
        pb.StreamQuotesResponse(quote=quote("2"), after_gap=True),
    ]
    told = [one async for one in client.stream_quotes([SPY, PUT], venue="alpaca")]
    assert [one.after_gap for one in told] == [False, True]
    assert (told[0].quote.bid_price, told[0].quote.quality) == (
        Decimal("1.25"),
        QuoteQuality.REALTIME,
    )
    asked = scripted.requests[0]
    assert (asked.account_id, asked.venue, len(asked.instruments)) == (ACCOUNT, "alpaca", 2)


async def test_a_stream_that_the_server_ends_is_an_error_with_its_words(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    scripted.streamed = [pb.StreamQuotesResponse(quote=quote())]
    scripted.stream_end = failure(
        code_pb2.UNAVAILABLE, "VENUE_UNAVAILABLE", "alpaca: its stream broke"
    )
    async with aclosing(client.stream_quotes([SPY])) as quotes:
        await anext(quotes)
        with pytest.raises(Unavailable, match="alpaca: its stream broke"):
            await anext(quotes)
    async with asyncio.timeout(20):  # the server has said why before it is done with it
        while scripted.streams_open:
            await asyncio.sleep(0.005)


async def test_activities_are_listed_by_kind_and_time(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    told = accounts_pb2.Activity(
        activity_id="a-1",
        account_id=ACCOUNT,
        venue="alpaca",
        activity_type=accounts_pb2.ACTIVITY_TYPE_ASSIGNMENT,
        raw_type="OPASN",
        instrument=option(),
        qty=decimal("1"),
    )
    scripted.replies["ListActivities"] = [
        pb.ListActivitiesResponse(activities=[told], watch_token="7")
    ]
    kinds = [ActivityType.ASSIGNMENT, ActivityType.FEE]
    listing = await client.activities(kinds, after=START, venue="alpaca").all()
    (activity,) = listing.items
    assert isinstance(activity, Activity)
    assert (activity.activity_type, activity.qty) == (ActivityType.ASSIGNMENT, Decimal(1))
    assert isinstance(activity.instrument, Option)
    assert listing.watch_token == "7"
    asked = scripted.requests[0]
    assert list(asked.activity_types) == [
        accounts_pb2.ACTIVITY_TYPE_ASSIGNMENT,
        accounts_pb2.ACTIVITY_TYPE_FEE,
    ]
    assert (asked.after, asked.HasField("before"), asked.venue) == (stamp(), False, "alpaca")


async def test_a_refused_read_names_the_field(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    refused = failure(
        code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", "bar_length: too short", field="bar_length"
    )
    scripted.replies["GetBars"] = [refused]
    with pytest.raises(InvalidRequest) as caught:
        await client.bars(SPY, timedelta(seconds=1), START).all()
    assert caught.value.field == "bar_length"
    with pytest.raises(InvalidRequest, match="time zone"):
        client.bars(SPY, timedelta(days=1), datetime(2024, 11, 4))  # noqa: DTZ001
