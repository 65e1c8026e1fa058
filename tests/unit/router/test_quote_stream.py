"""Streams of quotes: the latest of each, breaks told, an end that names its venue."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.contract.convert import instrument_to_wire, streamed_quote_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason, Unavailable
from services.common.domain.instruments import Equity
from services.common.domain.market import StreamedQuote
from services.router.routing.link import VenueLink
from services.router.routing.quote_stream import LatestQuotes, QuoteStreams, QuoteStreamSettings
from tests.unit.adapter.virtual_time import virtual_clock
from tests.unit.router.api_rig import Code, api, failure
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_market import quote
from tests.unit.router.scripted_port import ScriptedPort

SPY, QQQ = Equity("SPY"), Equity("QQQ")
BROKEN = ReadFailed("the connection was lost")


def streamed(instrument: Equity, bid: str, *, after_gap: bool = False) -> StreamedQuote:
    return StreamedQuote(quote(instrument, bid), after_gap)


# -- conflation --


async def test_a_slow_reader_gets_the_latest_of_each_and_no_more() -> None:
    latest = LatestQuotes()
    for number in range(1, 1000):
        latest.put(streamed(SPY, str(number)))
    latest.put(streamed(QQQ, "5"))
    latest.put(streamed(SPY, "1000"))
    latest.end()
    told = [await latest.next() for _ in range(3)]
    assert told == [streamed(SPY, "1000"), streamed(QQQ, "5"), None]


async def test_a_gap_before_a_quote_that_was_passed_over_is_still_told() -> None:
    latest = LatestQuotes()
    latest.put(streamed(SPY, "1", after_gap=True))
    latest.put(streamed(SPY, "2"))
    assert await latest.next() == streamed(SPY, "2", after_gap=True)
    latest.put(streamed(SPY, "3"))
    assert await latest.next() == streamed(SPY, "3")


async def test_what_was_not_seen_is_told_before_the_error_that_ended_it() -> None:
    latest = LatestQuotes()
    latest.put(streamed(SPY, "1"))
    latest.end(BROKEN)
    latest.end()
    assert await latest.next() == streamed(SPY, "1")
    for _ in range(2):
        with pytest.raises(ReadFailed):
            await latest.next()


# -- breaks --


def streams() -> QuoteStreams:
    return QuoteStreams(virtual_clock(), QuoteStreamSettings())


def links(running: Running) -> list[VenueLink]:
    return list(running.core.links.values())


@virtual
async def test_a_break_is_mended_and_told_once_for_each_instrument(path: Path) -> None:
    async with router(path) as running:
        port = running.alpaca
        async with aclosing(streams().stream(links(running), [SPY, QQQ])) as quotes:
            port.stream_news.put_nowait(streamed(SPY, "1"))
            assert await anext(quotes) == streamed(SPY, "1")
            port.stream_news.put_nowait(BROKEN)
            told = []
            for symbol, bid in ((SPY, "2"), (SPY, "3"), (QQQ, "4")):
                port.stream_news.put_nowait(streamed(symbol, bid))
                told.append(await anext(quotes))
            assert told == [
                streamed(SPY, "2", after_gap=True),
                streamed(SPY, "3"),
                streamed(QQQ, "4", after_gap=True),
            ]
            port.stream_news.put_nowait(None)  # the adapter was restarted in good order
            port.stream_news.put_nowait(streamed(SPY, "5"))
            assert await anext(quotes) == streamed(SPY, "5", after_gap=True)
            assert port.streams_opened == 3
        await until(lambda: port.streams_open == 0)


@virtual
async def test_a_venue_that_stays_down_ends_the_stream_and_is_named(path: Path) -> None:
    async with router(path, "alpaca", "second") as running:
        port = running.alpaca
        async with aclosing(streams().stream(links(running), [SPY])) as quotes:
            port.stream_news.put_nowait(streamed(SPY, "1"))
            await anext(quotes)
            port.market_error = BROKEN
            port.stream_news.put_nowait(BROKEN)
            began = asyncio.get_running_loop().time()
            with pytest.raises(Unavailable, match=r"alpaca: .*the connection was lost") as failed:
                await anext(quotes)
            assert failed.value.reason is Reason.VENUE_UNAVAILABLE
            assert 15 <= asyncio.get_running_loop().time() - began < 20
            assert 8 <= port.streams_opened < 20, "with growing waits"
        assert running.second.streams_opened == 0, "no other venue's quotes in its place"


@virtual
async def test_a_quiet_stream_that_breaks_after_long_is_opened_again(path: Path) -> None:
    """No quote came by night: that is no reason to give it up."""
    async with router(path) as running:
        port = running.alpaca
        async with aclosing(streams().stream(links(running), [SPY])) as quotes:
            for _ in range(3):
                waiting = asyncio.ensure_future(anext(quotes))
                await asyncio.sleep(3600)
                port.stream_news.put_nowait(BROKEN)
                await asyncio.sleep(60)
                port.stream_news.put_nowait(streamed(SPY, "1"))
                assert (await waiting).after_gap


@virtual
async def test_what_will_not_pass_ends_the_stream_at_once(path: Path) -> None:
    async with router(path) as running:
        port = running.alpaca
        async with aclosing(streams().stream(links(running), [SPY])) as quotes:
            port.stream_news.put_nowait(streamed(SPY, "1"))
            await anext(quotes)
            port.stream_news.put_nowait(ReadFailed("no agreement", reason=Reason.NOT_PERMITTED))
            with pytest.raises(ReadFailed, match="alpaca: no agreement") as failed:
                await anext(quotes)
            assert failed.value.reason is Reason.NOT_PERMITTED
            assert port.streams_opened == 1


# -- which venue --


@virtual
async def test_before_anything_was_told_the_next_venue_is_tried(path: Path) -> None:
    async with router(path, "alpaca", "second") as running:
        reason = Reason.NOT_IMPLEMENTED
        running.alpaca.market_error = ReadFailed("StreamQuotes", reason=reason)
        async with aclosing(streams().stream(links(running), [SPY])) as quotes:
            running.second.stream_news.put_nowait(streamed(SPY, "1"))
            assert await anext(quotes) == streamed(SPY, "1")
            running.second.market_error = ReadFailed("StreamQuotes", reason=reason)
            running.second.stream_news.put_nowait(BROKEN)
            with pytest.raises(ReadFailed, match="second: "):
                await anext(quotes)
        async with aclosing(streams().stream(links(running), [SPY])) as quotes:
            with pytest.raises(ReadFailed, match=r"alpaca: .*; second: ") as failed:
                await anext(quotes)
        assert failed.value.reason is reason


@virtual
async def test_what_is_wrong_with_the_request_is_not_asked_twice(path: Path) -> None:
    async with router(path, "alpaca", "second") as running:
        wrong = ReadFailed("instruments[0]: unknown", reason=Reason.INVALID_FIELD)
        running.alpaca.market_error = wrong
        async with aclosing(streams().stream(links(running), [SPY])) as quotes:
            with pytest.raises(InvalidRequest):
                async with asyncio.timeout(60):
                    await anext(quotes)
        assert running.second.streams_opened == 0


# -- over the wire --


def request(venue: str = "") -> pb.StreamQuotesRequest:
    asked = [instrument_to_wire(SPY), instrument_to_wire(QQQ)]
    return pb.StreamQuotesRequest(account_id="main", instruments=asked, venue=venue)


async def test_a_client_that_goes_closes_the_venues_stream(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        port = it.running.second
        call = it.broker.StreamQuotes(request("second"))
        port.stream_news.put_nowait(streamed(SPY, "1"))
        assert streamed_quote_from_wire(await call.read()) == streamed(SPY, "1")
        assert port.streams_open == 1
        call.cancel()
        await until(lambda: port.streams_open == 0)
        assert it.running.alpaca.streams_opened == 0


async def test_a_router_that_stops_ends_its_streams_in_good_order(path: Path) -> None:
    async with api(path) as it:
        call = it.broker.StreamQuotes(request())
        it.running.alpaca.stream_news.put_nowait(streamed(SPY, "1"))
        await call.read()
        it.running.core.drain()
        assert await call.code() is Code.OK
        await until(lambda: it.running.alpaca.streams_open == 0)
        again = it.broker.StreamQuotes(request())
        code, error = await failure(again.read())
        assert (code, error.reason) == (Code.UNAVAILABLE, Reason.SHUTTING_DOWN)


async def test_a_client_that_reads_slowly_gets_no_long_row_of_old_quotes(path: Path) -> None:
    """End to end: what a client has not taken is replaced here, not queued."""
    async with api(path) as it:
        port = it.running.alpaca
        call = it.broker.StreamQuotes(request())
        last, text = 20_000, replace(quote(SPY), feed="x" * 2_000)
        for number in range(1, last + 1):
            bid = Decimal(number)
            port.stream_news.put_nowait(StreamedQuote(replace(text, bid_price=bid)))
        await until(lambda: port.stream_news.empty())
        count, bid = 0, Decimal(0)
        async with asyncio.timeout(20):
            while bid < last:
                got = streamed_quote_from_wire(await call.read()).quote.bid_price
                assert got is not None
                assert got > bid
                count, bid = count + 1, got
        assert count < last / 4
        call.cancel()


async def test_stream_requests_are_checked(path: Path) -> None:
    ports = {"alpaca": ScriptedPort("alpaca")}
    async with api(path, ports=ports) as it:
        wrong = pb.StreamQuotesRequest(account_id="main")
        assert (await failure(it.broker.StreamQuotes(wrong).read()))[0] is Code.INVALID_ARGUMENT
        unknown = it.broker.StreamQuotes(request("third"))
        assert (await failure(unknown.read()))[0] is Code.NOT_FOUND
