"""Reads that are passed on to a venue: market data, previews, and what each venue can do.

The venue named answers, else the preferred one that can; each reply names its venue.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from services.common.contract.convert import (
    bar_to_wire,
    check_known_fields,
    instrument_to_wire,
    listed_option_to_wire,
    market_clock_to_wire,
    market_day_to_wire,
    quote_to_wire,
    snapshot_to_wire,
    spec_from_wire,
    streamed_quote_to_wire,
)
from services.common.contract.convert.previews import preview_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.instruments import Instrument
from services.common.domain.market import Quote
from services.router.api.capabilities import KnownCapabilities, require_routable
from services.router.api.market_requests import (
    bar_query,
    calendar_days,
    contract_query,
    instruments_of,
    options_of,
    page_asked,
    page_token,
)
from services.router.books.books import Books
from services.router.routing.asking import ask, venues_to_ask
from services.router.routing.desk import Desk
from services.router.routing.previewing import planned_venue
from services.router.routing.quote_stream import QuoteStreams


class MarketServicer:
    """The part of `BrokerService` that asks venues and neither reads nor changes the books."""

    _desk: Desk
    _books: Books
    _capabilities: KnownCapabilities
    _quote_streams: QuoteStreams
    _version: str

    async def GetCapabilities(self, request: pb.GetCapabilitiesRequest, context: Any) -> Any:
        venues = await self._capabilities.of(self._desk.required_account(request.account_id))
        return pb.GetCapabilitiesResponse(venues=venues, server_version=self._version)

    async def PreviewOrder(self, request: pb.PreviewOrderRequest, context: Any) -> Any:
        check_known_fields(request)
        account = self._desk.required_account(request.account_id)
        if not request.HasField("order"):
            raise InvalidRequest("order", "required")
        spec = spec_from_wire(request.order)
        venue, ours = request.venue, list[str]()
        if not venue:
            require_routable(spec)
            venue, ours = await planned_venue(account, spec, self._books)
        plain = replace(spec, hedge=False)
        venue, preview = await ask(account, venue, lambda port: port.preview(plain))
        warnings = (*preview.warnings, *ours)
        return preview_to_wire(replace(preview, venue=venue, warnings=warnings))

    async def GetQuotes(self, request: pb.GetQuotesRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        asked = instruments_of(request.instruments)
        venue, quotes = await ask(account, request.venue, lambda port: port.quotes(asked))
        return pb.GetQuotesResponse(
            quotes=map(quote_to_wire, quotes), missing=_missing(asked, quotes), venue=venue
        )

    async def GetBars(self, request: pb.GetBarsRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        query = bar_query(request)
        named, page = page_asked(account, request.venue, request.page)
        venue, bars = await ask(account, named, lambda port: port.bars(query, page))
        return pb.GetBarsResponse(
            bars=map(bar_to_wire, bars.items),
            next_page_token=page_token(venue, bars.next_token),
            venue=venue,
            feed=bars.feed,
        )

    async def ListOptionContracts(
        self, request: pb.ListOptionContractsRequest, context: Any
    ) -> Any:
        account = self._desk.required_account(request.account_id)
        query = contract_query(request)
        named, page = page_asked(account, request.venue, request.page)
        venue, listed = await ask(account, named, lambda port: port.option_contracts(query, page))
        return pb.ListOptionContractsResponse(
            contracts=map(listed_option_to_wire, listed.items),
            next_page_token=page_token(venue, listed.next_token),
            venue=venue,
        )

    async def GetOptionSnapshots(self, request: pb.GetOptionSnapshotsRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        asked = options_of(request.instruments)
        venue, found = await ask(account, request.venue, lambda port: port.option_snapshots(asked))
        return pb.GetOptionSnapshotsResponse(
            snapshots=map(snapshot_to_wire, found),
            missing=_missing(asked, [snapshot.quote for snapshot in found]),
            venue=venue,
        )

    async def GetMarketClock(self, request: pb.GetMarketClockRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        venue, clock = await ask(account, request.venue, lambda port: port.market_clock())
        return market_clock_to_wire(clock, venue)

    async def GetMarketCalendar(self, request: pb.GetMarketCalendarRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        first, last = calendar_days(request)
        venue, days = await ask(
            account, request.venue, lambda port: port.market_calendar(first, last)
        )
        return pb.GetMarketCalendarResponse(days=map(market_day_to_wire, days), venue=venue)

    async def StreamQuotes(
        self, request: pb.StreamQuotesRequest, context: Any
    ) -> AsyncIterator[Any]:
        account = self._desk.required_account(request.account_id)
        asked = instruments_of(request.instruments)
        links = venues_to_ask(account, request.venue)
        async with aclosing(self._quote_streams.stream(links, asked)) as quotes:
            async for streamed in quotes:
                yield streamed_quote_to_wire(streamed)


def _missing(asked: Collection[Instrument], quotes: Iterable[Quote]) -> list[types_pb2.Instrument]:
    answered = {quote.instrument.key for quote in quotes}
    return [instrument_to_wire(one) for one in asked if one.key not in answered]
