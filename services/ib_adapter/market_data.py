"""Latest quotes, and snapshots of options with greeks: each whole, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.common.domain.errors import ReadFailed, Reason, Refused
from services.common.domain.instruments import Equity, Instrument, OptionContract
from services.common.domain.market import OptionSnapshot, Quote
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.data_requests import Need
from services.ib_adapter.many import ask_each, whole_within
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.ticks import Ticks
from services.ib_adapter.translate_market import has_prices, read_quote, read_snapshot

_SHARES: Final = "shares"
_OPTIONS: Final = "options"
_NONE: Final = "none"


def _is_whole(ticks: Ticks) -> bool:
    return ticks.is_quote_whole


def _is_whole_with_greeks(ticks: Ticks) -> bool:
    return ticks.is_quote_whole and ticks.has_model_greeks


# Greeks may never come: of what is not traded, or where the underlying has no live data.
_GREEKS_S: Final = 2.0
_QUOTE: Final = Need(_is_whole, _is_whole)
_WITH_GREEKS: Final = Need(_is_whole_with_greeks, _is_whole, _GREEKS_S)


@dataclass(frozen=True, slots=True)
class SnapshotTerms:
    """How many snapshots at once; seconds for one of them, and for all of a request."""

    at_once: int
    one_s: float
    all_s: float


class MarketData:
    """Reads over the session's connection; each method answers in full or raises ReadFailed."""

    def __init__(self, link: MarketLink, cache: ContractCache, terms: SnapshotTerms) -> None:
        self._link = link
        self._cache = cache
        self._terms = terms
        self._free = asyncio.Semaphore(terms.at_once)
        self._seen: dict[str, str] = {}

    @property
    def entitlements(self) -> tuple[str, ...]:
        """Which data came last, of shares and of options, as far as any was asked for: REALTIME
        and so on, or "none" where IB refused."""
        return tuple(f"{kind}={self._seen[kind]}" for kind in sorted(self._seen))

    async def quotes(self, instruments: Sequence[Instrument]) -> list[Quote]:
        """See `VenueGateway.quotes`.

        Raises ReadFailed NOT_PERMITTED if the account may not see one of them.
        """
        async with whole_within(self._terms.all_s, "quotes"):
            found = await ask_each(instruments, self._quote, self._free)
        return [quote for quote in found if quote is not None]

    async def option_snapshots(self, options: Sequence[OptionContract]) -> list[OptionSnapshot]:
        """See `VenueGateway.option_snapshots`. Greeks that have not come soon after the quote
        are left unset; the model's go before those of a trade or a side."""
        async with whole_within(self._terms.all_s, "snapshots"):
            found = await ask_each(options, self._snapshot, self._free)
        return [snapshot for snapshot in found if snapshot is not None]

    async def _quote(self, instrument: Instrument) -> Quote | None:
        ticks = await self._ticks(instrument, _QUOTE)
        if ticks is None:
            return None
        quote = read_quote(ticks, instrument, self._link.venue, self._link.now())
        self._seen[_kind(instrument)] = quote.quality.value
        return quote if has_prices(quote) else None

    async def _snapshot(self, option: OptionContract) -> OptionSnapshot | None:
        ticks = await self._ticks(option, _WITH_GREEKS)
        if ticks is None:
            return None
        snapshot = read_snapshot(ticks, option, self._link.venue, self._link.now())
        self._seen[_OPTIONS] = snapshot.quote.quality.value
        return snapshot if has_prices(snapshot.quote) else None

    async def _ticks(self, instrument: Instrument, need: Need) -> Ticks | None:
        """None for what IB does not know. What it does not tell in time is an error."""
        try:
            contract = await self._cache.contract(instrument, is_data=True)
            requests = self._link.requests()
            ticks, is_whole = await requests.snapshot(contract, need, self._terms.one_s)
        except (Refused, RequestRefused) as error:
            if error.reason is Reason.NOT_PERMITTED:
                self._seen[_kind(instrument)] = _NONE
            if error.reason is not Reason.INSTRUMENT_NOT_FOUND:
                raise
            self._link.require_up()
            return None
        if not is_whole and not ticks.are_both_sides_told:
            raise ReadFailed(f"IB told no whole quote of {instrument.key} in time")
        return ticks


def _kind(instrument: Instrument) -> str:
    return _SHARES if isinstance(instrument, Equity) else _OPTIONS
