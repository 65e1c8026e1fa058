"""Quotes, snapshots with greeks, and bars, with the feed they come from and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.feeds import Feeds
from services.alpaca_adapter.reads import Reader, reading
from services.alpaca_adapter.rest import Api
from services.alpaca_adapter.symbols import wire_symbol
from services.alpaca_adapter.translate_market import (
    bars_of,
    read_quote,
    read_snapshot,
    records_by_symbol,
)
from services.alpaca_adapter.venue_watch import VenueWatch
from services.alpaca_adapter.wire_fields import Record
from services.common.adapter.market_requests import BARS_MAX, DAY_S, MINUTE_S, MONTH_S, WEEK_S
from services.common.adapter.port import BarQuery
from services.common.domain.errors import InvalidRequest, ReadFailed
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import Bar, Bars, OptionSnapshot, Quote

AnyInstrument = TypeVar("AnyInstrument", bound=Instrument)

SYMBOLS_MAX: Final = 100
BARS_PAGE: Final = 10_000
SNAPSHOTS_PAGE: Final = 100
# Option bars are not of a feed that one can choose; they are of OPRA's trades.
OPTION_BARS_FEED: Final = "opra"

_QUOTES: Final = {Api.STOCKS: "/stocks/quotes/latest", Api.OPTIONS: "/options/quotes/latest"}
_HOUR_S: Final = 3600.0
_LONG_BARS: Final = {DAY_S: "1Day", WEEK_S: "1Week", MONTH_S: "1Month"}


class MarketData:
    """Reads what the account is entitled to. Each method gives all of it or raises ReadFailed."""

    def __init__(self, reader: Reader, watch: VenueWatch, venue: str, feeds: Feeds) -> None:
        self._reader = reader
        self._watch = watch
        self._venue = venue
        self._feeds = feeds

    def feeds_in_use(self) -> dict[Api, str]:
        """The feed that the next quotes will be asked of, by what Alpaca has refused so far."""
        return {api: self._feeds.to_ask(api, path)[0] for api, path in _QUOTES.items()}

    async def quotes(self, instruments: Sequence[Instrument]) -> list[Quote]:
        """The latest quotes in the order asked for; without one, left out."""
        options = [i for i in instruments if isinstance(i, OptionContract)]
        shares = [i for i in instruments if not isinstance(i, OptionContract)]
        found: dict[str, Quote] = {}
        if shares:
            found |= await self._quotes(Api.STOCKS, shares)
        if options:
            found |= await self._quotes(Api.OPTIONS, options)
        return [found[i.key] for i in dict.fromkeys(instruments) if i.key in found]

    async def snapshots(self, contracts: Sequence[OptionContract]) -> list[OptionSnapshot]:
        """Quote, last trade and greeks in the order asked for; without a quote, left out."""
        path = "/options/snapshots"

        async def read(feed: str) -> dict[str, OptionSnapshot]:
            found: dict[str, OptionSnapshot] = {}
            for part in _parts(contracts):
                params = {"symbols": ",".join(part), "feed": feed, "limit": str(SNAPSHOTS_PAGE)}
                for page in await self._pages(Api.OPTIONS, path, params, until):
                    with reading(path):
                        found |= self._seen(page, part, feed)
            return found

        until = self._reader.list_until()
        found, _ = await self._feeds.ask(Api.OPTIONS, path, read)
        return [found[c.key] for c in dict.fromkeys(contracts) if c.key in found]

    async def bars(self, query: BarQuery) -> Bars:
        """Bars, oldest first, read to the end. InvalidRequest for a length that Alpaca lacks."""
        symbol = wire_symbol(query.instrument)
        params = {
            "symbols": symbol,
            "timeframe": timeframe(query.bar_length_s),
            "start": wire_fields.wire_time(query.start),
            "limit": str(BARS_PAGE),
            "sort": "asc",
        }
        if query.end is not None:
            params["end"] = wire_fields.wire_time(query.end)
        until = self._reader.list_until()
        if isinstance(query.instrument, OptionContract):
            found = await self._bars(Api.OPTIONS, "/options/bars", params, until)
            feed = OPTION_BARS_FEED
        else:
            found, feed = await self._feeds.ask_history(
                lambda feed: self._bars(Api.STOCKS, "/stocks/bars", params | {"feed": feed}, until)
            )
        # Alpaca takes the end itself in.
        bars = [b for b in found if query.end is None or b.start_time < query.end]
        return Bars(feed, tuple(sorted(bars, key=lambda bar: bar.start_time)))

    async def _quotes(self, api: Api, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        path, until = _QUOTES[api], self._reader.list_until()

        async def read(feed: str) -> dict[str, Quote]:
            found: dict[str, Quote] = {}
            for part in _parts(instruments):
                params = {"symbols": ",".join(part), "feed": feed}
                content = await self._reader.read(path, params, api=api, until=until)
                with reading(path):
                    found |= self._told(content, part, feed)
            return found

        return (await self._feeds.ask(api, path, read))[0]

    def _told(self, content: Any, wanted: Mapping[str, Instrument], feed: str) -> dict[str, Quote]:
        now, quotes = self._watch.now(), records_by_symbol(content, "quotes")
        return {
            instrument.key: read_quote(fields, instrument, self._venue, feed, now)
            for symbol, instrument in wanted.items()
            if (fields := _fields(quotes, symbol)) is not None
        }

    def _seen(
        self, content: Any, wanted: Mapping[str, OptionContract], feed: str
    ) -> dict[str, OptionSnapshot]:
        now, snapshots = self._watch.now(), records_by_symbol(content, "snapshots")
        found = {
            contract.key: read_snapshot(fields, contract, self._venue, feed, now)
            for symbol, contract in wanted.items()
            if (fields := _fields(snapshots, symbol)) is not None
        }
        return {key: snapshot for key, snapshot in found.items() if snapshot is not None}

    async def _bars(
        self, api: Api, path: str, params: Mapping[str, str], until: float
    ) -> list[Bar]:
        found: list[Bar] = []
        for page in await self._pages(api, path, params, until, per_page=BARS_PAGE):
            with reading(path):
                found.extend(bars_of(page, params["symbols"]))
        return found

    async def _pages(
        self,
        api: Api,
        path: str,
        params: Mapping[str, str],
        until: float,
        *,
        per_page: int = SNAPSHOTS_PAGE,
    ) -> list[Any]:
        """All pages of an answer. InvalidRequest once there is more than `BARS_MAX` in them."""
        pages: list[Any] = []
        tokens: set[str] = set()
        asked = dict(params)
        while True:
            content = await self._reader.read(path, asked, api=api, until=until)
            pages.append(content)
            token = wire_fields.text(content, "next_page_token") if _is_object(content) else ""
            if not token:
                return pages
            if token in tokens:
                raise ReadFailed(f"{path}: Alpaca gives the same page again")
            if len(pages) * per_page >= BARS_MAX:
                why = f"more than {BARS_MAX} bars at once: ask for shorter periods one by one"
                raise InvalidRequest("start_time", why)
            tokens.add(token)
            asked = {**params, "page_token": token}


def timeframe(length_s: float) -> str:
    """The name that Alpaca has for a bar length. InvalidRequest if it has none."""
    minutes, hours = length_s / MINUTE_S, length_s / _HOUR_S
    if minutes.is_integer() and 1 <= minutes <= 59:
        return f"{int(minutes)}Min"
    if hours.is_integer() and 1 <= hours <= 23:
        return f"{int(hours)}Hour"
    if length_s in _LONG_BARS:
        return _LONG_BARS[length_s]
    raise InvalidRequest(
        "bar_length", "Alpaca has 1 to 59 minutes, 1 to 23 hours, 1 day, 7 days and 30 (a month)"
    )


def _parts(instruments: Sequence[AnyInstrument]) -> list[dict[str, AnyInstrument]]:
    """The instruments by their symbols at Alpaca, in parts that one request takes."""
    return [
        {wire_symbol(i): i for i in instruments[first : first + SYMBOLS_MAX]}
        for first in range(0, len(instruments), SYMBOLS_MAX)
    ]


def _fields(found: Record, symbol: str) -> Record | None:
    value = found.get(symbol)
    return None if value is None else wire_fields.record(value, f"what there is of {symbol}")


def _is_object(content: Any) -> bool:
    return isinstance(content, dict)
