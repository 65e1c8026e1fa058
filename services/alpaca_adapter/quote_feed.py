"""The quotes of one of Alpaca's data streams, shared by all who want some of them.

Alpaca allows one connection to a stream, and so many symbols on it. So there is one, made when the
first reader comes and closed a while after the last has gone; each symbol is subscribed to once,
however many read it.

    no reader ── one comes ──► connecting ── subscribed ──► quotes go to their readers
                                   ▲                                  │
                                   └──────── connection lost: a gap ──┘

A quote that was lost is not missed for long: the next one takes its place. But each reader is told
that there was a gap, and is ended with an error once it has lasted too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from services.alpaca_adapter.feeds import Feeds
from services.alpaca_adapter.quote_messages import (
    Message,
    Problem,
    QuoteMessage,
    Subscribed,
    read_frame,
)
from services.alpaca_adapter.quote_readers import QuoteReaders
from services.alpaca_adapter.quote_socket import Action, OpenQuoteSocket, QuoteSocket
from services.alpaca_adapter.rest import Api
from services.alpaca_adapter.translate_market import read_quote
from services.common.adapter.conflated import ConflatedQuotes
from services.common.domain.errors import ReadFailed, Reason, Unavailable
from services.common.domain.instruments import Instrument
from services.common.domain.market import Quote
from services.common.runtime.clock import Clock

_log = structlog.stdlib.get_logger(__name__)

_STREAM: Final = "stream"  # what a feed is asked for, in the memory of refusals


@dataclass(frozen=True, slots=True)
class FeedTerms:
    """One stream: `url` with the feed's name at its end is the address.

    At most `symbols_max` symbols at once, by the account's plan. Seconds: a connection that
    nobody needs is kept `idle_s`; readers wait `lost_s` for one that is lost; a change of the
    subscription is answered within `answer_s`, or the connection is made anew. After `silence_s`
    without a quote the latest are read; what they say and the stream has not told `late_s` later
    was lost, and the connection is made anew.
    """

    url: str
    symbols_max: int
    idle_s: float = 30.0
    lost_s: float = 60.0
    answer_s: float = 10.0
    silence_s: float = 60.0
    late_s: float = 2.0


class QuoteFeed:
    """The quotes of shares, or those of options. Used on the event loop's thread only.

    `venue_now` is the venue's time, None while it is not known; `read_latest` asks the venue for
    the latest quotes, beside the stream.
    """

    def __init__(
        self,
        api: Api,
        open_socket: OpenQuoteSocket,
        feeds: Feeds,
        clock: Clock,
        terms: FeedTerms,
        *,
        venue: str,
        venue_now: Callable[[], datetime | None],
        read_latest: Callable[[Sequence[Instrument]], Awaitable[Sequence[Quote]]],
    ) -> None:
        self._api = api
        self._open_socket = open_socket
        self._feeds = feeds
        self._clock = clock
        self._terms = terms
        self._venue = venue
        self._venue_now = venue_now
        self._read_latest = read_latest
        self._changed = asyncio.Event()
        self._readers = QuoteReaders(
            terms.symbols_max, too_many=self._too_many, on_change=self._wake
        )
        self._feed = ""
        self._subscribed: frozenset[str] | None = None
        self._fresh: set[str] = set()
        self._answers = 0
        self._refused = False
        self._problem = ""
        self._heard_at = clock.monotonic()

    def joined(
        self, reader: ConflatedQuotes, instruments: Sequence[Instrument]
    ) -> AbstractContextManager[None]:
        """Give the reader the quotes of these while the block lasts, and what is known at once.

        Raises Unavailable BUDGET_EXHAUSTED, naming the limit, if there would be too many symbols.
        """
        return self._readers.joined(reader, instruments)

    async def run(self) -> None:
        """Keep a connection while there are readers; until canceled."""
        try:
            while True:
                if self._readers.wanted:
                    await self._serve()
                else:
                    await self._wait_change(None)
        finally:
            self._readers.fail(Unavailable(Reason.SHUTTING_DOWN, "the adapter stops"))

    # -- what the stream says (StreamListener) -----------------------------------------------

    def heard(self, frame: str | bytes) -> None:
        """One frame; what can't be read is a gap, never an error."""
        try:
            for message in read_frame(frame):
                self._take(message)
        except Exception as error:  # noqa: BLE001 - whatever it said, quotes may be missing
            _log.warning("quotes_not_understood", feed=self._feed, error=str(error)[:300])
            self._readers.interrupted()

    def ended(self, reason: str) -> None:
        """The connection is gone, or did not come up."""
        if self._subscribed is not None:
            _log.warning("quotes_interrupted", feed=self._feed, reason=reason)
        self._problem = self._problem or reason
        self._subscribed = None
        self._readers.interrupted()
        self._wake()

    def _take(self, message: Message) -> None:
        match message:
            case QuoteMessage():
                self._tell(message)
            case Subscribed():
                self._fresh |= message.symbols - (self._subscribed or frozenset())
                self._subscribed, self._problem = message.symbols, ""
                self._answers += 1
                self._heard_at = self._clock.monotonic()
            case Problem():
                self._meet(message)
        if not isinstance(message, QuoteMessage):
            self._wake()

    def _tell(self, message: QuoteMessage) -> None:
        self._heard_at = self._clock.monotonic()
        instrument = self._readers.wanted.get(message.symbol)
        if instrument is not None:  # else unsubscribed from since it was sent
            now = self._venue_now()
            quote = read_quote(message.fields, instrument, self._venue, self._feed, now)
            self._readers.tell(message.symbol, quote)

    def _meet(self, problem: Problem) -> None:
        _log.warning("quotes_problem", feed=self._feed, problem=str(problem))
        self._problem = str(problem)
        self._answers += 1
        if problem.is_entitlement:
            self._refused = True
        elif problem.is_symbol_limit:
            self._readers.fail(self._too_many(), self._missing())
        elif problem.is_credentials:
            self._readers.fail(ReadFailed(str(problem), reason=Reason.CREDENTIALS_REFUSED))

    # -- the connection ----------------------------------------------------------------------

    async def _serve(self) -> None:
        """Keep a connection to the best feed until nobody has read for a while."""
        for feed in self._feeds.to_ask(self._api, _STREAM):
            if await self._serve_feed(feed):
                return
            self._feeds.refused(_STREAM, feed, self._problem)
        self._readers.fail(ReadFailed(f"Alpaca gives no stream of {self._feed}: {self._problem}"))
        await self._clock.sleep(self._terms.answer_s)  # whoever asks next is no quicker refused

    async def _serve_feed(self, feed: str) -> bool:
        """Serve from this feed while there are readers; False if Alpaca refuses it."""
        self._feed, self._refused, self._problem, self._subscribed = feed, False, "", None
        socket = self._open_socket(self._terms.url + feed, self)
        socket.want(self._readers.wanted)
        running = asyncio.create_task(socket.run(), name=f"quotes.{feed}")
        keeping = asyncio.create_task(self._keep(socket), name=f"quotes.{feed}.subscription")
        try:
            await asyncio.wait({running, keeping}, return_when=asyncio.FIRST_COMPLETED)
            unneeded = keeping.done() and not keeping.cancelled() and keeping.exception() is None
        finally:
            for task in (running, keeping):
                task.cancel()
            ended = await asyncio.gather(running, keeping, return_exceptions=True)
            self._subscribed = None
        for error in ended:
            if isinstance(error, Exception):
                # Market data is no reason to stop trading: it is begun anew.
                _log.error("quotes_broke", feed=feed, error=repr(error)[:300])
                self._problem = self._problem or repr(error)[:200]
        return unneeded and not self._refused

    async def _keep(self, socket: QuoteSocket) -> None:
        """Keep the subscription as it is wanted; return when the connection is not needed."""
        while not self._refused and await self._is_needed():
            wanted = self._readers.wanted.keys()
            socket.want(wanted)
            if self._subscribed is None:
                await self._wait_subscribed()
            elif unneeded := self._subscribed - wanted:
                await self._change(socket, "unsubscribe", unneeded)
            elif missing := self._missing():
                await self._change(socket, "subscribe", missing)
            elif self._fresh:
                await self._catch_up()
            else:
                socket.in_order()
                await self._listen(socket)

    async def _catch_up(self) -> None:
        """Read what is subscribed to since now: a change before that is told by nobody else."""
        wanted, fresh = self._readers.wanted, self._fresh
        self._fresh = set()
        asked = [wanted[symbol] for symbol in fresh if symbol in wanted]
        if not asked:
            return
        try:
            self._readers.catch_up(await self._read_latest(asked), self._feed)
        except ReadFailed as error:  # silence is checked later, and finds it
            _log.warning("quotes_not_caught_up", feed=self._feed, error=error.message)

    async def _listen(self, socket: QuoteSocket) -> None:
        """Wait for a change; where there is silence, find out whether the stream is dead."""
        silent_s = self._clock.monotonic() - self._heard_at
        if silent_s < self._terms.silence_s:
            await self._wait_change(self._terms.silence_s - silent_s)
            return
        self._heard_at = self._clock.monotonic()
        try:
            latest = await self._read_latest(list(self._readers.wanted.values()))
        except ReadFailed as error:
            _log.warning("quotes_silence_not_checked", feed=self._feed, error=error.message)
            return
        if not self._readers.news(latest, self._feed):
            return
        await self._clock.sleep(self._terms.late_s)  # it may just be on its way
        lost = self._readers.news(latest, self._feed)
        if lost and self._subscribed is not None:
            _log.warning("quotes_lost", feed=self._feed, symbols=len(lost))
            await socket.drop()
            for symbol, quote in lost:
                self._readers.tell(symbol, quote)

    async def _is_needed(self) -> bool:
        """Whether anybody reads, or does before long."""
        until = self._clock.monotonic() + self._terms.idle_s
        while not self._readers.wanted:
            if not await self._wait_change(until - self._clock.monotonic()):
                return False
        return True

    async def _wait_subscribed(self) -> None:
        """Wait for a connection that is subscribed; readers are not kept waiting for ever."""
        until = self._clock.monotonic() + self._terms.lost_s
        while self._subscribed is None and self._readers.wanted and not self._refused:
            if not await self._wait_change(until - self._clock.monotonic()):
                why = f"no connection to Alpaca's {self._feed} stream: {self._problem}"
                self._readers.fail(ReadFailed(why, reason=Reason.VENUE_UNAVAILABLE))

    async def _change(self, socket: QuoteSocket, action: Action, symbols: Collection[str]) -> None:
        """Ask for another subscription and wait for the answer; without one, connect anew."""
        answers, until = self._answers, self._clock.monotonic() + self._terms.answer_s
        try:
            await socket.change(action, symbols)
            while self._answers == answers and self._subscribed is not None:
                if not await self._wait_change(until - self._clock.monotonic()):
                    raise TimeoutError("no answer")
        except Exception as error:  # noqa: BLE001 - a new connection subscribes to all anew
            _log.warning("quotes_not_changed", feed=self._feed, error=str(error)[:200])
            await socket.drop()

    def _missing(self) -> frozenset[str]:
        """What is wanted and not subscribed to."""
        return frozenset(self._readers.wanted.keys() - (self._subscribed or frozenset()))

    def _too_many(self) -> Unavailable:
        return Unavailable(
            Reason.BUDGET_EXHAUSTED,
            f"Alpaca's stream of {self._api.value} takes {self._terms.symbols_max} symbols at once",
        )

    async def _wait_change(self, timeout_s: float | None) -> bool:
        """Wait for a change of readers or connection; False if there was none in that time."""
        changed = self._changed
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
