"""A session of streamed quotes by hand: connections that say what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.alpaca_adapter.feeds import Feeds
from services.alpaca_adapter.market_data import MarketData
from services.alpaca_adapter.quote_feed import FeedTerms, QuoteFeed
from services.alpaca_adapter.quote_streams import QuoteStreams
from services.alpaca_adapter.rest import Api
from services.alpaca_adapter.stream import StreamListener
from services.common.domain.errors import TandemError
from services.common.domain.instruments import Instrument
from services.common.domain.market import StreamedQuote
from services.common.runtime.clock import SystemClock
from tests.unit.alpaca_adapter.wire import Asked, Desk, Reply

AT = datetime(2024, 11, 4, 15, 0, 1, tzinfo=UTC)


class HandSocket:
    """A connection that says what the test says, and keeps what it is asked."""

    def __init__(self, url: str, listener: StreamListener) -> None:
        self.url = url
        self.listener = listener
        self.wanted: set[str] = set()
        self.changes: list[tuple[str, set[str]]] = []
        self.subscribed: set[str] = set()
        self.dropped = 0
        self.orderly = 0
        self.answers = True
        self.gives_up = asyncio.Event()
        self.closed = False

    async def run(self) -> None:
        try:
            await self.gives_up.wait()
        finally:
            self.closed = True

    async def drop(self) -> None:
        self.dropped += 1
        self.listener.ended("dropped")

    def in_order(self) -> None:
        self.orderly += 1

    def want(self, symbols: Collection[str]) -> None:
        self.wanted = set(symbols)

    async def change(self, action: str, symbols: Collection[str]) -> None:
        self.changes.append((action, set(symbols)))
        if self.answers:
            added = action == "subscribe"
            self.confirms(
                self.subscribed | set(symbols) if added else self.subscribed - set(symbols)
            )

    def connects(self) -> None:
        """The connection is made and subscribes to what is wanted."""
        self.confirms(self.wanted)

    def confirms(self, symbols: Collection[str]) -> None:
        self.subscribed = set(symbols)
        self.says({"T": "subscription", "quotes": sorted(symbols), "trades": []})

    def says(self, *messages: dict[str, Any]) -> None:
        self.listener.heard(msgspec.msgpack.encode(list(messages)))

    def quotes(self, symbol: str, bid: float, **changed: Any) -> None:
        fields = {"T": "q", "S": symbol, "bp": bid, "bs": 3, "ap": bid + 1, "as": 4, "t": AT}
        self.says(fields | changed)


class Scene:
    """Two feeds over sockets of the test's, and a venue that answers for latest quotes."""

    def __init__(self, terms: FeedTerms, *, stocks: str = "iex", options: str = "opra") -> None:
        self.sockets: list[HandSocket] = []
        self.latest: dict[str, float] = {}
        self.latest_at = "2024-11-04T15:00:00Z"
        self.desk = Desk(self.answers)
        feeds = Feeds(
            self.desk.clock.monotonic, stock_feed=stocks, option_feed=options, refused_s=3600.0
        )
        market_data = MarketData(self.desk.reader, self.desk.watch, "alpaca", feeds)
        self.feeds = {
            api: QuoteFeed(
                api,
                self.open,
                feeds,
                SystemClock(),
                replace(terms, url=f"ws://venue.test/{version}/"),
                venue="alpaca",
                venue_now=self.desk.watch.now,
                read_latest=market_data.quotes,
            )
            for api, version in ((Api.STOCKS, "v2"), (Api.OPTIONS, "v1beta1"))
        }
        self.streams = QuoteStreams(self.feeds, market_data, self.desk.watch)
        self.readers: list[Reader] = []

    def open(self, url: str, listener: StreamListener) -> HandSocket:
        self.sockets.append(HandSocket(url, listener))
        return self.sockets[-1]

    def answers(self, asked: Asked) -> Reply:
        symbols = asked.query["symbols"].split(",")
        quote = {"t": self.latest_at, "bs": 3, "ap": 401, "as": 4}
        found = {s: quote | {"bp": self.latest[s]} for s in symbols if s in self.latest}
        headers = {"Date": "Mon, 04 Nov 2024 15:00:03 GMT"}
        return Reply(200, {"quotes": found}, headers=headers)

    async def reads(self, *instruments: Instrument) -> Reader:
        """Open a stream, and wait until it waits for quotes."""
        reader = Reader(self.streams.stream(instruments))
        self.readers.append(reader)
        asked = len(self.desk.venue.asked)
        await until(lambda: reader.task.done() or reader.told or len(self.desk.venue.asked) > asked)
        await asyncio.sleep(0)
        return reader

    async def socket(self, number: int = 1) -> HandSocket:
        """The so-manieth connection."""
        await until(lambda: len(self.sockets) >= number)
        return self.sockets[number - 1]


class Reader:
    """Reads a stream in a task of its own."""

    def __init__(self, stream: AsyncIterator[StreamedQuote]) -> None:
        self.told: list[StreamedQuote] = []
        self.task = asyncio.create_task(self._read(stream))

    async def _read(self, stream: AsyncIterator[StreamedQuote]) -> None:
        async for streamed in stream:
            self.told.append(streamed)

    def bids(self) -> list[tuple[str, Decimal | None, bool]]:
        return [(t.quote.instrument.key, t.quote.bid_price, t.after_gap) for t in self.told]

    async def has(self, count: int) -> None:
        await until(lambda: len(self.told) >= count)

    async def leaves(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def error(self) -> TandemError:
        async with asyncio.timeout(5.0):
            with pytest.raises(TandemError) as failed:
                await self.task
        return failed.value


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(5.0):
        while not check():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def scene(**changed: Any) -> AsyncIterator[Scene]:
    feeds = {name: changed.pop(name) for name in ("stocks", "options") if name in changed}
    values = {"symbols_max": 30, "idle_s": 60.0, "lost_s": 60.0, "answer_s": 60.0} | changed
    built = Scene(FeedTerms(url="", **values), **feeds)
    running = [asyncio.create_task(feed.run()) for feed in built.feeds.values()]
    try:
        yield built
    finally:
        for reader in built.readers:
            await reader.leaves()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert all(task.cancelled() for task in running)
    assert all(socket.closed for socket in built.sockets)
