"""`MarketPort` over gRPC: the part of `VenueClient` that reads what no order depends on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from datetime import date
from enum import Enum
from typing import Any, TypeVar

import grpc

from services.common.contract.convert import (
    bar_from_wire,
    date_to_wire,
    duration_to_wire,
    instrument_to_wire,
    listed_option_from_wire,
    market_clock_from_wire,
    market_day_from_wire,
    optional_date_to_wire,
    optional_decimal_to_wire,
    optional_timestamp_to_wire,
    quote_from_wire,
    snapshot_from_wire,
    spec_to_wire,
    streamed_quote_from_wire,
    timestamp_to_wire,
)
from services.common.contract.convert.enums import (
    OPTION_RIGHTS,
    ORDER_CLASSES,
    ORDER_TYPES,
    TIMES_IN_FORCE,
    EnumTable,
)
from services.common.contract.convert.previews import preview_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import broker_service_pb2_grpc, types_pb2
from services.common.contract.status import from_rpc_error
from services.common.domain.errors import ReadFailed
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import (
    Bar,
    ListedOption,
    MarketClock,
    MarketDay,
    OptionSnapshot,
    Quote,
    StreamedQuote,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.reports import Preview
from services.router.routing.market import (
    BarQuery,
    ContractQuery,
    PageAsked,
    VenueCapabilities,
    VenuePage,
)

Reply = TypeVar("Reply")
Member = TypeVar("Member", bound=Enum)


class VenueData(ABC):
    """Reads of one venue account; the client that extends it brings the channel and `_read`."""

    _account_id: str
    _venue: str
    _broker: broker_service_pb2_grpc.BrokerServiceAsyncStub

    @abstractmethod
    async def _read(self, method: Callable[..., Awaitable[Reply]], request: object) -> Reply:
        """Call within the read deadline; ReadFailed for what did not answer in full."""

    async def capabilities(self) -> VenueCapabilities:
        request = pb.GetCapabilitiesRequest(account_id=self._account_id)
        reply = await self._read(self._broker.GetCapabilities, request)
        if len(reply.venues) != 1:
            raise ReadFailed(f"{self._venue}: the adapter speaks of {len(reply.venues)} venues")
        stated = reply.venues[0]
        return VenueCapabilities(
            order_types=_known(ORDER_TYPES, stated.order_types),
            times_in_force=_known(TIMES_IN_FORCE, stated.times_in_force),
            order_classes=_known(ORDER_CLASSES, stated.order_classes),
            methods=tuple(stated.methods),
            entitlements=tuple(stated.entitlements),
            enforces_unique_ids=stated.enforces_unique_ids,
            fractional_quantities=stated.fractional_quantities,
        )

    async def preview(self, spec: OrderSpec) -> Preview:
        request = pb.PreviewOrderRequest(account_id=self._account_id, order=spec_to_wire(spec))
        return preview_from_wire(await self._read(self._broker.PreviewOrder, request))

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        request = pb.GetQuotesRequest(
            account_id=self._account_id, instruments=map(instrument_to_wire, instruments)
        )
        reply = await self._read(self._broker.GetQuotes, request)
        return [quote_from_wire(quote) for quote in reply.quotes]

    async def bars(self, query: BarQuery, page: PageAsked) -> VenuePage[Bar]:
        request = pb.GetBarsRequest(
            account_id=self._account_id,
            instrument=instrument_to_wire(query.instrument),
            bar_length=duration_to_wire(query.bar_length_s),
            start_time=timestamp_to_wire(query.start),
            end_time=optional_timestamp_to_wire(query.end),
            page=_page_to_wire(page),
        )
        reply = await self._read(self._broker.GetBars, request)
        return VenuePage([bar_from_wire(b) for b in reply.bars], reply.next_page_token, reply.feed)

    async def option_contracts(
        self, query: ContractQuery, page: PageAsked
    ) -> VenuePage[ListedOption]:
        request = pb.ListOptionContractsRequest(
            account_id=self._account_id,
            underlying_symbol=query.underlying,
            expiry_from=optional_date_to_wire(query.expiry_from),
            expiry_to=optional_date_to_wire(query.expiry_to),
            strike_from=optional_decimal_to_wire(query.strike_from),
            strike_to=optional_decimal_to_wire(query.strike_to),
            right=OPTION_RIGHTS.to_wire(query.right),
            page=_page_to_wire(page),
        )
        reply = await self._read(self._broker.ListOptionContracts, request)
        listed = [listed_option_from_wire(contract) for contract in reply.contracts]
        return VenuePage(listed, reply.next_page_token)

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        request = pb.GetOptionSnapshotsRequest(
            account_id=self._account_id, instruments=map(instrument_to_wire, contracts)
        )
        reply = await self._read(self._broker.GetOptionSnapshots, request)
        return [snapshot_from_wire(snapshot) for snapshot in reply.snapshots]

    async def market_clock(self) -> MarketClock:
        request = pb.GetMarketClockRequest(account_id=self._account_id)
        return market_clock_from_wire(await self._read(self._broker.GetMarketClock, request))

    async def market_calendar(self, first: date, last: date) -> Sequence[MarketDay]:
        request = pb.GetMarketCalendarRequest(
            account_id=self._account_id, start_date=date_to_wire(first), end_date=date_to_wire(last)
        )
        reply = await self._read(self._broker.GetMarketCalendar, request)
        return [market_day_from_wire(day) for day in reply.days]

    async def stream_quotes(
        self, instruments: Sequence[Instrument]
    ) -> AsyncGenerator[StreamedQuote, None]:
        request = pb.StreamQuotesRequest(
            account_id=self._account_id, instruments=map(instrument_to_wire, instruments)
        )
        call = self._broker.StreamQuotes(request)
        try:
            while True:
                reply = await call.read()
                if not isinstance(reply, pb.StreamQuotesResponse):
                    return  # the end of the stream
                yield streamed_quote_from_wire(reply)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, mutation=False) from error
        finally:
            call.cancel()


def _page_to_wire(page: PageAsked) -> types_pb2.PageRequest:
    return types_pb2.PageRequest(page_size=page.size, page_token=page.token)


def _known(table: EnumTable[Member, Any], numbers: Iterable[int]) -> tuple[Member, ...]:
    """The members that this release has: it can use no others."""
    found = (table.get(number) for number in numbers)
    return tuple(member for member in found if member is not None)
