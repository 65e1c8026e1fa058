"""One client's stream of quotes from one venue: conflated, bounded, resumed after a break.

The venue's stream is read as fast as it comes, so that nothing stale waits on the way; the client
gets the latest of each instrument that it has not seen. A break is told by `after_gap` at the next
quote of each instrument; a stream that can't be resumed in time ends with an error that names its
venue. Before anything was told, and without a venue named, the next one is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from services.common.domain.errors import ReadFailed, Reason, TandemError, Unavailable
from services.common.domain.instruments import Instrument
from services.common.domain.market import StreamedQuote
from services.common.runtime.clock import Clock
from services.router.routing.asking import all_failed, is_of_the_request, request_error
from services.router.routing.link import VenueLink

_MAY_PASS: Final = frozenset(
    {
        Reason.READ_FAILED,
        Reason.VENUE_UNAVAILABLE,
        Reason.VENUE_NOT_READY,
        Reason.SHUTTING_DOWN,
        Reason.RATE_LIMITED,
        Reason.BUDGET_EXHAUSTED,
        Reason.INTERNAL,
        Reason.UNSPECIFIED,
    }
)


@dataclass(frozen=True, slots=True)
class QuoteStreamSettings:
    """Waits in seconds: between attempts to resume, and until a broken stream is given up.

    One that has stood for `stood_s` counts as opened, though no quote came: markets are quiet.
    """

    retry_min_s: float = 0.2
    retry_max_s: float = 2.0
    resume_s: float = 15.0
    stood_s: float = 1.0


class LatestQuotes:
    """The latest quote of each instrument that its reader has not seen; it grows no further."""

    def __init__(self) -> None:
        self._unseen: dict[str, StreamedQuote] = {}
        self._changed = asyncio.Event()
        self._ended = False
        self._error: TandemError | None = None

    def put(self, streamed: StreamedQuote) -> None:
        """Take the place of the instrument's unseen quote; a gap before that is not forgotten."""
        key = streamed.quote.instrument.key
        unseen = self._unseen.get(key)
        if unseen is not None and unseen.after_gap:
            streamed = replace(streamed, after_gap=True)
        self._unseen[key] = streamed
        self._changed.set()

    def end(self, error: TandemError | None = None) -> None:
        """No more will come, in good order or for an error; what is unseen is told before."""
        if not self._ended:
            self._ended, self._error = True, error
        self._changed.set()

    async def next(self) -> StreamedQuote | None:
        """The quote that has waited longest, None at the end. Raises what ended it."""
        while not self._unseen:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._unseen.pop(next(iter(self._unseen)))


class QuoteStreams:
    """All streams of quotes of this process; `close` ends them in good order."""

    def __init__(self, clock: Clock, settings: QuoteStreamSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._open: set[LatestQuotes] = set()
        self._closed = False

    def close(self) -> None:
        """End all streams and take no new ones: this process is stopping."""
        self._closed = True
        for latest in self._open:
            latest.end()

    async def stream(
        self, links: Sequence[VenueLink], instruments: Sequence[Instrument]
    ) -> AsyncGenerator[StreamedQuote, None]:
        """Quotes from the first of `links` that gives any, until it is closed.

        Raises ReadFailed if none does, Unavailable VENUE_UNAVAILABLE if it breaks for good.
        """
        if self._closed:
            raise Unavailable(Reason.SHUTTING_DOWN, "this router is stopping", retry_after_s=1.0)
        latest = LatestQuotes()
        self._open.add(latest)
        reader = asyncio.create_task(self._read(links, instruments, latest))
        try:
            while (streamed := await latest.next()) is not None:
                yield streamed
        finally:
            self._open.discard(latest)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(
        self, links: Sequence[VenueLink], instruments: Sequence[Instrument], latest: LatestQuotes
    ) -> None:
        try:
            latest.end(await self._from_first(links, instruments, latest))
        except Exception as error:
            latest.end(ReadFailed(f"reading the stream failed: {error!r}", reason=Reason.INTERNAL))
            raise

    async def _from_first(
        self, links: Sequence[VenueLink], instruments: Sequence[Instrument], latest: LatestQuotes
    ) -> TandemError:
        """Read from the first link that opens; answers with why there is no more."""
        failures: list[tuple[str, ReadFailed]] = []
        for link in links:
            reading = _Reading(link, instruments, latest, self._clock, self._settings)
            error = await reading.once()
            if reading.has_stood:
                return await reading.go_on(error)
            if is_of_the_request(error):
                return request_error(error)
            failures.append((link.name, error))
        return all_failed(failures)


class _Reading:
    """Reading one venue's stream, again after each break."""

    def __init__(
        self,
        link: VenueLink,
        instruments: Sequence[Instrument],
        latest: LatestQuotes,
        clock: Clock,
        settings: QuoteStreamSettings,
    ) -> None:
        self._link = link
        self._instruments = instruments
        self._latest = latest
        self._clock = clock
        self._settings = settings
        self._after_gap: set[str] = set()
        self.has_stood = False

    async def once(self) -> ReadFailed:
        """Read until the stream breaks; `has_stood` says whether it was open at all."""
        began = self._clock.monotonic()
        self.has_stood = False
        try:
            quotes = self._link.port.stream_quotes(self._instruments)
            async with aclosing(quotes):
                async for streamed in quotes:
                    self.has_stood = True
                    self._latest.put(self._marked(streamed))
            error = ReadFailed(f"{self._link.name}: the adapter ended its stream of quotes")
        except ReadFailed as failed:
            error = failed
        if self._clock.monotonic() - began >= self._settings.stood_s:
            self.has_stood = True
        return error

    def _marked(self, streamed: StreamedQuote) -> StreamedQuote:
        """The first quote of each instrument after a break says so."""
        key = streamed.quote.instrument.key
        if key not in self._after_gap:
            return streamed
        self._after_gap.discard(key)
        return replace(streamed, after_gap=True)

    async def go_on(self, error: ReadFailed) -> TandemError:
        """Open it again and again; answers with the error that ends the client's stream."""
        settings = self._settings
        broken_at, wait_s = self._clock.monotonic(), settings.retry_min_s
        while error.reason in _MAY_PASS:
            self._after_gap = {instrument.key for instrument in self._instruments}
            if self._clock.monotonic() - broken_at >= settings.resume_s:
                return Unavailable(
                    Reason.VENUE_UNAVAILABLE,
                    f"{self._link.name}: its stream of quotes broke and could not be resumed: "
                    f"{error.message}",
                )
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, settings.retry_max_s)
            error = await self.once()
            if self.has_stood:
                broken_at, wait_s = self._clock.monotonic(), settings.retry_min_s
        return all_failed([(self._link.name, error)])
