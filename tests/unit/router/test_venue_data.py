"""Market data over gRPC against a real adapter: what goes in comes back, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import ReadFailed, Reason
from services.common.domain.instruments import Equity, OptionContract, OptionRight
from services.common.domain.market import (
    Bar,
    Bars,
    Greeks,
    ListedOption,
    MarketDay,
    OptionSnapshot,
    StreamedQuote,
)
from services.common.domain.occ import parse_occ
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.runtime.blocking import BlockingPool
from services.router.routing.market import BarQuery, ContractQuery, PageAsked, VenuePage
from services.router.routing.venue_client import VenueClient
from tests.ports import free_port
from tests.unit.adapter import served
from tests.unit.adapter.market_gateway import MarketGateway
from tests.unit.domain.orders import activity
from tests.unit.router.harness import until
from tests.unit.router.scripted_market import quote
from tests.unit.router.test_venue_client import client_to

SPY = Equity("SPY")
PUT, CALL = parse_occ("SPY241115P00400000"), parse_occ("SPY241115C00400000")
START = datetime(2024, 11, 4, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def market(tmp_path: Path) -> AsyncIterator[tuple[VenueClient, MarketGateway]]:
    pool = BlockingPool(1, slot_wait_s=5.0, name="test")
    address = f"127.0.0.1:{free_port()}"
    async with served.serve(
        served.settings(tmp_path, listen=address), pool, MarketGateway
    ) as venue:
        venue.gateway.begin_session()
        async with client_to(address) as client:
            assert isinstance(venue.gateway, MarketGateway)
            yield client, venue.gateway
    await pool.close(1.0)


def bar(number: int) -> Bar:
    px = Decimal(400 + number)
    return Bar(START + number * MINUTE, px, px, px, px, Decimal(7), number, px)


async def test_bars_come_by_pages_with_their_feed(tmp_path: Path) -> None:
    async with market(tmp_path) as (client, gateway):
        gateway.bars_found = Bars("iex", tuple(map(bar, range(5))))
        query = BarQuery(SPY, 60.0, START, START + 10 * MINUTE)
        pages: list[VenuePage[Bar]] = []
        token = ""
        while not pages or token:
            pages.append(await client.bars(query, PageAsked(2, token)))
            token = pages[-1].next_token
        assert [list(page.items) for page in pages] == [
            [bar(0), bar(1)],
            [bar(2), bar(3)],
            [bar(4)],
        ]
        assert {page.feed for page in pages} == {"iex"}
        with pytest.raises(ReadFailed) as failed:
            await client.bars(query, PageAsked(2, "another's"))
        assert failed.value.reason is Reason.INVALID_TOKEN
        (asked,) = gateway.asked
        assert (asked.instrument, asked.bar_length_s) == (SPY, 60.0)  # type: ignore[attr-defined]
        assert asked.end == START + 10 * MINUTE  # type: ignore[attr-defined]


async def test_option_contracts_and_snapshots_come_as_they_are(tmp_path: Path) -> None:
    async with market(tmp_path) as (client, gateway):
        gateway.listed = [
            ListedOption(CALL, tradable=True, open_interest=Decimal(9), venue_contract_id="c"),
            ListedOption(PUT, tradable=False, close_price=Decimal("8.5")),
        ]
        query = ContractQuery(
            "SPY",
            date(2024, 11, 8),
            date(2024, 11, 20),
            Decimal(390),
            Decimal("410.5"),
            OptionRight.PUT,
        )
        listed = await client.option_contracts(query, PageAsked())
        assert listed == VenuePage(gateway.listed)
        (asked,) = gateway.asked
        assert vars_of(asked) == vars_of(query)
        gateway.snapshots = [
            OptionSnapshot(quote(PUT), Greeks(delta=-0.25), Decimal(8), Decimal(2), START),
            OptionSnapshot(quote(CALL)),
        ]
        contracts: list[OptionContract] = [PUT, CALL]
        assert await client.option_snapshots(contracts) == gateway.snapshots


def vars_of(query: object) -> dict[str, object]:
    return {name: getattr(query, name) for name in ContractQuery.__slots__}


async def test_the_calendar_has_both_its_ends(tmp_path: Path) -> None:
    async with market(tmp_path) as (client, gateway):
        gateway.days = [
            MarketDay(date(2024, 11, day), START + timedelta(day), START + timedelta(day, 3600))
            for day in (4, 5, 6, 7)
        ]
        days = await client.market_calendar(date(2024, 11, 5), date(2024, 11, 6))
        assert days == gateway.days[1:3]


async def test_a_stream_of_quotes_is_closed_at_the_adapter_too(tmp_path: Path) -> None:
    async with market(tmp_path) as (client, gateway):
        gateway.streamed = [
            StreamedQuote(quote(SPY)),
            StreamedQuote(quote(PUT, "2"), after_gap=True),
        ]
        quotes = client.stream_quotes([SPY, PUT])
        assert [await anext(quotes), await anext(quotes)] == gateway.streamed
        assert gateway.streams_open == 1
        await quotes.aclose()
        await until(lambda: gateway.streams_open == 0)
        gateway.read_failure = ReadFailed("no such feed")
        with pytest.raises(ReadFailed, match="no such feed"):
            await anext(client.stream_quotes([SPY]))


async def test_activities_are_read_to_their_end(tmp_path: Path) -> None:
    async with market(tmp_path) as (client, gateway):
        gateway.activity_list = [activity(f"a-{n}") for n in range(520)]  # a page has 500
        assert await client.activities(after=START) == gateway.activity_list
        assert gateway.asked[0].after == START  # type: ignore[attr-defined]


async def test_capabilities_come_as_the_adapter_says(tmp_path: Path) -> None:
    async with market(tmp_path) as (client, _):
        can = await client.capabilities()
        assert OrderType.LIMIT in can.order_types
        assert TimeInForce.DAY in can.times_in_force
        assert "SubmitOrder" in can.methods
