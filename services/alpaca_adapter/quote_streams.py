"""Streams of quotes, shares and options together: each begins with the latest that are known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack

import structlog

from services.alpaca_adapter.feeds import api_of
from services.alpaca_adapter.market_data import MarketData
from services.alpaca_adapter.quote_feed import QuoteFeed
from services.alpaca_adapter.rest import Api
from services.alpaca_adapter.venue_watch import VenueWatch
from services.common.adapter.conflated import ConflatedQuotes, aged
from services.common.domain.errors import ReadFailed
from services.common.domain.instruments import Instrument
from services.common.domain.market import StreamedQuote

_log = structlog.stdlib.get_logger(__name__)


class QuoteStreams:
    """Opens streams over the feeds, which somebody has to run."""

    def __init__(
        self, feeds: Mapping[Api, QuoteFeed], market_data: MarketData, watch: VenueWatch
    ) -> None:
        self.feeds = feeds
        self._market_data = market_data
        self._watch = watch

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[StreamedQuote]:
        """See `VenueGateway.stream_quotes`. Ages are those of the moment of reading.

        Raises Unavailable BUDGET_EXHAUSTED for more symbols than a stream takes, and ReadFailed
        once a stream can't be had any more.
        """
        asked = list(dict.fromkeys(instruments))
        reader = ConflatedQuotes(asked)
        with ExitStack() as joined:
            for api, feed in self.feeds.items():
                part = [instrument for instrument in asked if api_of(instrument) is api]
                if part:
                    joined.enter_context(feed.joined(reader, part))
            await self._begin(reader, asked)
            async for streamed in reader:
                at, now = streamed.quote.venue_time, self._watch.now()
                if at is None or now is None:
                    yield streamed
                else:
                    yield aged(streamed, max(0.0, (now - at).total_seconds()))

    async def _begin(self, reader: ConflatedQuotes, asked: Sequence[Instrument]) -> None:
        """Offer the latest quotes of what is not heard yet; the stream tells what comes."""
        unheard = [instrument for instrument in asked if not reader.has_heard(instrument)]
        if not unheard:
            return
        try:
            for quote in await self._market_data.quotes(unheard):
                reader.offer_first(quote)
        except ReadFailed as error:
            _log.warning("latest_quotes_not_read", error=error.message)
