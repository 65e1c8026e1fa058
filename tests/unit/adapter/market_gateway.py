"""The fake venue with a market: what it knows is what the test puts there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any

from services.common.adapter.port import ActivityQuery, BarQuery, ContractQuery
from services.common.domain.activities import Activity
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import (
    Bars,
    ListedOption,
    MarketDay,
    OptionSnapshot,
    StreamedQuote,
)
from tests.conformance.fakes.venue_gateway import FakeVenueGateway


class MarketGateway(FakeVenueGateway):
    """Serves the reads of the port; notes what it is asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: list[object] = []
        self.activity_list: list[Activity] = []
        self.bars_found = Bars("fake", ())
        self.listed: list[ListedOption] = []
        self.snapshots: list[OptionSnapshot] = []
        self.days: list[MarketDay] = []
        self.streamed: list[StreamedQuote] = []
        self.streams_open = 0

    async def activities(self, query: ActivityQuery) -> Sequence[Activity]:
        self._note(query)
        return tuple(self.activity_list)

    async def bars(self, query: BarQuery) -> Bars:
        self._note(query)
        return self.bars_found

    async def option_contracts(self, query: ContractQuery) -> Sequence[ListedOption]:
        self._note(query)
        return tuple(self.listed)

    async def option_snapshots(
        self, contracts: Sequence[OptionContract]
    ) -> Sequence[OptionSnapshot]:
        self._note(tuple(contracts))
        return tuple(s for s in self.snapshots if s.quote.instrument in contracts)

    async def market_calendar(self, start: date, end: date) -> Sequence[MarketDay]:
        self._note((start, end))
        return tuple(day for day in self.days if start <= day.day <= end)

    async def stream_quotes(
        self, instruments: Sequence[Instrument]
    ) -> AsyncIterator[StreamedQuote]:
        self._note(tuple(instruments))
        self.streams_open += 1
        try:
            for quote in self.streamed:
                yield quote
            await asyncio.Event().wait()
        finally:
            self.streams_open -= 1

    def _note(self, what: object) -> None:
        self._fail_reads()
        self.asked.append(what)
