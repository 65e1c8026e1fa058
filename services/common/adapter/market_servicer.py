"""Market data over a venue gateway: quotes, bars, options, the market's clock and calendar.

What the venue has no answer for is named in `missing`; what could not be read is an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from services.common.adapter.listing import scope_of
from services.common.adapter.market_requests import (
    bar_query,
    calendar_days,
    contract_query,
    instruments_of,
    options_of,
)
from services.common.adapter.served_account import ServedAccount
from services.common.adapter.streams import until
from services.common.contract.convert import (
    bar_to_wire,
    instrument_to_wire,
    listed_option_to_wire,
    market_clock_to_wire,
    market_day_to_wire,
    quote_to_wire,
    snapshot_to_wire,
    streamed_quote_to_wire,
)
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.instruments import Instrument
from services.common.domain.market import Bar, ListedOption, Quote


class MarketServicer(ServedAccount):
    """The part of `BrokerService` that is about the market and not about the account."""

    async def GetQuotes(self, request: pb.GetQuotesRequest, context: Any) -> pb.GetQuotesResponse:
        self._require_here(request.account_id, request.venue)
        asked = instruments_of(request.instruments)
        quotes = await self._gateway.quotes(asked)
        return pb.GetQuotesResponse(
            quotes=map(quote_to_wire, quotes),
            missing=_missing(asked, quotes),
            venue=self._settings.venue,
        )

    async def GetBars(self, request: pb.GetBarsRequest, context: Any) -> pb.GetBarsResponse:
        self._require_here(request.account_id, request.venue)
        query = bar_query(request)

        feed = ""

        async def read() -> Sequence[tuple[Bar, str]]:
            nonlocal feed
            found = await self._gateway.bars(query)
            feed = found.feed
            return [(bar, feed) for bar in found.bars]

        page = await self._lists.page(request.page, scope_of(request), read, self._feed.token)
        return pb.GetBarsResponse(
            bars=[bar_to_wire(bar) for bar, _ in page.items],
            next_page_token=page.next_page_token,
            venue=self._settings.venue,
            feed=page.items[0][1] if page.items else feed,
        )

    async def ListOptionContracts(
        self, request: pb.ListOptionContractsRequest, context: Any
    ) -> pb.ListOptionContractsResponse:
        self._require_here(request.account_id, request.venue)
        query = contract_query(request)

        async def read() -> Sequence[ListedOption]:
            asked = query
            if asked.expiry_from is None:
                # The venue's day counts, which need not be ours.
                today = (await self._gateway.market_clock()).trading_date
                if asked.expiry_to is not None and asked.expiry_to < today:
                    raise InvalidRequest("expiry_from", "required for what has expired")
                asked = replace(asked, expiry_from=today)
            return await self._gateway.option_contracts(asked)

        page = await self._lists.page(request.page, scope_of(request), read, self._feed.token)
        return pb.ListOptionContractsResponse(
            contracts=map(listed_option_to_wire, page.items),
            next_page_token=page.next_page_token,
            venue=self._settings.venue,
        )

    async def GetOptionSnapshots(
        self, request: pb.GetOptionSnapshotsRequest, context: Any
    ) -> pb.GetOptionSnapshotsResponse:
        self._require_here(request.account_id, request.venue)
        asked = options_of(request.instruments)
        snapshots = await self._gateway.option_snapshots(asked)
        return pb.GetOptionSnapshotsResponse(
            snapshots=map(snapshot_to_wire, snapshots),
            missing=_missing(asked, [snapshot.quote for snapshot in snapshots]),
            venue=self._settings.venue,
        )

    async def GetMarketClock(
        self, request: pb.GetMarketClockRequest, context: Any
    ) -> pb.GetMarketClockResponse:
        self._require_here(request.account_id, request.venue)
        return market_clock_to_wire(await self._gateway.market_clock(), self._settings.venue)

    async def GetMarketCalendar(
        self, request: pb.GetMarketCalendarRequest, context: Any
    ) -> pb.GetMarketCalendarResponse:
        self._require_here(request.account_id, request.venue)
        first, last = calendar_days(request)
        days = await self._gateway.market_calendar(first, last)
        return pb.GetMarketCalendarResponse(
            days=map(market_day_to_wire, days), venue=self._settings.venue
        )

    async def StreamQuotes(
        self, request: pb.StreamQuotesRequest, context: Any
    ) -> AsyncIterator[pb.StreamQuotesResponse]:
        self._require_here(request.account_id, request.venue)
        asked = instruments_of(request.instruments)
        quotes = until(self._gateway.stream_quotes(asked), self._feed.wait_drained)
        async with aclosing(quotes):
            async for streamed in quotes:
                yield streamed_quote_to_wire(streamed)


def _missing(asked: Collection[Instrument], quotes: Iterable[Quote]) -> list[types_pb2.Instrument]:
    answered = {quote.instrument.key for quote in quotes}
    return [instrument_to_wire(one) for one in asked if one.key not in answered]
