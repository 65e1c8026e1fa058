"""The market of a scripted venue: it gives what a test puts there and notes what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from services.common.domain.errors import ReadFailed, Reason
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import (
    Bar,
    ListedOption,
    MarketClock,
    MarketDay,
    OptionSnapshot,
    Quote,
    QuoteQuality,
    StreamedQuote,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from services.common.domain.reports import Preview
from services.router.routing.market import (
    BarQuery,
    ContractQuery,
    PageAsked,
    VenueCapabilities,
    VenuePage,
)

NOW = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
SIMPLE = VenueCapabilities(
    order_types=(OrderType.MARKET, OrderType.LIMIT),
    times_in_force=(TimeInForce.DAY,),
    order_classes=(OrderClass.SIMPLE,),
    methods=("SubmitOrder", "CancelOrder", "GetBars"),
)


def quote(instrument: Instrument, bid: str = "1", venue: str = "alpaca") -> Quote:
    """A quote of one round lot each way."""
    px, one = Decimal(bid), Decimal(1)
    return Quote(venue, instrument, "iex", QuoteQuality.REALTIME, px, one, px + one, one, NOW)


@dataclass(kw_only=True)
class ScriptedMarket:
    """`MarketPort` by script."""

    market_error: ReadFailed | None = None
    market_hold: asyncio.Event | None = None
    asked: list[object] = field(default_factory=list)
    quoted: list[Quote] = field(default_factory=list)
    bars_found: VenuePage[Bar] = field(default_factory=lambda: VenuePage(()))
    listed: VenuePage[ListedOption] = field(default_factory=lambda: VenuePage(()))
    snapshots: list[OptionSnapshot] = field(default_factory=list)
    days: list[MarketDay] = field(default_factory=list)
    previewed: Preview | None = None
    can: VenueCapabilities = SIMPLE
    stream_news: asyncio.Queue[StreamedQuote | ReadFailed | None] = field(
        default_factory=asyncio.Queue
    )
    reachable: bool = True
    streams_opened: int = 0
    streams_open: int = 0

    async def capabilities(self) -> VenueCapabilities:
        self._note("capabilities")
        return self.can

    async def preview(self, spec: OrderSpec) -> Preview:
        self._note(spec)
        assert self.previewed is not None
        return self.previewed

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        self._note(tuple(instruments))
        return [one for one in self.quoted if one.instrument in instruments]

    async def bars(self, query: BarQuery, page: PageAsked) -> VenuePage[Bar]:
        self._note((query, page))
        return self.bars_found

    async def option_contracts(
        self, query: ContractQuery, page: PageAsked
    ) -> VenuePage[ListedOption]:
        self._note((query, page))
        return self.listed

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        self._note(tuple(contracts))
        return [one for one in self.snapshots if one.quote.instrument in contracts]

    async def market_clock(self) -> MarketClock:
        self._note("market_clock")
        if self.market_hold is not None:
            await self.market_hold.wait()
        return MarketClock(
            NOW, is_open=True, next_open=NOW, next_close=NOW, trading_date=NOW.date()
        )

    async def market_calendar(self, first: date, last: date) -> Sequence[MarketDay]:
        self._note((first, last))
        return self.days

    async def stream_quotes(
        self, instruments: Sequence[Instrument]
    ) -> AsyncGenerator[StreamedQuote, None]:
        self.streams_opened += 1
        self._note(tuple(instruments))
        self.streams_open += 1
        try:
            while (item := await self.stream_news.get()) is not None:
                if isinstance(item, ReadFailed):
                    raise item
                yield item
        finally:
            self.streams_open -= 1

    def _note(self, what: object) -> None:
        self.asked.append(what)
        if not self.reachable:
            raise ReadFailed("can't be reached", reason=Reason.VENUE_UNAVAILABLE)
        if self.market_error is not None:
            raise self.market_error
