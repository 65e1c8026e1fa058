"""The event feed: numbers what the gateway hears and tells it to any number of readers.

Events are kept in one ring; a reader is no more than a position in it, so a slow one costs
nothing and holds up nobody. A token names a position in the feed of one process: after a restart
every token is too old, since nobody knows what happened meanwhile.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.common.adapter.port import SessionChanged, VenueEvent
from services.common.domain.errors import InvalidRequest, Reason, Refused, Unavailable
from services.common.runtime.clock import Clock

_TOKEN: Final = re.compile(r"([A-Za-z0-9]{1,32})\.(0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The stream is alive and its reader up to date; the venue session at this point."""

    session_id: str


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One thing told to a reader; `token` resumes right after it. A pulse has sequence 0."""

    sequence: int
    token: str
    event: VenueEvent | Pulse


def random_feed_id() -> str:
    """Sixteen hexadecimal digits."""
    return secrets.token_hex(8)


class EventFeed:
    """Takes events from a gateway (it is an `EventSink`) and gives them to readers in order.

    Keeps the last `capacity` events for readers that resume. A reader may be at most
    `reader_lag_max` events behind, or as far as it was when it came; else it is cut off. Belongs
    to the event loop's thread: publishing from another one is not safe.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        capacity: int = 10_000,
        reader_lag_max: int = 1_000,
        new_feed_id: Callable[[], str] = random_feed_id,
    ) -> None:
        if not 0 < reader_lag_max <= capacity:
            raise ValueError("reader_lag_max must be above 0 and not above capacity")
        self._clock = clock
        self._capacity = capacity
        self._reader_lag_max = reader_lag_max
        self._feed_id = new_feed_id()
        self._ring: list[VenueEvent | None] = [None] * capacity
        self._last = 0
        self._session_id = ""
        self._draining = False
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()

    @property
    def token(self) -> str:
        """The position after the latest event. Take it before a read to miss nothing after it."""
        return self._token(self._last)

    def publish(self, *events: VenueEvent) -> None:
        """Tell events in this order; readers see all of them or none yet. Never waits."""
        for event in events:
            self._last += 1
            self._ring[self._last % self._capacity] = event
            if isinstance(event, SessionChanged):
                self._session_id = event.session_id
        self._wake()

    def subscribe(self, token: str | None, heartbeat_s: float) -> Subscription:
        """Read from after `token` on, or from now on if it is None or empty.

        Raises InvalidRequest INVALID_TOKEN for what is no token of a feed, Refused TOKEN_EXPIRED
        (list, then watch) for one of another process or too old, Unavailable SHUTTING_DOWN.
        """
        if self._draining:
            raise Unavailable(Reason.SHUTTING_DOWN, "the adapter is draining")
        position = self._position(token) if token else self._last
        return Subscription(self, position, heartbeat_s)

    def drain(self) -> None:
        """End every stream, each after what its reader has not seen yet; take no new ones."""
        self._draining = True
        self._drained.set()
        self._wake()

    async def wait_drained(self) -> None:
        """Return once streams are to end: for streams of other things than events."""
        await self._drained.wait()

    def _position(self, token: str) -> int:
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise InvalidRequest(
                "resume_token", "not a token of an event stream", reason=Reason.INVALID_TOKEN
            )
        position = int(match[2])
        if match[1] != self._feed_id:
            raise _expired("it is of a stream before the adapter's last start")
        if position > self._last:
            raise InvalidRequest(
                "resume_token", "ahead of the event stream", reason=Reason.INVALID_TOKEN
            )
        if position < self._last - self._capacity:
            raise _expired("the events after it are no longer kept")
        return position

    def _token(self, sequence: int) -> str:
        return f"{self._feed_id}.{sequence}"

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Subscription:
    """One reader's way through the feed; an async iterator that ends when the feed drains.

    Begins with a pulse (after what was missed, if it resumes), so that an opened stream shows at
    once, and has one whenever `heartbeat_s` have passed since the last and nothing else is due.
    Raises Unavailable BUDGET_EXHAUSTED if the reader is too slow. Holds nothing: it may be
    dropped at any point.
    """

    def __init__(self, feed: EventFeed, position: int, heartbeat_s: float) -> None:
        self._feed = feed
        self._position = position
        self._heartbeat_s = heartbeat_s
        self._pulse_at = feed._clock.monotonic()
        self._lag_max = max(feed._last - position, 0) + feed._reader_lag_max

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> FeedItem:
        while True:
            if self._position < self._feed._last:
                return self._next_event()
            if self._feed._draining:
                raise StopAsyncIteration
            self._lag_max = self._feed._reader_lag_max
            left_s = self._pulse_at - self._feed._clock.monotonic()
            if left_s <= 0:
                return self._pulse()
            await self._wait(left_s)

    def _next_event(self) -> FeedItem:
        feed = self._feed
        behind = feed._last - self._position
        if behind > min(self._lag_max, feed._capacity):
            raise Unavailable(
                Reason.BUDGET_EXHAUSTED,
                f"the reader is {behind} events behind; resume from its last token",
            )
        self._position += 1
        event = feed._ring[self._position % feed._capacity]
        assert event is not None
        return FeedItem(self._position, feed._token(self._position), event)

    def _pulse(self) -> FeedItem:
        self._pulse_at = self._feed._clock.monotonic() + self._heartbeat_s
        return FeedItem(0, self._feed._token(self._position), Pulse(self._feed._session_id))

    async def _wait(self, timeout_s: float) -> None:
        changed = self._feed._changed
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return


def _expired(why: str) -> Refused:
    return Refused(Reason.TOKEN_EXPIRED, f"the watch token is too old: {why}; list, then watch")
