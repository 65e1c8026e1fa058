"""Latest quotes of shares and options, with the feed they come from and what it is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.reads import Reader
from services.alpaca_adapter.rest import Api
from services.alpaca_adapter.symbols import wire_symbol
from services.alpaca_adapter.venue_watch import VenueWatch
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.errors import ReadFailed
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import Quote, QuoteQuality

SYMBOLS_MAX: Final = 100

STOCK_FEEDS: Final = {
    "iex": QuoteQuality.REALTIME,  # one exchange's book only, and in real time
    "sip": QuoteQuality.REALTIME,
    "delayed_sip": QuoteQuality.DELAYED,
}
OPTION_FEEDS: Final = {
    "opra": QuoteQuality.REALTIME,
    "indicative": QuoteQuality.INDICATIVE,
}


class MarketData:
    """Reads quotes of one account's entitlements."""

    def __init__(
        self, reader: Reader, watch: VenueWatch, venue: str, *, stock_feed: str, option_feed: str
    ) -> None:
        self._reader = reader
        self._watch = watch
        self._venue = venue
        self._stock_feed = stock_feed
        self._option_feed = option_feed

    async def quotes(self, instruments: Sequence[Instrument]) -> list[Quote]:
        """The latest quotes in the order asked for; without one, left out. Raises ReadFailed."""
        options = [i for i in instruments if isinstance(i, OptionContract)]
        shares = [i for i in instruments if not isinstance(i, OptionContract)]
        found = await self._read_all(
            Api.STOCKS, "/stocks/quotes/latest", self._stock_feed, shares
        ) | await self._read_all(Api.OPTIONS, "/options/quotes/latest", self._option_feed, options)
        return [found[i.key] for i in dict.fromkeys(instruments) if i.key in found]

    async def _read_all(
        self, api: Api, path: str, feed: str, instruments: Sequence[Instrument]
    ) -> dict[str, Quote]:
        until = self._reader.list_until()
        found: dict[str, Quote] = {}
        for first in range(0, len(instruments), SYMBOLS_MAX):
            part = {wire_symbol(i): i for i in instruments[first : first + SYMBOLS_MAX]}
            params = {"symbols": ",".join(part), "feed": feed}
            content = await self._reader.read(path, params, api=api, until=until)
            try:
                quotes = _quotes(content)
                found |= {q.instrument.key: q for q in self._translated(quotes, part, feed)}
            except Unreadable as error:
                raise ReadFailed(f"{path}: {error}") from error
        return found

    def _translated(
        self, quotes: Record, wanted: Mapping[str, Instrument], feed: str
    ) -> Iterable[Quote]:
        now = self._watch.now()
        for symbol, instrument in wanted.items():
            if quotes.get(symbol) is not None:
                fields = wire_fields.record(quotes[symbol], f"the quote of {symbol}")
                yield read_quote(fields, instrument, self._venue, feed, now)


def read_quote(
    fields: Record, instrument: Instrument, venue: str, feed: str, now: datetime | None
) -> Quote:
    """One quote. Alpaca writes a missing side as price 0, which is None here."""
    at = wire_fields.time(fields, "t")
    quality = OPTION_FEEDS if isinstance(instrument, OptionContract) else STOCK_FEEDS
    return Quote(
        venue=venue,
        instrument=instrument,
        feed=feed,
        quality=quality[feed],
        bid_price=_side(fields, "bp", "bp"),
        bid_qty=_side(fields, "bp", "bs"),
        ask_price=_side(fields, "ap", "ap"),
        ask_qty=_side(fields, "ap", "as"),
        venue_time=at,
        age_s=None if at is None or now is None else max(0.0, (now - at).total_seconds()),
    )


def _side(fields: Record, price: str, name: str) -> Decimal | None:
    return wire_fields.decimal(fields, name) if wire_fields.decimal(fields, price) else None


def _quotes(content: Any) -> Record:
    return wire_fields.record(wire_fields.record(content, "the answer").get("quotes"), "quotes")
