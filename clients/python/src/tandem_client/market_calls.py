"""The part of `TandemClient` that asks for market data.

`venue` names the one to ask; without it the preferred one that is up answers, and says so.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import grpc

from tandem_client.accounts import Quotes
from tandem_client.base import AccountClient
from tandem_client.enums import OptionRight
from tandem_client.instruments import Instrument, Option
from tandem_client.market import (
    Bar,
    ListedOption,
    MarketCalendar,
    MarketClock,
    OptionSnapshots,
    StreamedQuote,
)
from tandem_client.pages import Page, Pages
from tandem_client.pb import broker_service_pb2 as pb
from tandem_client.pb import types_pb2
from tandem_client.wire import market, values
from tandem_client.wire.accounts import read_quotes
from tandem_client.wire.instruments import write_instrument


class MarketCalls(AccountClient):
    """Quotes, bars, options, clock and calendar."""

    async def quotes(self, instruments: Iterable[Instrument], *, venue: str = "") -> Quotes:
        """Latest quotes of 1 to 100 instruments, from `venue` or the preferred one that is up."""
        request = pb.GetQuotesRequest(
            account_id=await self.account_id(), venue=venue, instruments=_written(instruments)
        )
        return await self._connection.read(
            self._stub.GetQuotes, request, read_quotes, asked="quotes"
        )

    async def stream_quotes(
        self, instruments: Iterable[Instrument], *, venue: str = ""
    ) -> AsyncGenerator[StreamedQuote, None]:
        """Quotes of 1 to 100 instruments as they change, the latest of each, without an end.

        A break at the venue is mended there and told by `after_gap`. Raises a TandemError when the
        server ends it for good; close the iterator (`contextlib.aclosing`) to end the call.
        """
        request = pb.StreamQuotesRequest(
            account_id=await self.account_id(), venue=venue, instruments=_written(instruments)
        )
        await self._connection.connected(math.inf)
        call = self._stub.StreamQuotes(request)
        try:
            while (reply := await call.read()) is not grpc.aio.EOF:
                yield market.read_streamed(reply)
        except grpc.aio.AioRpcError as error:
            raise self._connection.failure(error, "quotes", mutation=False) from error
        finally:
            call.cancel()

    def bars(
        self,
        instrument: Instrument,
        bar_length: timedelta,
        start: datetime,
        end: datetime | None = None,
        *,
        venue: str = "",
    ) -> Pages[Bar]:
        """Bars that begin at or after `start` and before `end` (None: now), oldest first."""
        request = pb.GetBarsRequest(
            instrument=write_instrument(instrument, "instrument"),
            bar_length=values.write_duration(bar_length.total_seconds()),
            start_time=values.write_time(start, "start_time"),
            venue=venue,
        )
        if end is not None:
            request.end_time.CopyFrom(values.write_time(end, "end_time"))
        return self._pages(self._stub.GetBars, request, _page_of(market.read_bars), "bars")

    def option_contracts(
        self,
        underlying: str,
        *,
        expiry_from: date | None = None,
        expiry_to: date | None = None,
        strike_from: Decimal | None = None,
        strike_to: Decimal | None = None,
        right: OptionRight = OptionRight.UNSPECIFIED,
        venue: str = "",
    ) -> Pages[ListedOption]:
        """Listed options by expiry, strike and right; expiries from today on unless bounded."""
        request = pb.ListOptionContractsRequest(
            underlying_symbol=underlying,
            right=values.write_enum(types_pb2.OptionRight, right),
            venue=venue,
        )
        for name, day in (("expiry_from", expiry_from), ("expiry_to", expiry_to)):
            if day is not None:
                getattr(request, name).CopyFrom(values.write_date(day))
        strikes = [("strike_from", strike_from), ("strike_to", strike_to)]
        values.write_decimals(request, strikes, "option_contracts")
        read = _page_of(market.read_contracts)
        return self._pages(self._stub.ListOptionContracts, request, read, "option contracts")

    async def option_snapshots(
        self, options: Iterable[Option], *, venue: str = ""
    ) -> OptionSnapshots:
        """Quotes with greeks of 1 to 100 options."""
        request = pb.GetOptionSnapshotsRequest(
            account_id=await self.account_id(), venue=venue, instruments=_written(options)
        )
        return await self._connection.read(
            self._stub.GetOptionSnapshots, request, market.read_snapshots, asked="snapshots"
        )

    async def market_clock(self, *, venue: str = "") -> MarketClock:
        """The venue's time, and whether its market is open."""
        request = pb.GetMarketClockRequest(account_id=await self.account_id(), venue=venue)
        return await self._connection.read(
            self._stub.GetMarketClock, request, market.read_clock, asked="market clock"
        )

    async def market_calendar(self, first: date, last: date, *, venue: str = "") -> MarketCalendar:
        """Trading days from `first` to `last`, both included."""
        request = pb.GetMarketCalendarRequest(
            account_id=await self.account_id(),
            start_date=values.write_date(first),
            end_date=values.write_date(last),
            venue=venue,
        )
        return await self._connection.read(
            self._stub.GetMarketCalendar, request, market.read_calendar, asked="market calendar"
        )


def _written(instruments: Iterable[Instrument]) -> list[types_pb2.Instrument]:
    return [
        write_instrument(instrument, f"instruments[{position}]")
        for position, instrument in enumerate(instruments)
    ]


def _page_of(read: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], Page[Any]]:
    """How to read a page of a list that the venue itself keeps: it names no moment of ours."""
    return lambda reply: Page(read(reply), reply.next_page_token, None, "")
