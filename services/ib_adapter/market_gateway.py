"""The part of `VenueGateway` that is about the market and not about the account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.common.adapter.port import VenueGateway
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import MarketClock, MarketDay, OptionSnapshot, Quote
from services.ib_adapter.market import Market


class MarketGateway(VenueGateway):
    """Reads of the market; each is done by a room of `_market`."""

    _market: Market

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        """Latest quotes; an instrument without one is left out."""
        return await self._market.data.quotes(instruments)

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        """Quote, last trade and greeks; a contract without a quote is left out."""
        return await self._market.data.option_snapshots(contracts)

    async def market_clock(self) -> MarketClock:
        """The venue's clock."""
        return await self._market.days.market_clock()

    async def market_calendar(self, start: date, end: date) -> Sequence[MarketDay]:
        """Trading days, as far as IB tells of them."""
        return await self._market.days.days(start, end)
