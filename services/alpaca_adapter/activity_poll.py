"""Tells activities as they appear: the stream has none of them, so they are asked for.

Alpaca makes them late (paper shows an assignment on the next day only) and dates them back. So
each reading goes over the last days anew, and what was not seen before is told, whatever its date.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.alpaca_adapter.activity_reads import ActivityReads
from services.common.adapter.budget import Priority
from services.common.adapter.port import ActivityQuery, EventSink
from services.common.domain.activities import Activity
from services.common.domain.errors import ReadFailed
from services.common.runtime.clock import Clock

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PollTerms:
    """Seconds: between readings, and how far back each of them goes."""

    interval_s: float = 60.0
    lookback_s: float = 7 * 86_400.0


class ActivityPoll:
    """Reads and tells. Used on the event loop's thread only.

    `venue_now` is the venue's time, None while it is not known; nothing is read before `may_read`
    is true: what another account did is none of this one's. After a start everything in the
    look-back is told, as nobody knows what was told before; an activity's id says what is new.
    """

    def __init__(
        self,
        reads: ActivityReads,
        sink: EventSink,
        clock: Clock,
        terms: PollTerms,
        *,
        venue_now: Callable[[], datetime | None],
        may_read: Callable[[], bool],
    ) -> None:
        self._reads = reads
        self._sink = sink
        self._clock = clock
        self._terms = terms
        self._venue_now = venue_now
        self._may_read = may_read
        self._seen: dict[str, float] = {}
        self._asked_for = asyncio.Event()

    def soon(self) -> None:
        """Read now, or right after the reading under way: something may have happened."""
        self._asked_for.set()

    async def run(self) -> None:
        """Read and tell until canceled."""
        while True:
            self._asked_for.clear()
            wait_s = await self._look() if self._may_read() else self._terms.interval_s
            await self._wait(wait_s)

    async def _look(self) -> float:
        """Tell what is new; give the time until the next reading."""
        now = self._venue_now() or self._clock.now()
        query = ActivityQuery(after=now - timedelta(seconds=self._terms.lookback_s))
        try:
            found = await self._reads.activities(query, priority=Priority.PROBE)
        except ReadFailed as error:
            _log.warning("activities_not_read", error=error.message, reason=error.reason.value)
            return max(self._terms.interval_s, error.retry_after_s or 0.0)
        self._tell([activity for activity in found if activity.activity_id not in self._seen])
        self._remember(found)
        return self._terms.interval_s

    def _tell(self, new: list[Activity]) -> None:
        if new:
            _log.info("activities_told", count=len(new))
            self._sink.publish(*reversed(new))

    def _remember(self, found: list[Activity]) -> None:
        """Keep an id as long as it is listed, and for a while after it was."""
        now = self._clock.monotonic()
        self._seen |= dict.fromkeys((activity.activity_id for activity in found), now)
        listed_since = now - self._terms.lookback_s
        self._seen = {key: at for key, at in self._seen.items() if at >= listed_since}

    async def _wait(self, wait_s: float) -> None:
        """Until the next reading is due or asked for."""
        asked = asyncio.ensure_future(self._asked_for.wait())
        due = asyncio.ensure_future(self._clock.sleep(wait_s))
        try:
            await asyncio.wait({asked, due}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (asked, due):
                task.cancel()
            await asyncio.gather(asked, due, return_exceptions=True)
