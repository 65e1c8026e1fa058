"""One reader's quotes: the latest of each instrument, however slowly they are taken.

A queue would grow behind a slow reader, and give it prices of the past. Here a newer quote takes
the place of the one that waits, so that at most one of each instrument is held.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from services.common.domain.instruments import Instrument
from services.common.domain.market import Quote, StreamedQuote


class ConflatedQuotes:
    """An async iterator over the quotes that are offered; ends only by `fail` or cancellation.

    Used on the event loop's thread only; holds at most one quote of each of `instruments`.
    """

    def __init__(self, instruments: Collection[Instrument]) -> None:
        self._keys = frozenset(instrument.key for instrument in instruments)
        self._waiting: OrderedDict[str, StreamedQuote] = OrderedDict()
        self._heard: dict[str, Quote] = {}
        self._interrupted: set[str] = set()
        self._failure: Exception | None = None
        self._changed = asyncio.Event()

    def offer(self, quote: Quote) -> None:
        """A newer quote; of another instrument than the reader's it is passed over."""
        key = quote.instrument.key
        if key not in self._keys:
            return
        waiting = self._waiting.get(key)
        after_gap = key in self._interrupted or (waiting is not None and waiting.after_gap)
        self._interrupted.discard(key)
        self._heard[key] = quote
        self._waiting[key] = StreamedQuote(quote, after_gap)
        self._changed.set()

    def offer_first(self, quote: Quote) -> None:
        """What was known before; for an instrument that is heard already it is out of date."""
        if quote.instrument.key not in self._heard:
            self.offer(quote)

    def offer_if_news(self, quote: Quote) -> None:
        """One that was read beside the stream: it counts if it says something new."""
        heard = self._heard.get(quote.instrument.key)
        if heard is None or is_news(quote, heard):
            self.offer(quote)

    def has_heard(self, instrument: Instrument) -> bool:
        """Whether there was any quote of it."""
        return instrument.key in self._heard

    def interrupted(self, instruments: Collection[Instrument]) -> None:
        """Quotes of these may be missing: the next one of each says so, if one came before."""
        self._interrupted |= self._heard.keys() & {instrument.key for instrument in instruments}

    def fail(self, error: Exception) -> None:
        """End the reader with `error`, after what waits."""
        self._failure = error
        self._changed.set()

    def __aiter__(self) -> ConflatedQuotes:
        return self

    async def __anext__(self) -> StreamedQuote:
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popitem(last=False)[1]


def is_news(quote: Quote, told: Quote) -> bool:
    """Whether a quote is newer than the one that was told, and says something else."""
    later = (
        quote.venue_time is not None
        and told.venue_time is not None
        and quote.venue_time > told.venue_time
    )
    return later and _sides(quote) != _sides(told)


def _sides(quote: Quote) -> tuple[Decimal | None, ...]:
    return (quote.bid_price, quote.bid_qty, quote.ask_price, quote.ask_qty)


def aged(streamed: StreamedQuote, age_s: float | None) -> StreamedQuote:
    """The same with its age of now: it may have waited for its reader."""
    return replace(streamed, quote=replace(streamed.quote, age_s=age_s))
