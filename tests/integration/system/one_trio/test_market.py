"""What the router passes on to a venue, from the client to the simulated Alpaca and back."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal

import pytest
from tandem_client import (
    Equity,
    InvalidRequest,
    Option,
    OptionRight,
    OrderSpec,
    OrderType,
    Side,
    TimeInForce,
)

from services.common.contract.pb import broker_service_pb2 as pb
from tests.integration.system.plain import stub
from tests.integration.system.trio import ACCOUNT, VENUE, Trio

pytestmark = pytest.mark.asyncio(loop_scope="package")

SPY, QQQ = Equity("SPY"), Equity("QQQ")
_DAY = timedelta(days=1)


async def test_bars_clock_and_calendar_agree_on_the_venues_days(trio: Trio) -> None:
    clock = await trio.client.market_clock()
    last = clock.trading_date
    calendar = await trio.client.market_calendar(last - 10 * _DAY, last)
    assert (clock.venue, calendar.venue) == (VENUE, VENUE)
    assert 5 <= len(calendar.days) <= 8
    start = calendar.days[-3].open_time
    listed = (await trio.client.bars(SPY, timedelta(minutes=30), start).all()).items
    assert listed
    assert {bar.venue for bar in listed} == {VENUE}
    times = [bar.start_time for bar in listed]
    assert times == sorted(set(times))
    assert start <= times[0]
    assert all(bar.low <= min(bar.open, bar.close) <= bar.high for bar in listed)
    with pytest.raises(InvalidRequest) as refused:
        await trio.client.bars(SPY, timedelta(seconds=1), start).all()
    assert refused.value.field == "bar_length"


async def test_a_chain_is_listed_and_its_options_have_greeks(trio: Trio) -> None:
    today = (await trio.client.market_clock()).trading_date
    chain = trio.client.option_contracts(
        "SPY", expiry_to=today + 30 * _DAY, right=OptionRight.PUT, venue=VENUE
    )
    options: list[Option] = [listed.option for listed in (await chain.all()).items]
    assert len(options) > 3
    assert {option.right for option in options} == {OptionRight.PUT}
    assert all(today <= option.expiry <= today + 30 * _DAY for option in options)
    near = sorted(options, key=lambda option: abs(option.strike - Decimal(400)))
    answer = await trio.client.option_snapshots(near[:5])
    assert answer.venue == VENUE
    assert answer.snapshots
    assert any(snapshot.greeks is not None for snapshot in answer.snapshots)


async def test_quotes_stream_through_the_router(trio: Trio) -> None:
    async with aclosing(trio.client.stream_quotes([QQQ])) as quotes, asyncio.timeout(20):
        first = (await anext(quotes)).quote
        assert (first.instrument, first.venue) == (QQQ, VENUE)
        assert first.bid_price is not None
        later = asyncio.ensure_future(anext(quotes))
        bid = first.bid_price
        while not later.done():
            bid += 1
            quote = {"symbol": QQQ.symbol, "bid": str(bid), "ask": str(bid + 1)}
            await trio.venue.call("POST", "/quotes", quote)
            await asyncio.wait([later], timeout=0.2)
        assert (await later).quote.bid_price == bid


async def test_a_preview_costs_what_the_order_would_and_sends_nothing(trio: Trio) -> None:
    order = OrderSpec(
        client_order_id="previewed",
        instrument=SPY,
        side=Side.BUY,
        order_qty=Decimal(2),
        order_type=OrderType.LIMIT,
        limit_price=Decimal(400),
        time_in_force=TimeInForce.DAY,
    )
    preview = await trio.client.preview(order)
    assert (preview.venue, preview.estimated) == (VENUE, True)
    assert preview.cash_effect is not None
    assert preview.cash_effect.amount == Decimal(-800)
    assert not await trio.venue.submits_like("previewed")


async def test_what_the_router_says_that_it_can_is_what_it_and_the_venue_serve(
    trio: Trio,
) -> None:
    async with stub(trio.address) as router:
        reply = await router.GetCapabilities(pb.GetCapabilitiesRequest(account_id=ACCOUNT))
    (venue,) = reply.venues
    assert venue.venue.name == VENUE
    assert {"SubmitOrder", "GetBars", "StreamQuotes", "ListActivities"} <= set(venue.methods)
    assert "EstimateCost" not in venue.methods
    assert venue.enforces_unique_ids
