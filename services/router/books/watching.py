"""Telling the books' events to those who watch, durable ones only, with resume.

A token is `{journal_id}.{sequence}`: resume after that record, or `{journal_id}.{sequence}.{part}`
after that event of a record that gives several. Recent events are kept, also over a restart (replay
fills the ring again); an older token is refused, so that nobody misses anything without knowing:
they list, and watch from the list's token.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque

from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.router.books.entries import BookEvent

_TOKEN = re.compile(r"([0-9a-f-]{1,64})\.([0-9]{1,18})(?:\.([1-9][0-9]{0,3}))?", re.ASCII)
_WHOLE = 10_000
"""The part of a record that is told in full; more than any record has."""


class WatchEnded(Exception):
    """The stream is over: this process is stopping."""


class Subscription:
    """One watcher's bounded queue. An overflow ends it; others don't notice."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._events: deque[BookEvent] = deque()
        self._wake = asyncio.Event()
        self.overflowed = False
        self.closed = False

    def put(self, event: BookEvent) -> None:
        """Queue an event, or mark the watcher as too slow."""
        if len(self._events) >= self._capacity:
            self.overflowed = True
        else:
            self._events.append(event)
        self._wake.set()

    def close(self) -> None:
        """End the stream once what is queued was told."""
        self.closed = True
        self._wake.set()

    async def next(self, wait_s: float) -> BookEvent | None:
        """The next event; None after `wait_s` without one (time for a heartbeat).

        Raises Refused for a watcher that was too slow, WatchEnded at the end.
        """
        if not self._events and not self.overflowed and not self.closed:
            self._wake.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                return None
        if self.overflowed:
            raise Refused(
                Reason.BUDGET_EXHAUSTED,
                "this watcher reads too slowly: resume from its last token",
            )
        if self._events:
            return self._events.popleft()
        raise WatchEnded


class Watching:
    """Keeps recent durable events and tells them. Used from the event loop only."""

    def __init__(self, *, keep: int, queue_len_max: int) -> None:
        self._keep = keep
        self._queue_len_max = queue_len_max
        self._pending: deque[BookEvent] = deque()
        self._recent: deque[BookEvent] = deque()
        self._forgotten = (0, _WHOLE)
        self._durable_seq = 0
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self.journal_id = ""

    @property
    def reader_count(self) -> int:
        """How many subscriptions there are now."""
        return len(self._subscriptions)

    def begin_after(self, seq: int) -> None:
        """Begin where a snapshot ends: what came up to there can't be told any more."""
        self._durable_seq = seq
        self._forgotten = (seq, _WHOLE)

    def note(self, events: list[BookEvent]) -> None:
        """Take what a record gives to tell; it is told when its record is durable."""
        self._pending.extend(events)

    def durable(self, seq: int) -> None:
        """Everything up to `seq` is on disk: tell it."""
        self._durable_seq = seq
        while self._pending and self._pending[0].seq <= seq:
            event = self._pending.popleft()
            self._recent.append(event)
            for subscription in self._subscriptions:
                subscription.put(event)
        while len(self._recent) > self._keep:
            self._forgotten = _place(self._recent.popleft())

    def token(self, event: BookEvent | None = None) -> str:
        """The token to resume after `event`, or after all that is durable now."""
        if event is None:
            return f"{self.journal_id}.{self._durable_seq}"
        return f"{self.journal_id}.{event.seq}" + (f".{event.part}" if event.part else "")

    def subscribe(self, token: str) -> Subscription:
        """Begin after `token`, or now if it is empty. The caller must `unsubscribe`.

        Raises InvalidRequest INVALID_TOKEN, Refused TOKEN_EXPIRED.
        """
        after = self._parse(token) if token else (self._durable_seq, _WHOLE)
        subscription = Subscription(self._queue_len_max + self._keep)
        for event in self._recent:
            if _place(event) > after:
                subscription.put(event)
        self._subscriptions.add(subscription)
        if self._closed:
            subscription.close()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a watcher."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End all streams; each watcher can resume from its last token."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()

    def _parse(self, token: str) -> tuple[int, int]:
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise InvalidRequest(
                "resume_token", "not a token of this service", reason=Reason.INVALID_TOKEN
            )
        place = int(match[2]), int(match[3] or _WHOLE)
        ours = match[1] == self.journal_id and place[0] <= self._durable_seq
        if not ours or place < self._forgotten:
            raise Refused(
                Reason.TOKEN_EXPIRED, "resume_token: too old; list, then watch from there"
            )
        return place


def _place(event: BookEvent) -> tuple[int, int]:
    """Where an event stands among all: by its record, and by its part of that."""
    return event.seq, event.part or _WHOLE
