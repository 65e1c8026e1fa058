"""The part of `VenueGateway` that is about the market and not about the account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date

from services.common.adapter.port import BarQuery, ContractQuery, VenueGateway
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import (
    Bars,
    ListedOption,
    MarketClock,
    MarketDay,
    OptionSnapshot,
    Quote,
    StreamedQuote,
)
from services.ib_adapter.market import Market


class MarketGateway(VenueGateway):
    """Reads of the market; each is done by a room of `_market`."""

    _market: Market

    @property
    def entitlements(self) -> tuple[str, ...]:
        """What data the account gets, as far as it has shown: "shares=REALTIME" and so on."""
        return self._market.entitlements

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        """Latest quotes; an instrument without one is left out."""
        return await self._market.data.quotes(instruments)

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        """Quote, last trade and greeks; a contract without a quote is left out."""
        return await self._market.data.option_snapshots(contracts)

    async def bars(self, query: BarQuery) -> Bars:
        """Bars, oldest first, read to the end; never one that has not ended."""
        return await self._market.history.bars(query)

    async def option_contracts(self, query: ContractQuery) -> Sequence[ListedOption]:
        """All listed options that fit, by expiry, strike and right, read to the end."""
        return await self._market.chains.option_contracts(query)

    def stream_quotes(self, instruments: Sequence[Instrument]) -> AsyncIterator[StreamedQuote]:
        """Quotes as they change, until the iterator is closed."""
        return self._market.lines.stream(instruments)

    async def market_clock(self) -> MarketClock:
        """The venue's clock."""
        return await self._market.days.market_clock()

    async def market_calendar(self, start: date, end: date) -> Sequence[MarketDay]:
        """Trading days, as far as IB tells of them."""
        return await self._market.days.days(start, end)
