"""Market data: quotes with their feed and quality, bars, chains, greeks, clock and calendar."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from google.protobuf.duration_pb2 import Duration

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import market_pb2, types_pb2
from tests.conformance.acts import listed, market
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Reads
from tests.conformance.scene import amount, instrument, symbol_of

DECK = Deck(Group.MARKET, given="the market is open")


def _quotes(b: Bench, *symbols: str) -> pb.GetQuotesRequest:
    return pb.GetQuotesRequest(
        account_id=b.account_id, instruments=[instrument(symbol) for symbol in symbols]
    )


@DECK.card(
    "MDT-001",
    "A quote says its prices, feed, quality and time",
    needs=("rpc.GetQuotes",),
    marks=(Mark.PAPER,),
    expects=("bid below ask, feed and quality told, with its age",),
)
async def quote(b: Bench) -> None:
    """Ask for the quote of a share."""
    reply = await b.broker.GetQuotes(_quotes(b, b.scene.share), timeout=CALL_S)
    (told,) = reply.quotes
    assert 0 < Decimal(told.bid_price.value) <= Decimal(told.ask_price.value), told
    assert told.feed, told
    assert told.quality != market_pb2.QUOTE_QUALITY_UNSPECIFIED, told
    assert told.HasField("venue_time"), told
    b.note("bid below ask, feed and quality told, with its age")


@DECK.card(
    "MDT-002",
    "A quote of an option without the real feed is called indicative or delayed",
    needs=("rpc.GetQuotes",),
    control=(Can.QUOTES,),
    expects=("share and option", "option: INDICATIVE|DELAYED|REALTIME"),
)
async def option_quote(b: Bench) -> None:
    """Ask for the quotes of a share and an option at once."""
    reply = await b.broker.GetQuotes(_quotes(b, b.scene.share, b.scene.put), timeout=CALL_S)
    by_symbol = {symbol_of(told.instrument): told for told in reply.quotes}
    assert set(by_symbol) == {b.scene.share, b.scene.put}
    b.note("share and option")
    told = by_symbol[b.scene.put]
    if told.feed == "indicative":
        assert told.quality == market_pb2.QUOTE_QUALITY_INDICATIVE, told
    name = market_pb2.QuoteQuality.Name(told.quality).removeprefix("QUOTE_QUALITY_")
    b.note(f"option: {name}")


@DECK.card(
    "MDT-003",
    "What has no quote is named, not left out in silence",
    needs=("rpc.GetQuotes",),
    control=(Can.QUOTES,),
    expects=("quotes: SPY", "missing: SPY300118P00111000"),
)
async def missing_quote(b: Bench) -> None:
    """Ask for a share and for an option that nobody lists."""
    unlisted = "SPY300118P00111000"
    reply = await b.broker.GetQuotes(_quotes(b, b.scene.share, unlisted), timeout=CALL_S)
    b.note(f"quotes: {', '.join(symbol_of(told.instrument) for told in reply.quotes)}")
    b.note(f"missing: {', '.join(map(symbol_of, reply.missing))}")


@DECK.card(
    "MDT-004",
    "Quotes that can't be read are an error, not missing",
    needs=("rpc.GetQuotes",),
    control=(Can.FAIL_READS,),
    expects=("GetQuotes: refused READ_FAILED|VENUE_UNAVAILABLE",),
)
async def failing_quotes(b: Bench) -> None:
    """Let reads of quotes fail."""
    await b.venue.fail_reads(Reads.QUOTES)
    await b.refused("GetQuotes", _quotes(b, b.scene.share))


@DECK.card(
    "MDT-005",
    "A quote moves with the market",
    needs=("rpc.GetQuotes",),
    control=(Can.QUOTES,),
    expects=("bid 416.5, ask 416.55", "bid 417.25, ask 417.3"),
)
async def quote_moves(b: Bench) -> None:
    """Move the market, ask; and again."""
    for bid in ("416.50", "417.25"):
        await market(b, b.scene.share, bid)
        (told,) = (await b.broker.GetQuotes(_quotes(b, b.scene.share), timeout=CALL_S)).quotes
        b.note(f"bid {told.bid_price.value}, ask {told.ask_price.value}")


@DECK.card(
    "MDT-006",
    "The clock and the trading date are the venue's",
    needs=("rpc.GetMarketClock",),
    control=(Can.CLOCK,),
    expects=("open on 2024-11-04", "closes at 21:00 UTC"),
)
async def venue_clock(b: Bench) -> None:
    """Ask for the clock."""
    request = pb.GetMarketClockRequest(account_id=b.account_id)
    told = await b.broker.GetMarketClock(request, timeout=CALL_S)
    day = told.trading_date
    is_open = "open" if told.is_open else "closed"
    b.note(f"{is_open} on {day.year}-{day.month:02}-{day.day:02}")
    b.note(f"closes at {told.next_close.ToDatetime():%H:%M} UTC")


@DECK.card(
    "MDT-007",
    "The calendar has trading days with their hours, short ones too",
    needs=("rpc.GetMarketCalendar",),
    marks=(Mark.PAPER,),
    expects=("4 days", "no Thanksgiving", "Friday closes at 18:00 UTC"),
)
async def calendar(b: Bench) -> None:
    """Ask for the week of Thanksgiving 2023: how far ahead a venue looks is its own."""
    request = pb.GetMarketCalendarRequest(
        account_id=b.account_id,
        start_date=types_pb2.Date(year=2023, month=11, day=20),
        end_date=types_pb2.Date(year=2023, month=11, day=25),
    )
    days = (await b.broker.GetMarketCalendar(request, timeout=CALL_S)).days
    b.note(f"{len(days)} days")
    dates = [day.date.day for day in days]
    b.note("no Thanksgiving" if dates == [20, 21, 22, 24] else f"days {dates}")
    b.note(f"Friday closes at {days[-1].close_time.ToDatetime():%H:%M} UTC")


@DECK.card(
    "MDT-008",
    "Bars: oldest first, pages make the whole",
    needs=("rpc.GetBars",),
    marks=(Mark.PAPER,),
    expects=("several bars in order", "paged: the same"),
)
async def bars(b: Bench) -> None:
    """Ask for daily bars of a month, at once and by fives."""
    now = await _now(b)
    given = {
        "instrument": instrument(b.scene.share),
        "bar_length": Duration(seconds=86_400),
    }
    whole = pb.GetBarsRequest(account_id=b.account_id, **given)  # type: ignore[arg-type]
    whole.start_time.FromDatetime(now - timedelta(days=30))
    whole.end_time.FromDatetime(now)
    told = (await b.broker.GetBars(whole, timeout=CALL_S)).bars
    times = [bar.start_time.ToDatetime() for bar in told]
    assert len(times) >= 10, times
    assert times == sorted(times)
    for bar in told:
        low, high = Decimal(bar.low.value), Decimal(bar.high.value)
        assert low <= Decimal(bar.open.value) <= high, bar
        assert low <= Decimal(bar.close.value) <= high, bar
    b.note("several bars in order")
    paged: list[object] = []
    while True:
        whole.page.page_size = 5
        reply = await b.broker.GetBars(whole, timeout=CALL_S)
        assert len(reply.bars) <= 5
        paged += [bar.start_time.ToDatetime() for bar in reply.bars]
        whole.page.page_token = reply.next_page_token
        if not reply.next_page_token:
            break
    assert paged == times, (paged, times)
    b.note("paged: the same")


@DECK.card(
    "MDT-009",
    "A chain is listed beyond the next weekend, in order, by pages",
    needs=("rpc.ListOptionContracts",),
    marks=(Mark.PAPER,),
    expects=("beyond the next weekend", "in order, none twice"),
)
async def chain(b: Bench) -> None:
    """List the puts of a share for two months."""
    now = await _now(b)
    contracts = await _contracts(b, now, now + timedelta(days=60))
    last = max(_expiry(c) for c in contracts)
    assert last > (now + timedelta(days=10)).date(), last
    b.note("beyond the next weekend")
    keys = [(_expiry(c), Decimal(c.instrument.option.strike.value)) for c in contracts]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    b.note("in order, none twice")


@DECK.card(
    "MDT-010",
    "A chain between two strikes",
    needs=("rpc.ListOptionContracts",),
    control=(Can.QUOTES,),
    expects=("all within 390 and 410", "with root, expiry, right and multiplier"),
)
async def strikes(b: Bench) -> None:
    """List puts with strikes from 390 to 410."""
    now = await _now(b)
    contracts = await _contracts(
        b, now, now + timedelta(days=20), strike_from=amount(390), strike_to=amount(410)
    )
    found = [c.instrument.option for c in contracts]
    assert found
    assert all(390 <= Decimal(option.strike.value) <= 410 for option in found)
    b.note("all within 390 and 410")
    for option in found:
        assert option.root, option
        assert option.right == types_pb2.OPTION_RIGHT_PUT, option
        assert Decimal(option.multiplier.value) == 100, option
    b.note("with root, expiry, right and multiplier")


@DECK.card(
    "MDT-011",
    "A chain that can't be read is an error, never empty",
    needs=("rpc.ListOptionContracts",),
    control=(Can.FAIL_READS,),
    expects=("ListOptionContracts: refused READ_FAILED|VENUE_UNAVAILABLE",),
)
async def failing_chain(b: Bench) -> None:
    """Let reads of contracts fail."""
    await b.venue.fail_reads(Reads.CONTRACTS)
    request = pb.ListOptionContractsRequest(
        account_id=b.account_id, underlying_symbol=b.scene.share
    )
    await b.refused("ListOptionContracts", request)


@DECK.card(
    "MDT-012",
    "Snapshots have greeks: a put's delta is below zero",
    needs=("rpc.GetOptionSnapshots", "greeks"),
    control=(Can.QUOTES,),
    expects=("put and call", "signs of delta fit", "volatility above zero"),
)
async def greeks(b: Bench) -> None:
    """Ask for snapshots of a put and a call."""
    request = pb.GetOptionSnapshotsRequest(
        account_id=b.account_id,
        instruments=[instrument(b.scene.put), instrument(b.scene.call)],
    )
    reply = await b.broker.GetOptionSnapshots(request, timeout=CALL_S)
    told = {symbol_of(s.quote.instrument): s.greeks for s in reply.snapshots}
    assert set(told) == {b.scene.put, b.scene.call}, reply
    b.note("put and call")
    assert told[b.scene.put].delta < 0 < told[b.scene.call].delta, told
    b.note("signs of delta fit")
    assert all(g.implied_volatility > 0 for g in told.values()), told
    b.note("volatility above zero")


@DECK.card(
    "MDT-013",
    "Streamed quotes: the present one first, then as the market moves",
    needs=("rpc.StreamQuotes",),
    control=(Can.QUOTES,),
    expects=("a first quote", "moved to 411.5"),
)
async def streamed(b: Bench) -> None:
    """Stream the quotes of a share while the market moves."""
    request = pb.StreamQuotesRequest(
        account_id=b.account_id, instruments=[instrument(b.scene.share)]
    )
    call = b.broker.StreamQuotes(request, timeout=CALL_S)
    try:
        moving = asyncio.create_task(_move(b))
        first = await asyncio.wait_for(call.read(), CALL_S)
        assert symbol_of(first.quote.instrument) == b.scene.share
        b.note("a first quote")
        told = first
        while told.quote.bid_price.value != "411.5":
            told = await asyncio.wait_for(call.read(), CALL_S)
        b.note(f"moved to {told.quote.bid_price.value}")
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
        call.cancel()


@DECK.card(
    "MDT-014",
    "Streamed quotes of a share and an option, each under its own name",
    needs=("rpc.StreamQuotes",),
    control=(Can.QUOTES,),
    expects=("heard of both",),
)
async def streamed_both(b: Bench) -> None:
    """Stream the quotes of a share and a put while both move."""
    wanted = {b.scene.share, b.scene.put}
    request = pb.StreamQuotesRequest(
        account_id=b.account_id, instruments=[instrument(symbol) for symbol in sorted(wanted)]
    )
    call = b.broker.StreamQuotes(request, timeout=CALL_S)
    moving = asyncio.create_task(_move(b))
    try:
        heard: set[str] = set()
        while heard != wanted:
            told = await asyncio.wait_for(call.read(), CALL_S)
            heard.add(symbol_of(told.quote.instrument))
        b.note("heard of both")
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
        call.cancel()


@DECK.card(
    "MDT-015",
    "Too many instruments, or none, is refused by name",
    needs=("rpc.GetQuotes",),
    marks=(Mark.PAPER,),
    expects=("GetQuotes: refused INVALID_FIELD", "GetQuotes: refused INVALID_FIELD"),
)
async def too_many(b: Bench) -> None:
    """Ask for no quote, and for a hundred and one."""
    await b.refused("GetQuotes", _quotes(b))
    many = _quotes(b, *[f"X{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(101)])
    await b.refused("GetQuotes", many)


async def _move(b: Bench) -> None:
    """Move both markets again and again: a subscription may come late."""
    while True:
        for share, put in (("405.5", "6.50"), ("411.5", "5.00")):
            await market(b, b.scene.share, share)
            await market(b, b.scene.put, put, str(Decimal(put) + Decimal("0.50")))
            await asyncio.sleep(0.2)


async def _now(b: Bench) -> datetime:
    request = pb.GetMarketClockRequest(account_id=b.account_id)
    told = await b.broker.GetMarketClock(request, timeout=CALL_S)
    at: datetime = told.venue_time.ToDatetime(UTC)
    return at


async def _contracts(
    b: Bench, first: datetime, last: datetime, **given: types_pb2.Decimal
) -> list[market_pb2.OptionContract]:
    return await listed(
        b,
        "ListOptionContracts",
        "contracts",
        underlying_symbol=b.scene.share,
        expiry_from=types_pb2.Date(year=first.year, month=first.month, day=first.day),
        expiry_to=types_pb2.Date(year=last.year, month=last.month, day=last.day),
        right=types_pb2.OPTION_RIGHT_PUT,
        **given,
    )


def _expiry(contract: market_pb2.OptionContract) -> date:
    day = contract.instrument.option.expiry
    return date(day.year, day.month, day.day)
