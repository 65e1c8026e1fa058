"""One market data line: the quotes of one instrument, for all who read them.

    in sync? ── contract ──► subscribed ── ticks ──► a quote to each reader, when it says more
       ▲                          │
       │                          ├── refused (354, 10168, 101 …): the readers end with that
       └── FROZEN, a gap ◄────────┴── link lost (1100), data lost (1101), a farm, the connection

What was told before an interruption is told once more, as FROZEN: nobody hears of changes any more.
After it the line is always asked for anew, though IB says that it kept the subscription (1102): the
price may have moved meanwhile, and only a new request tells it for certain. Readers wait `lost_s`
for that, and end with an error then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog

from services.common.adapter.conflated import ConflatedQuotes
from services.common.domain.errors import ReadFailed, Reason, Refused, TandemError
from services.common.domain.instruments import Instrument
from services.common.domain.market import Quote
from services.common.runtime.clock import Clock
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.ticks import DataType, TickLine
from services.ib_adapter.translate_market import frozen, has_prices, read_quote

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LineTerms:
    """Lines at most, and how many are asked for at once. Seconds: readers wait `lost_s` for a
    line that was interrupted; the first word on one, and its other side, come within `first_s`
    and `side_s`; between two attempts pass `again_min_s`, twice as much each time, to
    `again_max_s`."""

    lines_max: int
    lost_s: float
    first_s: float
    side_s: float = 2.0
    again_min_s: float = 0.2
    again_max_s: float = 10.0
    asked_at_once: int = 5


class QuoteLine:
    """The line of one instrument. Used on the event loop's thread only.

    `asking` bounds how many lines are being asked for. `run` ends once it was refused or was lost
    for long; its readers have ended with an error then.
    """

    def __init__(
        self,
        instrument: Instrument,
        link: MarketLink,
        cache: ContractCache,
        clock: Clock,
        terms: LineTerms,
        asking: asyncio.Semaphore,
    ) -> None:
        self._instrument = instrument
        self._link = link
        self._cache = cache
        self._clock = clock
        self._terms = terms
        self._asking = asking
        self._readers: set[ConflatedQuotes] = set()
        self._latest: Quote | None = None
        self._sides_due = False
        self._heard = asyncio.Event()
        self._whole = asyncio.Event()

    @property
    def has_readers(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    def join(self, reader: ConflatedQuotes) -> None:
        """Tell this one too, and what is known at once."""
        self._readers.add(reader)
        if self._latest is not None:
            reader.offer_first(self._latest)

    def leave(self, reader: ConflatedQuotes) -> None:
        """It does not read any more."""
        self._readers.discard(reader)

    async def run(self) -> None:
        """Keep the line until canceled; see above for its end."""
        lost_at, attempts = self._clock.monotonic(), 0
        while True:
            left_s = lost_at + self._terms.lost_s - self._clock.monotonic()
            if not await self._link.in_sync(left_s):
                self.fail(self._lost(self._link.why_not()))
                return
            try:
                await self._subscribed()
            except (Refused, RequestRefused) as error:
                self.fail(_ended(error))
                return
            except ReadFailed as error:
                # Once quotes came, readers wait for the next ones from now on.
                if self._latest is not None or self._heard.is_set():
                    lost_at, attempts = self._clock.monotonic(), 0
                self._interrupt(error.message)
                if self._clock.monotonic() >= lost_at + self._terms.lost_s:
                    self.fail(self._lost(error.message))
                    return
            await self._clock.sleep(self._again_s(attempts))
            attempts += 1

    async def _subscribed(self) -> None:
        """Have the line open; returns only by an error."""
        self._heard, self._whole, self._sides_due = asyncio.Event(), asyncio.Event(), False
        contract = await self._cache.contract(self._instrument, is_data=True)
        async with AsyncExitStack() as stack:
            async with self._asking:
                requests = self._link.requests()
                line = await stack.enter_async_context(requests.stream(contract, self._on_tick))
            if not await self._happens(self._heard, line, self._terms.first_s):
                raise ReadFailed(f"IB says nothing about {self._instrument.key}")
            if not await self._happens(self._whole, line, self._terms.side_s):
                self._sides_due = True  # the other side may never be told: there is none
                self._tell(line)
            await line.done
        raise ReadFailed("the line was ended")

    async def _happens(self, event: asyncio.Event, line: TickLine, within_s: float) -> bool:
        """Wait for the event; raises what ends the line, if that comes first."""
        waiting = asyncio.ensure_future(event.wait())
        both: set[asyncio.Future[Any]] = {waiting, line.done}
        try:
            await asyncio.wait(both, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            if line.done.done():
                line.done.result()
            return event.is_set()
        finally:
            waiting.cancel()

    # -- quotes ------------------------------------------------------------------------------

    def _on_tick(self, line: TickLine) -> None:
        self._heard.set()
        if line.ticks.are_both_sides_told and line.ticks.data_type is not DataType.UNKNOWN:
            self._whole.set()
        if self._whole.is_set() or self._sides_due:
            self._tell(line)

    def _tell(self, line: TickLine) -> None:
        """Tell the quote if it says something else than the last one."""
        quote = read_quote(line.ticks, self._instrument, self._link.venue, self._link.now())
        told = self._latest
        is_news = has_prices(quote) if told is None else _says(quote) != _says(told)
        if is_news:
            self._latest = quote
            for reader in self._readers:
                reader.offer(quote)

    def _interrupt(self, why: str) -> None:
        if self._latest is None:
            return
        _log.warning("quotes_interrupted", instrument=self._instrument.key, reason=why)
        stale, self._latest = frozen(self._latest), None
        for reader in self._readers:
            reader.offer(stale)
            reader.interrupted([self._instrument])

    def fail(self, error: TandemError) -> None:
        """End the readers with `error`."""
        self._latest = None
        readers, self._readers = self._readers, set()
        for reader in readers:
            reader.fail(error)

    def _lost(self, why: str) -> ReadFailed:
        text = f"no quotes of {self._instrument.key} for {self._terms.lost_s:g} s: {why}"
        return ReadFailed(text, reason=Reason.VENUE_UNAVAILABLE)

    def _again_s(self, attempts: int) -> float:
        return min(self._terms.again_min_s * 2.0 ** min(attempts, 16), self._terms.again_max_s)


def _says(quote: Quote) -> Collection[object]:
    return (
        quote.quality,
        *(quote.bid_price, quote.bid_qty, quote.ask_price, quote.ask_qty),
    )


def _ended(error: TandemError) -> ReadFailed:
    """A read that is refused, in the way in which streams end."""
    return ReadFailed(error.message, reason=error.reason, retry_after_s=error.retry_after_s)
