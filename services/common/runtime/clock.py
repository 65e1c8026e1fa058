"""The two clocks: monotonic seconds for waits, wall and venue time for market facts."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time as every component is given it; nobody reads the system's clock by himself."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""

    def now(self) -> datetime:
        """Wall time, aware, UTC. It may jump."""

    async def sleep(self, seconds: float) -> None:
        """Wait at least so many seconds. Cancelling it ends the wait at once."""


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LoopClock:
    """Time read from an event loop, so that a loop with virtual time moves both clocks.

    Wall time is `epoch` (aware) plus the loop's time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: datetime) -> None:
        if epoch.tzinfo is None:
            raise ValueError("epoch must be an aware datetime")
        self._loop = loop
        self._epoch = epoch.astimezone(UTC)

    def monotonic(self) -> float:
        return self._loop.time()

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._loop.time())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class VenueClock:
    """A venue's time: our wall clock plus an offset measured from the venue's own answers.

    Before the first measurement both `offset_s` and `now()` are None: a guess of zero would be
    wrong by weeks against a simulator, and by seconds against a drifting host.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s: float | None = None
        self._error_s = 0.0

    @property
    def offset_s(self) -> float | None:
        """Venue time minus wall time in seconds, None before the first measurement."""
        return self._offset_s

    @property
    def error_s(self) -> float | None:
        """The largest error the kept measurement can have, in seconds."""
        return None if self._offset_s is None else self._error_s

    def now(self) -> datetime | None:
        """The venue's time, aware, UTC; None before the first measurement."""
        if self._offset_s is None:
            return None
        return self._clock.now() + timedelta(seconds=self._offset_s)

    def observe(
        self,
        venue_time: datetime,
        sent_monotonic: float,
        received_monotonic: float,
        *,
        resolution_s: float = 0.0,
    ) -> float:
        """Take one answer that carried the venue's time; return by how much the offset moved.

        The venue read its clock somewhere between sending and receiving, and may have cut the
        reading to `resolution_s` (1 for a `Date` header). So each answer gives an interval; the
        kept offset stays while it lies in a wider one, which keeps schedules from trembling with
        the network, and gives way to a narrower one or to one that it is outside of.
        """
        if venue_time.tzinfo is None:
            raise ValueError("venue_time must be an aware datetime")
        if received_monotonic < sent_monotonic:
            raise ValueError("an answer can't be received before its request is sent")
        since_received_s = self._clock.monotonic() - received_monotonic
        received_wall = self._clock.now() - timedelta(seconds=since_received_s)
        round_trip_s = received_monotonic - sent_monotonic
        lowest = (venue_time.astimezone(UTC) - received_wall).total_seconds()
        error_s = (round_trip_s + resolution_s) / 2
        middle = lowest + error_s
        return self._keep(middle, error_s)

    def _keep(self, offset_s: float, error_s: float) -> float:
        before = self._offset_s
        inside = before is not None and abs(before - offset_s) <= error_s
        if inside and error_s >= self._error_s:
            return 0.0
        self._offset_s, self._error_s = offset_s, error_s
        return offset_s - (before or 0.0)
