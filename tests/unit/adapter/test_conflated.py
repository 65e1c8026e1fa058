"""Unit tests of conflated quotes: the latest of each instrument, a gap told once, bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from services.common.adapter.conflated import ConflatedQuotes, aged
from services.common.domain.errors import ReadFailed
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.market import Quote, QuoteQuality

SPY, QQQ, AAPL = Equity("SPY"), Equity("QQQ"), Equity("AAPL")


def quote(instrument: Instrument, bid: int) -> Quote:
    return Quote(
        venue="fake",
        instrument=instrument,
        feed="iex",
        quality=QuoteQuality.REALTIME,
        bid_price=Decimal(bid),
        bid_qty=None,
        ask_price=None,
        ask_qty=None,
        venue_time=None,
    )


async def taken(reader: ConflatedQuotes, count: int) -> list[tuple[str, int, bool]]:
    """The next so many: symbol, bid, whether after a gap."""
    found = [await asyncio.wait_for(anext(reader), 1.0) for _ in range(count)]
    return [(f.quote.instrument.key, int(f.quote.bid_price or 0), f.after_gap) for f in found]


async def test_a_slow_reader_gets_the_latest_of_each_in_turn() -> None:
    reader = ConflatedQuotes([SPY, QQQ])
    for number in range(1, 100):
        reader.offer(quote(SPY, number))
        reader.offer(quote(QQQ, 2 * number))
    reader.offer(quote(AAPL, 7))  # not the reader's
    assert await taken(reader, 2) == [("SPY", 99, False), ("QQQ", 198, False)]
    reader.offer(quote(QQQ, 5))
    assert await taken(reader, 1) == [("QQQ", 5, False)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(reader), 0.01)


async def test_a_gap_is_told_with_the_next_quote_of_each_that_was_heard() -> None:
    reader = ConflatedQuotes([SPY, QQQ])
    reader.offer(quote(SPY, 1))
    reader.interrupted([SPY, QQQ, AAPL])
    reader.offer(quote(SPY, 2))
    reader.offer(quote(SPY, 3))  # takes the place of the one that says so
    reader.offer(quote(QQQ, 4))  # its first
    assert await taken(reader, 2) == [("SPY", 3, True), ("QQQ", 4, False)]
    reader.offer(quote(SPY, 5))
    assert await taken(reader, 1) == [("SPY", 5, False)]


async def test_what_was_known_before_gives_way_to_what_is_heard() -> None:
    reader = ConflatedQuotes([SPY, QQQ])
    reader.offer(quote(SPY, 2))
    reader.offer_first(quote(SPY, 1))
    reader.offer_first(quote(QQQ, 1))
    assert (reader.has_heard(SPY), reader.has_heard(AAPL)) == (True, False)
    assert await taken(reader, 2) == [("SPY", 2, False), ("QQQ", 1, False)]


async def test_a_failure_ends_the_reader_after_what_waits() -> None:
    reader = ConflatedQuotes([SPY])
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    reader.offer(quote(SPY, 1))
    assert (await waiting).quote.bid_price == 1
    reader.offer(quote(SPY, 2))
    reader.fail(ReadFailed("the stream is gone"))
    assert await taken(reader, 1) == [("SPY", 2, False)]
    for _ in range(2):
        with pytest.raises(ReadFailed):
            await anext(reader)


async def test_an_age_is_that_of_the_moment_of_reading() -> None:
    reader = ConflatedQuotes([SPY])
    reader.offer(replace(quote(SPY, 1), age_s=0.1))
    streamed = await anext(reader)
    assert aged(streamed, 2.5).quote == replace(streamed.quote, age_s=2.5)
