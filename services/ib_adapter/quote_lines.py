"""Streams of quotes: each instrument has one line, however many read it.

IB gives an account so many market data lines. Some are kept for snapshots, so that streams can't
use up what latest quotes are read with.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import structlog

from services.common.adapter.conflated import ConflatedQuotes, aged
from services.common.domain.errors import ReadFailed, Reason, Unavailable
from services.common.domain.instruments import Instrument
from services.common.domain.market import StreamedQuote
from services.common.runtime.clock import Clock
from services.common.runtime.tasks import TaskOwner
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.quote_line import LineTerms, QuoteLine

_log = structlog.stdlib.get_logger(__name__)


class QuoteLines:
    """All lines of a gateway. Used on the event loop's thread only."""

    def __init__(
        self, link: MarketLink, cache: ContractCache, clock: Clock, terms: LineTerms
    ) -> None:
        self._link = link
        self._cache = cache
        self._clock = clock
        self._terms = terms
        self._asking = asyncio.Semaphore(terms.asked_at_once)
        self._lines: dict[str, tuple[QuoteLine, asyncio.Task[None]]] = {}
        self._tasks = TaskOwner("ib quotes", lambda _name, _error: None)

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[StreamedQuote]:
        """See `VenueGateway.stream_quotes`. Ages are those of the moment of reading.

        Raises ReadFailed: RATE_LIMITED for more lines than there are, NOT_PERMITTED or
        INSTRUMENT_NOT_FOUND by IB's word, VENUE_UNAVAILABLE once quotes were lost for long.
        """
        asked = list({instrument.key: instrument for instrument in instruments}.values())
        reader = ConflatedQuotes(asked)
        with self._joined(reader, asked):
            async for streamed in reader:
                at, now = streamed.quote.venue_time, self._link.now()
                if at is None or now is None:
                    yield streamed
                else:
                    yield aged(streamed, max(0.0, (now - at).total_seconds()))

    async def close(self) -> None:
        """End all lines and those who read them; within a bounded time."""
        for line, _ in list(self._lines.values()):
            line.fail(Unavailable(Reason.SHUTTING_DOWN, "the adapter stops"))
        await self._tasks.close(cancel_s=1.0)

    @contextmanager
    def _joined(self, reader: ConflatedQuotes, asked: Sequence[Instrument]) -> Iterator[None]:
        keys = {instrument.key for instrument in asked}
        if len(self._lines.keys() | keys) > self._terms.lines_max:
            raise ReadFailed(
                f"more than {self._terms.lines_max} instruments would be streamed at once "
                "(data.lines_max, data.snapshots_max)",
                reason=Reason.RATE_LIMITED,
            )
        for instrument in asked:
            self._line(instrument).join(reader)
        try:
            yield
        finally:
            for key in keys:
                self._leave(key, reader)

    def _line(self, instrument: Instrument) -> QuoteLine:
        known = self._lines.get(instrument.key)
        if known is not None:
            return known[0]
        line = QuoteLine(
            instrument, self._link, self._cache, self._clock, self._terms, self._asking
        )
        task = self._tasks.start(instrument.key, self._run(instrument.key, line), critical=False)
        self._lines[instrument.key] = (line, task)
        return line

    async def _run(self, key: str, line: QuoteLine) -> None:
        try:
            await line.run()
        except Exception as error:  # noqa: BLE001 - market data is no reason to stop trading
            _log.exception("quotes_broke", instrument=key)
            line.fail(ReadFailed(f"quotes of {key}: {type(error).__name__}"))
        finally:
            known = self._lines.get(key)
            if known is not None and known[0] is line:
                del self._lines[key]

    def _leave(self, key: str, reader: ConflatedQuotes) -> None:
        known = self._lines.get(key)
        if known is None:
            return
        line, task = known
        line.leave(reader)
        if not line.has_readers:
            del self._lines[key]
            task.cancel()
